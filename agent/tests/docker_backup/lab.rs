//! One host: the program itself, with a coordinator of a few lines, a repository in a folder, and a real instance.

use super::coordinator::Coordinator;
use super::images::{self, docker};
use fleet_agent::identity_path;
use fleet_core::app::{AppDefinition, Bundle};
use fleet_core::backup::{
    BackupSource, Cause, DataAction, DrillCheck, FilesParent, LocationAccess, RepositoryAccess, Secret,
};
use fleet_core::facts::DriftRule;
use fleet_core::names::{BackupId, InstanceName, OrderId};
use fleet_core::order::{Action, End, Order, order_id};
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use fleet_link::admit;
use fleet_proto::convert::{OutgoingOrder, incoming_end};
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::{self, to_agent};
use fleet_repository::Secrets;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

const DATABASE: &str = "labnotes-db:1";

/// Asserts that a drill counted so many items of a store.
#[track_caller]
pub fn check_counted(checks: &[DrillCheck], store: &str, item: &str, count: u64) {
    let store = store.parse().expect("a name");
    let expected = DrillCheck::Counted { store, item: item.to_owned(), count };
    assert!(checks.contains(&expected), "{expected:?}: {checks:?}");
}

pub struct Lab {
    pub name: String,
    folder: TempDir,
    pub coordinator: Arc<Coordinator>,
    _serving: JoinSet<()>,
    secrets: Secrets,
    bundle: Bundle,
}

impl Lab {
    /// A host that has joined; none where there is no Engine, or no image of the database.
    pub async fn new(name: &str) -> Option<Self> {
        Self::with(name, DATABASE, bundle(), "").await
    }

    /// The same for an app of its own, which needs an image, under a policy of the host's own.
    pub async fn with(name: &str, image: &str, bundle: Bundle, policy: &str) -> Option<Self> {
        if !images::is_engine_there() {
            return None;
        }
        images::prepare();
        if !images::succeeds("docker", &["image", "inspect", image]) {
            let is_required = std::env::var("FLEET_TEST_DOCKER").is_ok_and(|it| it == "required");
            assert!(!is_required, "there is no image {image}: tests/prepare.sh makes it");
            eprintln!("there is no image {image}: this test has nothing to say");
            return None;
        }
        let coordinator = Coordinator::new(Duration::from_secs(86_400)).await;
        let serving = coordinator.serve().await;
        let folder = tempfile::tempdir().expect("a folder");
        let identity = admit(&coordinator.token(), now()).await.expect("the host is admitted");
        std::fs::create_dir(folder.path().join("agent")).expect("made");
        identity.save(&identity_path(&folder.path().join("agent"))).expect("the identity is kept");
        let name = format!("{name}-{}", std::process::id());
        coordinator.bundles.lock().expect("no fault").insert(bundle.digest().to_string(), bundle.clone());
        let secrets = Secrets::generate().expect("random");
        let lab = Self { name, folder, coordinator, _serving: serving, secrets, bundle };
        lab.write_policy(policy);
        Some(lab)
    }

    /// The host's policy: that, and that backups may be kept where these tests keep them.
    pub fn write_policy(&self, policy: &str) {
        self.write_whole_policy(&format!("{policy}repositories: ['{}']\n", self.folder.path().display()));
    }

    pub fn write_whole_policy(&self, policy: &str) {
        std::fs::write(self.folder.path().join("policy.yaml"), policy).expect("written");
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// Returns the repository's password for stock restic.
    pub fn password(&self) -> Secret {
        Secret(self.secrets.password.clone())
    }

    /// The program itself, until it is killed or dropped.
    pub fn agent(&self) -> Child {
        let mut program = Command::new(env!("CARGO_BIN_EXE_fleet-agent"));
        program.arg("run").arg("--data-dir").arg(self.folder.path().join("agent"));
        program.arg("--policy").arg(self.folder.path().join("policy.yaml"));
        program.stdin(Stdio::null()).kill_on_drop(true).spawn().expect("it can be started")
    }

    pub fn instance(&self) -> InstanceName {
        self.name.parse().expect("a name")
    }

    pub fn goal(&self) -> Goal {
        let definition = AppDefinition::of(&self.bundle).expect("it can be read");
        let name = format!("{}@1", definition.app).parse().expect("a release");
        Goal { release: Release { name, digest: self.bundle.digest() }, revision: 1 }
    }

    pub fn order(&self, instance: &InstanceName, action: Action) -> OutgoingOrder {
        let id = order_id(&[instance.as_str(), &format!("{action:?}"), &now().0.to_string()]);
        let access = action.repositories(instance).into_iter().map(|(_, of)| self.access(of)).collect();
        let order = Order { id, instance: instance.clone(), action, deadline: Duration::from_secs(240) };
        let values = [("password".to_owned(), "s3cret".to_owned())].into();
        OutgoingOrder { order, values, drift: DriftRule::Heal, access, limit_rate: None }
    }

    fn access(&self, of: &InstanceName) -> RepositoryAccess {
        RepositoryAccess {
            repository: "near".parse().expect("a name"),
            instance: of.clone(),
            place: LocationAccess::Folder { path: self.repository().display().to_string() },
            master_key: Secret(self.secrets.master_key.clone()),
            // The agent makes it by itself.
            password: Some(Secret(self.secrets.password.clone())),
            parent: FilesParent::Newest,
        }
    }

    pub fn backup(&self) -> OutgoingOrder {
        let to = ["near".parse().expect("a name")].into();
        self.order(&self.instance(), Action::Data(DataAction::Backup { to, cause: Cause::Requested }))
    }

    pub fn source(&self, backup: &BackupId) -> BackupSource {
        let repository = "near".parse().expect("a name");
        BackupSource { repository, instance: self.instance(), backup: backup.clone(), snapshots: None }
    }

    pub fn ask(&self, order: &OutgoingOrder) {
        let set = v1::OpenOrders { orders: vec![order.clone().into()], ..Default::default() };
        self.coordinator.says.send_replace(Some(to_agent::Kind::Orders(set)));
    }

    /// Waits until an order has ended.
    pub async fn end_of(&self, id: &OrderId) -> End {
        let mut heard = self.coordinator.heard.subscribe();
        let end = |kind: &Kind| match kind {
            Kind::Order(report) if report.id == id.to_string() => Some(report.clone()),
            _ => None,
        };
        let waiting = heard.wait_for(|heard| heard.reports.iter().any(|kind| end(kind).is_some()));
        let heard = tokio::time::timeout(Duration::from_secs(240), waiting).await;
        let heard = heard.expect("the order ends in time").expect("we hold the sender").clone();
        let report = heard.reports.iter().rev().find_map(end).expect("it is there");
        let (_, _, end) = incoming_end(report).expect("it can be read").report;
        end
    }

    pub async fn carry_out(&self, order: &OutgoingOrder) -> End {
        self.ask(order);
        self.end_of(&order.order.id).await
    }

    /// A statement, as a person would type it.
    pub fn sql(&self, instance: &str, statement: &str) -> String {
        let container = format!("{instance}-db-1");
        docker(&["exec", &container, "psql", "-U", "notes", "-d", "notes", "-qtA", "-c", statement])
    }

    pub fn files(&self, instance: &str) -> PathBuf {
        docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &format!("{instance}_uploads")]).into()
    }

    pub fn of_label(&self, what: &[&str], project: &str) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={project}");
        let said = docker(&[what, &["--filter", &label]].concat());
        said.split_whitespace().map(str::to_owned).collect()
    }

    /// Continues as another server without the old one's records.
    pub fn forget(&self) {
        for folder in ["ledger", "instances", "bundles"] {
            let path = self.folder.path().join("agent").join(folder);
            std::fs::remove_dir_all(path).expect("it was there");
        }
    }

    /// Everything of an instance is gone, its volumes too: the lab server burned down.
    pub fn destroy(&self, project: &str) {
        for id in self.of_label(&["ps", "-aq"], project) {
            docker(&["rm", "-f", "-v", &id]);
        }
        for id in self.of_label(&["network", "ls", "-q"], project) {
            docker(&["network", "rm", &id]);
        }
        for id in self.of_label(&["volume", "ls", "-q"], project) {
            docker(&["volume", "rm", "-f", &id]);
        }
    }
}

impl Drop for Lab {
    /// Also after a failure, where some of it is not there.
    fn drop(&mut self) {
        let said = |words: &[&str]| {
            let said = std::process::Command::new("docker").args(words).output();
            String::from_utf8_lossy(&said.map(|said| said.stdout).unwrap_or_default()).into_owned()
        };
        for project in [self.name.clone(), format!("{}-new", self.name)] {
            let label = format!("label=com.docker.compose.project={project}");
            let kinds: [(&[&str], &[&str]); 3] = [
                (&["ps", "-aq"], &["rm", "-f", "-v"]),
                (&["network", "ls", "-q"], &["network", "rm"]),
                (&["volume", "ls", "-q"], &["volume", "rm", "-f"]),
            ];
            for (list, remove) in kinds {
                let found = said(&[list, &["--filter", &label]].concat());
                found.split_whitespace().for_each(|id| drop(said(&[remove, &[id]].concat())));
            }
        }
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn bundle() -> Bundle {
    let app = "app: notes\nvalues:\n  password: { type: string, secret: true, required: true }\n\
               health: { minimum_healthy: 0s, deadline: 60s }\n\
               stores:\n  rows:\n    engine: postgresql\n    kind: truth\n    service: db\n    checks:\n      \
               - { query: select count(*) from notes, at_least: 1 }\n  \
               uploads: { engine: volume, kind: truth, volume: uploads, pause: [web] }\n";
    let compose = format!(
        "services:\n  web:\n    image: {}\n    init: true\n    command: [sleep, infinity]\n    depends_on: {{ db: {{ condition: \
         service_healthy }} }}\n    volumes: ['uploads:/uploads']\n  db:\n    image: {DATABASE}\n    environment: {{ POSTGRES_USER: \
         notes, POSTGRES_DB: notes, POSTGRES_PASSWORD: '${{PASSWORD}}' }}\n    volumes: ['data:/var/lib/postgresql/data']\n    \
         healthcheck: {{ test: [CMD-SHELL, 'pg_isready -q -U notes -d notes'], interval: 1s, timeout: 5s, retries: 60 }}\nvolumes: \
         {{ data: , uploads: }}\n",
        images::ONE
    );
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}
