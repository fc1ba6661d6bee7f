//! Coverage of mounts found on a host.

use super::*;
use crate::app::testing::rendered;
use crate::app::{Bundle, Rendered};

const COMPOSE: &str = "services:
  db: { image: 'postgres:15', volumes: ['database:/var/lib/postgresql/data', 'extra:/extra'] }
  web:
    image: web
    volumes: ['uploads:/srv', './web.ini:/etc/web.ini', './own:/own', '/srv/lab:/lab', '/etc/localtime:/etc/localtime:ro',
        '/var/run/docker.sock:/var/run/docker.sock', '/cache']
volumes: { database: , extra: , uploads: }
";

fn read(stores: &str) -> Rendered {
    let app = format!(
        "app: demo\nvalues: {{ domain: {{ type: string }}, db_password: {{ type: string }} }}\nstores:\n{stores}"
    );
    let files = [("app.yaml", app.as_str()), ("docker-compose.yaml", COMPOSE), ("web.ini", "x")];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let bundle = Bundle::new(files.into()).expect("it is a bundle");
    rendered(&bundle, "1", &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Returns the mounts of the instance's own containers as the Engine reports them; some services may have none.
fn found(rendered: &Rendered, without: &str, others: &[(&str, &str, &str)]) -> Mounted {
    let mut mounted = Mounted::default();
    for container in rendered.spec.containers.iter().filter(|it| it.service != without) {
        mounted.services.insert(container.service.clone());
        for mount in &container.mounts {
            let source = match &mount.source {
                crate::spec::MountSource::Volume(name) => MountedFrom::Volume(name.clone()),
                crate::spec::MountSource::Bind { path, .. } => MountedFrom::Folder(path.clone()),
                crate::spec::MountSource::Anonymous => MountedFrom::Volume("0a".repeat(32)),
                crate::spec::MountSource::Tmpfs { .. } => continue,
            };
            let (target, access, service) = (mount.target.clone(), mount.access, Some(container.service.clone()));
            let (name, image) = (container.name.clone(), container.image.clone());
            let at = Some(MountedAt { container: name, image, service, target, access });
            mounted.mounts.push(MountFound { source, at, owner: Owner::Instance, devices: Vec::new() });
        }
    }
    for (volume, container, image) in others {
        let (container, image, target) = ((*container).to_owned(), (*image).to_owned(), "/home".to_owned());
        let at = MountedAt { container, image, service: None, target, access: MountAccess::ReadWrite };
        let source = MountedFrom::Volume((*volume).to_owned());
        mounted.mounts.push(MountFound { source, at: Some(at), owner: Owner::Nobody, devices: Vec::new() });
    }
    mounted
}

fn check(stores: &str, without: &str, expect: &str) {
    let rendered = read(stores);
    let coverage = coverage(&rendered.stores, &rendered.spec, &found(&rendered, without, &[]), &BTreeMap::new());
    let state = |seen: &StoreSeen| match &seen.state {
        StoreState::Covered => format!("{} covered", seen.name),
        StoreState::Derivable => format!("{} derivable", seen.name),
        StoreState::Missing { reason } => format!("{} missing: {reason}", seen.name),
    };
    let lines: Vec<_> =
        coverage.stores.iter().map(state).chain(coverage.undeclared.iter().map(ToString::to_string)).collect();
    assert_eq!(lines.join("\n"), expect, "for {stores}");
}

const ALL: &str = "  database: { engine: postgresql, kind: truth, service: db }
  extra: { engine: volume, kind: derivable, volume: extra }
  uploads: { engine: volume, kind: truth, volume: uploads }
  lab: { engine: volume, kind: truth, path: /srv/lab }
  own: { engine: volume, kind: truth, path: ./own }
";

#[test]
fn what_no_store_declares_is_named() {
    check(
        "  database: { engine: postgresql, kind: truth, service: db }\n",
        "",
        "database covered
folder /srv/demo-1/own of web at /own
folder /srv/lab of web at /lab
unnamed volume of web at /cache
volume demo-1_extra of db at /extra
volume demo-1_uploads of web at /srv",
    );
}

#[test]
fn configuration_and_ways_out_are_no_data() {
    let text =
        "database covered\nextra derivable\nlab covered\nown covered\nuploads covered\nunnamed volume of web at /cache";
    check(ALL, "", text);
}

#[test]
fn what_is_declared_and_not_there_is_missing() {
    check(
        ALL,
        "web",
        "database covered
extra derivable
lab missing: no container has the folder `/srv/lab`
own missing: no container has the folder `/srv/demo-1/own`
uploads missing: there is no volume `uploads`",
    );
    let text = "database missing: `db` has no container\nextra derivable\nlab covered\nown covered\nuploads covered\n\
        unnamed volume of web at /cache";
    check(ALL, "db", text);
}

#[test]
fn a_pattern_takes_what_comes_later_and_nothing_of_others() {
    let check = |source: &str, expect: &[&str]| {
        let rendered = read(&format!("  data: {{ engine: volume, kind: truth, {source} }}\n"));
        let others = [
            ("data_anna", "anna", "knowrob/user_data:latest"),
            ("data_ben", "ben", "knowrob/user_data:latest"),
            ("other", "data_carl", "busybox"),
        ];
        let mounted = found(&rendered, "", &others);
        let DatabaseEngine::Volume(files) = &rendered.stores.values().next().expect("there is one").engine else {
            panic!("it is a volume");
        };
        let taken = chosen(files, &rendered.spec, &mounted).into_iter().map(|mount| match &mount.source {
            MountedFrom::Volume(name) | MountedFrom::Folder(name) => name.as_str(),
        });
        assert_eq!(taken.collect::<Vec<_>>(), expect, "for {source}");
    };
    check("volume: 'data_*'", &["data_anna", "data_ben"]);
    check("containers: 'data_*'", &["other"]);
    check("image: 'knowrob/user_data:*'", &["data_anna", "data_ben"]);
    check("volume: uploads", &["demo-1_uploads"]);
    check("volume: '*load*'", &["demo-1_uploads"]);
    check("image: 'nothing*'", &[]);
}

#[test]
fn a_pattern_that_takes_nothing_yet_is_no_fault() {
    let rendered = read("  data: { engine: volume, kind: truth, containers: 'data_*' }\n");
    let coverage = coverage(&rendered.stores, &rendered.spec, &found(&rendered, "", &[]), &BTreeMap::new());
    assert_eq!(coverage.stores[0].state, StoreState::Covered);
}

#[test]
fn a_volume_has_the_same_key_in_every_instance() {
    let rendered = read("  uploads: { engine: volume, kind: truth, volume: uploads }\n");
    assert_eq!(key_of(&rendered.spec, "demo-1_uploads"), "uploads");
    assert_eq!(key_of(&rendered.spec, "demo-1_later"), "later");
    assert_eq!(key_of(&rendered.spec, "data_anna"), "data_anna");
}

#[test]
fn a_bucket_covers_the_folder_of_its_service_that_it_names() {
    let seen = |more: &str, without: &str| {
        let store = format!("  media: {{ engine: s3, kind: truth, bucket: media, key_id: a, key: b, {more} }}\n");
        let rendered = read(&store);
        let coverage = coverage(&rendered.stores, &rendered.spec, &found(&rendered, without, &[]), &BTreeMap::new());
        let state = coverage.stores[0].state.clone();
        (state, coverage.undeclared.iter().any(|it| it.to_string().contains("extra")))
    };
    assert_eq!(seen("endpoint: 'http://db:9000', data: /extra", ""), (StoreState::Covered, false));
    assert_eq!(seen("endpoint: 'http://db:9000'", ""), (StoreState::Covered, true));
    let (state, _) = seen("endpoint: 'http://db:9000', data: /extra", "db");
    assert!(matches!(state, StoreState::Missing { reason: StoreGap::ContainerMissing(service) } if service == "db"));
    assert_eq!(seen("endpoint: 'https://s3.example.org'", ""), (StoreState::Covered, true));
}

#[test]
fn a_database_is_all_mounted_where_a_named_mount_has_its_data_folder() {
    let cases = [
        ("postgresql", "['a:/var/lib/postgresql/data']", true),
        ("postgresql", "['a:/var/lib/postgresql']", true),
        ("postgresql", "['a:/var/lib']", true),
        ("postgresql", "['./db:/var/lib/postgresql/data']", true),
        ("postgresql", "['a:/var/lib/postgresql', '/var/lib/postgresql/data']", false),
        ("postgresql", "['/var/lib/postgresql/data', 'a:/extra']", false),
        ("postgresql", "['a:/var/lib/postgresql/extra']", false),
        ("redis", "['a:/data']", true),
        ("redis", "['a:/data/data']", false),
        ("redis", "['a:/other']", false),
    ];
    for (engine, volumes, expected) in cases {
        let database = if engine == "postgresql" { ", database: x, user: x" } else { "" };
        let values = "values: { domain: { type: string }, db_password: { type: string } }";
        let app = format!(
            "app: demo\n{values}\nstores: {{ db: {{ engine: {engine}, kind: truth, service: db{database} }} }}\n"
        );
        let compose = format!("services: {{ db: {{ image: 'db:1', volumes: {volumes} }} }}\nvolumes: {{ a: }}\n");
        let files = [("app.yaml", app), ("docker-compose.yaml", compose)];
        let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes()));
        let bundle = Bundle::new(files.into()).expect("it is a bundle");
        let rendered = rendered(&bundle, "1", &[]).unwrap_or_else(|problems| panic!("{engine} {volumes}: {problems}"));
        let store = rendered.stores.values().next().expect("there is one");
        assert_eq!(is_all_mounted(store, &rendered.spec), expected, "{engine} {volumes}");
    }
}
