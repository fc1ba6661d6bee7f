//! Meaning of Compose files, key by key.

use super::{check, refused, refused_lines};
use crate::compose::Service;
use crate::compose::testing::read_text;

#[test]
fn a_command_is_a_line_or_a_list() {
    check("command: nginx -g 'daemon off;'", |web| web.command.clone(), r#"Some(["nginx", "-g", "daemon off;"])"#);
    check("command: [a, 'b c', 1]", |web| web.command.clone(), r#"Some(["a", "b c", "1"])"#);
    check("command:", |web| web.command.clone(), "None");
    check("entrypoint: sh -c 'x'", |web| web.entrypoint.clone(), r#"Some(["sh", "-c", "x"])"#);
    check("command: run --pw $PW", |web| web.command.clone(), "Some([(secret), (secret), (secret)])");
}

#[test]
fn environment_is_a_map_or_a_list_and_wins_over_files() {
    let show = |web: &Service| web.environment.clone();
    check("environment: {A: 1, B: x=y, C: true, D: ''}", show, r#"{"A": "1", "B": "x=y", "C": "true", "D": ""}"#);
    check("environment: [A=1, B=x=y, USER_ID]", show, r#"{"A": "1", "B": "x=y", "USER_ID": "1000"}"#);
    check("environment: {USER_ID: , PW: }", show, r#"{"PW": (secret), "USER_ID": "1000"}"#);
    check("env_file: a.env\nenvironment: {A: own}", show, r#"{"A": "own", "B": "2", "EMPTY": ""}"#);
    check("env_file: [{path: ./a.env}]", show, r#"{"A": "from-file", "B": "2", "EMPTY": ""}"#);
}

#[test]
fn ports_and_what_is_exposed() {
    let show = |web: &Service| web.ports.iter().map(ToString::to_string).collect::<Vec<_>>();
    check("ports: [8080:80, 53:53/udp]", show, r#"["8080:80/tcp", "53:53/udp"]"#);
    let long = "ports: [{target: 80, published: '8080', host_ip: 127.0.0.1, protocol: tcp, mode: host}]";
    check(long, show, r#"["127.0.0.1:8080:80/tcp"]"#);
    check("expose: [80, '90-91/udp']", |web| web.expose.clone(), r#"{"80/tcp", "90/udp", "91/udp"}"#);
}

#[test]
fn mounts_in_short_and_long_form() {
    let show = |web: &Service| {
        web.mounts.iter().map(|m| format!("{:?} {} {:?}", m.origin, m.target, m.access)).collect::<Vec<_>>().join("\n")
    };
    let quiet = |lines: &str, expect: &str| check(lines, show, &format!("{expect:?}"));
    quiet("volumes: [data:/d]", r#"Volume("data") /d ReadWrite"#);
    quiet("volumes: [/d]", "Anonymous /d ReadWrite");
    quiet(
        "volumes: ['./conf/../a.conf:/a.conf:ro,z']",
        r#"Project { path: "a.conf", if_missing: Create, relabel: Some(Shared) } /a.conf ReadOnly"#,
    );
    quiet("volumes: ['.:/app/']", r#"Project { path: "", if_missing: Create, relabel: None } /app ReadWrite"#);
    quiet("volumes: [/srv/x:/x]", r#"Host { path: "/srv/x", if_missing: Create, relabel: None } /x ReadWrite"#);
    quiet("volumes: [{type: volume, source: data, target: /d, read_only: true}]", r#"Volume("data") /d ReadOnly"#);
    quiet(
        "volumes: [{type: bind, source: ./a, target: /a, bind: {create_host_path: true}}]",
        r#"Project { path: "a", if_missing: Create, relabel: None } /a ReadWrite"#,
    );
    quiet(
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 1777}}]",
        "Tmpfs { size: Some(Size(67108864)), mode: Some(1023) } /t ReadWrite",
    );
    quiet("tmpfs: [/run]", "Tmpfs { size: None, mode: None } /run ReadWrite");
}

#[test]
fn restart_says_no_without_quotes() {
    let show = |web: &Service| web.restart;
    check("restart: no", show, "No");
    check("restart: 'always'", show, "Always");
    check("restart: on-failure:3", show, "OnFailure { attempts: Some(3) }");
    check("restart: unless-stopped", show, "UnlessStopped");
    let text =
        "`false` is not a restart policy: write `no`, `always`, `on-failure`, `on-failure:3` or `unless-stopped`";
    refused_lines("restart: false", &format!("c.yaml:4:5: services.web.restart: {text}"));
}

#[test]
fn a_health_check_is_a_line_a_list_or_none() {
    let show = |web: &Service| web.healthcheck.clone().map(|check| check.test);
    check("healthcheck: {test: curl -f x}", show, r#"Some(Shell("curl -f x"))"#);
    check("healthcheck: {test: [CMD, curl, x]}", show, r#"Some(Exec(["curl", "x"]))"#);
    check("healthcheck: {test: [CMD-SHELL, curl x]}", show, r#"Some(Shell("curl x"))"#);
    check("healthcheck: {test: [NONE]}", show, "Some(Disabled)");
    check("healthcheck: {disable: true}", show, "Some(Disabled)");
    check("healthcheck: {interval: 5s}", show, "Some(OfImage)");
}

#[test]
fn limits_and_little_things() {
    let limits = "deploy: {resources: {limits: {cpus: '0.50', memory: 512M, pids: 100}}}";
    let expect = "Resources { cpus: Some(Cpus(500000000)), memory: Some(Size(536870912)), pids: Some(100) }";
    check(limits, |web| web.resources.clone(), expect);
    check("ulimits: {nproc: 9, nofile: {soft: 1, hard: 2}}", |web| web.ulimits.len(), "2");
    check("stop_grace_period: 1m30s", |web| web.stop_grace_period.map(|p| p.to_string()), r#"Some("1m30s")"#);
    check("extra_hosts: ['a:10.0.0.1', 'b=::1']", |web| web.extra_hosts.clone(), r#"["a:10.0.0.1", "b:::1"]"#);
    check("labels: [a=b=c, d]", |web| web.labels.clone(), r#"{"a": "b=c", "d": ""}"#);
    check("labels: {a: 1, d: }", |web| web.labels.clone(), r#"{"a": "1", "d": ""}"#);
    check("logging: {driver: local, options: {max-size: 10m}}", |web| web.logging.is_some(), "true");
    check("init: true\nread_only: yes\nprivileged: false", |web| (web.init, web.read_only), "(Some(On), On)");
    check("x-anything: {at: all}", |web| web.image.clone(), "\"web:1\"");
}

#[test]
fn networks_and_who_comes_first() {
    check("links: ['db:database']", Service::needs, r#"{"db": Started}"#);
    check("depends_on: {db: {condition: service_healthy}}\nlinks: [db]", Service::needs, r#"{"db": Healthy}"#);
    check("network_mode: service:db", Service::needs, r#"{"db": Started}"#);
    check("image: x", |web| web.networks.keys().cloned().collect::<Vec<_>>(), DUPLICATE_IMAGE);
    check("networks: {back: {ipv4_address: 10.0.0.9}}", |web| web.networks.len(), "1");
}

const DUPLICATE_IMAGE: &str = "c.yaml:4:5: the key `image` stands here twice";

#[test]
fn profiles_choose_services() {
    let text = "services:\n  a: {image: x}\n  b: {image: x, profiles: [prod]}\n  c: {build: ., profiles: [dev]}\n";
    let project = read_text(text).expect("what is left out need not be honoured");
    assert_eq!(project.services.into_keys().collect::<Vec<_>>(), ["a", "b"]);
    refused(
        "services:\n  a: {image: x, depends_on: [c]}\n  c: {image: x, profiles: [dev]}\n",
        "c.yaml:2:30: services.a.depends_on[0]: the profiles chosen leave the service `c` out",
    );
    refused(
        "services: {c: {image: x, profiles: [dev]}}",
        "c.yaml:1:1: the profiles chosen leave every service out\nhint: choose one under `profiles:` in app.yaml",
    );
}

#[test]
fn a_file_of_keys_is_read_in_good_time() {
    let keys: String = (0..20_000).map(|number| format!("k{number}: 1\n")).collect();
    refused(&format!("x-many: &m\n{}services: {{a: {{image: x}}}}\nx-more: {{<<: *m}}\n", indented(&keys)), "accepted");
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("  {line}\n")).collect()
}

#[test]
fn the_name_of_a_project_is_a_variable_of_its_own_file() {
    let project = read_text("name: ${COMPOSE_PROJECT_NAME}-x\nservices: {a: {image: 'i:${COMPOSE_PROJECT_NAME}'}}");
    let project = project.expect("the file is good");
    assert_eq!(project.name.as_deref(), Some("oasis-1-x"));
    assert_eq!(project.services["a"].image, "i:oasis-1-x");
    refused(
        "name: No\nservices: {a: {image: x}}",
        "c.yaml:1:1: name: `No` is not a project name: use up to 63 lower-case letters, digits, `-` and `_`",
    );
}

proptest::proptest! {
    #[test]
    fn any_service_is_read_or_refused(key in "(image|command|volumes|ports|environment|networks|deploy|healthcheck|links|tmpfs|env_file|x-a|ulimits)", value in "[-a-c0-9:./$\\[\\]{},'\" ]{0,30}") {
        let _ = read_text(&format!("services:\n  web:\n    {key}: {value}\n"));
    }
}
