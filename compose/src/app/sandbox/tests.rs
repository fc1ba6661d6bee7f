//! A sandbox reaches nothing of the real instance.

use super::sandbox;
use crate::app::testing::rendered;
use crate::app::{Bundle, Rendered};
use crate::spec::{FLEET_INSTANCE, FLEET_THROWAWAY, MountAccess, MountSource, NetworkMode, Restart, Switch};
use crate::store::{DatabaseEngine, Files};
use std::collections::BTreeSet;

const COMPOSE: &str = "services:
  web:
    image: web
    depends_on: [db]
    volumes: ['uploads:/srv']
  db:
    image: postgres:15
    container_name: the_database
    restart: always
    privileged: true
    cap_add: [SYS_ADMIN]
    ports: ['5432:5432']
    security_opt: ['seccomp=unconfined']
    logging: { driver: syslog, options: { syslog-address: 'udp://10.0.0.1:514' } }
    labels: { traefik.enable: 'true', traefik.http.routers.db.rule: 'Host(`db`)', com.example.owner: anna }
    networks: { inside: { ipv4_address: 10.9.0.5, aliases: [postgres] } }
    depends_on: [init]
    extra_hosts: ['lims:10.0.0.1']
    volumes: ['database:/var/lib/postgresql/data', './my.conf:/etc/my.conf:ro', '/srv/lab:/lab', '/etc/localtime:/etc/localtime:ro',
        '/var/run/docker.sock:/var/run/docker.sock:ro', 'shared:/shared']
  init: { image: init, network_mode: host }
  mail: { image: mail }
networks: { inside: { ipam: { config: [ { subnet: 10.9.0.0/24 } ] } } }
volumes:
  database: { driver: local, driver_opts: { type: none, o: bind, device: /srv/pg } }
  uploads:
  shared: { external: true, name: everybodys }
";

const STORES: &str = "  database: { engine: postgresql, kind: truth, service: db }
  uploads: { engine: volume, kind: truth, volume: uploads }
  lab: { engine: volume, kind: truth, path: /srv/lab }
  own: { engine: volume, kind: truth, path: ./own }
  people: { engine: volume, kind: truth, containers: 'data_*' }
";

fn real() -> Rendered {
    let values = "values: { domain: { type: string }, db_password: { type: string } }";
    let health =
        "health: { probes: [ { exec: { service: db, command: [x] } }, { http: { service: web, port: 80 } } ] }";
    let app = format!("app: demo\n{values}\n{health}\nstores:\n{STORES}");
    let files = [("app.yaml", app.as_str()), ("docker-compose.yaml", COMPOSE), ("my.conf", "x")];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let bundle = Bundle::new(files.into()).expect("it is a bundle");
    rendered(&bundle, "1", &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn it_has_only_what_the_stores_need() {
    let sandbox = sandbox(&real(), "abc");
    let services: Vec<_> = sandbox.spec.containers.iter().map(|it| (it.service.as_str(), it.name.as_str())).collect();
    assert_eq!(services, [("init", "fleet-throwaway-abc-init-1"), ("db", "fleet-throwaway-abc-db-1")]);
    let probes: Vec<_> = sandbox.health.probes.iter().map(crate::app::Probe::service).collect();
    assert_eq!(probes, ["db"]);
}

#[test]
fn nothing_real_can_be_written_to() {
    let (real, sandbox) = (real(), sandbox(&real(), "abc"));
    let names = |rendered: &Rendered| rendered.spec.volumes.iter().map(|it| it.name.clone()).collect::<BTreeSet<_>>();
    assert!(names(&real).is_disjoint(&names(&sandbox)));
    for volume in &sandbox.spec.volumes {
        assert!(!volume.external && volume.options.is_empty() && volume.driver.is_none(), "{volume:?}");
        assert_eq!(volume.labels[FLEET_THROWAWAY], "abc");
    }
    let db = sandbox.spec.container("db").expect("it is there");
    let mounts: Vec<_> = db
        .mounts
        .iter()
        .map(|mount| match &mount.source {
            MountSource::Volume(name) => format!("{name}:{}", mount.target),
            MountSource::Bind { path, .. } => format!("{path}:{} {:?}", mount.target, mount.access),
            MountSource::Anonymous | MountSource::Tmpfs { .. } => "other".to_owned(),
        })
        .collect();
    let folder = crate::spec::folder_key("/srv/lab");
    assert_eq!(
        mounts,
        [
            "fleet-throwaway-abc_database:/var/lib/postgresql/data".to_owned(),
            "/srv/demo-1.throwaway-abc/my.conf:/etc/my.conf ReadOnly".to_owned(),
            format!("fleet-throwaway-abc_{folder}:/lab"),
            "/etc/localtime:/etc/localtime ReadOnly".to_owned(),
            "fleet-throwaway-abc_shared:/shared".to_owned(),
        ]
    );
    let is_real = |mount: &crate::spec::MountSpec| {
        mount.access == MountAccess::ReadWrite
            && matches!(&mount.source, MountSource::Bind { path, .. } if !path.starts_with("/srv/demo-1.throwaway-abc"))
    };
    assert!(!sandbox.spec.containers.iter().flat_map(|it| &it.mounts).any(is_real));
}

#[test]
fn nobody_outside_can_be_talked_to() {
    let sandbox = sandbox(&real(), "abc");
    assert_eq!(sandbox.spec.networks.len(), 1);
    let network = &sandbox.spec.networks[0];
    assert!(network.internal && !network.external && network.subnets.is_empty());
    for container in &sandbox.spec.containers {
        assert!(container.ports.is_empty() && container.cap_add.is_empty() && container.extra_hosts.is_empty());
        assert_eq!((container.privileged, container.restart), (Switch::Off, Restart::No));
        assert_eq!(container.network_mode, NetworkMode::Attached);
        assert!(
            container.networks.iter().all(|attach| attach.network == network.name && attach.ipv4_address.is_none())
        );
        assert!(container.security_opt.is_empty() && container.logging.is_none());
        assert!(!container.labels.contains_key(FLEET_INSTANCE));
        assert_eq!(container.labels[FLEET_THROWAWAY], "abc");
    }
    let aliases = &sandbox.spec.container("db").expect("it is there").networks[0].aliases;
    assert!(aliases.contains(&"db".to_owned()) && aliases.contains(&"postgres".to_owned()), "{aliases:?}");
    assert!(!aliases.contains(&"the_database".to_owned()));
}

#[test]
fn who_acts_on_labels_does_not_see_it() {
    let (real, sandbox) = (real(), sandbox(&real(), "abc"));
    let labels = |rendered: &Rendered| rendered.spec.container("db").expect("it is there").labels.clone();
    assert!(labels(&real).contains_key("traefik.enable"));
    let names: Vec<_> = labels(&sandbox).into_keys().collect();
    assert_eq!(
        names,
        [
            "com.docker.compose.config-hash",
            "com.docker.compose.container-number",
            "com.docker.compose.depends_on",
            "com.docker.compose.oneoff",
            "com.docker.compose.project",
            "com.docker.compose.service",
            "com.docker.compose.version",
            "fleet.config-hash",
            "fleet.host",
            "fleet.release",
            "fleet.release-digest",
            "fleet.throwaway",
        ]
    );
}

#[test]
fn its_stores_are_its_own() {
    let sandbox = sandbox(&real(), "abc");
    let files = |name: &str| match &sandbox.stores[&name.parse().expect("a name")].engine {
        DatabaseEngine::Volume(files) => files.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(files("uploads"), Files::Volume("uploads".to_owned()));
    assert_eq!(files("lab"), Files::Volume(crate::spec::folder_key("/srv/lab")));
    assert_eq!(files("own"), Files::Path("/srv/demo-1.throwaway-abc/own".to_owned()));
    // A pattern would match real volumes of the host.
    assert_eq!(files("people"), Files::Volume("store-people".to_owned()));
    let has = |key: &str| sandbox.spec.volumes.iter().any(|volume| volume.key == key);
    assert!(has("uploads") && has("store-people") && has(&crate::spec::folder_key("/srv/lab")));
}

#[test]
fn two_doubles_share_nothing() {
    let (one, two) = (sandbox(&real(), "abc").spec, sandbox(&real(), "def").spec);
    assert_ne!((one.project, one.working_dir), (two.project, two.working_dir));
    assert_ne!(one.networks[0].name, two.networks[0].name);
    assert!(one.volumes.iter().all(|volume| !two.volumes.iter().any(|other| other.name == volume.name)));
    assert!(one.containers.iter().all(|container| !two.containers.iter().any(|other| other.name == container.name)));
}
