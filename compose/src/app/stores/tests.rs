//! Stores as app.yaml declares them, and as an instance has them.

use crate::app::Rendered;
use crate::app::testing::{APP, COMPOSE, bundle, rendered};
use crate::spec::Text;
use crate::store::{DatabaseEngine, DatabaseQuestion, Expected, Files, Store};

const MORE: &str = "services:
  web: { image: web, volumes: ['uploads:/srv', './conf:/conf', '/srv/lab:/lab'] }
  db: { image: postgres:15, environment: { POSTGRES_USER: demo, POSTGRES_PASSWORD: '${DB_PASSWORD}' } }
  sql: { image: mariadb, environment: { MARIADB_DATABASE: lab, MARIADB_ROOT_PASSWORD: '${DB_PASSWORD}' } }
  graph: { image: 'neo4j:5', environment: { NEO4J_AUTH: 'neo4j/${DB_PASSWORD}' } }
volumes: { uploads: }
";

fn read(stores: &str) -> Result<Rendered, String> {
    let app = format!("{APP}stores:\n{stores}");
    let compose = MORE.replace("image: web,", "image: web, ports: ['80'],");
    rendered(&bundle(&[("app.yaml", &app), ("docker-compose.yaml", &compose)]), "1.2", &[]).map_err(|it| it.to_string())
}

fn store(text: &str) -> Store {
    let rendered =
        read(&format!("  it: {text}\n")).unwrap_or_else(|problems| panic!("`{text}` is refused: {problems}"));
    rendered.stores.into_values().next().expect("there is a store")
}

fn refused(text: &str, expect: &str) {
    let found = read(&format!("  it: {text}\n")).map_or_else(|problems| problems, |_| "accepted".to_owned());
    assert_eq!(found, expect, "for `{text}`");
}

#[test]
fn what_an_image_is_told_need_not_be_said_twice() {
    let check = |text: &str, database: Option<&str>, user: Option<&str>, password: Option<&str>| {
        let store = store(text);
        let server = store.engine.server().expect("it is a server");
        let found = (server.database.as_deref(), server.user.as_deref(), server.password.as_ref().map(Text::expose));
        assert_eq!(found, (database, user, password), "for `{text}`");
        assert!(server.password.as_ref().is_none_or(Text::is_secret));
    };
    check("{ engine: postgresql, kind: truth, service: db }", Some("demo"), Some("demo"), Some("hunter2"));
    check(
        "{ engine: postgresql, kind: truth, service: db, database: '{{ instance }}', user: x }",
        Some("demo-1"),
        Some("x"),
        Some("hunter2"),
    );
    check("{ engine: mariadb, kind: truth, service: sql }", Some("lab"), Some("root"), Some("hunter2"));
    check("{ engine: mysql, kind: truth, service: sql, user: me }", Some("lab"), Some("me"), None);
    check("{ engine: mongodb, kind: truth, service: db }", None, None, None);
    check("{ engine: neo4j, kind: truth, service: graph }", Some("neo4j"), Some("neo4j"), Some("hunter2"));
    let own = "{ engine: redis, kind: truth, service: db, password: { value: '{{ values.db_password }}' } }";
    check(own, None, None, Some("hunter2"));
    let env = "{ engine: redis, kind: truth, service: db, password: { env: POSTGRES_PASSWORD } }";
    check(env, None, None, Some("hunter2"));
}

#[test]
fn neo4j_stands_still_while_it_is_dumped() {
    assert_eq!(store("{ engine: neo4j, kind: truth, service: graph, stop: [web] }").stop, ["web", "graph"]);
}

#[test]
fn files_are_volumes_folders_or_whatever_containers_have() {
    let check = |text: &str, expect: Files| {
        assert_eq!(store(&format!("{{ engine: volume, kind: truth, {text} }}")).engine, DatabaseEngine::Volume(expect));
    };
    check("volume: uploads", Files::Volume("uploads".to_owned()));
    check("volume: 'data_*'", Files::Volume("data_*".to_owned()));
    check("path: /srv/lab/", Files::Path("/srv/lab".to_owned()));
    check("path: ./conf", Files::Path("/srv/demo-1/conf".to_owned()));
    check("containers: 'data_*'", Files::Containers("data_*".to_owned()));
    check("image: 'knowrob/*'", Files::Image("knowrob/*".to_owned()));
}

#[test]
fn a_check_is_a_question_with_its_answer() {
    let text = "{ engine: postgresql, kind: truth, service: db, checks: [
        { query: select 1, expect: 1 }, { command: [ls, /srv], service: web }, { query: 'select 2', at_least: 2 } ] }";
    let checks = store(text).checks;
    assert_eq!(checks[0].ask, DatabaseQuestion::Query("select 1".to_owned()));
    assert_eq!(checks[0].expect, Expected::Text("1".to_owned()));
    let words = ["ls", "/srv"].map(str::to_owned).to_vec();
    assert_eq!(checks[1].ask, DatabaseQuestion::Command { service: "web".to_owned(), words });
    let judged = |at: usize, answer: &str| checks[at].judge(answer).map_err(|error| error.to_string());
    assert_eq!(checks[0].judge(" 1\n"), Ok(Some("1".to_owned())));
    assert_eq!(judged(0, "2"), Err("select 1: `2` instead of `1`".to_owned()));
    assert_eq!(checks[1].judge("anything"), Ok(None));
    assert_eq!(checks[2].judge("3"), Ok(Some("3".to_owned())));
    assert_eq!(judged(2, "1"), Err("select 2: `1` instead of at least 2".to_owned()));
    assert_eq!(judged(2, ""), Err("select 2: `` instead of at least 2".to_owned()));
}

#[test]
fn a_store_says_where_it_is_wrong() {
    let place = "app.yaml:18:3: stores.it";
    let field = |column: usize, name: &str| format!("app.yaml:18:{column}: stores.it.{name}");
    refused("{ kind: truth }", "app.yaml:18:9: missing field `engine`");
    refused("{ engine: redis }", "app.yaml:18:9: missing field `kind`");
    refused(
        "{ engine: oracle, kind: truth }",
        "app.yaml:18:17: unknown variant `oracle`, expected one of postgresql, mongodb, mariadb, mysql, redis, neo4j, volume, s3, \
         command",
    );
    refused("{ engine: redis, kind: truth }", &format!("{place}: a store of engine `redis` needs `service`"));
    refused(
        "{ engine: redis, kind: truth, service: bd }",
        &format!("{}: there is no service `bd`\nhint: did you mean `db`?", field(37, "service")),
    );
    refused(
        "{ engine: redis, kind: truth, service: db, bucket: x }",
        &format!("{}: a store of engine `redis` has no `bucket`", field(50, "bucket")),
    );
    refused(
        "{ engine: volume, kind: truth }",
        &format!("{place}: a store of engine `volume` needs one of `volume`, `path`, `containers` and `image`"),
    );
    refused(
        "{ engine: volume, kind: truth, volume: upload }",
        &format!("{}: the Compose file has no volume `upload`\nhint: did you mean `uploads`?", field(38, "volume")),
    );
    refused(
        "{ engine: mariadb, kind: truth, service: db }",
        &format!("{place}: which `database`? the service's environment names none"),
    );
    refused(
        "{ engine: redis, kind: truth, service: db, password: { env: NOTHING } }",
        &format!("{}: `db` has no variable `NOTHING` in the Compose file", field(50, "password")),
    );
    refused(
        "{ engine: command, kind: truth, service: db, dump: ['x {{ values.db_password }}'], load: [y] }",
        &format!(
            "{}: a secret value would be seen by others here\nhint: secrets belong to `password`, `key` and `environment`",
            field(52, "dump")
        ),
    );
    refused(
        "{ engine: postgresql, kind: truth, service: db, database: '{{ values.domian }}' }",
        &format!("{}: there is no value `domian`\nhint: did you mean `domain`?", field(55, "database")),
    );
    refused(
        "{ engine: redis, kind: truth, service: db, stop: [db], pause: [db] }",
        &format!("{}: `db` cannot be both stopped and paused", field(62, "pause")),
    );
    refused(
        "{ engine: volume, kind: truth, volume: uploads, checks: [{ query: x }] }",
        &format!("{}: this store has no language for a `query`; use `command`", field(64, "checks[0]")),
    );
}

#[test]
fn a_ledger_of_before_has_no_stores() {
    let rendered = rendered(&bundle(&[("docker-compose.yaml", COMPOSE)]), "1.2", &[]).expect("the demo is good");
    let mut kept = serde_json::to_value(&rendered).expect("it is JSON");
    kept.as_object_mut().expect("it is an object").remove("stores");
    assert_eq!(serde_json::from_value::<Rendered>(kept).expect("it is read"), rendered);
    let with = read("  it: { engine: redis, kind: truth, service: db, password: { env: POSTGRES_PASSWORD } }\n");
    let with = with.expect("it is good");
    let kept = serde_json::to_string(&with).expect("it is JSON");
    assert_eq!(serde_json::from_str::<Rendered>(&kept).expect("it is read"), with);
    assert!(!format!("{with:?}").contains("hunter2"));
}

#[test]
fn a_bucket_is_a_service_of_the_instance_or_elsewhere() {
    let bucket = |more: &str| {
        let store = store(&format!(
            "{{ engine: s3, kind: truth, bucket: media, key_id: me, key: '{{{{ values.db_password }}}}', {more} }}"
        ));
        let bucket = store.bucket().expect("it is a bucket").clone();
        assert!(bucket.key.is_secret() && !format!("{bucket:?}").contains("hunter2"));
        (bucket.service.clone(), bucket.authority().map(|(host, port)| format!("{host} {port}")), bucket.place())
    };
    let own = bucket("endpoint: 'http://db:9000', data: /data");
    assert_eq!(own, (Some("db".to_owned()), Some("db 9000".to_owned()), "http://db:9000/media".to_owned()));
    let other = bucket("endpoint: 'https://s3.example.org/', prefix: a/b/");
    assert_eq!(other, (None, Some("s3.example.org 443".to_owned()), "https://s3.example.org/media/a/b".to_owned()));
    let wrong = |more: &str, expect: &str| {
        let text = format!("  it: {{ engine: s3, kind: truth, key_id: me, key: x, {more} }}\n");
        let problems = read(&text).err().unwrap_or_default();
        assert!(problems.contains(expect), "for {more}: {problems}");
    };
    wrong("endpoint: 's3.example.org', bucket: media", "is not `http://` or `https://` with a host and a port");
    wrong("endpoint: 'http://me:x@s3.example.org', bucket: media", "is not `http://` or `https://`");
    wrong("endpoint: 'http://db:9000', bucket: a/b/c", "is no name of a bucket");
    wrong("endpoint: 'http://db:9000', bucket: media, prefix: ../other", "is not the path of a folder");
    wrong("endpoint: 'https://s3.example.org', bucket: media, data: /data", "only a service of the instance");
}

#[test]
fn only_what_is_derivable_is_rebuilt_and_by_a_service_that_there_is() {
    let files = "{ engine: volume, volume: uploads";
    let place = "app.yaml:18";
    for (rest, problem) in [
        ("kind: truth, rebuild: { service: db, command: [x] } }", "only a store of `kind: derivable` is rebuilt"),
        ("kind: derivable, rebuild: { command: [x] } }", "in which `service` does the command run?"),
        ("kind: derivable, rebuild: { service: bd, command: [x] } }", "there is no service `bd`"),
        ("kind: derivable, rebuild: { service: db, command: [] } }", "`command` is a list of words"),
        ("kind: derivable, rebuild: { service: db, command: [x], limit: 48h } }", "at most"),
    ] {
        let found =
            read(&format!("  it: {files}, {rest}\n")).map_or_else(|problems| problems, |_| "accepted".to_owned());
        assert!(found.contains(problem) && found.contains(place), "{rest}: {found}");
    }
}
