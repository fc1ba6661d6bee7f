//! Invalid input and failures: a clear error, and running containers keep running.

use super::images::{ONE, docker};
use super::instance::{free_port, instance};
use fleet_agent::runtime::{Containers, DockerRuntime, Limits, Notes, RuntimeError};
use fleet_core::steps::Step;
use std::time::Duration;

fn one_service(image: &str, rest: &str) -> String {
    format!("services:\n  web: {{ image: '{image}', init: true{rest} }}\n")
}

#[tokio::test]
async fn an_image_that_cannot_be_had_leaves_everything_untouched() {
    let Some(it) = instance() else { return };
    it.apply_well(&it.spec(&one_service(ONE, ""))).await;
    let id = it.id("web");
    let bad = it.spec(&one_service("127.0.0.1:1/fleet/nothing:9", ""));
    let error = it.apply(&bad).await.expect_err("nobody listens there");
    assert!(matches!(&error, RuntimeError::NoRegistry { .. }), "{error}");
    assert_eq!(it.id("web"), id);
    assert_eq!(it.inspect("web", "{{.State.Running}}"), "true");
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("name={}", it.project)]).lines().count(), 1);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_holder() {
    let (Some(it), Some(other)) = (instance(), instance()) else { return };
    let port = free_port();
    let rest = format!(", ports: ['{port}:80']");
    other.apply_well(&other.spec(&one_service(ONE, &rest))).await;
    let error = it.apply(&it.spec(&one_service(ONE, &rest))).await.expect_err("the port is taken");
    let (name, holder) = (it.name("web"), other.name("web"));
    let expect = format!("port {port} on this host is already taken by container {holder}: could not start `{name}`");
    assert_eq!(error.to_string(), expect);
}

#[tokio::test]
async fn a_port_that_a_program_has_is_named() {
    let Some(it) = instance() else { return };
    let listener = std::net::TcpListener::bind(("0.0.0.0", 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let spec = it.spec(&one_service(ONE, &format!(", ports: ['{port}:80']")));
    let error = it.apply(&spec).await.expect_err("the port is taken");
    assert!(error.to_string().starts_with(&format!("port {port} on this host is already taken by")), "{error}");
}

#[tokio::test]
async fn a_container_of_others_with_our_name_is_refused() {
    let Some(it) = instance() else { return };
    let name = it.name("web");
    let foreign_container = docker(&["create", "--name", &name, ONE]);
    let error = it.apply(&it.spec(&one_service(ONE, ""))).await;
    docker(&["rm", &foreign_container]);
    let error = error.expect_err("the name is taken");
    assert!(matches!(&error, RuntimeError::NameTaken { .. }), "{error}");
}

#[tokio::test]
async fn a_part_that_others_should_have_made_is_missed_by_name() {
    let Some(it) = instance() else { return };
    let compose =
        format!("{}networks: {{ default: {{ external: true, name: {}-lab }} }}\n", one_service(ONE, ""), it.project);
    let error = it.apply(&it.spec(&compose)).await.expect_err("there is no such network");
    let expect =
        format!("the network `{}-lab` does not exist, and this instance expects that someone else made it", it.project);
    assert_eq!(error.to_string(), expect);
}

#[tokio::test]
async fn an_engine_that_hangs_does_not_hang_the_hands() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let socket = folder.path().join("engine.sock");
    // It accepts connections and sends nothing.
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket can be made");
    let limits = Limits { question: Duration::from_millis(200), ..Limits::default() };
    let limit = limits.question;
    let runtime = DockerRuntime::new(&format!("unix://{}", socket.display()), limits);
    let error = runtime.engine_version().await.expect_err("nobody answers");
    assert!(matches!(error, RuntimeError::TooSlow { limit: kept, .. } if kept == limit), "{error}");
    drop(listener);
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_said_with_its_socket() {
    let runtime = DockerRuntime::new("unix:///nowhere/engine.sock", Limits::default());
    let error = runtime.engine_version().await.expect_err("nobody is there");
    assert_eq!(error.to_string(), "the Docker Engine does not answer at `unix:///nowhere/engine.sock`");
}

#[tokio::test]
async fn a_file_never_leaves_its_directory() {
    let Some(it) = instance() else { return };
    let compose = one_service(ONE, ", volumes: ['./sub/a.conf:/a.conf']");
    let spec = it.render(&compose, &[("sub/a.conf", "x")], "").spec;
    let elsewhere = tempfile::tempdir().expect("a folder can be made");
    std::os::unix::fs::symlink(elsewhere.path(), it.folder.path().join("sub")).expect("a link can be made");
    let step = Step::WriteFiles { write: vec!["sub/a.conf".to_owned()], remove: Vec::new() };
    let error = it.runtime.perform(&step, &spec, &Notes::unheard()).await.expect_err("a link leads away");
    assert!(matches!(error, RuntimeError::OutsideOfDirectory { .. }), "{error}");
    assert_eq!(elsewhere.path().read_dir().expect("it can be read").count(), 0);
}
