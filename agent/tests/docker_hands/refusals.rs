//! Errors that this host's Engine really gives, each recognised by its kind.

use super::images::{self, ONE, docker};
use super::instance::{Instance, instance};
use bollard::errors::Error;
use bollard::exec::CreateExecOptions;
use bollard::models::{ContainerCreateBody, HostConfig, NetworkConnectRequest, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, InspectContainerOptions, RemoveContainerOptions, RemoveVolumeOptions,
    RenameContainerOptions, StartContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use fleet_agent::runtime::{EngineErrorKind, PullErrorKind};
use futures_util::StreamExt;
use std::collections::HashMap;

/// Connects to the Engine without the agent's code.
async fn engine() -> Docker {
    let docker = Docker::connect_with_unix(&images::engine(), 60, API_DEFAULT_VERSION).expect("there is a socket");
    docker.negotiate_version().await.expect("the Engine answers")
}

fn check<T: std::fmt::Debug>(answer: Result<T, Error>, expect: EngineErrorKind) {
    match answer {
        Err(Error::DockerResponseServerError { status_code, message }) => {
            assert_eq!(EngineErrorKind::of(status_code, &message), expect, "{status_code} {message}");
        }
        other => panic!("an error response was expected: {other:?}"),
    }
}

/// Makes a container that runs `command`.
async fn create(docker: &Docker, it: &Instance, service: &str, command: &[&str]) -> Result<(), Error> {
    let options = CreateContainerOptions { name: Some(it.name(service)), ..CreateContainerOptions::default() };
    let body = ContainerCreateBody {
        image: Some(ONE.to_owned()),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        labels: Some(labels(it)),
        host_config: Some(HostConfig {
            binds: Some(vec![format!("{}_data:/data", it.project)]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    docker.create_container(Some(options), body).await.map(drop)
}

/// Labels by which all that is left is removed.
fn labels(it: &Instance) -> HashMap<String, String> {
    HashMap::from([("com.docker.compose.project".to_owned(), it.project.clone())])
}

async fn exec(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = CreateExecOptions { cmd: Some(vec!["true".to_owned()]), ..CreateExecOptions::default() };
    docker.create_exec(name, options).await.map(drop)
}

#[tokio::test]
async fn states_of_a_container_are_recognised() {
    let Some(it) = instance() else { return };
    let (docker, name) = (engine().await, it.name("web"));
    volume(&it);
    create(&docker, &it, "web", &["sleep", "600"]).await.expect("it can be created");
    let start = || docker.start_container(&name, None::<StartContainerOptions>);
    check(create(&docker, &it, "web", &["true"]).await, EngineErrorKind::NameInUse);
    check(docker.pause_container(&name).await, EngineErrorKind::NotRunning);
    check(exec(&docker, &name).await, EngineErrorKind::NotRunning);
    start().await.expect("it can be started");
    check(docker.remove_container(&name, None::<RemoveContainerOptions>).await, EngineErrorKind::Conflict);
    check(docker.unpause_container(&name).await, EngineErrorKind::NotPaused);
    docker.pause_container(&name).await.expect("it can be paused");
    check(docker.pause_container(&name).await, EngineErrorKind::AlreadyPaused);
    check(start().await, EngineErrorKind::IsPaused);
    check(exec(&docker, &name).await, EngineErrorKind::IsPaused);
    docker.unpause_container(&name).await.expect("it can go on");
    create(&docker, &it, "other", &["no-such-program"]).await.expect("it can be created");
    let rename = RenameContainerOptions { name: it.name("other") };
    check(docker.rename_container(&name, rename).await, EngineErrorKind::NameInUse);
    let other = it.name("other");
    check(docker.start_container(&other, None::<StartContainerOptions>).await, EngineErrorKind::NoExecutable);
}

fn volume(it: &Instance) {
    let label = format!("com.docker.compose.project={}", it.project);
    docker(&["volume", "create", "--label", &label, &format!("{}_data", it.project)]);
}

#[tokio::test]
async fn what_is_not_there_is_recognised_by_the_engine_of_this_host() {
    let Some(it) = instance() else { return };
    let (docker, nothing) = (engine().await, format!("{}-nothing", it.project));
    let missing = EngineErrorKind::NoSuchObject;
    check(docker.inspect_container(&nothing, None::<InspectContainerOptions>).await, missing);
    check(docker.inspect_volume(&nothing).await, missing);
    check(docker.inspect_network(&nothing, None).await, missing);
    check(docker.inspect_image(&nothing).await, EngineErrorKind::NoSuchImage);
    let body = ContainerCreateBody { image: Some(format!("{nothing}:9")), ..ContainerCreateBody::default() };
    check(docker.create_container(None::<CreateContainerOptions>, body).await, EngineErrorKind::NoSuchImage);
}

#[tokio::test]
async fn networks_and_volumes_in_use_are_recognised() {
    let Some(it) = instance() else { return };
    let (docker, lab, name) = (engine().await, format!("{}_lab", it.project), it.name("web"));
    volume(&it);
    create(&docker, &it, "web", &["sleep", "600"]).await.expect("it can be created");
    docker.start_container(&name, None::<StartContainerOptions>).await.expect("it can be started");
    let request =
        NetworkCreateRequest { name: lab.clone(), labels: Some(labels(&it)), ..NetworkCreateRequest::default() };
    docker.create_network(request).await.expect("it can be created");
    let connect =
        || docker.connect_network(&lab, NetworkConnectRequest { container: name.clone(), endpoint_config: None });
    connect().await.expect("it can be connected");
    check(connect().await, EngineErrorKind::AlreadyConnected);
    check(docker.remove_network(&lab).await, EngineErrorKind::InUse);
    let data = format!("{}_data", it.project);
    check(docker.remove_volume(&data, None::<RemoveVolumeOptions>).await, EngineErrorKind::InUse);
}

#[tokio::test]
async fn a_registry_where_nobody_listens_is_recognised() {
    let Some(_) = instance() else { return };
    let options = CreateImageOptions {
        from_image: Some("127.0.0.1:1/fleet/nothing".to_owned()),
        tag: Some("9".to_owned()),
        ..CreateImageOptions::default()
    };
    let docker = engine().await;
    let answers: Vec<_> = docker.create_image(Some(options), None, None).collect().await;
    let message = answers.into_iter().find_map(|answer| match answer {
        Err(Error::DockerResponseServerError { message, .. } | Error::DockerStreamError { error: message }) => {
            Some(message)
        }
        Ok(_) | Err(_) => None,
    });
    let message = message.expect("an error response");
    assert_eq!(PullErrorKind::of(&message), PullErrorKind::NoRegistry, "{message}");
}
