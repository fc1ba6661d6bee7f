//! Meaning of Compose files, key by key, and the refusals.

mod manuals;

use super::testing::read_text;

/// Parses a service's lines, and shows the result.
fn check<T: std::fmt::Debug>(lines: &str, show: impl Fn(&super::Service) -> T, expect: &str) {
    let found = match read_text(&service(lines)) {
        Ok(project) => project.services.get("web").map(|web| format!("{:?}", show(web))).unwrap_or_default(),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(found, expect, "for\n{lines}");
}

/// A file with one service of these lines, and another beside it.
fn service(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "services:\n  web:\n    image: web:1\n{lines}  db:\n    image: db:1\nvolumes: {{data: }}\nnetworks: {{back: }}\n"
    )
}

/// Reads a whole file, and expects it to be refused.
fn refused(text: &str, expect: &str) {
    let found = read_text(text).map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned());
    assert_eq!(found, expect, "for\n{text}");
}

/// Reads a service's lines, and expects them to be refused; lines count from the first of them.
fn refused_lines(lines: &str, expect: &str) {
    check(lines, |_| "accepted", expect);
}

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
    let show = |web: &super::Service| web.environment.clone();
    check("environment: {A: 1, B: x=y, C: true, D: ''}", show, r#"{"A": "1", "B": "x=y", "C": "true", "D": ""}"#);
    check("environment: [A=1, B=x=y, USER_ID]", show, r#"{"A": "1", "B": "x=y", "USER_ID": "1000"}"#);
    check("environment: {USER_ID: , PW: }", show, r#"{"PW": (secret), "USER_ID": "1000"}"#);
    check("env_file: a.env\nenvironment: {A: own}", show, r#"{"A": "own", "B": "2", "EMPTY": ""}"#);
    check("env_file: [{path: ./a.env}]", show, r#"{"A": "from-file", "B": "2", "EMPTY": ""}"#);
}

#[test]
fn ports_and_what_is_exposed() {
    let show = |web: &super::Service| web.ports.iter().map(ToString::to_string).collect::<Vec<_>>();
    check("ports: [8080:80, 53:53/udp]", show, r#"["8080:80/tcp", "53:53/udp"]"#);
    let long = "ports: [{target: 80, published: '8080', host_ip: 127.0.0.1, protocol: tcp, mode: host}]";
    check(long, show, r#"["127.0.0.1:8080:80/tcp"]"#);
    check("expose: [80, '90-91/udp']", |web| web.expose.clone(), r#"{"80/tcp", "90/udp", "91/udp"}"#);
}

#[test]
fn mounts_in_short_and_long_form() {
    let show = |web: &super::Service| {
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
    let show = |web: &super::Service| web.restart;
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
    let show = |web: &super::Service| web.healthcheck.clone().map(|check| check.test);
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
    check("links: ['db:database']", super::Service::needs, r#"{"db": Started}"#);
    check("depends_on: {db: {condition: service_healthy}}\nlinks: [db]", super::Service::needs, r#"{"db": Healthy}"#);
    check("network_mode: service:db", super::Service::needs, r#"{"db": Started}"#);
    check("image: x", |web| web.networks.keys().cloned().collect::<Vec<_>>(), DUPLICATE_IMAGE);
    check("networks: {back: {ipv4_address: 10.0.0.9}}", |web| web.networks.len(), "1");
}

const DUPLICATE_IMAGE: &str = "c.yaml:4:5: the key `image` stands here twice";

#[test]
fn a_key_that_is_not_honoured_is_refused_by_file_line_and_key() {
    let text = "fleet does not honour this key";
    refused_lines(
        "user: me\nbuild: .",
        &format!("c.yaml:5:5: services.web.build: {text}\nhint: build and push the image, then name it under `image:`"),
    );
    refused_lines(
        "enviroment: []",
        &format!("c.yaml:4:5: services.web.enviroment: {text}\nhint: did you mean `environment`?"),
    );
    refused_lines("deploy: {replicas: 2}", &format!("c.yaml:4:14: services.web.deploy.replicas: {text}"));
    refused_lines(
        "deploy: {resources: {reservations: {}}}",
        &format!("c.yaml:4:26: services.web.deploy.resources.reservations: {text}"),
    );
    refused_lines(
        "healthcheck: {start_interval: 1s}",
        &format!("c.yaml:4:19: services.web.healthcheck.start_interval: {text}"),
    );
    refused(
        "services: {a: {image: b}}\nsecrets: {}",
        &format!(
            "c.yaml:2:1: secrets: {text}\nhint: declare a secret value in app.yaml, and use it in a template or a variable"
        ),
    );
}

#[test]
fn all_problems_of_a_file_are_found_at_once() {
    refused_lines(
        "pid: host\ntty: true\nports: [0]",
        "c.yaml:4:5: services.web.pid: fleet does not honour this key
c.yaml:5:5: services.web.tty: fleet does not honour this key
c.yaml:6:13: services.web.ports[0]: `0` is not a port: a port is a number from 1 to 65535
hint: write it as `8080:80` or `127.0.0.1:8080:80`",
    );
}

#[test]
fn a_reference_to_nothing_is_refused() {
    refused_lines(
        "depends_on: [bd]",
        "c.yaml:4:18: services.web.depends_on[0]: the file describes no service `bd`\nhint: did you mean `db`?",
    );
    refused_lines(
        "links: ['nobody:x']",
        "c.yaml:4:13: services.web.links[0]: the file describes no service `nobody`\nhint: name one of the file's services",
    );
    refused_lines(
        "networks: [front]",
        "c.yaml:4:16: services.web.networks[0]: the file describes no network `front`\nhint: describe it under `networks:` at the top level",
    );
    refused_lines(
        "volumes: ['cache:/x']",
        "c.yaml:4:15: services.web.volumes[0]: the file describes no volume `cache`\nhint: describe it under `volumes:` at the top level",
    );
    refused_lines(
        "network_mode: service:x",
        "c.yaml:4:5: services.web.network_mode: the file describes no service `x`\nhint: name one of the file's services",
    );
    refused_lines(
        "env_file: none.env",
        "c.yaml:4:5: services.web.env_file: the bundle has no file `none.env`\nhint: env files come with the release",
    );
    refused_lines("env_file: broken.env", "broken.env:1:1: this is not a line of the form NAME=value");
    refused_lines(
        "links: [db]\nnetworks: [back]",
        "c.yaml:2:3: services.web: the link to `db` leads nowhere: they share no network",
    );
}

#[test]
fn services_that_wait_for_each_other_are_refused() {
    refused(
        "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, links: [a]}\n",
        "c.yaml:2:3: services.a: services wait for each other: a -> b -> a",
    );
}

#[test]
fn what_is_taken_twice_is_refused() {
    refused(
        "services:\n  a: {image: x, ports: ['80:80']}\n  b: {image: x, ports: ['127.0.0.1:80:8080', '80:1/udp']}\n",
        "c.yaml:3:25: services.b.ports[0]: the host's port of `127.0.0.1:80:8080/tcp` is taken in line 2 already",
    );
    refused(
        "services:\n  a: {image: x, container_name: same}\n  b: {image: x, container_name: same}\n",
        "c.yaml:3:17: services.b.container_name: the container name `same` is taken in line 2 already",
    );
    refused_lines(
        "volumes: ['data:/d', '/d/']",
        "c.yaml:4:26: services.web.volumes[1]: something else is mounted at `/d` already",
    );
}

#[test]
fn a_path_that_leaves_the_project_is_refused() {
    for path in ["../x", "./a/../../x", "/../x"] {
        let text = format!("c.yaml:4:15: services.web.volumes[0]: the path `{path}` leaves the project's folder");
        refused_lines(&format!("volumes: ['{path}:/x']"), &text);
    }
    refused_lines(
        "volumes: ['~/x:/x']",
        "c.yaml:4:15: services.web.volumes[0]: `~` means another folder on every host\nhint: write an absolute path",
    );
    refused_lines(
        "env_file: ../a.env",
        "c.yaml:4:5: services.web.env_file: the bundle has no file `../a.env`\nhint: env files come with the release",
    );
}

#[test]
fn a_service_names_its_image() {
    refused(
        "services: {a: {user: x}}",
        "c.yaml:1:12: services.a: the service names no image\nhint: name one under `image:`",
    );
    refused("services: {a: }", "c.yaml:1:12: services.a: the service says nothing of itself");
    refused("services: {}", "c.yaml:1:1: the file describes no services");
    refused("", "c.yaml:1:1: the file describes no services");
    refused("[]", "c.yaml:1:1: the file describes no services\nc.yaml:1:1: this must be a map");
}

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
fn a_variable_without_value_is_refused() {
    refused_lines(
        "user: ${NOBODY}",
        "c.yaml:4:5: services.web.user: the variable `NOBODY` has neither a value nor a default
hint: declare a value for it in app.yaml, or write `${NAME:-default}`",
    );
    refused_lines(
        "environment: [NOBODY]",
        "c.yaml:4:19: services.web.environment[0]: `NOBODY` has no value here, and there is no variable of its name
hint: write `NOBODY=` for an empty value, or declare a value in app.yaml",
    );
}

#[test]
fn a_secret_is_refused_where_it_would_be_shown() {
    refused_lines(
        "labels: {a: $PW}",
        "c.yaml:4:14: services.web.labels.a: a secret must not stand here, where it would be shown
hint: use it in environment, command, entrypoint, healthcheck or a template",
    );
}

#[test]
fn too_much_is_refused() {
    let many: String = (0..201).map(|number| format!("  s{number}: {{image: x}}\n")).collect();
    refused(&format!("services:\n{many}"), "c.yaml:1:1: services: the file has 201 services; 200 are allowed");
    refused(&" ".repeat((1 << 20) + 1), "c.yaml: the file is larger than 1 MiB");
}

#[test]
fn long_lists_and_wide_ranges_are_refused() {
    let many = vec!["a"; 2001].join(", ");
    refused_lines(
        &format!("cap_add: [{many}]"),
        "c.yaml:4:5: services.web.cap_add: there are 2001 entries here; 2000 are allowed",
    );
    refused_lines("expose: ['1-200']", "c.yaml:4:14: services.web.expose[0]: a range has at most 100 ports here");
    let ranges: Vec<_> = (1..6).map(|first| format!("'{first}001-{first}999'")).collect();
    refused_lines(
        &format!("ports: [{}]", ranges.join(", ")),
        "c.yaml:4:65: services.web.ports[4]: the file opens more than 4096 ports",
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

#[test]
fn a_name_with_another_meaning_for_the_engine_is_refused_at_its_key() {
    let web = "services:\n  web: {image: x, networks: [n], volumes: ['v:/d']}\n";
    // No service describes a refused name, which is reported too.
    let explained = |text: &str, expect: &str| {
        let found = read_text(text).map_or_else(|problems| problems.to_string(), |_| "accepted".to_owned());
        assert!(found.lines().any(|line| line == expect), "`{expect}` is not in\n{found}\nfor\n{text}");
    };
    let written = |kind: &str, body: &str| format!("{web}{kind}:\n  {body}\n");
    for name in ["host", "none", "bridge", "default"] {
        explained(
            &written("networks", &format!("n: {{name: {name}}}")),
            &format!(
                "c.yaml:4:7: networks.n.name: `{name}` cannot be the name of a network: the Engine has another meaning for this name"
            ),
        );
    }
    let characters = "use up to 200 letters, digits, `_`, `.` and `-`, beginning with a letter or a digit";
    for name in ["container:0123456789ab", "ns:/proc/1/ns/net", "../x"] {
        explained(
            &written("networks", &format!("n: {{name: '{name}'}}")),
            &format!("c.yaml:4:7: networks.n.name: `{name}` cannot be the name of a network: {characters}"),
        );
        explained(
            &written("networks", &format!("n: {{external: true, name: '{name}'}}")),
            &format!("c.yaml:4:23: networks.n.name: `{name}` cannot be the name of a network: {characters}"),
        );
        explained(
            &written("volumes", &format!("v: {{name: '{name}'}}")),
            &format!("c.yaml:4:7: volumes.v.name: `{name}` cannot be the name of a volume: {characters}"),
        );
    }
    explained(
        "services:\n  web: {image: x, networks: ['container:x']}\nnetworks: {'container:x': {external: true}}\n",
        &format!("c.yaml:3:12: networks.container:x: `container:x` cannot be the name of a network: {characters}"),
    );
    explained(
        "services:\n  web: {image: x, networks: [host]}\nnetworks: {host: {external: true}}\n",
        "c.yaml:3:12: networks.host: `host` cannot be the name of a network: the Engine has another meaning for this name",
    );
}
