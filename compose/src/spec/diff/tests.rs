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
        SpecChange::Recreated { because } => format!("{}: recreated, {}", service.service, because.join("; ")),
        SpecChange::Unchanged => format!("{}: unchanged", service.service),
        SpecChange::Removed => format!("{}: removed", service.service),
    };
    let mut lines: Vec<String> = diff.services.iter().map(service).collect();
    lines.extend(diff.new_volumes.iter().map(|volume| format!("volume {volume} (new)")));
    lines.extend(diff.left_volumes.iter().map(|volume| format!("volume {volume} (left)")));
    lines.extend(diff.files.iter().map(|file| format!("file {file}")));
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
    let files = "file .env (new)\nfile conf/nginx.conf (new)\nfile docker-compose.yaml (new)";
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
fn the_reasons_are_said_in_words() {
    check(
        &[],
        "1.2",
        &[("port", "9090")],
        "db: unchanged
web: recreated, image web:1.1 -> web:1.2; file conf/nginx.conf; port 8080:80/tcp removed; port 9090:80/tcp (new)
file .env (changed)
file conf/nginx.conf (changed)",
    );
}

#[test]
fn a_changed_secret_is_told_but_not_shown() {
    check(
        &[],
        "1.1",
        &[("db_password", "other")],
        "db: unchanged
web: recreated, environment DATABASE_URL: (secret) -> (secret)
file .env (changed)",
    );
}

#[test]
fn a_volume_is_never_removed_by_a_change() {
    let compose = COMPOSE.replace("data:", "more:");
    check(
        &[("docker-compose.yaml", &compose)],
        "1.1",
        &[],
        "db: recreated, mounts
web: unchanged
volume demo-1_more (new)
volume demo-1_data (left)
file docker-compose.yaml (changed)",
    );
}

#[test]
fn a_changed_network_recreates_who_is_in_it() {
    let compose = format!("{COMPOSE}networks: {{ default: {{ internal: true }} }}\n");
    check(
        &[("docker-compose.yaml", &compose)],
        "1.1",
        &[],
        "db: recreated, network demo-1_default
web: recreated, network demo-1_default
file docker-compose.yaml (changed)",
    );
}

#[test]
fn services_come_and_go() {
    let compose = "services: { web: { image: 'web:1.1', command: run, restart: always }, cache: { image: redis } }\n";
    let app = APP.replace("    - exec: { service: db, command: [pg_isready, -q], timeout: 2s }\n", "");
    let web = "web: recreated, environment DATABASE_URL removed; environment THEME removed; \
               command the image's own -> `run`; file conf/nginx.conf; port 8080:80/tcp removed; mounts; restart";
    check(
        &[("docker-compose.yaml", compose), ("app.yaml", &app)],
        "1.1",
        &[],
        &format!(
            "cache: created\n{web}\ndb: removed\nvolume demo-1_data (left)\nfile .env (changed)\nfile docker-compose.yaml (changed)"
        ),
    );
}
