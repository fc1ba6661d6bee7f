use super::*;
use crate::app::testing::{bundle, rendered};
use crate::backup::{Commands, Files, Server, StoreKind, data_mounts, renamed};

fn store(engine: DatabaseEngine, stop: &[&str], pause: &[&str]) -> Store {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Store { engine, kind: StoreKind::Truth, stop: texts(stop), pause: texts(pause), checks: Vec::new() }
}

fn server(service: &str) -> Server {
    Server { service: service.to_owned(), database: None, user: None, password: None, data: "/data".to_owned() }
}

fn volume() -> DatabaseEngine {
    DatabaseEngine::Volume(Files::Volume("uploads".to_owned()))
}

fn spec() -> InstanceSpec {
    let compose = "services:\n  db: { image: a, volumes: ['data:/data', 'conf:/etc/db:ro'] }\n  graph: { image: a }\n  \
                   web: { image: a, depends_on: [db], volumes: ['uploads:/uploads'] }\nvolumes: { data: , conf: , uploads: }\n";
    let app = "app: demo\nvalues:\n  domain: { type: string }\n  db_password: { type: string, secret: true }\n";
    let files = [("app.yaml", app), ("docker-compose.yaml", compose), ("nginx.conf.j2", ""), (".env", "")];
    rendered(&bundle(&files), "1", &[]).expect("it can be rendered").spec
}

/// Two stores that want different things of `db`.
fn clash(store: &str, other: &str) -> Clash {
    Clash::of(&store.parse().expect("a name"), "db", &other.parse().expect("a name"))
}

/// Asserts which services are stopped, in order, each with its first and last phase.
fn check(stores: &[(&str, Store)], expect: Result<&[(&str, BackupPhase, BackupPhase)], BackupPlanError>) {
    let stores = stores.iter().map(|(name, store)| (name.parse().expect("a name"), store.clone())).collect();
    match (backup_plan(&stores, &spec()), expect) {
        (Ok(backup_plan), Ok(expect)) => {
            let stills: Vec<_> = backup_plan.stills.iter().map(|it| (it.service.as_str(), it.from, it.until)).collect();
            assert_eq!(stills, expect);
        }
        (Err(error), Err(expect)) => assert_eq!(error, expect),
        (found, expect) => panic!("expected {expect:?}, found {found:?}"),
    }
}

#[test]
fn what_nobody_asks_for_does_not_stand_still() {
    check(
        &[("rows", store(DatabaseEngine::Postgresql(server("db")), &[], &[])), ("files", store(volume(), &[], &[]))],
        Ok(&[]),
    );
}

#[test]
fn a_service_stands_still_only_while_what_asked_for_it_is_read() {
    let graph = store(DatabaseEngine::Neo4j(server("graph")), &["graph"], &[]);
    check(&[("graph", graph)], Ok(&[("graph", BackupPhase::Streams, BackupPhase::Streams)]));
    check(&[("files", store(volume(), &[], &["web"]))], Ok(&[("web", BackupPhase::Streams, BackupPhase::Files)]));
}

#[test]
fn dependants_stand_still_first() {
    let files = store(volume(), &["db", "web"], &[]);
    check(
        &[("files", files)],
        Ok(&[("web", BackupPhase::Streams, BackupPhase::Files), ("db", BackupPhase::Streams, BackupPhase::Files)]),
    );
}

#[test]
fn a_database_that_is_dumped_stands_still_only_afterwards() {
    let rows = store(DatabaseEngine::Postgresql(server("db")), &[], &["web"]);
    let files = store(volume(), &["db"], &[]);
    let expect = [("web", BackupPhase::Streams, BackupPhase::Streams), ("db", BackupPhase::Files, BackupPhase::Files)];
    check(&[("rows", rows), ("files", files)], Ok(&expect));
}

#[test]
fn two_dumps_that_cannot_be_made_at_once_are_refused() {
    let command = Commands {
        service: "db".to_owned(),
        dump: vec!["dump".to_owned()],
        load: vec!["load".to_owned()],
        count: Vec::new(),
        environment: BTreeMap::new(),
        magic: None,
        trailer: None,
    };
    let rows = store(DatabaseEngine::Postgresql(server("db")), &[], &[]);
    let other = store(DatabaseEngine::Command(command), &["db"], &[]);
    check(&[("other", other), ("rows", rows)], Err(BackupPlanError::DumpedByIt(clash("other", "other"))));
}

#[test]
fn a_database_has_its_data_where_its_server_keeps_it() {
    let mounts = data_mounts(&store(DatabaseEngine::Postgresql(server("db")), &[], &[]), &spec());
    let names: Vec<_> = mounts.iter().map(|store| format!("{:?}", store.engine)).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(names[0].contains("_data"), "{names:?}");
}

#[test]
fn a_volume_is_called_after_the_instance_that_has_it() {
    for (from, expect) in [("a_data", "b_data"), ("a-data", "b-data"), ("ab_data", "ab_data"), ("shared", "shared")] {
        assert_eq!(renamed(from, "a", "b"), expect);
    }
}

fn bucket(service: Option<&str>) -> DatabaseEngine {
    let text = |text: &str| crate::spec::Text::secret(text);
    let word = str::to_owned;
    let (endpoint, service, data) = (word("http://db:9000"), service.map(word), None);
    let (region, bucket, prefix) = (word("us-east-1"), word("media"), String::new());
    DatabaseEngine::S3(crate::backup::Bucket {
        endpoint,
        service,
        data,
        region,
        bucket,
        prefix,
        key_id: text("a"),
        key: text("b"),
    })
}

#[test]
fn a_bucket_is_read_with_the_files_while_its_service_runs() {
    let stores = [("media".parse().expect("a name"), store(bucket(Some("db")), &[], &["web"]))].into();
    let found = backup_plan(&stores, &spec()).expect("there is a course");
    assert_eq!((found.files.len(), found.streams.len()), (1, 0));
    check(
        &[("media", stores.into_values().next().expect("one"))],
        Ok(&[("web", BackupPhase::Streams, BackupPhase::Files)]),
    );
    let files = ("files", store(volume(), &["db"], &[]));
    check(
        &[("media", store(bucket(None), &[], &[])), files.clone()],
        Ok(&[("db", BackupPhase::Streams, BackupPhase::Files)]),
    );
    check(
        &[("media", store(bucket(Some("db")), &[], &[])), files],
        Err(BackupPlanError::ReadFromIt(clash("files", "media"))),
    );
}
