//! Each way by which an order reaches the host, held against policies.

use super::testing::rendered;
use super::*;
use crate::backup::{
    DatabaseEngine, Files, MountFound, Mounted, MountedAt, MountedFrom, Owner, RepositoryLocation, Store, StoreKind,
};
use crate::policy_refusal::joined;
use crate::spec::{MountAccess, VolumeTarget};
use std::collections::BTreeMap;

fn set(entries: &[&str]) -> BTreeSet<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn said(policy: &HostPolicy, compose: &str) -> Vec<String> {
    violations(policy, &rendered(compose))
}

fn web(more: &str) -> String {
    format!("services: {{ web: {{ image: nginx, {more} }} }}\n")
}

#[test]
fn a_log_driver_that_talks_from_the_host_needs_its_consent() {
    let none = HostPolicy::default();
    for fine in ["json-file", "local", "journald", "none"] {
        assert_eq!(said(&none, &web(&format!("logging: {{ driver: {fine} }}"))), [""; 0], "{fine}");
    }
    let syslog = web("logging: { driver: syslog, options: { syslog-address: 'tcp://127.0.0.1:19555', tag: x } }");
    let expect = [
        "the host does not allow the log driver syslog of web; its policy.yaml would need \
         `log_drivers: [json-file, local, journald, syslog]`",
        "the host does not allow the option syslog-address of the log driver of web (syslog); its policy.yaml would need \
         `log_drivers: [json-file, local, journald, syslog, \"syslog=tcp://127.0.0.1:19555\"]`",
    ];
    assert_eq!(said(&none, &syslog), expect);
    let allows = |entries: &[&str], compose: &str| {
        said(&HostPolicy { log_drivers: Some(set(entries)), ..HostPolicy::default() }, compose).is_empty()
    };
    assert!(!allows(&["syslog"], &syslog), "the driver is allowed, its address is not");
    assert!(allows(&["syslog", "syslog=tcp://127.0.0.1:19555"], &syslog));
    assert!(!allows(&["syslog=tcp://127.0.0.1:19556"], &syslog));
    assert!(!allows(&["local"], &web("logging: { driver: json-file }")));
    // The Engine's own default driver may be one that sends.
    for option in
        ["syslog-address: 'tcp://127.0.0.1:1'", "gelf-address: 'udp://x:1'", "splunk-url: 'http://169.254.169.254'"]
    {
        let compose = web(&format!("logging: {{ options: {{ {option} }} }}"));
        assert_eq!(said(&none, &compose).len(), 1, "{option}");
    }
    assert_eq!(
        said(&none, &web("logging: { driver: local, options: { max-size: 10m, awslogs-endpoint: 'http://x' } }")).len(),
        1
    );
}

#[test]
fn a_volume_that_was_made_elsewhere_needs_the_hosts_consent() {
    let compose = "services: { web: { image: nginx, volumes: ['lab:/x'] } }\nvolumes: { lab: { external: true, name: lab_media } }\n";
    let expect = [
        "the host does not allow mounting the existing volume lab_media; its policy.yaml would need `volumes: [lab_media]`",
    ];
    assert_eq!(said(&HostPolicy::default(), compose), expect);
    for (entry, good) in [("lab_media", true), ("lab_*", true), ("lab", false), ("media", false)] {
        let policy = HostPolicy { volumes: set(&[entry]), ..HostPolicy::default() };
        assert_eq!(said(&policy, compose).is_empty(), good, "{entry}");
        // Its target is checked separately.
        let etc = VolumeTarget::Path("/etc".to_owned());
        let devices = BTreeMap::from([("lab_media".to_owned(), vec![etc])]);
        let reaches = Reaches::of_instance(&rendered(compose)).with_devices(&devices);
        let expect = "the host does not allow mounting /etc, to which the volume lab_media leads; its policy.yaml would need `paths: [/etc]`";
        assert!(policy.refusals(&reaches).iter().any(|refusal| refusal.to_string() == expect), "{entry}");
        let policy = HostPolicy { paths: set(&["/etc"]), ..policy };
        assert_eq!(policy.refusals(&reaches).is_empty(), good, "{entry}");
    }
}

#[test]
fn a_share_or_a_driver_of_a_volume_needs_the_hosts_consent() {
    let volume = |more: &str| {
        format!("services: {{ web: {{ image: nginx, volumes: ['lab:/x'] }} }}\nvolumes: {{ lab: {{ {more} }} }}\n")
    };
    let nfs = "driver_opts: { type: nfs, o: 'addr=127.0.0.1,rw', device: ':/export' }";
    let climbing = "driver_opts: { type: nfs, o: 'addr=10.0.0.5', device: ':/export/../secret' }";
    let cifs = "driver_opts: { type: cifs, o: 'username=u', device: '//lims/share' }";
    let sshfs = "driver: 'vieux/sshfs:latest', driver_opts: { sshcmd: 'me@lims:/srv' }";
    let need = "its policy.yaml would need";
    let through = "the host does not allow mounting nfs://127.0.0.1/export through the volume notes-1_lab";
    let expect = [format!("{through}; {need} `remote_volumes: [\"nfs://127.0.0.1/export\"]`")];
    assert_eq!(said(&HostPolicy::default(), &volume(nfs)), expect);
    let driver = "the host does not allow the driver vieux/sshfs of the volume notes-1_lab";
    assert_eq!(
        said(&HostPolicy::default(), &volume(sshfs)),
        [format!("{driver}; {need} `remote_volumes: [\"vieux/sshfs\"]`")]
    );
    for (more, entry, good) in [
        (nfs, "nfs://127.0.0.1/export", true),
        (nfs, "nfs://127.0.0.1/*", true),
        (nfs, "nfs://127.0.0.1", false),
        (nfs, "nfs://10.0.0.5/export", false),
        (climbing, "nfs://10.0.0.5/export*", false),
        (cifs, "cifs://lims/share", true),
        (cifs, "nfs://*", false),
        (sshfs, "vieux/sshfs", true),
        (sshfs, "local", false),
    ] {
        let policy = HostPolicy { remote_volumes: set(&[entry]), ..HostPolicy::default() };
        assert_eq!(said(&policy, &volume(more)).is_empty(), good, "{more} with {entry}");
    }
    assert_eq!(said(&HostPolicy::default(), &volume("driver: local")), [""; 0]);
}

#[test]
fn a_volume_that_is_there_and_leads_to_a_share_is_held_against_the_same() {
    let compose = "services: { web: { image: nginx, volumes: ['lab:/x'] } }\nvolumes: { lab: {} }\n";
    let share = VolumeTarget::Share("nfs://127.0.0.1/export".to_owned());
    let devices = BTreeMap::from([("notes-1_lab".to_owned(), vec![share])]);
    let reaches = Reaches::of_instance(&rendered(compose)).with_devices(&devices);
    assert_eq!(HostPolicy::default().refusals(&reaches).len(), 1);
    let policy = HostPolicy { remote_volumes: set(&["nfs://127.0.0.1/export"]), ..HostPolicy::default() };
    assert_eq!(policy.refusals(&reaches), []);
}

#[test]
fn a_network_of_others_is_joined_only_with_consent() {
    let network = |name: &str| {
        format!(
            "services: {{ web: {{ image: nginx, networks: [n] }} }}\nnetworks: {{ n: {{ external: true, name: {name} }} }}\n"
        )
    };
    let expect = [
        "the host does not allow joining the network victim-1_default, which is not the instance's own; its policy.yaml would need \
         `networks: [victim-1_default]`",
    ];
    assert_eq!(said(&HostPolicy::default(), &network("victim-1_default")), expect);
    for (entry, good) in [("victim-1_default", true), ("victim-*", true), ("default", false), ("n", false)] {
        let policy = HostPolicy { networks: set(&[entry]), ..HostPolicy::default() };
        assert_eq!(said(&policy, &network("victim-1_default")).is_empty(), good, "{entry}");
    }
    let own = "services: { web: { image: nginx, networks: [n, m] } }\nnetworks:\n  n: { name: ours }\n  m: { external: true, name: ours }\n";
    assert_eq!(said(&HostPolicy::default(), own), [""; 0]);
    // No policy can allow the Engine's own networks.
    let mut spec = rendered(&network("x")).spec;
    spec.networks[0].name = "host".to_owned();
    let policy = HostPolicy { networks: set(&["*"]), ..HostPolicy::default() };
    assert_eq!(policy.refusals(&Reaches::of_spec(&spec)).len(), 1);
}

#[test]
fn a_network_that_takes_hold_of_the_hosts_devices_is_a_privilege() {
    let network = |more: &str| {
        format!("services: {{ web: {{ image: nginx, networks: [n] }} }}\nnetworks: {{ n: {{ {more} }} }}\n")
    };
    let allowed = HostPolicy { privileges: Permission::Allowed, ..HostPolicy::default() };
    for (more, good) in [
        ("driver: bridge", true),
        ("driver: macvlan, driver_opts: { parent: eth0 }", false),
        ("driver: ipvlan", false),
        ("driver_opts: { com.docker.network.bridge.name: docker0 }", false),
        ("driver_opts: { com.docker.network.driver.mtu: '1400' }", true),
    ] {
        assert_eq!(said(&HostPolicy::default(), &network(more)).is_empty(), good, "{more}");
        assert_eq!(said(&allowed, &network(more)), [""; 0], "{more}");
    }
}

#[test]
fn backups_are_kept_only_where_the_host_allows_it() {
    let name = "offsite".parse().expect("a name");
    let folder = |path: &str| RepositoryLocation::Folder { path: path.to_owned() };
    let bucket = |endpoint: &str| RepositoryLocation::S3 {
        endpoint: endpoint.to_owned(),
        region: String::new(),
        bucket: "backups".to_owned(),
        prefix: String::new(),
    };
    let allows = |entries: &[&str], place: &RepositoryLocation| {
        let policy = HostPolicy { repositories: set(entries), ..HostPolicy::default() };
        policy.refusals(&Reaches::of_place(&name, place)).is_empty()
    };
    assert!(allows(&[], &RepositoryLocation::Coordinator), "it is reached over the link");
    for (entry, good) in
        [("/mnt/backups", true), ("/mnt", true), ("*", true), ("/mnt/back", false), ("s3.example.org", false)]
    {
        assert_eq!(allows(&[entry], &folder("/mnt/backups")), good, "{entry}");
    }
    assert!(!allows(&["/mnt"], &folder("/mnt/../etc")) && !allows(&["*"], &folder("../x")));
    assert!(!allows(&[], &folder("/srv/forbidden")) && !allows(&[], &bucket("http://169.254.169.254")));
    for (entry, good) in [
        ("s3.example.org", true),
        ("s3.example.org/backups", true),
        ("s3.example.org/other", false),
        ("s3.example.org:9000", false),
        ("example.org", false),
        ("/", false),
    ] {
        assert_eq!(allows(&[entry], &bucket("https://s3.example.org")), good, "{entry}");
    }
    let said = HostPolicy::default().refusals(&Reaches::of_place(&name, &bucket("http://169.254.169.254/")));
    let expect = "the host does not allow backups at http://169.254.169.254/backups (repository offsite); its policy.yaml would \
                  need `repositories: [169.254.169.254/backups]`";
    assert_eq!(joined(&coded(&said)), expect);
}

fn store(engine: DatabaseEngine) -> Store {
    Store { engine, kind: StoreKind::Truth, stop: Vec::new(), pause: Vec::new(), checks: Vec::new() }
}

/// The one store that is forbidden, if it is.
fn forbidden(policy: &HostPolicy, engine: DatabaseEngine, found: &[MountFound]) -> Option<String> {
    let spec = rendered(&web("volumes: ['./own:/own']")).spec;
    let name: crate::names::StoreName = "loot".parse().expect("a name");
    let stores = BTreeMap::from([(name.clone(), store(engine))]);
    let mounted = Mounted { services: BTreeSet::new(), mounts: found.to_vec() };
    let reaches = store_reaches(&stores, &spec, &mounted);
    let leads = reaches.values().flat_map(|reaches| policy.paths_to_follow(reaches));
    let leads = leads.map(|path| (path.clone(), Ok(path))).collect();
    forbidden_stores(policy, &reaches, &leads).remove(&name).map(|gap| gap.to_string())
}

fn foreign(source: MountedFrom, devices: &[&str]) -> MountFound {
    let text = str::to_owned;
    let (container, image, target) = (text("sec-foreign"), text("busybox"), text("/srv"));
    let at = Some(MountedAt { container, image, service: None, target, access: MountAccess::ReadWrite });
    let devices = devices.iter().map(|path| VolumeTarget::Path(text(path))).collect();
    MountFound { source, at, owner: Owner::Nobody, devices }
}

#[test]
fn what_is_of_no_instance_is_a_stores_only_with_consent() {
    let containers = || DatabaseEngine::Volume(Files::Containers("sec-foreign*".to_owned()));
    let volume = || foreign(MountedFrom::Volume("sec-vol".to_owned()), &[]);
    let folder = || foreign(MountedFrom::Folder("/srv/hostdata".to_owned()), &[]);
    let policy = |foreign: &[&str], paths: &[&str]| HostPolicy {
        foreign: set(foreign),
        paths: set(paths),
        ..HostPolicy::default()
    };
    let expect = "the host does not allow sec-foreign, which is of no instance, to the store loot; its policy.yaml would need \
                  `foreign: [sec-foreign]`";
    assert_eq!(forbidden(&policy(&[], &[]), containers(), &[volume()]).as_deref(), Some(expect));
    for entry in ["sec-*", "sec-foreign", "sec-vol"] {
        assert_eq!(forbidden(&policy(&[entry], &[]), containers(), &[volume()]), None, "{entry}");
    }
    // A folder of the host needs both, and so does a volume that leads to one.
    for found in [folder(), foreign(MountedFrom::Volume("sec-vol".to_owned()), &["/srv/hostdata"])] {
        assert!(forbidden(&policy(&["sec-*"], &[]), containers(), std::slice::from_ref(&found)).is_some());
        assert!(forbidden(&policy(&[], &["/srv/hostdata"]), containers(), std::slice::from_ref(&found)).is_some());
        assert_eq!(forbidden(&policy(&["sec-*"], &["/srv/hostdata"]), containers(), &[found]), None);
    }
    let path = || DatabaseEngine::Volume(Files::Path("/srv/hostdata".to_owned()));
    assert!(forbidden(&policy(&[], &["/srv/hostdata"]), path(), &[folder()]).is_some(), "another's container has it");
    let own = MountFound { owner: Owner::Instance, ..folder() };
    assert!(forbidden(&policy(&[], &[]), path(), std::slice::from_ref(&own)).is_some());
    assert_eq!(forbidden(&policy(&[], &["/srv/hostdata"]), path(), &[own]), None);
}

#[test]
fn denied_exec_is_denied_to_the_tools_of_stores() {
    let denied = HostPolicy { exec: Permission::Denied, ..HostPolicy::default() };
    let command: DatabaseEngine =
        serde_json::from_str(r#"{"command":{"service":"web","dump":["sh"],"load":["sh"]}}"#).expect("a store");
    let database: DatabaseEngine =
        serde_json::from_str(r#"{"redis":{"service":"web","data":"/data"}}"#).expect("a store");
    for engine in [command, database] {
        let said = forbidden(&denied, engine.clone(), &[]);
        let expect = "the host does not allow exec, and the store loot needs programs inside a container";
        assert_eq!(said.as_deref(), Some(expect), "{engine:?}");
        assert_eq!(forbidden(&HostPolicy::default(), engine, &[]), None);
    }
    assert_eq!(forbidden(&denied, DatabaseEngine::Volume(Files::Volume("x".to_owned())), &[]), None);
}
