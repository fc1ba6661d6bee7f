//! Refusals of Compose files, each with its file, line and key.

use super::{refused, refused_lines};
use crate::compose::testing::read_text;

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
