//! Upgrades whose new release migrates a real PostgreSQL when it starts, on a real Engine, with the agent killed in the middle.
//!
//! `FLEET_UPGRADE_KILLS` is the number of kills, `FLEET_SEED` repeats their moments.

use super::images::{self, docker};
use super::lab::Lab;
use super::stories::{fill, hashes, rows};
use fleet_core::app::{AppDefinition, Bundle, DataEffect};
use fleet_core::backup::{DataAction, DataResult, Others, Privileges};
use fleet_core::names::BackupId;
use fleet_core::order::{Action, End, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_proto::convert::OutgoingOrder;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Start of the new release: it migrates, and destroys most rows.
const MIGRATION: &str = "update notes set body = 'migrated'; delete from notes where id > 10";

/// A release whose web service is this.
fn bundle(web: &str) -> Bundle {
    bundle_with(web, "")
}

/// The same with more in its app.yaml.
pub fn bundle_with(web: &str, more: &str) -> Bundle {
    let app = "app: notes\nvalues:\n  password: { type: string, secret: true, required: true }\n\
               health: { minimum_healthy: 0s, deadline: 20s }\n\
               stores:\n  rows: { engine: postgresql, kind: truth, service: db }\n  \
               uploads: { engine: volume, kind: truth, volume: uploads }\n";
    let compose = format!(
        "services:\n  web:\n    restart: always\n    stop_grace_period: 1s\n    depends_on: {{ db: {{ condition: service_healthy }} }}\n    \
         volumes: ['uploads:/uploads']\n{web}  db:\n    image: labnotes-db:1\n    restart: unless-stopped\n    environment: {{ POSTGRES_USER: \
         notes, POSTGRES_DB: notes, POSTGRES_PASSWORD: '${{PASSWORD}}' }}\n    volumes: ['data:/var/lib/postgresql/data']\n    \
         healthcheck: {{ test: [CMD-SHELL, 'pg_isready -q -U notes -d notes'], interval: 1s, timeout: 5s, retries: 60 }}\nvolumes: \
         {{ data: , uploads: }}\n"
    );
    let app = format!("{app}{more}");
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn first() -> Bundle {
    bundle(&format!("    image: {}\n    init: true\n    command: [sleep, infinity]\n", images::ONE))
}

/// Start of a release after it: it fails over rows that the migration before has not made.
const NEXT_MIGRATION: &str = "insert into notes select 1000, 'next' from notes where id = 1 and body = 'migrated' \
                              and not exists (select from notes where id = 1000); \
                              select 1 / count(*) from notes where id = 1000";

/// The release that migrates; its health check is this command.
fn second(check: &str) -> Bundle {
    migrating(MIGRATION, check)
}

/// The release after it.
fn third(check: &str) -> Bundle {
    migrating(NEXT_MIGRATION, check)
}

fn migrating(migration: &str, check: &str) -> Bundle {
    bundle(&service(migration, check))
}

/// The release that migrates, whose author says that no row may be lost.
fn keeping_rows() -> Bundle {
    let graph = "upgrades:\n  edges: [{ from: '<2', to: '>=2', compare: { rows: { public.notes: equal } } }]\n";
    bundle_with(&service(MIGRATION, "'true'"), graph)
}

fn service(migration: &str, check: &str) -> String {
    format!(
        "    image: labnotes-db:1\n    init: true\n    entrypoint: [sh, -c]\n    environment: {{ PGPASSWORD: '${{PASSWORD}}' }}\n    \
         command: [\"psql -h db -U notes -d notes -c \\\"{migration}\\\" && touch /uploads/migrated && sleep infinity\"]\n    \
         healthcheck: {{ test: [CMD, {check}], interval: 1s, timeout: 2s, retries: 2 }}\n"
    )
}

fn release(bundle: &Bundle, version: &str) -> Release {
    let definition = AppDefinition::of(bundle).expect("it can be read");
    Release { name: format!("{}@{version}", definition.app).parse().expect("a release"), digest: bundle.digest() }
}

/// Rows and files of the instance.
type Data = (String, BTreeMap<String, String>);

pub struct Upgrading {
    pub lab: Lab,
    /// Releases ahead, in their order.
    ahead: Vec<Bundle>,
    pub before: Data,
}

impl Upgrading {
    /// An instance with data, of the first release.
    pub async fn new(name: &str, ahead: &[Bundle]) -> Option<(Self, tokio::process::Child)> {
        let lab = Lab::with(name, "labnotes-db:1", first(), "").await?;
        for release in ahead {
            lab.coordinator.bundles.lock().expect("no fault").insert(release.digest().to_string(), release.clone());
        }
        let agent = lab.agent();
        let end = lab.carry_out(&lab.order(&lab.instance(), Action::Install { goal: lab.goal() })).await;
        assert_eq!(end.outcome, Outcome::Done);
        fill(&lab);
        let before = (rows(&lab, &lab.name), hashes(&lab.files(&lab.name)));
        Some((Self { lab, ahead: ahead.to_vec(), before }, agent))
    }

    /// An upgrade over the releases ahead.
    pub fn order(&self) -> OutgoingOrder {
        let versions = (2..).map(|number: u32| number.to_string());
        let mut through: Vec<_> = self.ahead.iter().zip(versions).map(|(it, version)| release(it, &version)).collect();
        let goal = Goal { release: through.pop().expect("a release"), revision: 1 };
        let (from, backup) = (release(&first(), "1"), ["near".parse().expect("a name")].into());
        self.lab.order(&self.lab.instance(), Action::Upgrade { from, goal, through, data: DataEffect::AtStart, backup })
    }

    pub fn data(&self) -> Data {
        (rows(&self.lab, &self.lab.name), hashes(&self.lab.files(&self.lab.name)))
    }

    /// The restart policies of the two containers, and the names of folders beside the data.
    pub fn around(&self) -> (String, usize) {
        let policy = "{{.HostConfig.RestartPolicy.Name}}";
        let of = |service: &str| docker(&["inspect", "--format", policy, &format!("{}-{service}-1", self.lab.name)]);
        let beside = |volume: &str| {
            let name = format!("{}_{volume}", self.lab.name);
            let data = docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &name]);
            std::fs::read_dir(std::path::Path::new(&data).parent().expect("it has one")).expect("a folder").count()
        };
        (format!("{} {}", of("web"), of("db")), beside("data") + beside("uploads"))
    }

    /// Returns from the first release ahead to the first of all, with a backup.
    fn order_back(&self, backup: &BackupId) -> OutgoingOrder {
        let goal = Goal { release: release(&first(), "1"), revision: 2 };
        let action = DataAction::Restore {
            from: self.lab.source(backup),
            only: BTreeSet::new(),
            safety: ["near".parse().expect("a name")].into(),
            goal: Some(goal),
            replaces: self.ahead.first().map(|it| release(it, "2")),
            others: Others::Kept,
            privileges: Privileges::Kept,
        };
        self.lab.order(&self.lab.instance(), Action::Data(action))
    }

    #[track_caller]
    pub fn check_as_before(&self, end: &End, about: &str) {
        assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{about}: {end:?}");
        self.check_first(about);
    }

    /// Asserts that the first release runs with its data.
    #[track_caller]
    fn check_first(&self, about: &str) {
        assert!(self.data() == self.before, "{about}: the data is not as it was");
        assert_eq!(self.around(), ("always unless-stopped".to_owned(), 2), "{about}");
        let image = docker(&["inspect", "--format", "{{.Config.Image}}", &format!("{}-web-1", self.lab.name)]);
        assert_eq!(image, images::ONE, "{about}");
    }
}

#[tokio::test]
async fn a_release_that_destroys_rows_and_is_not_healthy_leaves_every_row() {
    let Some((upgrading, _agent)) = Upgrading::new("ftubad", &[second("'false'")]).await else { return };
    let end = upgrading.lab.carry_out(&upgrading.order()).await;
    upgrading.check_as_before(&end, "bad");
    assert!(matches!(end.made.as_deref(), Some(DataResult::Backup(copies)) if copies[0].result.is_ok()), "{end:?}");
}

#[tokio::test]
async fn a_release_that_destroys_rows_and_is_healthy_leaves_every_row_if_its_author_counts_them() {
    let Some((upgrading, _agent)) = Upgrading::new("ftucount", &[keeping_rows()]).await else { return };
    let end = upgrading.lab.carry_out(&upgrading.order()).await;
    upgrading.check_as_before(&end, "lost");
    let Some(OrderFailure::CountNotEqual { store, item, before, after }) = end.outcome.failure() else {
        panic!("{end:?}");
    };
    assert_eq!((store.as_str(), item.as_str(), *after), ("rows", "public.notes", 10));
    let (all, _) = upgrading.before.0.split_once('|').expect("a number of rows");
    assert_eq!(all, before.to_string());
}

#[tokio::test]
async fn a_release_that_is_healthy_has_the_migrated_rows_and_the_backup_leads_back_to_all_of_before() {
    let Some((upgrading, _agent)) = Upgrading::new("ftugood", &[second("'true'")]).await else { return };
    let order = upgrading.order();
    let end = upgrading.lab.carry_out(&order).await;
    assert_eq!(end.outcome, Outcome::Done);
    let (rows, files) = upgrading.data();
    assert!(rows.starts_with("10|"), "{rows}");
    assert!(files.contains_key("migrated"), "{files:?}");
    assert_eq!(upgrading.around(), ("always unless-stopped".to_owned(), 2));
    let backup = order.order.id.as_str().parse().expect("an id");
    let end = upgrading.lab.carry_out(&upgrading.order_back(&backup)).await;
    assert_eq!(end.outcome, Outcome::Done);
    upgrading.check_first("returned");
}

#[tokio::test]
async fn a_release_migrates_what_the_release_on_the_way_has_made() {
    let ahead = [second("'true'"), third("'true'")];
    let Some((upgrading, _agent)) = Upgrading::new("ftuway", &ahead).await else { return };
    let end = upgrading.lab.carry_out(&upgrading.order()).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert!(upgrading.data().0.starts_with("11|"), "{:?}", upgrading.data());
    assert_eq!(upgrading.around(), ("always unless-stopped".to_owned(), 2));
}

#[tokio::test]
async fn killed_at_any_moment_of_a_bad_upgrade_every_row_is_there() {
    // The first has migrated, and is healthy, when the second fails.
    let ahead = [second("'true'"), third("'false'")];
    let Some((upgrading, mut agent)) = Upgrading::new("ftukill", &ahead).await else { return };
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (kills, mut seed): (u64, u64) = (number("FLEET_UPGRADE_KILLS", 4), number("FLEET_SEED", 7));
    for kill in 0..kills {
        // The way there and back takes about 20 s.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis((seed >> 33) % 20_000);
        let order = upgrading.order();
        upgrading.lab.ask(&order);
        let end = tokio::select! {
            end = upgrading.lab.end_of(&order.order.id) => end,
            () = tokio::time::sleep(moment) => {
                agent.kill().await.expect("it was there");
                agent = upgrading.lab.agent();
                upgrading.lab.end_of(&order.order.id).await
            }
        };
        upgrading.check_as_before(&end, &format!("kill {kill} after {moment:?}"));
    }
}
