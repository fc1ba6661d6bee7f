//! Whole agents, with a simulated container runtime, against a minimal coordinator over real mTLS.

#![allow(missing_debug_implementations, reason = "these are tests")]

mod coordinator;
mod frozen;
mod metrics;
mod repositories;
mod skew;
mod watching;

use coordinator::{Coordinator, Heard};
use fleet_agent::LoopbackAddress;
use fleet_agent::fake::FakeRuntime;
use fleet_agent::ledger::{Ledger, LedgerWriter, OrderState};
use fleet_agent::{Config, identity_path};
use fleet_core::app::Bundle;
use fleet_core::facts::DriftRule;
use fleet_core::order::{Action, Order, order_id};
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use fleet_link::{Identity, admit};
use fleet_proto::convert::OutgoingOrder;
use fleet_proto::refusal::{RefusalReason, refuse};
use fleet_proto::v1::from_agent::Kind;
use fleet_proto::v1::query_reply::Kind as Piece;
use fleet_proto::v1::{self, to_agent};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(86_400);

struct Lab {
    folder: TempDir,
    runtime: FakeRuntime,
    coordinator: Arc<Coordinator>,
    _serving: JoinSet<()>,
}

impl Lab {
    /// A host that has joined.
    async fn new(life: Duration) -> Self {
        let coordinator = Coordinator::new(life).await;
        let serving = coordinator.serve().await;
        let folder = tempfile::tempdir().expect("a folder");
        let identity = admit(&coordinator.token(), now()).await.expect("the host is admitted");
        identity.save(&identity_path(folder.path())).expect("the identity is kept");
        std::fs::write(folder.path().join("policy.yaml"), "").expect("written");
        Self { folder, runtime: FakeRuntime::default(), coordinator, _serving: serving }
    }

    fn run(&self) -> JoinSet<()> {
        self.run_with(None)
    }

    /// Runs an agent that serves metrics at an address, where one is given.
    fn run_with(&self, metrics: Option<LoopbackAddress>) -> JoinSet<()> {
        let data_dir = self.folder.path().to_owned();
        let worker = Some(env!("CARGO_BIN_EXE_fleet-agent").into());
        let config = Config { policy: data_dir.join("policy.yaml"), data_dir, worker, metrics };
        let runtime = self.runtime.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            fleet_agent::run(config, runtime, CancellationToken::new()).await.expect("the agent runs");
        });
        tasks
    }

    /// Waits until the agent has looked at its instances twice more, each time because something changed on the host.
    async fn is_looked_at_again(&self) {
        for _ in 0..2 {
            let before = self.runtime.world().inspections;
            self.runtime.meddle(|_| ());
            let looked = async {
                while self.runtime.world().inspections == before {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), looked).await.expect("the agent looks at what has changed");
        }
    }

    /// Asks for the installation of a small app.
    fn ask(&self) {
        self.say(vec![self.installation()]);
    }

    fn installation(&self) -> v1::Order {
        let bundle = bundle();
        let release = Release { name: "notes@1".parse().expect("a release"), digest: bundle.digest() };
        self.coordinator.bundles.lock().expect("no fault").insert(bundle.digest().to_string(), bundle);
        let action = Action::Install { goal: Goal { release, revision: 1 } };
        let (id, instance) = (order_id(&["a"]), "oasis-1".parse().expect("a name"));
        let order = Order { id, instance, action, deadline: Duration::from_secs(60) };
        let order =
            OutgoingOrder { order, values: [].into(), drift: DriftRule::Heal, access: Vec::new(), limit_rate: None };
        order.into()
    }

    fn has_noted_that_it_was_heard(&self) -> bool {
        let ledger = Ledger::look(self.folder.path()).expect("the ledger is there");
        ledger.orders().values().all(|entry| matches!(entry.state, OrderState::Ended { heard: true, .. }))
    }

    fn say(&self, orders: Vec<v1::Order>) {
        let set = v1::OpenOrders { orders, ..Default::default() };
        self.coordinator.says.send_replace(Some(to_agent::Kind::Orders(set)));
    }
}

fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn bundle() -> Bundle {
    let app = "app: notes\nhealth: { minimum_healthy: 0s, deadline: 1s }\n";
    let compose = "services:\n  web:\n    image: notes:1\n    volumes: [\"data:/data\"]\nvolumes:\n  data: {}\n";
    let files = [("app.yaml".to_owned(), app.into()), ("compose.yaml".to_owned(), compose.into())];
    Bundle::new(files.into()).expect("the bundle is small")
}

fn count(heard: &Heard, is_it: impl Fn(&Kind) -> bool) -> usize {
    heard.reports.iter().filter(|kind| is_it(kind)).count()
}

fn ends(heard: &Heard) -> usize {
    count(heard, |kind| matches!(kind, Kind::Order(_)))
}

fn completes(heard: &Heard) -> usize {
    count(heard, |kind| matches!(kind, Kind::Complete(_)))
}

#[tokio::test]
async fn the_program_joins_as_a_host_and_as_nothing_else() {
    let coordinator = Coordinator::new(DAY).await;
    let _serving = coordinator.serve().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_fleet-agent"));
    program.arg("join").arg(coordinator.token().to_string()).arg("--data-dir").arg(folder.path());
    let recorded = program.output().await.expect("it can be started");
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    assert_eq!(coordinator.heard.borrow().joiners, [v1::Joiner::Host]);
}

#[tokio::test]
async fn who_joins_asks_again_with_the_same_key_when_the_answer_was_lost() {
    let coordinator = Coordinator::new(DAY).await;
    let _serving = coordinator.serve().await;
    *coordinator.lost.lock().expect("no fault") = Some(tonic::Status::unavailable("the connection broke"));
    admit(&coordinator.token(), now()).await.expect("the second answer comes");
    let asked = coordinator.heard.borrow().signing_requests.clone();
    assert!(asked.len() == 2 && asked[0] == asked[1], "{} calls", asked.len());
    *coordinator.lost.lock().expect("no fault") = Some(refuse(RefusalReason::TokenUnknown, "no such token", None));
    admit(&coordinator.token(), now()).await.expect_err("a refusal is an answer");
    assert_eq!(coordinator.heard.borrow().signing_requests.len(), 3);
}

#[tokio::test]
async fn an_agent_connects_and_carries_out_an_order() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let Kind::Hello(hello) = &heard.reports[0] else { panic!("it greets first: {:?}", heard.reports) };
    assert_eq!((hello.engine_version.as_str(), hello.disk_free), ("fake", 1 << 40));
    assert!(now().0.abs_diff(hello.now_ms) < 60_000);
    let last = heard.reports.iter().rev().find_map(|kind| match kind {
        Kind::Instance(report) => report.running.clone(),
        _ => None,
    });
    assert!(matches!(last, Some(v1::instance_report::Running::Settled(_))), "{last:?}");
    assert_eq!(lab.runtime.world().running("oasis-1").len(), 1);
}

#[tokio::test]
async fn each_start_of_an_agent_has_an_id_that_its_connections_share() {
    let lab = Lab::new(DAY).await;
    lab.runtime.meddle(|world| world.engine_id = "ABCD:EFGH".to_owned());
    lab.say(Vec::new());
    let hello = |heard: &Heard| match &heard.reports[0] {
        Kind::Hello(hello) => (hello.start.clone(), hello.engine_id.clone()),
        other => panic!("it greets first: {other:?}"),
    };
    let mut starts = Vec::new();
    for _ in 0..2 {
        let mut agent = lab.run();
        for _ in 0..2 {
            let (start, engine) = hello(&lab.coordinator.wait_for(|heard| completes(heard) > 0).await);
            assert_eq!((start.len(), engine.as_str()), (16, "ABCD:EFGH"));
            starts.push(start);
            lab.coordinator.restart();
        }
        agent.shutdown().await;
        lab.coordinator.restart();
    }
    assert!(starts[0] == starts[1] && starts[2] == starts[3] && starts[0] != starts[2], "{starts:?}");
}

#[tokio::test]
async fn an_end_is_said_until_it_is_heard_and_all_is_said_again_after_a_restart_of_the_coordinator() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    lab.ask();
    lab.coordinator.wait_for(|heard| ends(heard) > 1).await;
    lab.coordinator.restart();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 0 && ends(heard) > 0).await;
    assert!(matches!(heard.reports[0], Kind::Hello(_)));
    assert_eq!(count(&heard, |kind| matches!(kind, Kind::Instance(_))), 1);
    lab.say(Vec::new());
    while !lab.has_noted_that_it_was_heard() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lab.coordinator.restart();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    assert_eq!(ends(&heard), 0, "what was heard is not said again");
}

#[tokio::test]
async fn a_short_certificate_is_renewed_and_the_new_one_is_used_and_kept() {
    let lab = Lab::new(Duration::from_secs(6)).await;
    let before = Identity::load(&identity_path(lab.folder.path())).expect("an identity");
    lab.say(Vec::new());
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 2 && heard.reporting == 1).await;
    assert!(heard.watches > 2, "{} connections", heard.watches);
    assert_eq!(heard.silences, 0, "a connection ends when its successor is heard, not before");
    let after = Identity::load(&identity_path(lab.folder.path())).expect("an identity");
    assert!(after.expires > before.expires, "{before:?} {after:?}");
}

#[tokio::test]
async fn while_the_new_certificate_is_not_taken_the_old_connection_does_all_there_is_to_do() {
    let lab = Lab::new(Duration::from_secs(6)).await;
    lab.say(Vec::new());
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    let full = tonic::Status::unavailable("too many hosts come at once");
    *lab.coordinator.refusal.lock().expect("no fault") = Some(full);
    let heard = lab.coordinator.wait_for(|heard| heard.watches > 2).await;
    assert_eq!((heard.silences, count(&heard, |kind| matches!(kind, Kind::Order(_)))), (0, 0));
    lab.ask();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let logs = v1::LogsQuery { instance: "oasis-9".to_owned(), ..Default::default() };
    let query = v1::HostQuery { id: 1, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    lab.say(Vec::new());
    *lab.coordinator.refusal.lock().expect("no fault") = None;
    let heard = lab.coordinator.wait_for(|heard| completes(heard) > 3 && heard.reporting == 1).await;
    assert_eq!(heard.silences, 0, "the host was there all the time");
}

#[tokio::test]
async fn a_host_that_was_removed_keeps_what_runs_and_does_not_insist() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    let refusal = refuse(RefusalReason::Revoked, "this host was removed from the fleet", None);
    *lab.coordinator.refusal.lock().expect("no fault") = Some(refusal);
    lab.coordinator.restart();
    lab.coordinator.wait_for(|heard| heard.watches > 2).await;
    // Time is the subject here: an agent that retried at once would connect many times meanwhile.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let watches = lab.coordinator.heard.borrow().watches;
    assert!(watches < 6, "it asked {watches} times");
    assert_eq!(lab.runtime.world().running("oasis-1").len(), 1);
}

#[tokio::test]
async fn a_flood_in_a_log_delays_no_order() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    lab.say(Vec::new());
    let logs = v1::LogsQuery { instance: "oasis-1".to_owned(), follow: true, ..Default::default() };
    let query = v1::HostQuery { id: 5, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    lab.coordinator.wait_for(|heard| heard.answers.len() > 2000).await;
    lab.ask();
    // The flood never ends by itself: an order that waited for it would not end either.
    let so_far = lab.coordinator.wait_for(|heard| ends(heard) > 1).await.answers.len();
    lab.coordinator.wait_for(|heard| heard.answers.len() > so_far).await;
    lab.coordinator.says.send_replace(Some(to_agent::Kind::ForgetQuery(5)));
}

#[tokio::test]
async fn questions_are_answered_or_told_why_not() {
    let lab = Lab::new(DAY).await;
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    let logs = v1::LogsQuery { instance: "oasis-9".to_owned(), ..Default::default() };
    let query = v1::HostQuery { id: 1, kind: Some(v1::host_query::Kind::Logs(logs)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    let heard = lab.coordinator.wait_for(|heard| !heard.answers.is_empty()).await;
    assert!(matches!(&heard.answers[0].kind, Some(Piece::Failure(why)) if why.contains("oasis-9")), "{heard:?}");
    let resolve = v1::ResolveQuery { images: vec!["a:1".to_owned(), "b:1".to_owned()] };
    let query = v1::HostQuery { id: 2, kind: Some(v1::host_query::Kind::Resolve(resolve)) };
    lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
    let heard = lab.coordinator.wait_for(|heard| heard.answers.len() > 2).await;
    assert!(heard.answers[1..].iter().all(|piece| piece.query == 2));
}

#[tokio::test]
async fn whether_something_could_be_claimed_is_answered_with_the_owners_name() {
    let lab = Lab::new(DAY).await;
    lab.ask();
    let _agent = lab.run();
    let heard = lab.coordinator.wait_for(|heard| ends(heard) > 0).await;
    assert!(count(&heard, |kind| matches!(kind, Kind::Hello(hello) if hello.replies_to_claims)) > 0);
    let cases = [
        ("oasis-1", "oasis-2_data", "", "the project `oasis-1` is oasis-1's"),
        ("oasis-2", "oasis-1_data", "", "the volume `oasis-1_data` is oasis-1's"),
        ("oasis-2", "container:0123", "", "`container:0123` cannot be the name of a network or a volume"),
        ("oasis-2", "oasis-2_data", "nowhere", "the network `nowhere` does not exist"),
        ("oasis-2", "oasis-2_data", "", ""),
    ];
    for (answered, (project, volume, network, expect)) in (1..).zip(cases) {
        let used_networks = Some(network.to_owned()).into_iter().filter(|name| !name.is_empty()).collect();
        let claims = v1::Claims {
            project: project.to_owned(),
            volumes: vec![volume.to_owned()],
            used_networks,
            ..Default::default()
        };
        let claims = v1::ClaimsQuery { instance: "oasis-2".to_owned(), claims: Some(claims) };
        let query = v1::HostQuery { id: answered, kind: Some(v1::host_query::Kind::Claims(claims)) };
        lab.coordinator.says.send_replace(Some(to_agent::Kind::Query(query)));
        let is_it = |piece: &v1::QueryReply| piece.query == answered && piece.kind.is_some();
        let heard = lab.coordinator.wait_for(|heard| heard.answers.iter().any(is_it)).await;
        let piece = heard.answers.iter().find(|piece| is_it(piece)).expect("it is there");
        let Some(Piece::Claims(answer)) = &piece.kind else { panic!("{piece:?}") };
        assert!(
            answer.refusal.contains(expect) && answer.refusal.is_empty() == expect.is_empty(),
            "{answered}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_changed_policy_is_said_by_a_new_greeting() {
    let lab = Lab::new(DAY).await;
    let _agent = lab.run();
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
    std::fs::write(lab.folder.path().join("policy.yaml"), "exec: maybe").expect("written");
    lab.ask();
    let refused = |kind: &Kind| {
        matches!(kind, Kind::Order(v1::OrderReport { outcome: Some(v1::order_report::Outcome::Refused(_)), .. }))
    };
    let denies =
        |kind: &Kind| matches!(kind, Kind::Hello(hello) if hello.policy.clone().unwrap_or_default().denies_exec);
    let all = |heard: &Heard| count(heard, refused) > 0 && count(heard, denies) > 0 && completes(heard) > 1;
    let heard = lab.coordinator.wait_for(all).await;
    assert_eq!((heard.watches, heard.silences), (1, 0), "on the same connection");
    assert!(lab.runtime.world().containers.is_empty());
}

#[tokio::test]
async fn an_agent_waits_for_the_ledger_of_one_that_is_just_ending() {
    let lab = Lab::new(DAY).await;
    lab.say(Vec::new());
    let ending = LedgerWriter::open(lab.folder.path()).expect("nobody else has it");
    let _agent = lab.run();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lab.coordinator.heard.borrow().watches, 0, "it waits");
    drop(ending);
    lab.coordinator.wait_for(|heard| completes(heard) > 0).await;
}
