//! Side by side with docker-compose: the same file, the same Engine.

use super::images::{ONE, TWO, docker, run, succeeds};
use super::instance::{Instance, instance};
use std::time::{Duration, Instant};

fn compose(web: &str) -> String {
    format!(
        "version: '3.9'\nservices:\n  \
           db: {{ image: {ONE}, init: true, command: [sleep, infinity], volumes: ['data:/data'] }}\n  \
           cache: {{ image: {ONE}, init: true, command: [sleep, infinity] }}\n  \
           web: {{ image: {web}, init: true, command: [sleep, infinity], depends_on: [db, cache] }}\n  \
           proxy: {{ image: {ONE}, init: true, command: [sleep, infinity], depends_on: [web] }}\n\
         volumes: {{ data: }}\n"
    )
}

async fn ours(it: &Instance, web: &str) -> Duration {
    let spec = it.spec(&compose(web));
    let began = Instant::now();
    it.apply_well(&spec).await;
    began.elapsed()
}

fn theirs(it: &Instance, web: &str) -> Duration {
    let file = it.folder.path().join("side-by-side.yaml");
    std::fs::write(&file, compose(web)).expect("a file can be written");
    let began = Instant::now();
    run("docker-compose", &["-p", &it.project, "-f", &file.display().to_string(), "up", "-d"]);
    began.elapsed()
}

/// The measurement itself is `tests/bench`; here only that we are the faster ones, with room for a busy machine.
#[tokio::test]
async fn a_file_is_applied_faster_than_by_docker_compose() {
    let (Some(ours_is), Some(theirs_is)) = (instance(), instance()) else { return };
    if !succeeds("docker-compose", &["version"]) {
        eprintln!("there is no docker-compose here: this test has nothing to say");
        return;
    }
    let (their_first, their_second) = (theirs(&theirs_is, ONE), theirs(&theirs_is, TWO));
    let (our_first, our_second) = (ours(&ours_is, ONE).await, ours(&ours_is, TWO).await);
    eprintln!("from nothing: {our_first:?} against {their_first:?}");
    eprintln!("one changed: {our_second:?} against {their_second:?}");
    assert_eq!(docker(&["exec", &ours_is.name("web"), "cat", "/version"]), "2");
    assert!(our_first < their_first && our_second < their_second);
}
