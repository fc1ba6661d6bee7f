//! Restrictions of a host's policy, on a real Engine.

use super::images::{self, docker};
use super::lab::Lab;
use fleet_core::app::Bundle;
use fleet_core::backup::{DataResult, Manifest};
use fleet_core::order::{Action, End, Outcome};

/// Objects made by hand, removed on drop.
struct ByHand {
    container: String,
    volume: String,
    folder: tempfile::TempDir,
}

impl ByHand {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("payroll.txt"), "HOST FILE THAT NO POLICY ALLOWS").expect("written");
        Self { container: format!("{name}-foreign"), volume: format!("{name}-vol"), folder }
    }

    fn path(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// A volume that is a folder of the host.
    fn bind_volume(&self) {
        let device = format!("device={}", self.path());
        docker(&["volume", "create", "-o", "type=none", "-o", "o=bind", "-o", &device, &self.volume]);
    }

    /// A volume that would mount an export of the host itself.
    fn share_volume(&self) {
        docker(&[
            "volume",
            "create",
            "-o",
            "type=nfs",
            "-o",
            "o=addr=127.0.0.1",
            "-o",
            "device=:/export",
            &self.volume,
        ]);
    }

    fn network(&self) -> String {
        format!("{}-net", self.container)
    }

    /// A container with a volume, and with that folder where it is asked for.
    fn run_container(&self, has_folder: bool) {
        let (volume, folder) = (format!("{}:/v", self.volume), format!("{}:/srv", self.path()));
        let mounts: &[&str] = if has_folder { &["-v", &volume, "-v", &folder] } else { &["-v", &volume] };
        let head = ["run", "-d", "--name", &self.container];
        let command = ["--entrypoint", "sleep", images::ONE, "infinity"];
        docker(&[&head[..], mounts, &command[..]].concat());
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let said = |words: &[&str]| drop(std::process::Command::new("docker").args(words).output());
        said(&["rm", "-f", &self.container]);
        said(&["volume", "rm", "-f", &self.volume]);
        said(&["network", "rm", &self.network()]);
    }
}

fn bundle(stores: &str, service: &str, top: &str) -> Bundle {
    let app = format!(
        "app: reader\nvalues:\n  password: {{ type: string, secret: true, required: true }}\n\
         health: {{ minimum_healthy: 0s, deadline: 60s }}\nstores:\n  own: {{ engine: volume, kind: truth, volume: own }}\n{stores}"
    );
    let compose = format!(
        "services:\n  web:\n    image: {}\n    init: true\n    command: [sleep, infinity]\n    {service}\nvolumes:\n  own: {{}}\n{top}",
        images::ONE
    );
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

async fn install(lab: &Lab) -> Outcome {
    lab.carry_out(&lab.order(&lab.instance(), Action::Install { goal: lab.goal() })).await.outcome
}

#[track_caller]
fn check_refused(outcome: &Outcome, part: &str) {
    assert!(
        outcome.failure().is_some_and(|reason| reason.to_string().contains(part)),
        "`{part}` is not in {outcome:?}"
    );
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}

fn manifest(end: &End) -> Manifest {
    let Some(DataResult::Backup(copies)) = end.made.as_deref() else { panic!("expected a backup, found {end:?}") };
    copies[0].result.clone().unwrap_or_else(|reason| panic!("{reason}"))
}

#[tokio::test]
async fn an_existing_volume_is_mounted_only_where_the_host_allows_it_and_where_it_leads() {
    if !images::is_engine_there() {
        return;
    }
    images::prepare();
    let hand = ByHand::new("k2-ext");
    hand.bind_volume();
    let top = format!("  lab: {{ external: true, name: {} }}\n", hand.volume);
    let bundle = bundle("", "volumes: ['own:/own', 'lab:/lab']", &top);
    let Some(lab) = Lab::with("k2-ext", images::ONE, bundle, "").await else { return };
    let _agent = lab.agent();
    check_refused(&install(&lab).await, &format!("`volumes: [{}]`", hand.volume));
    lab.write_policy("volumes: ['k2-ext-*']\n");
    let leads = format!("mounting {}, to which the volume {} leads", hand.path(), hand.volume);
    check_refused(&install(&lab).await, &leads);
    assert_eq!(lab.of_label(&["ps", "-aq"], &lab.name), [""; 0], "nothing was made");
    lab.write_policy(&format!("volumes: ['k2-ext-*']\npaths: ['{}']\n", hand.path()));
    assert_eq!(install(&lab).await, Outcome::Done);
}

#[tokio::test]
async fn a_volume_mounts_a_share_only_where_the_host_allows_it() {
    let top = "  lab: { driver_opts: { type: nfs, o: 'addr=127.0.0.1', device: ':/export' } }\n";
    let bundle = bundle("", "volumes: ['own:/own', 'lab:/lab']", top);
    let Some(lab) = Lab::with("k2-nfs", images::ONE, bundle, "").await else { return };
    let _agent = lab.agent();
    check_refused(&install(&lab).await, "`remote_volumes: [\"nfs://127.0.0.1/export\"]`");
    assert_eq!(lab.of_label(&["ps", "-aq"], &lab.name), [""; 0], "nothing was made");
    assert_eq!(lab.of_label(&["volume", "ls", "-q"], &lab.name), [""; 0], "nothing was made");
}

#[tokio::test]
async fn an_existing_volume_that_mounts_a_share_is_held_against_the_same() {
    if !images::is_engine_there() {
        return;
    }
    images::prepare();
    let hand = ByHand::new("k2-shr");
    hand.share_volume();
    let top = format!("  lab: {{ external: true, name: {} }}\n", hand.volume);
    let bundle = bundle("", "volumes: ['own:/own', 'lab:/lab']", &top);
    let Some(lab) = Lab::with("k2-shr", images::ONE, bundle, "volumes: ['k2-shr-*']\n").await else { return };
    let _agent = lab.agent();
    check_refused(&install(&lab).await, &format!("mounting nfs://127.0.0.1/export through the volume {}", hand.volume));
    assert_eq!(lab.of_label(&["ps", "-aq"], &lab.name), [""; 0], "nothing was made");
}

#[tokio::test]
async fn a_network_of_others_is_joined_only_where_the_host_allows_it() {
    if !images::is_engine_there() {
        return;
    }
    images::prepare();
    let hand = ByHand::new("k2-net");
    docker(&["network", "create", &hand.network()]);
    let top = format!("networks: {{ theirs: {{ external: true, name: {} }} }}\n", hand.network());
    let bundle = bundle("", "networks: [theirs]\n    volumes: ['own:/own']", &top);
    let Some(lab) = Lab::with("k2-net", images::ONE, bundle, "").await else { return };
    let agent = lab.agent();
    check_refused(&install(&lab).await, &format!("`networks: [{}]`", hand.network()));
    assert_eq!(lab.of_label(&["ps", "-aq"], &lab.name), [""; 0], "nothing was made");
    lab.write_policy("networks: ['k2-net-*']\n");
    assert_eq!(install(&lab).await, Outcome::Done);
    drop(agent);
    // The network can be removed once no container uses it.
    for id in lab.of_label(&["ps", "-aq"], &lab.name) {
        docker(&["rm", "-f", &id]);
    }
}

#[tokio::test]
async fn a_log_driver_does_not_talk_from_the_hosts_network() {
    let service =
        "volumes: ['own:/own']\n    logging: { driver: syslog, options: { syslog-address: 'tcp://127.0.0.1:19555' } }";
    let Some(lab) = Lab::with("k2-log", images::ONE, bundle("", service, ""), "").await else { return };
    let _agent = lab.agent();
    check_refused(&install(&lab).await, "the host does not allow the log driver syslog of web");
}

#[tokio::test]
async fn stores_read_what_is_not_the_instances_only_with_consent() {
    if !images::is_engine_there() {
        return;
    }
    images::prepare();
    let hand = ByHand::new("k2-for");
    hand.run_container(true);
    let stores = format!(
        "  loot: {{ engine: volume, kind: truth, containers: '{}*' }}\n  queue:\n    engine: command\n    kind: truth\n    \
         service: web\n    dump: [sh, -c, 'echo ran-by-exec > /tmp/proof; echo x']\n    load: [sh, -c, 'cat >/dev/null']\n",
        hand.container
    );
    let bundle = bundle(&stores, "volumes: ['own:/own']", "");
    let Some(lab) = Lab::with("k2-for", images::ONE, bundle, "exec: denied\n").await else { return };
    let _agent = lab.agent();
    assert_eq!(install(&lab).await, Outcome::Done);
    let stores = |manifest: &Manifest| manifest.parts.iter().map(|part| part.store.to_string()).collect::<Vec<_>>();
    let uncovered = |manifest: &Manifest| manifest.uncovered.iter().map(|it| format!("{it}\n")).collect::<String>();
    let kept = manifest(&lab.carry_out(&lab.backup()).await);
    assert_eq!(stores(&kept), ["own"], "{:?}", kept.uncovered);
    let said = uncovered(&kept);
    assert!(said.contains(&format!("loot: the host does not allow {}", hand.container)), "{said}");
    assert!(said.contains("queue: the host does not allow exec"), "{said}");
    let container = format!("{}-web-1", lab.name);
    assert!(!images::succeeds("docker", &["exec", &container, "test", "-e", "/tmp/proof"]), "no program was run");
    // The container is allowed, and the folder of the host that it has is not.
    lab.write_policy("foreign: ['k2-for-*']\n");
    let kept = manifest(&lab.carry_out(&lab.backup()).await);
    assert_eq!(stores(&kept), ["queue", "own"], "{:?}", kept.uncovered);
    assert!(uncovered(&kept).contains(&format!("the folder {} to the store loot", hand.path())));
    lab.write_policy(&format!("foreign: ['k2-for-*']\npaths: ['{}']\n", hand.path()));
    let kept = manifest(&lab.carry_out(&lab.backup()).await);
    assert_eq!(kept.parts.len(), 3, "{:?}", kept.uncovered);
    // Nowhere to keep it.
    lab.write_whole_policy("");
    let end = lab.carry_out(&lab.backup()).await;
    assert!(end.outcome.failure().is_some_and(|it| it.to_string().contains("`repositories: [")), "{end:?}");
}
