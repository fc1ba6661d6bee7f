//! Layout of apps and releases.

use super::{pairs, section};
use crate::format::{age, or_dash, short_digest};
use crate::output::{Column, grid};
use fleet_core::time::Time;
use fleet_proto::v1::{AppView, ReleaseView};

pub const APPS: &[Column<AppView>] = &[
    Column::new("APP", |app, _| app.name.clone()),
    Column::new("NEWEST", |app, _| app.releases.first().map_or("-".to_owned(), |release| release.version.clone())),
    Column::new("RELEASES", |app, _| app.releases.len().to_string()),
    Column::new("INSTANCES", |app, _| app.instances.to_string()),
    Column::new("TITLE", |app, _| or_dash(&app.title)),
];

pub const COLUMNS: &[Column<ReleaseView>] = &[
    Column::new("RELEASE", |release, _| format!("{}@{}", release.app, release.version)),
    Column::new("DIGEST", |release, _| short_digest(&release.digest)),
    Column::new("PUSHED", |release, now| age(now, release.pushed_ms)),
    Column::new("BY", |release, _| or_dash(&release.pushed_by)),
    Column::new("IMAGES", |release, _| pinned(release)),
    Column::new("INSTANCES", |release, _| or_dash(&release.instances.join(", "))),
];

fn pinned(release: &ReleaseView) -> String {
    let all = release.images.len();
    let pinned = release.images.iter().filter(|image| !image.digest.is_empty()).count();
    match pinned {
        0 if all == 0 => "-".to_owned(),
        0 => "not pinned".to_owned(),
        number if number == all => "pinned".to_owned(),
        number => format!("{number} of {all} pinned"),
    }
}

/// Returns the full view of one release.
pub fn lines(release: &ReleaseView, now: Time) -> Vec<String> {
    let mut lines = pairs(&[
        ("release", format!("{}@{}", release.app, release.version)),
        ("title", release.title.clone()),
        ("digest", release.digest.clone()),
        ("pushed", format!("{} ago by {}", age(now, release.pushed_ms), or_dash(&release.pushed_by))),
        ("instances", or_dash(&release.instances.join(", "))),
    ]);
    let images = release.images.iter().map(|image| {
        let digest = if image.digest.is_empty() { "not pinned".to_owned() } else { image.digest.clone() };
        vec![image.service.clone(), image.image.clone(), digest]
    });
    lines.extend(section("images", grid(Vec::new(), images.collect())));
    lines.extend(section("values", grid(Vec::new(), release.values.iter().map(value_row).collect())));
    lines
}

fn value_row(value: &fleet_proto::v1::ValueView) -> Vec<String> {
    let setting = match (value.required, value.default.as_str()) {
        (true, "") => "required".to_owned(),
        (false, "") => "optional".to_owned(),
        (_, default) => format!("default {default}"),
    };
    let secret = if value.secret { ", secret" } else { "" };
    vec![value.name.clone(), value.r#type.clone(), format!("{setting}{secret}"), value.description.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, table};
    use fleet_proto::v1::{ImageView, ValueView};

    fn labnotes() -> ReleaseView {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let image = |service: &str, digest: &str| ImageView {
            service: service.to_owned(),
            image: format!("labnotes-{service}:1.2"),
            digest: digest.to_owned(),
        };
        ReleaseView {
            app: "labnotes".to_owned(),
            version: "1.2".to_owned(),
            digest: digest.clone(),
            title: "Lab notebook".to_owned(),
            pushed_ms: 40_000,
            pushed_by: "ada".to_owned(),
            images: vec![image("web", &digest), image("db", "")],
            values: vec![
                ValueView {
                    name: "port".to_owned(),
                    r#type: "port".to_owned(),
                    default: "8080".to_owned(),
                    ..Default::default()
                },
                ValueView {
                    name: "db_password".to_owned(),
                    r#type: "string".to_owned(),
                    required: true,
                    secret: true,
                    ..Default::default()
                },
            ],
            ..Default::default()
        }
    }

    #[test]
    fn releases_stand_in_columns() {
        let lines = table(&[labnotes()], COLUMNS, Format::Table, Time(100_000));
        insta::assert_snapshot!(lines.join("\n"), @r"
        RELEASE       DIGEST        PUSHED  BY   IMAGES         INSTANCES
        labnotes@1.2  0a0a0a0a0a0a  60s     ada  1 of 2 pinned  -
        ");
    }

    #[test]
    fn a_release_is_shown_with_its_images_and_values() {
        insta::assert_snapshot!(lines(&labnotes(), Time(100_000)).join("\n"), @r"
        release    labnotes@1.2
        title      Lab notebook
        digest     sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
        pushed     60s ago by ada
        instances  -

        images
          web  labnotes-web:1.2  sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
          db   labnotes-db:1.2   not pinned

        values
          port         port    default 8080
          db_password  string  required, secret
        ");
    }
}
