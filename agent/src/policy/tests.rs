use super::*;
use fleet_core::host_policy::Permission;

fn check(text: &str, expect: Result<&HostPolicy, &str>) {
    let found = parse(Path::new("policy.yaml"), text).map_err(|error| error.to_string());
    match (&found, expect) {
        (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{text}"),
        (Err(found), Err(expect)) => assert!(found.starts_with(expect), "`{found}` should begin with `{expect}`"),
        (found, expect) => panic!("{text}: found {found:?}, expected {expect:?}"),
    }
}

#[test]
fn an_empty_policy_is_the_ordinary_one() {
    check("", Ok(&HostPolicy::default()));
    check("# nothing yet\n", Ok(&HostPolicy::default()));
}

#[test]
fn a_policy_says_what_is_allowed() {
    let expect = HostPolicy {
        apps: Some([String::from("labnotes").try_into().expect("a name")].into()),
        registries: Some([String::from("lab.example:5000")].into()),
        paths: [String::from("/srv/data")].into(),
        buckets: [String::from("s3.example.org/media")].into(),
        volumes: [String::from("lab_media")].into(),
        remote_volumes: [String::from("nfs://10.0.0.5/export")].into(),
        networks: [String::from("proxy_*")].into(),
        foreign: [String::from("data_*")].into(),
        repositories: [String::from("/mnt/backups"), String::from("s3.example.org/backups")].into(),
        log_drivers: Some([String::from("local"), String::from("gelf=udp://10.0.0.9:12201")].into()),
        hours: Some("Mon-Fri 22:00-04:00".parse().expect("a window")),
        exec: Permission::Denied,
        privileges: Permission::Allowed,
    };
    let text = "apps: [labnotes]\nregistries: ['lab.example:5000']\npaths: [/srv/data]\nbuckets: [s3.example.org/media]\n\
                volumes: [lab_media]\nremote_volumes: [nfs://10.0.0.5/export]\nnetworks: [proxy_*]\nforeign: [data_*]\nrepositories: [/mnt/backups, s3.example.org/backups]\n\
                log_drivers: [local, 'gelf=udp://10.0.0.9:12201']\n\
                hours: Mon-Fri 22:00-04:00\nexec: denied\nprivileges: allowed\n";
    check(text, Ok(&expect));
}

#[test]
fn a_mistake_is_named_with_its_line() {
    check("apps: [labnotes]\nregistry: [x]\n", Err("policy.yaml:2: "));
    check("exec: perhaps\n", Err("policy.yaml:1: "));
    check("paths: [/srv]\nhours: noon\n", Err("policy.yaml:2: "));
    check("apps: [\n", Err("policy.yaml:"));
}

#[test]
fn only_the_ordinary_file_may_be_absent() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(read(&folder.path().join("policy.yaml")), Err(PolicyError::Read { .. })));
}

#[test]
fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, "exec: denied").expect("written");
    let mut file = PolicyFile::open(&path);
    assert_eq!(file.current().map(|policy| policy.exec).ok(), Some(Permission::Denied));
    assert!(!file.refresh());
    std::fs::remove_file(&path).expect("removed");
    assert!(file.refresh());
    assert!(file.current().is_err());
}
