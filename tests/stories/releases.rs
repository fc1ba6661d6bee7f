//! Apps, and the releases that are made of them.

use fleet_tests::fleet::{App, Fleet};
use std::fs;

#[test]
fn a_release_never_changes() {
    let fleet = Fleet::new();
    let folder = App::new("1.1").write(fleet.folder());
    let push = format!("app push {} --version 1.1 --no-pin", folder.display());
    let first = fleet.done(&push);
    assert!(first.starts_with("notes@1.1 sha256:"), "{first}");
    let again = fleet.done(&push);
    assert!(again.contains("it was there already"), "{again}");
    fs::write(folder.join("web.ini.j2"), "title = other\n").expect("it can be written");
    fleet.refused(&push).says("notes@1.1 exists with another digest").hints("under another version");
    let shown = fleet.done("app show notes@1.1");
    let digest = first.split_whitespace().nth(1).expect("a digest");
    assert!(shown.contains(digest), "{shown}");
    assert!(fleet.done("app ls").contains("notes"));
}

#[test]
fn a_release_is_pinned_by_a_host_that_is_there() {
    let fleet = Fleet::of(&["lab-1"]);
    let folder = App::new("1.1").write(fleet.folder());
    fleet.done(&format!("app push {} --version 1.1", folder.display()));
    let pinned = format!("sha256:{}", "0".repeat(64));
    assert!(fleet.done("app show notes@1.1 -o json").contains(&pinned));
    fleet.done("install notes@1.1 --host lab-1 --name notes-1 --set password=p");
    let images = fleet.host("lab-1").images("notes-1");
    assert!(images.iter().all(|image| image.contains(&pinned)), "{images:?}");
}

/// Checks an app with one mistake and the errors about it.
#[track_caller]
fn check(file: &str, from: &str, to: &str, says: &[&str]) {
    let fleet = tempfile::tempdir().expect("a folder can be made");
    let folder = App::new("1.1").write(fleet.path());
    let text = fs::read_to_string(folder.join(file)).expect("it is there");
    assert!(text.contains(from), "`{from}` is in {file}");
    fs::write(folder.join(file), text.replace(from, to)).expect("it can be written");
    let person = fleet_tests::fleet::Operator::new(&fleet.path().join("person"));
    let output = person.refused(&format!("app lint {}", folder.display()));
    for part in says {
        output.says(part);
    }
}

#[test]
fn what_is_wrong_with_an_app_is_said_with_file_line_and_key() {
    let db = "    image: notes-db:1";
    check("compose.yaml", db, &format!("{db}\n    devices: [/dev/kvm]"), &["compose.yaml:9", "devices"]);
    check("compose.yaml", "    depends_on: [db]", "    depends_on: [other]", &["compose.yaml:4", "other"]);
    check("compose.yaml", "volumes:\n  uploads", "volumes: [\n  uploads", &["compose.yaml:"]);
    check("compose.yaml", "${PASSWORD}", "${SECRET}", &["compose.yaml:", "SECRET"]);
    check("app.yaml", "type: port", "type: prt", &["app.yaml:4", "prt"]);
    check("app.yaml", "service: web, port", "service: wbe, port", &["app.yaml", "wbe"]);
    check("web.ini.j2", "values.title", "values.titel", &["web.ini.j2:1:12: ", "`titel`", "did you mean `title`?"]);
}

#[test]
fn a_wrong_app_is_not_pushed() {
    let fleet = Fleet::new();
    let app = App { extra: "    privileged_not: true\n".to_owned(), ..App::new("1.1") };
    let folder = app.write(fleet.folder());
    fleet.refused(&format!("app push {} --version 1.1", folder.display())).says("compose.yaml:").says("privileged_not");
    fleet.refused("app show notes").says("notes");
}

#[test]
fn what_the_next_version_wants_is_set_before_it_is_rolled_out() {
    let fleet = Fleet::running(&["lab-1"]);
    let folder = App::new("1.3").write(fleet.folder());
    let text = fs::read_to_string(folder.join("app.yaml")).expect("it is there");
    let wants = "values:\n  mail_password: { type: string, required: true, secret: true }\n";
    fs::write(folder.join("app.yaml"), text.replacen("values:\n", wants, 1)).expect("it can be written");
    fleet.done(&format!("app push {} --version 1.3 --no-pin", folder.display()));

    let rollout = "rollout --version 1.3 --soak 0s --yes";
    fleet.refused(rollout).says("mail_password").hints("fleet instance set notes-1 --set");
    fleet.refused("instance set notes-1 --set mail_pasword=x").says("mail_pasword");
    fleet.done("instance set notes-1 --set mail_password=of-the-mail");
    let shown = fleet.done("instance show notes-1 -o json");
    assert!(!shown.contains("of-the-mail"), "a value that a later release calls secret is secret: {shown}");
    fleet.done(rollout);
    fleet.wait_version("notes-1", "1.3");
}

#[test]
fn a_template_that_takes_all_memory_is_refused_and_the_coordinator_goes_on() {
    let fleet = Fleet::of(&["lab-1"]);
    let folder = fleet.folder().join("growing");
    fs::create_dir(&folder).expect("it is new");
    let write = |file: &str, text: &str| fs::write(folder.join(file), text).expect("it can be written");
    write("compose.yaml", "services: { web: { image: \"notes-web:1\" } }\n");
    write(
        "app.yaml",
        "app: growing\nvalues: { n: { type: integer, default: 1 } }\ntemplates: [{ from: a.j2, to: a }]\n",
    );
    let growing = [
        ("{% for i in range(values.n) %}{{ \"x\" * 1000000 }}{% endfor %}", "a.j2: the template makes more than 4 MiB"),
        (
            "{% set all %}{% for i in range(values.n) %}{{ \"x\" * 1000000 }}{% endfor %}{% endset %}{{ all | length }}",
            "a.j2: rendering takes more than 256 MiB of memory",
        ),
    ];
    for (version, (template, says)) in growing.into_iter().enumerate() {
        write("a.j2", template);
        fleet.done(&format!("app push {} --version {version} --no-pin", folder.display()));
        let install = format!("install growing@{version} --host lab-1 --name growing-{version}");
        fleet.refused(&format!("{install} --set n=100000")).says(says);
        fleet.done(&install);
        fleet.refused(&format!("instance set growing-{version} --set n=100000")).says(says);
        write("a.j2", &template.replace("values.n", "100000"));
        fleet.refused(&format!("app lint {}", folder.display())).says("1 problem");
        fleet.refused(&format!("app push {} --version more-{version} --no-pin", folder.display())).says("problem");
    }
    assert!(fleet.done("instance ls").contains("growing-1"));
}
