//! Messages of Docker Engine and Podman, turned into values.
//!
//! **The only module that compares an Engine's error texts.** An Engine's status code gives the class of an error, and
//! only its message tells which one. Each wording has a row in the tests, for Docker Engine 20.10 and 28 and for
//! Podman's socket.

/// Meaning of an Engine's error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineErrorKind {
    /// No space left on the Engine's disk.
    DiskFull,
    /// The image that a container is to be made from is not on this host.
    NoSuchImage,
    /// There is no such container, volume, network, image or exec session.
    NoSuchObject,
    /// A container or a network has the name already.
    NameInUse,
    /// The container is being removed.
    RemovalInProgress,
    /// A container that is paused was to be paused.
    AlreadyPaused,
    /// A container that is not paused was to be resumed.
    NotPaused,
    /// A paused container was to be started, or to run a command.
    IsPaused,
    /// The container does not run.
    NotRunning,
    /// The container is in the network already.
    AlreadyConnected,
    /// Containers use the network or the volume.
    InUse,
    /// A port of the host that another container or program has.
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The container has no such program.
    NoExecutable,
    /// Every subnet that networks are given by default is in use.
    NoFreeSubnet,
    /// Another conflict with an existing object.
    Conflict,
    /// Any other error.
    Other,
}

/// Wordings in lower case, since versions differ in it.
const WORDINGS: &[(EngineErrorKind, &[&str])] = &[
    (EngineErrorKind::DiskFull, &["no space left on device"]),
    (EngineErrorKind::NoExecutable, &["executable file not found", "executable file `"]),
    (EngineErrorKind::RemovalInProgress, &["is already in progress"]),
    (EngineErrorKind::AlreadyPaused, &["is already paused"]),
    (EngineErrorKind::NotPaused, &["is not paused"]),
    (
        EngineErrorKind::IsPaused,
        &[
            "cannot start a paused container",
            "unpause the container before exec",
            "must be in created or stopped state to be started",
        ],
    ),
    (EngineErrorKind::NotRunning, &["is not running", "can only create exec sessions on running containers"]),
    (EngineErrorKind::AlreadyConnected, &["already exists in network", "is already connected to network"]),
    (
        EngineErrorKind::InUse,
        &["has active endpoints", "network is being used", "volume is in use", "volume is being used"],
    ),
    (
        EngineErrorKind::NoFreeSubnet,
        &[
            "could not find an available, non-overlapping ipv4 address pool",
            "all predefined address pools have been fully subnetted",
            "could not find free subnet from subnet pools",
        ],
    ),
    (EngineErrorKind::NameInUse, &["is already in use by", "already exists"]),
];

impl EngineErrorKind {
    /// Reads a response's status code and message.
    pub fn of(status: u16, message: &str) -> Self {
        let message = message.to_lowercase();
        let is_worded = |wordings: &&[&str]| wordings.iter().any(|wording| message.contains(wording));
        if let Some((kind, _)) = WORDINGS.iter().find(|(_, wordings)| is_worded(wordings)) {
            return *kind;
        }
        if let Some(port) = taken_port(&message) {
            return Self::PortTaken { port };
        }
        match status {
            404 if message.contains("no such image") => Self::NoSuchImage,
            404 => Self::NoSuchObject,
            409 => Self::Conflict,
            _ => Self::Other,
        }
    }

    /// Returns whether the requested object does not exist.
    pub fn is_missing(self) -> bool {
        matches!(self, Self::NoSuchObject | Self::NoSuchImage)
    }
}

/// Returns the port in the message that a port is in use: the first number after the words that begin the address.
fn taken_port(message: &str) -> Option<u16> {
    let is_about_ports = ["port is already allocated", "address already in use"].iter().any(|it| message.contains(it));
    let begins = ["bind for ", "listen tcp", "listen udp", "bind host port", "failed to bind port "];
    let (at, begin) = begins.iter().find_map(|begin| Some((message.find(begin)?, *begin)))?;
    let address = &message[at + begin.len()..];
    // pasta names the port alone.
    if begin == "failed to bind port " && is_about_ports {
        return leading_number(address);
    }
    let first = address.trim_start_matches("for ").split([' ', '/']).find(|part| part.contains(':'))?;
    let first = first.trim_end_matches(':');
    // An IPv6 address has colons of its own: in brackets, or before the last colon.
    let port = match first.strip_prefix('[').and_then(|host| host.split_once("]:")) {
        Some((_, port)) => port,
        None => match first.split_once(':')? {
            (host, port) if host.contains(['.', '*']) => port,
            _ => first.rsplit(':').next()?,
        },
    };
    leading_number(port).filter(|_| is_about_ports)
}

fn leading_number(text: &str) -> Option<u16> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Meaning of an Engine's refusal to pull an image or to ask its registry. Its status codes do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullErrorKind {
    /// The registry has no such image.
    NoSuchImage,
    /// The registry does not let this host have the image.
    NotAllowed,
    /// The registry cannot be reached, or does not work.
    NoRegistry,
    /// Any other error.
    Other,
}

const PULL_WORDINGS: &[(PullErrorKind, &[&str])] = &[
    (PullErrorKind::NoSuchImage, &["manifest unknown", "name unknown", "no such image", "not found"]),
    (
        PullErrorKind::NotAllowed,
        &["denied", "unauthorized", "authentication required", "no basic auth", "forbidden", "authorization failed"],
    ),
    (
        PullErrorKind::NoRegistry,
        &[
            "connection refused",
            "timeout",
            "Timeout",
            "deadline exceeded",
            "no such host",
            "server misbehaving",
            "no route to host",
            "unreachable",
            "connection reset",
            "EOF",
            "HTTP response to HTTPS client",
            "x509",
            "tls:",
        ],
    ),
];

impl PullErrorKind {
    /// Reads the message of an error response, or of an error in the stream of a pull.
    pub fn of(message: &str) -> Self {
        let is_worded = |wordings: &[&str]| wordings.iter().any(|wording| message.contains(wording));
        let found = PULL_WORDINGS.iter().find(|(_, wordings)| is_worded(wordings));
        found.map_or(Self::Other, |(kind, _)| *kind)
    }
}

/// State of one layer while an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerStatus {
    /// Waiting for other layers, or for another attempt, without progress.
    Waiting,
    Downloading,
    Downloaded,
    /// Any other work on the layer.
    Other,
}

impl LayerStatus {
    /// Reads the status of a progress message.
    pub fn of(status: &str) -> Self {
        let begins_with = |words: &[&str]| words.iter().any(|word| status.starts_with(word));
        if begins_with(&["Retrying", "Waiting"]) {
            Self::Waiting
        } else if begins_with(&["Downloading"]) {
            Self::Downloading
        } else if begins_with(&["Download complete", "Pull complete"]) {
            Self::Downloaded
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER_20: &str = "Docker Engine 20.10";
    const DOCKER_28: &str = "Docker Engine 28";
    const PODMAN: &str = "Podman";

    fn check(kind: EngineErrorKind, rows: &[(&str, u16, &str)]) {
        for (engine, status, message) in rows {
            assert_eq!(EngineErrorKind::of(*status, message), kind, "{engine}: {status} {message}");
        }
    }

    fn check_pull(kind: PullErrorKind, rows: &[(&str, &str)]) {
        for (engine, message) in rows {
            assert_eq!(PullErrorKind::of(message), kind, "{engine}: {message}");
        }
    }

    #[test]
    fn what_is_not_there_is_recognised() {
        check(
            EngineErrorKind::NoSuchImage,
            &[
                (DOCKER_20, 404, "No such image: web:9"),
                (DOCKER_20, 404, "no such image: web:9: No such image: web:9"),
                (DOCKER_28, 404, "No such image: web:9"),
                (PODMAN, 404, "no such image: web:9: image not known"),
            ],
        );
        check(
            EngineErrorKind::NoSuchObject,
            &[
                (DOCKER_20, 404, "No such container: web-1"),
                (DOCKER_20, 404, "get data: no such volume"),
                (DOCKER_20, 404, "network lab not found"),
                (DOCKER_28, 404, "No such container: web-1"),
                (DOCKER_28, 404, "No such exec instance: 4f2a"),
                (PODMAN, 404, "no container with name or ID \"web-1\" found: no such container"),
                (PODMAN, 404, "no volume with name \"data\" found: no such volume"),
                (PODMAN, 404, "unable to find network with name or ID lab: network not found"),
            ],
        );
    }

    #[test]
    fn a_name_in_use_is_recognised() {
        let docker = "Conflict. The container name \"/web-1\" is already in use by container \"3fd8\". You have to remove (or rename) \
            that container to be able to reuse that name.";
        check(
            EngineErrorKind::NameInUse,
            &[
                (DOCKER_20, 409, docker),
                (DOCKER_20, 409, &format!("Error when allocating new name: {docker}")),
                (DOCKER_20, 409, "network with name lab already exists"),
                (DOCKER_28, 409, docker),
                (DOCKER_28, 409, "network with name lab already exists"),
                (
                    PODMAN,
                    500,
                    "creating container storage: the container name \"web-1\" is already in use by 3fd8. You have to remove that \
                     container to be able to reuse that name: that name is already in use",
                ),
                (PODMAN, 409, "network name lab already used: network already exists"),
            ],
        );
    }

    #[test]
    fn states_of_containers_are_recognised() {
        check(
            EngineErrorKind::AlreadyPaused,
            &[
                (DOCKER_20, 409, "Container 81e1 is already paused"),
                (DOCKER_28, 409, "Container 81e1 is already paused"),
                (PODMAN, 500, "\"81e1\" is already paused: container state improper"),
            ],
        );
        check(
            EngineErrorKind::NotPaused,
            &[
                (DOCKER_20, 500, "Container 81e1 is not paused"),
                (DOCKER_28, 500, "Container 81e1 is not paused"),
                (PODMAN, 500, "\"81e1\" is not paused, can't unpause: container state improper"),
            ],
        );
        check(
            EngineErrorKind::IsPaused,
            &[
                (DOCKER_20, 409, "cannot start a paused container, try unpause instead"),
                (DOCKER_20, 409, "Container web-1 is paused, unpause the container before exec"),
                (DOCKER_28, 409, "cannot start a paused container, try unpause instead"),
                (
                    PODMAN,
                    500,
                    "unable to start container \"81e1\": container 81e1 must be in Created or Stopped state to be started: \
                     container state improper",
                ),
            ],
        );
        check(
            EngineErrorKind::NotRunning,
            &[
                (DOCKER_20, 409, "Container 81e1 is not running"),
                (DOCKER_28, 409, "container 81e1 is not running"),
                (PODMAN, 500, "can only create exec sessions on running containers: container state improper"),
            ],
        );
        let removed = "removal of container web-1 is already in progress";
        check(EngineErrorKind::RemovalInProgress, &[(DOCKER_20, 409, removed), (DOCKER_28, 409, removed)]);
    }

    #[test]
    fn networks_and_volumes_in_use_are_recognised() {
        check(
            EngineErrorKind::InUse,
            &[
                (DOCKER_20, 403, "error while removing network: network lab id 1a93 has active endpoints"),
                (DOCKER_20, 409, "remove data: volume is in use - [3fd8]"),
                (
                    DOCKER_28,
                    403,
                    "error while removing network: network lab has active endpoints (name:\"web-1\" id:\"81e1\")",
                ),
                (DOCKER_28, 409, "remove data: volume is in use - [3fd8]"),
                (
                    PODMAN,
                    500,
                    "\"lab\" has associated containers with it. Use -f to forcibly delete containers and pods: \
                     network is being used",
                ),
                (PODMAN, 409, "volume data is being used by the following container(s): 3fd8: volume is being used"),
            ],
        );
        check(
            EngineErrorKind::AlreadyConnected,
            &[
                (DOCKER_20, 403, "endpoint with name web-1 already exists in network lab"),
                (DOCKER_28, 403, "endpoint with name web-1 already exists in network lab"),
                (PODMAN, 403, "container 81e1 is already connected to network \"lab\": network is already connected"),
            ],
        );
        check(
            EngineErrorKind::NoFreeSubnet,
            &[
                (
                    DOCKER_20,
                    404,
                    "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
                ),
                (DOCKER_28, 400, "all predefined address pools have been fully subnetted"),
                (PODMAN, 500, "could not find free subnet from subnet pools"),
            ],
        );
    }

    #[test]
    fn a_taken_port_is_the_one_of_the_host() {
        let endpoint = "driver failed programming external connectivity on endpoint web-1 (2f9d80)";
        check(
            EngineErrorKind::PortTaken { port: 8080 },
            &[
                (DOCKER_20, 500, &format!("{endpoint}: Bind for 0.0.0.0:8080 failed: port is already allocated")),
                (
                    DOCKER_20,
                    500,
                    &format!(
                        "{endpoint}: Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use"
                    ),
                ),
                (
                    DOCKER_20,
                    500,
                    &format!(
                        "{endpoint}: Error starting userland proxy: listen tcp6 [::]:8080: bind: address already in use"
                    ),
                ),
                (
                    DOCKER_28,
                    500,
                    &format!(
                        "failed to set up container networking: {endpoint}: Bind for 0.0.0.0:8080 failed: \
                         port is already allocated"
                    ),
                ),
                (
                    DOCKER_28,
                    500,
                    &format!(
                        "failed to set up container networking: {endpoint}: failed to bind host port for \
                         0.0.0.0:8080:172.31.0.2:80/tcp: address already in use"
                    ),
                ),
                (
                    DOCKER_28,
                    500,
                    &format!(
                        "{endpoint}: failed to bind host port for [::]:8080:[fd00::2]:80/tcp: address already in use"
                    ),
                ),
                (
                    DOCKER_28,
                    500,
                    "failed to set up container networking: failed to bind host port 0.0.0.0:8080/tcp: address already in use",
                ),
            ],
        );
    }

    #[test]
    fn a_taken_port_of_an_ipv6_address_is_the_one_of_the_host() {
        check(
            EngineErrorKind::PortTaken { port: 8080 },
            &[
                (DOCKER_20, 500, "Bind for ::1:8080 failed: port is already allocated"),
                (DOCKER_20, 500, "Bind for fd00::1:8080 failed: port is already allocated"),
                (DOCKER_20, 500, "Bind for :::8080 failed: port is already allocated"),
                (DOCKER_20, 500, "listen tcp6 [::]:8080: bind: address already in use"),
                (DOCKER_28, 500, "failed to bind host port for 0.0.0.0:8080:[fd00::2]:80/tcp: address already in use"),
                (DOCKER_28, 500, "failed to bind host port for [::1]:8080:[fd00::2]:80/tcp: address already in use"),
            ],
        );
    }

    #[test]
    fn a_port_that_podman_cannot_have_is_the_one_of_the_host() {
        check(
            EngineErrorKind::PortTaken { port: 8080 },
            &[
                (
                    PODMAN,
                    500,
                    "unable to start container \"81e1\": cannot listen on the TCP port: listen tcp4 :8080: bind: \
                     address already in use",
                ),
                (PODMAN, 500, "rootlessport listen tcp 0.0.0.0:8080: bind: address already in use"),
                (
                    PODMAN,
                    500,
                    "pasta failed with exit code 1: Failed to bind port 8080 (Address already in use) for option \
                     '-t 8080-8080:80-80'",
                ),
            ],
        );
    }

    #[test]
    fn an_address_that_is_no_port_of_the_host_is_none() {
        // An address of a container, and an image whose tag looks like a port.
        check(EngineErrorKind::Other, &[(DOCKER_20, 403, "Address already in use")]);
        check(EngineErrorKind::NoSuchImage, &[(DOCKER_20, 404, "no such image: web:80")]);
    }

    #[test]
    fn a_program_that_is_missing_is_recognised() {
        check(
            EngineErrorKind::NoExecutable,
            &[
                (
                    DOCKER_20,
                    400,
                    "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"sh\": \
                     executable file not found in $PATH: unknown",
                ),
                (
                    DOCKER_28,
                    400,
                    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create \
                     failed: unable to start container process: error during container init: exec: \"sh\": executable file not \
                     found in $PATH: unknown",
                ),
                (
                    PODMAN,
                    500,
                    "crun: executable file `sh` not found in $PATH: No such file or directory: OCI runtime attempted to invoke \
                     a command that was not found",
                ),
            ],
        );
    }

    #[test]
    fn a_full_disk_is_recognised_whatever_it_was_for() {
        check(
            EngineErrorKind::DiskFull,
            &[
                (DOCKER_20, 500, "mkdir /var/lib/docker/overlay2/4f2a: no space left on device"),
                (DOCKER_28, 500, "failed to register layer: write /usr/lib/libc.so: no space left on device"),
                (
                    PODMAN,
                    500,
                    "creating container storage: mkdir /var/lib/containers/storage/overlay/4f2a: no space left on device",
                ),
            ],
        );
    }

    #[test]
    fn what_has_no_wording_of_its_own_goes_by_its_status() {
        check(EngineErrorKind::Conflict, &[(DOCKER_20, 409, "something else is in the way")]);
        check(EngineErrorKind::Other, &[(DOCKER_20, 500, "out of luck"), (DOCKER_28, 403, "out of luck")]);
        assert!(EngineErrorKind::of(404, "nowhere").is_missing());
    }

    #[test]
    fn each_refusal_of_a_pull_is_recognised() {
        check_pull(
            PullErrorKind::NoSuchImage,
            &[
                (DOCKER_20, "manifest for 127.0.0.1:5000/web:9 not found: manifest unknown: manifest unknown"),
                (DOCKER_28, "failed to resolve reference \"127.0.0.1:5000/web:9\": 127.0.0.1:5000/web:9: not found"),
                (DOCKER_28, "name unknown: repository name not known to registry"),
                (
                    PODMAN,
                    "initializing source docker://quay.io/lab/web:9: reading manifest 9 in quay.io/lab/web: manifest unknown",
                ),
            ],
        );
        check_pull(
            PullErrorKind::NotAllowed,
            &[
                (
                    DOCKER_20,
                    "pull access denied for lab/web, repository does not exist or may require 'docker login': denied: \
                     requested access to the resource is denied",
                ),
                (DOCKER_20, "Get \"https://registry.lab/v2/web/manifests/1\": unauthorized: authentication required"),
                (DOCKER_20, "Get \"https://registry.lab/v2/web/manifests/1\": no basic auth credentials"),
                (
                    DOCKER_28,
                    "pull access denied, repository does not exist or may require authorization: server message: \
                     insufficient_scope: authorization failed",
                ),
                (
                    PODMAN,
                    "initializing source docker://lab/web:1: reading manifest 1 in docker.io/lab/web: requested access to the \
                     resource is denied",
                ),
            ],
        );
        check_pull(
            PullErrorKind::NoRegistry,
            &[
                (DOCKER_20, "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused"),
                (
                    DOCKER_20,
                    "Get \"https://registry.lab/v2/\": dial tcp: lookup registry.lab on 10.0.0.1:53: no such host",
                ),
                (
                    DOCKER_20,
                    "Get \"https://registry.lab/v2/\": dial tcp: lookup registry.lab on 10.0.0.1:53: server misbehaving",
                ),
                (
                    DOCKER_28,
                    "failed to do request: Head \"https://registry.lab/v2/web/manifests/1\": dial tcp 10.0.0.2:443: i/o timeout",
                ),
                (DOCKER_28, "Get \"https://registry.lab/v2/\": net/http: TLS handshake timeout"),
                (
                    PODMAN,
                    "initializing source docker://127.0.0.1:1/web:9: pinging container registry 127.0.0.1:1: Get \
                     \"https://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                ),
            ],
        );
        check_pull(PullErrorKind::Other, &[(DOCKER_20, "out of luck")]);
    }

    #[test]
    fn the_state_of_a_layer_is_read() {
        for (status, expect) in [
            ("Retrying in 5 seconds", LayerStatus::Waiting),
            ("Waiting", LayerStatus::Waiting),
            ("Downloading", LayerStatus::Downloading),
            ("Download complete", LayerStatus::Downloaded),
            ("Pull complete", LayerStatus::Downloaded),
            ("Extracting", LayerStatus::Other),
        ] {
            assert_eq!(LayerStatus::of(status), expect, "{status}");
        }
    }
}
