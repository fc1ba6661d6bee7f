//! Output of a dry run.

use super::{SpecChange, SpecDiff, diff};
use crate::app::testing::{APP, COMPOSE, bundle, rendered};
use crate::spec::InstanceSpec;

type Changes<'a> = &'a [(&'a str, &'a str)];

fn spec(changes: Changes, version: &str, values: Changes) -> InstanceSpec {
    let rendered = rendered(&bundle(changes), version, values);
    rendered.unwrap_or_else(|problems| panic!("the demo is refused:\n{problems}")).spec
}

fn show(diff: &SpecDiff) -> String {
    let service = |service: &super::ServiceDiff| match &service.change {
        SpecChange::Created => format!("{}: created", service.service),
        SpecChange::Recreated { because } => {
            let because: Vec<_> = because.iter().map(|reason| format!("{reason:?}")).collect();
            format!("{}: recreated, {}", service.service, because.join("; "))
        }
        SpecChange::Unchanged => format!("{}: unchanged", service.service),
        SpecChange::Removed => format!("{}: removed", service.service),
    };
    let mut lines: Vec<String> = diff.services.iter().map(service).collect();
    lines.extend(diff.new_volumes.iter().map(|volume| format!("volume {volume} (new)")));
    lines.extend(diff.left_volumes.iter().map(|volume| format!("volume {volume} (left)")));
    lines.extend(diff.files.iter().map(|file| format!("file {} ({:?})", file.path, file.change)));
    lines.join("\n")
}

/// Compares the demo at 1.1 with the demo after changes to its files, its version and its values.
fn check(changes: Changes, version: &str, values: Changes, expect: &str) {
    let (before, after) = (spec(&[], "1.1", &[]), spec(changes, version, values));
    assert_eq!(show(&diff(Some(&before), &after)), expect);
}

#[test]
fn from_nothing_everything_is_created() {
    let found = show(&diff(None, &spec(&[], "1.1", &[])));
    let files = "file .env (New)\nfile conf/nginx.conf (New)\nfile docker-compose.yaml (New)";
    assert_eq!(found, format!("db: created\nweb: created\nvolume demo-1_data (new)\n{files}"));
}

#[test]
fn without_a_change_nothing_happens() {
    let spec = spec(&[], "1.1", &[]);
    assert!(diff(Some(&spec), &spec).is_empty());
}

#[test]
fn an_upgrade_recreates_only_what_changed() {
    let compose = COMPOSE.replace("web:${FLEET_VERSION}", "web:1");
    let template = "server_name {{ values.domain }};\n";
    let changes = [("docker-compose.yaml", compose.as_str()), ("nginx.conf.j2", template)];
    let (before, after) = (spec(&changes, "1.1", &[]), spec(&changes, "1.2", &[]));
    assert_eq!(show(&diff(Some(&before), &after)), "db: unchanged\nweb: unchanged");
    assert_ne!(before.containers[0].labels, after.containers[0].labels);
}

#[test]
fn each_reason_has_what_was_and_what_will_be() {
    check(
        &[],
        "1.2",
        &[("port", "9090")],
        r#"db: unchanged
web: recreated, Image("web:1.1", "web:1.2"); File("conf/nginx.conf"); PortRemoved("8080:80/tcp"); PortAdded("9090:80/tcp")
file .env (Changed)
file conf/nginx.conf (Changed)"#,
    );
}

#[test]
fn a_changed_secret_is_told_but_not_shown() {
    check(
        &[],
        "1.1",
        &[("db_password", "other")],
        r#"db: unchanged
web: recreated, EnvironmentChanged("DATABASE_URL", "(secret)", "(secret)")
file .env (Changed)"#,
    );
}

#[test]
fn a_volume_is_never_removed_by_a_change() {
    let compose = COMPOSE.replace("data:", "more:");
    check(
        &[("docker-compose.yaml", &compose)],
        "1.1",
        &[],
        r#"db: recreated, Field("mounts")
web: unchanged
volume demo-1_more (new)
volume demo-1_data (left)
file docker-compose.yaml (Changed)"#,
    );
}

#[test]
fn a_changed_network_recreates_who_is_in_it() {
    let compose = format!("{COMPOSE}networks: {{ default: {{ internal: true }} }}\n");
    check(
        &[("docker-compose.yaml", &compose)],
        "1.1",
        &[],
        r#"db: recreated, Network("demo-1_default")
web: recreated, Network("demo-1_default")
file docker-compose.yaml (Changed)"#,
    );
}

#[test]
fn services_come_and_go() {
    let compose = "services: { web: { image: 'web:1.1', command: run, restart: always }, cache: { image: redis } }\n";
    let app = APP.replace("    - exec: { service: db, command: [pg_isready, -q], timeout: 2s }\n", "");
    let web = concat!(
        r#"web: recreated, EnvironmentRemoved("DATABASE_URL"); EnvironmentRemoved("THEME"); CommandSet("run"); "#,
        r#"File("conf/nginx.conf"); PortRemoved("8080:80/tcp"); Field("mounts"); Field("restart")"#
    );
    check(
        &[("docker-compose.yaml", compose), ("app.yaml", &app)],
        "1.1",
        &[],
        &format!(
            "cache: created\n{web}\ndb: removed\nvolume demo-1_data (left)\nfile .env (Changed)\nfile docker-compose.yaml (Changed)"
        ),
    );
}
