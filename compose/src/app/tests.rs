//! Conversion of bundles to specs: files, values and templates, and the refusals.

use super::testing::{APP, COMPOSE, bundle, rendered};
use super::{LintSummary, Rendered, lint};
use crate::spec::Text;

fn good(changes: &[(&str, &str)]) -> Rendered {
    rendered(&bundle(changes), "1.2", &[]).unwrap_or_else(|problems| panic!("the demo is refused:\n{problems}"))
}

fn refused(changes: &[(&str, &str)], expect: &str) {
    let found = rendered(&bundle(changes), "1.2", &[]);
    assert_eq!(found.map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned()), expect);
}

fn file<'a>(rendered: &'a Rendered, path: &str) -> &'a str {
    let file = rendered.spec.file(path).expect("the file is written");
    std::str::from_utf8(file.content.bytes()).expect("the file is text")
}

#[test]
fn values_feed_variables_and_templates() {
    let rendered = good(&[]);
    let web = rendered.spec.container("web").expect("the demo has a web service");
    assert_eq!(web.image, "web:1.2");
    assert_eq!(web.ports[0].to_string(), "8080:80/tcp");
    assert_eq!(web.environment["THEME"], Text::plain("dark"));
    assert_eq!(web.environment["DATABASE_URL"], Text::secret("postgres://demo:hunter2@db/demo"));
    assert_eq!(file(&rendered, "conf/nginx.conf"), "server_name x.org;\n# demo-1 on lab-1 at 1.2\n");
    assert_eq!(rendered.health.probes.len(), 3);
}

#[test]
fn the_folder_holds_what_compose_needs_and_nothing_else() {
    let rendered = good(&[("images.lock", ""), ("README", "hello")]);
    let files: Vec<_> = rendered.spec.files.iter().map(|file| format!("{} {:o}", file.path, file.mode)).collect();
    assert_eq!(files, [".env 600", "README 644", "conf/nginx.conf 640", "docker-compose.yaml 644"]);
    let variables = "COMPOSE_PROJECT_NAME=demo-1\nDB_PASSWORD=hunter2\nFLEET_VERSION=1.2\nPORT=8080\nTHEME=dark\n";
    assert_eq!(file(&rendered, ".env"), variables);
}

#[test]
fn what_compose_lists_by_is_on_every_container() {
    let rendered = good(&[]);
    for (service, after) in [("web", "db:service_started:false"), ("db", "")] {
        let labels = &rendered.spec.container(service).expect("the service is there").labels;
        let label = |name: &str| labels.get(&format!("com.docker.compose.{name}")).map(String::as_str);
        assert_eq!(label("project"), Some("demo-1"));
        assert_eq!(label("service"), Some(service));
        assert_eq!(label("oneoff"), Some("False"));
        assert_eq!(label("container-number"), Some("1"));
        assert_eq!(label("project.working_dir"), Some("/srv/demo-1"));
        assert_eq!(label("project.config_files"), Some("/srv/demo-1/docker-compose.yaml"));
        assert_eq!(label("depends_on"), Some(after));
        assert_eq!(labels["fleet.instance"], "demo-1");
        assert_eq!(labels["fleet.release"], "demo@1.2");
    }
    let spec = rendered.spec;
    assert_eq!(spec.networks[0].labels["com.docker.compose.network"], "default");
    assert_eq!(spec.volumes[0].labels["com.docker.compose.volume"], "data");
    assert_eq!((spec.networks[0].name.as_str(), spec.volumes[0].name.as_str()), ("demo-1_default", "demo-1_data"));
}

#[test]
fn a_volume_cannot_hide_a_path_of_the_host() {
    let compose = COMPOSE
        .replace("volumes: { data: }", "volumes: { data: { driver_opts: { type: none, o: bind, device: /etc } } }")
        .replace("'data:/var", "'/srv/demo-10:/x', 'data:/var");
    let spec = good(&[("docker-compose.yaml", &compose)]).spec;
    assert_eq!(spec.host_paths().into_iter().collect::<Vec<_>>(), ["/etc", "/srv/demo-10"]);
}

#[test]
fn nothing_shows_a_secret() {
    let rendered = good(&[]);
    assert!(!format!("{rendered:?}").contains("hunter2"));
}

#[test]
fn a_spec_survives_the_ledger() {
    let rendered = good(&[("binary", "\u{0}x")]);
    let kept = serde_json::to_string(&rendered).expect("a spec is JSON");
    assert_eq!(serde_json::from_str::<Rendered>(&kept).expect("a kept spec is read"), rendered);
}

#[test]
fn the_same_input_gives_the_same_spec() {
    assert_eq!(good(&[]), good(&[]));
}

#[test]
fn a_pinned_image_is_asked_for_by_its_digest() {
    let lock = format!("\"postgres:15\": sha256:{}\n", "0a".repeat(32));
    let rendered = good(&[("images.lock", &lock)]);
    let image = |service: &str| rendered.spec.container(service).map(|container| container.image.clone());
    assert_eq!(image("db"), Some(format!("postgres:15@sha256:{}", "0a".repeat(32))));
    assert_eq!(image("web").as_deref(), Some("web:1.2"));
    refused(
        &[("images.lock", "postgres:15: latest\n")],
        "images.lock:1:14: `latest` is not a digest: it must begin with `sha256:`",
    );
}

#[test]
fn a_template_that_asks_for_what_nobody_set_is_refused() {
    refused(
        &[("nginx.conf.j2", "a\nb {{ values.note }}\n")],
        "nginx.conf.j2:2:6: the value `note` is not set\nhint: set `note`, or write `{{ values.note | default(\"\") }}`",
    );
    refused(
        &[("nginx.conf.j2", "{{ domain }}\n")],
        "nginx.conf.j2:1:4: `domain` is not defined\nhint: write `values.domain`",
    );
    refused(
        &[("nginx.conf.j2", "{{ values.domain")],
        "nginx.conf.j2:1:11: syntax error: unexpected end of input, expected end of variable block",
    );
    let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    refused(&[("nginx.conf.j2", endless)], "nginx.conf.j2:1:39: engine ran out of fuel");
}

#[test]
fn a_template_that_grows_is_refused_before_it_has_grown() {
    let too_much = "nginx.conf.j2: the template makes more than 4 MiB";
    let many = "{% for i in range(100000) %}{{ \"x\" * 1000000 }}{% endfor %}";
    refused(&[("nginx.conf.j2", many)], too_much);
    refused(&[("nginx.conf.j2", "{{ \"x\" * 4194305 }}")], too_much);
    for (filter, name) in [
        ("(\"a\" * 100000) | replace(\"a\", \"x\" * 1000000)", "replace"),
        ("range(100000) | join(\"x\" * 1000000)", "join"),
        ("range(100000) | join(d=\"x\" * 1000000)", "join"),
        ("(\"a\\n\" * 100000) | indent(1000000)", "indent"),
        ("(\"a\\n\" * 100000) | indent(width=1000000)", "indent"),
        ("\"%99999999999s\" | format(1)", "format"),
        ("\"%*d\" | format(99999999999, 1)", "format"),
        ("[1, 2] | tojson(indent=99999999999)", "tojson"),
        ("[1] | batch(99999999999, 1) | list", "batch"),
        ("[1] | slice(99999999999) | list", "slice"),
    ] {
        let found = rendered(&bundle(&[("nginx.conf.j2", &format!("{{{{ {filter} }}}}"))]), "1.2", &[]);
        let found = found.map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned());
        assert!(found.contains(&format!("what `{name}` makes is larger than 4 MiB")), "{found}");
    }
}

#[test]
fn bounded_filters_do_what_they_did() {
    let template = "{{ \"a-b\" | replace(\"-\", \"+\") }} {{ [1, 2] | join(\", \") }} {{ [1, 2] | join(d=\"; \") }}\n\
        {{ \"a\\nb\" | indent(2) }} {{ \"%03d %s\" | format(7, \"x\") }} {{ [1] | tojson }} {{ [1, 2, 3] | batch(2) | list }}\n";
    let made = good(&[("nginx.conf.j2", template)]);
    assert_eq!(file(&made, "conf/nginx.conf"), "a+b 1, 2 1; 2\na\n  b 007 x [1] [[1, 2], [3]]\n");
}

#[test]
fn a_long_text_that_aliases_repeat_is_refused() {
    let aliases = ", *a".repeat(1000);
    let compose = format!("x-a: [&a \"{}\"{aliases}]\nservices: {{ web: {{ image: a }} }}\n", "x".repeat(700_000));
    let found = rendered(&bundle(&[("docker-compose.yaml", &compose)]), "1.2", &[]).expect_err("it is refused");
    assert!(found.to_string().contains("the file's aliases become more than 8 MiB"), "{found}");
    let definition = format!("app: a\nprofiles: [&a \"{}\"{aliases}]\n", "x".repeat(700_000));
    let found = rendered(&bundle(&[("app.yaml", &definition)]), "1.2", &[]).expect_err("it is refused");
    assert!(found.to_string().contains("budget"), "{found}");
}

#[test]
fn a_definition_says_where_it_is_wrong() {
    let check = |text: &str, expect: &str| refused(&[("app.yaml", text)], expect);
    check("", "app.yaml: the bundle has no such file");
    check(
        "app: demo\nvolums: {}\n",
        "app.yaml:2:1: unknown field `volums`, expected one of app, title, compose, project, profiles, values, templates, health, stores, upgrades",
    );
    check("app: Demo\n", "app.yaml:1:6: `Demo` is not an app name: use lower-case letters, digits, `-` and `_`");
    check(
        "app: demo\ncompose: other.yaml\n",
        "app.yaml: the bundle has no Compose file `other.yaml`\nhint: put it beside app.yaml, or name it under `compose:`",
    );
    check(
        "app: demo\nvalues: { port: { type: prt } }\n",
        "app.yaml:2:25: unknown variant `prt`, expected one of string, integer, boolean, port, duration, size, choice, path",
    );
    check(
        "app: demo\nvalues:\n  port: { type: port, default: 0 }\n",
        "app.yaml:3:3: values.port: the default must be a port from 1 to 65535, not `0`",
    );
    let text = "app.yaml:10:5: templates[0]: `rw` is not a mode in octal digits, such as \"0644\"";
    check(&APP.replace("0640", "rw"), text);
    check(&APP.replace("service: db", "service: bd"), "app.yaml:15:7: health.probes[1]: there is no service `bd`");
    let reason = "`.`, `..` and empty parts are not allowed";
    let text = format!("app.yaml:10:5: templates[0]: `../nginx.conf` is not a path for a bundle: {reason}");
    check(&APP.replace("conf/nginx", "../nginx"), &text);
    refused(&[("nginx.conf.j2", "")], "app.yaml:10:5: templates[0]: the bundle has no file `nginx.conf.j2`");
}

#[test]
fn a_secret_of_a_template_stays_one_in_env_files() {
    let compose = COMPOSE.replace("image: postgres:15", "image: postgres:15\n    env_file: conf/nginx.conf");
    let rendered = good(&[("docker-compose.yaml", &compose), ("nginx.conf.j2", "PW={{ values.db_password }}\n")]);
    let db = rendered.spec.container("db").expect("the demo has a database");
    assert_eq!(db.environment["PW"], Text::secret("hunter2"));
}

#[test]
fn lint_finds_problems_and_summarises() {
    let report = lint(&bundle(&[]), "1.2".parse().ok().as_ref());
    assert!(report.problems.is_empty(), "{}", report.problems);
    let expect = LintSummary {
        app: "demo".to_owned(),
        title: Some("A demo".to_owned()),
        services: vec![("db".to_owned(), "postgres:15".to_owned()), ("web".to_owned(), "web:1.2".to_owned())],
        images: vec!["postgres:15".to_owned(), "web:1.2".to_owned()],
        volumes: vec!["data".to_owned()],
        values: ["db_password: string* (secret)", "debug: boolean", "domain: string*", "note: string", "port: port"]
            .map(str::to_owned)
            .to_vec(),
        notes: Vec::new(),
    };
    assert_eq!(report.summary, Some(expect));
    let report = lint(&bundle(&[("docker-compose.yaml", "services: { web: { build: . } }\n")]), None);
    assert!(report.problems.to_string().contains("docker-compose.yaml:1:20: services.web.build: "));
    assert_eq!(report.summary, None);
}

#[test]
fn lint_leaves_out_what_an_instance_may_leave_out() {
    let report = lint(&bundle(&[("nginx.conf.j2", "{{ values.note }}\n")]), None);
    let hint = "hint: set `note`, or write `{{ values.note | default(\"\") }}`";
    assert_eq!(report.problems.to_string(), format!("nginx.conf.j2:1:4: the value `note` is not set\n{hint}"));
}

#[test]
fn a_new_version_of_fleet_recreates_nobody() {
    // If this hash changes, every container in every lab is recreated when its agent is upgraded. A new field of a
    // spec must not be written where it is empty; see `ContainerSpec`.
    let spec = good(&[]).spec;
    let db = spec.container("db").expect("the demo has a database");
    assert_eq!(db.config_hash, "7a90e60c101aa0963e240fc450d7d12f6cd7da8cc6862efd81b7e6b0e448f1d9");
    assert_eq!(spec.networks[0].config_hash, "a8f15f26c8572bd0ff5bc17a526d6349fa58ec12e9f73b7bdaa79a718dac1f54");
}

#[test]
fn lint_says_what_the_name_of_a_compose_file_means() {
    let named = format!("name: fixedproj\n{}", super::testing::COMPOSE);
    let notes = |app: &str| {
        let report = lint(&bundle(&[("docker-compose.yaml", &named), ("app.yaml", app)]), "1.2".parse().ok().as_ref());
        assert_eq!(report.problems.to_string(), "");
        report.summary.expect("it is fit").notes.join("; ")
    };
    let unused = notes(super::testing::APP);
    assert!(unused.contains("the Compose file's `name: fixedproj` does not count"), "{unused}");
    assert!(unused.contains("`project: from-compose` in app.yaml keeps it, for one instance on a host"), "{unused}");
    let kept = notes(&format!("project: from-compose\n{}", super::testing::APP));
    assert!(kept.contains("a host has room for one instance"), "{kept}");
    assert!(!kept.contains("does not count"), "{kept}");
}
