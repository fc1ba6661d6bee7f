//! Effects of applying a spec to a real Engine.

use super::images::{ONE, TWO, docker, run};
use super::instance::{free_port, instance};
use fleet_core::drift::Drift;
use fleet_core::steps::{drift, steps, steps_to_remove};
use std::collections::BTreeSet;

fn two_services(web: &str) -> String {
    format!(
        "services:\n  \
           db: {{ image: {ONE}, command: [sleep, infinity], init: true, volumes: ['data:/data'] }}\n  \
           web: {{ image: {web}, command: [sleep, infinity], init: true, depends_on: [db] }}\n\
         volumes: {{ data: }}\n"
    )
}

#[tokio::test]
async fn everything_is_made_from_nothing_and_then_there_is_nothing_to_do() {
    let Some(it) = instance() else { return };
    let spec = it.spec(&two_services(ONE));
    it.apply_well(&spec).await;
    assert_eq!(it.inspect("web", "{{.State.Status}}"), "running");
    let found = it.look(&spec).await;
    assert_eq!(steps(&found, &spec), []);
    assert_eq!(drift(&found, &spec), Vec::new());
}

#[tokio::test]
async fn only_the_service_that_changed_is_recreated_and_data_stays() {
    let Some(it) = instance() else { return };
    it.apply_well(&it.spec(&two_services(ONE))).await;
    docker(&["exec", &it.name("db"), "sh", "-c", "echo precious >/data/notes"]);
    let (db, web) = (it.id("db"), it.id("web"));
    let did = it.apply_well(&it.spec(&two_services(TWO))).await;
    assert!(!did.iter().any(|step| step.contains("db")), "{did:?}");
    assert_eq!(it.id("db"), db);
    assert_ne!(it.id("web"), web);
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), "2");
    assert_eq!(docker(&["exec", &it.name("db"), "cat", "/data/notes"]), "precious");
}

#[tokio::test]
async fn the_way_back_is_the_same_function() {
    let Some(it) = instance() else { return };
    let (before, after) = (it.spec(&two_services(ONE)), it.spec(&two_services(TWO)));
    it.apply_well(&before).await;
    it.apply_well(&after).await;
    it.apply_well(&before).await;
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), "1");
    assert_eq!(steps(&it.look(&before).await, &before), []);
}

#[tokio::test]
async fn a_dependency_is_healthy_before_its_dependant_starts() {
    let Some(it) = instance() else { return };
    let compose = format!(
        "services:\n  \
           db:\n    image: {ONE}\n    init: true\n    command: [sh, -c, 'sleep 1; echo >/tmp/ready; sleep infinity']\n    \
             healthcheck: {{ test: [CMD, test, -e, /tmp/ready], interval: 500ms, timeout: 2s, retries: 20 }}\n  \
           job: {{ image: {ONE}, command: [sh, -c, 'sleep 0.3'] }}\n  \
           web:\n    image: {ONE}\n    init: true\n    command: [sleep, infinity]\n    \
             depends_on: {{ db: {{ condition: service_healthy }}, job: {{ condition: service_completed_successfully }} }}\n"
    );
    let spec = it.spec(&compose);
    let did = it.apply_well(&spec).await;
    assert!(did.iter().any(|step| step.starts_with("wait until") && step.contains("-db-1 is healthy")), "{did:?}");
    assert_eq!(it.inspect("db", "{{.State.Health.Status}}"), "healthy");
    assert_eq!(it.inspect("job", "{{.State.Status}} {{.State.ExitCode}}"), "exited 0");
    let db_ready = it.inspect("db", "{{(index .State.Health.Log 0).Start}}");
    assert!(it.inspect("web", "{{.State.StartedAt}}") > db_ready);
    assert_eq!(steps(&it.look(&spec).await, &spec), []);
}

#[tokio::test]
async fn an_unhealthy_dependency_ends_the_wait_with_its_last_words() {
    let Some(it) = instance() else { return };
    let compose = format!(
        "services:\n  \
           db:\n    image: {ONE}\n    init: true\n    \
             healthcheck: {{ test: [CMD, sh, -c, 'echo no disk; false'], interval: 200ms, timeout: 2s, retries: 1 }}\n  \
           web: {{ image: {ONE}, depends_on: {{ db: {{ condition: service_healthy }} }} }}\n"
    );
    let error = it.apply(&it.spec(&compose)).await.expect_err("the database never becomes healthy");
    assert_eq!(error.to_string(), format!("`{}` is unhealthy: no disk", it.name("db")));
}

#[tokio::test]
async fn a_mounted_file_that_changed_recreates_who_mounts_it() {
    let Some(it) = instance() else { return };
    let compose = format!(
        "services:\n  \
           web: {{ image: {ONE}, init: true, volumes: ['./site.conf:/site.conf:ro', './data:/data'] }}\n  \
           other: {{ image: {ONE}, init: true }}\n"
    );
    let before = it.render(&compose, &[("site.conf", "one")], "").spec;
    let after = it.render(&compose, &[("site.conf", "two")], "").spec;
    it.apply_well(&before).await;
    docker(&["exec", &it.name("web"), "sh", "-c", "echo mine >/data/upload"]);
    let other = it.id("other");
    it.apply_well(&after).await;
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/site.conf"]), "two");
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/data/upload"]), "mine");
    assert_eq!(it.id("other"), other);
}

#[tokio::test]
async fn an_anonymous_volume_follows_its_service() {
    let Some(it) = instance() else { return };
    let compose = |image| format!("services:\n  web: {{ image: {image}, init: true, volumes: ['/data'] }}\n");
    it.apply_well(&it.spec(&compose(ONE))).await;
    docker(&["exec", &it.name("web"), "sh", "-c", "echo kept >/data/notes"]);
    it.apply_well(&it.spec(&compose(TWO))).await;
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/version"]), "2");
    assert_eq!(docker(&["exec", &it.name("web"), "cat", "/data/notes"]), "kept");
}

#[tokio::test]
async fn what_was_done_by_hand_shows_as_drift_and_is_healed() {
    let Some(it) = instance() else { return };
    let spec = it.spec(&two_services(ONE));
    it.apply_well(&spec).await;
    docker(&["rm", "-f", &it.name("web")]);
    docker(&["stop", "-t", "1", &it.name("db")]);
    let found = it.look(&spec).await;
    let (db, web) = (it.name("db"), it.name("web"));
    let said = drift(&found, &spec);
    assert!(matches!(&said[0], Drift::ContainerExited(name, _) if *name == db), "{said:?}");
    assert_eq!(said[1], Drift::ContainerRemoved(web));
    it.apply_well(&spec).await;
    assert_eq!(drift(&it.look(&spec).await, &spec), Vec::new());
}

#[tokio::test]
async fn a_network_that_changed_is_made_anew() {
    let Some(it) = instance() else { return };
    let compose = |internal| {
        format!(
            "services:\n  web: {{ image: {ONE}, init: true, networks: [lan] }}\n\
             networks: {{ lan: {{ internal: {internal} }} }}\n"
        )
    };
    it.apply_well(&it.spec(&compose(false))).await;
    let after = it.spec(&compose(true));
    it.apply_well(&after).await;
    let network = format!("{}_lan", it.project);
    assert_eq!(docker(&["network", "inspect", "--format", "{{.Internal}}", &network]), "true");
    assert_eq!(steps(&it.look(&after).await, &after), []);
}

#[tokio::test]
async fn a_removal_leaves_volumes_that_nobody_named() {
    let Some(it) = instance() else { return };
    let compose = format!(
        "services:\n  web: {{ image: {ONE}, init: true, volumes: ['data:/data', 'cache:/cache', './a.conf:/a.conf'] }}\n\
         volumes: {{ data: , cache: }}\n"
    );
    let spec = it.render(&compose, &[("a.conf", "x")], "").spec;
    it.apply_well(&spec).await;
    let cache = format!("{}_cache", it.project);
    let stages = steps_to_remove(&it.look(&spec).await, &spec, &BTreeSet::from([cache]));
    it.perform(&spec, &stages).await.expect("it can be removed");
    let left = it.look(&spec).await;
    assert_eq!((left.containers.len(), left.networks.len(), left.files.len()), (0, 0, 0));
    assert_eq!(left.volumes, BTreeSet::from([format!("{}_data", it.project)]));
}

#[tokio::test]
async fn containers_get_all_that_the_compose_file_says() {
    let Some(it) = instance() else { return };
    let port = free_port();
    let compose = format!(
        "services:\n  \
           db: {{ image: {ONE}, init: true }}\n  \
           web:\n    image: {ONE}\n    container_name: {}-named\n    command: [sleep, infinity]\n    init: true\n    \
             user: '1000:1000'\n    working_dir: /tmp\n    hostname: notes\n    restart: on-failure:3\n    \
             environment: {{ A: '1', B: two words }}\n    ports: ['127.0.0.1:{port}:80']\n    links: ['db:database']\n    \
             networks: {{ front: {{ aliases: [www] }}, back: {{ aliases: [inner] }} }}\n    \
             extra_hosts: ['lims:10.1.2.3']\n    labels: {{ lab.owner: me }}\n    stop_grace_period: 3s\n    \
             stop_signal: SIGINT\n    logging: {{ driver: json-file, options: {{ max-size: 1m }} }}\n    \
             ulimits: {{ nofile: {{ soft: 100, hard: 200 }} }}\n    cap_drop: [NET_RAW]\n    shm_size: 32m\n    \
             deploy: {{ resources: {{ limits: {{ cpus: '0.5', memory: 64m }} }} }}\n    \
             tmpfs: [/scratch]\n    volumes: ['data:/data:ro', {{ type: tmpfs, target: /fast, tmpfs: {{ size: 1m }} }}]\n    \
             healthcheck: {{ test: 'true', interval: 1h, timeout: 2s, retries: 5, start_period: 4s }}\n\
         volumes: {{ data: }}\nnetworks: {{ front: , back: }}\n",
        it.project
    )
    .replace("db: { image: fleet-test-busybox:1, init: true }", "db: { image: fleet-test-busybox:1, init: true, networks: [back] }");
    let spec = it.spec(&compose);
    it.apply_well(&spec).await;
    let name = format!("{}-named", it.project);
    let says = |format: &str, expect: &str| {
        assert_eq!(docker(&["inspect", "--format", format, &name]), expect, "{format}");
    };
    says("{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Hostname}}", "1000:1000 /tmp notes");
    says("{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}", "on-failure 3");
    says("{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{.HostConfig.ShmSize}}", "500000000 67108864 33554432");
    says("{{.HostConfig.ExtraHosts}} {{.HostConfig.CapDrop}}", "[lims:10.1.2.3] [NET_RAW]");
    says("{{index .Config.Labels \"lab.owner\"}} {{.Config.StopSignal}} {{.Config.StopTimeout}}", "me SIGINT 3");
    says("{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config \"max-size\"}}", "json-file 1m");
    says("{{(index .HostConfig.Ulimits 0).Name}} {{(index .HostConfig.Ulimits 0).Soft}}", "nofile 100");
    says("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", &port.to_string());
    says("{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Retries}}", "[CMD-SHELL true] 5");
    let networks = docker(&[
        "inspect",
        "--format",
        "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.Aliases}};{{end}}",
        &name,
    ]);
    assert!(networks.contains("_front [") && networks.contains("www") && networks.contains("inner"), "{networks}");
    assert_eq!(docker(&["exec", &name, "sh", "-c", "echo $A $B"]), "1 two words");
    assert!(docker(&["exec", &name, "cat", "/proc/mounts"]).contains(" /fast tmpfs"));
    assert_eq!(steps(&it.look(&spec).await, &spec), []);
}

#[tokio::test]
async fn docker_compose_lists_what_we_made() {
    let Some(it) = instance() else { return };
    if !super::images::succeeds("docker-compose", &["version"]) {
        eprintln!("there is no docker-compose here: this test has nothing to say");
        return;
    }
    let compose = two_services(ONE);
    let spec = it.spec(&compose);
    it.apply_well(&spec).await;
    let file = it.folder.path().join("docker-compose.yaml");
    std::fs::write(&file, format!("version: '3.9'\n{compose}")).expect("a file can be written");
    let file = file.display().to_string();
    let listed = run("docker-compose", &["-p", &it.project, "-f", &file, "ps"]);
    for service in ["db", "web"] {
        let line = listed.lines().find(|line| line.contains(&it.name(service)));
        assert!(line.is_some_and(|line| line.contains("Up")), "{listed}");
    }
    let services = run("docker-compose", &["-p", &it.project, "-f", &file, "ps", "--services"]);
    assert_eq!(services.lines().collect::<BTreeSet<_>>(), BTreeSet::from(["db", "web"]));
}
