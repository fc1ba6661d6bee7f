mod data;

use super::*;
use crate::v1;
use fleet_core::access::Joiner;
use fleet_core::activity::Activity;
use fleet_core::app::DataEffect;
use fleet_core::claims::Claims;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::drift::Drift;
use fleet_core::facts::{
    ContainerSaid, ContainerStatus, Doing, DriftRule, HealthcheckStatus, InstanceHealth, InstanceSaid, Running,
    StepProgress,
};
use fleet_core::health_problem::HealthProblem;
use fleet_core::hint::Hint;
use fleet_core::host_policy::{HostPolicy, Permission};
use fleet_core::names::{InstanceName, NameError};
use fleet_core::order::{Action, End, Order, Outcome, PowerRequest, order_id};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_core::spec::{PortSpec, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

fn release(version: &str) -> Release {
    let digest = format!("sha256:{}", "ab".repeat(32)).parse().expect("it is a digest");
    Release { name: format!("labnotes@{version}").parse().expect("it is a release"), digest }
}

fn instance() -> InstanceName {
    "notes-1".parse().expect("it is a name")
}

fn actions() -> Vec<Action> {
    let goal = Goal { release: release("1.2"), revision: 3 };
    vec![
        Action::Install { goal: goal.clone() },
        Action::Upgrade {
            from: release("1.1"),
            goal: goal.clone(),
            through: Vec::new(),
            data: DataEffect::None,
            backup: ["central".parse().expect("a name")].into(),
        },
        Action::Upgrade {
            from: release("1.1"),
            goal: goal.clone(),
            through: vec![release("1.1.1"), release("1.1.2")],
            data: DataEffect::AtStart,
            backup: BTreeSet::new(),
        },
        Action::Configure { from: 2, goal: goal.clone() },
        Action::Power { request: PowerRequest::Restart, serial: 7 },
        Action::Remove { volumes: BTreeSet::from(["notes-1_uploads".to_owned()]) },
    ]
    .into_iter()
    .chain(data::actions(&goal).into_iter().map(Action::Data))
    .collect()
}

fn name<T: FromStr<Err = NameError>>(text: &str) -> T {
    text.parse().expect("it is a name")
}

#[test]
fn an_order_comes_back_as_it_was() {
    for action in actions() {
        let has_goal = action.goal().is_some();
        let is_data = matches!(action, Action::Data(_));
        let access = if is_data { data::access() } else { Vec::new() };
        let limit_rate = is_data.then_some(1000);
        let order = Order { id: order_id(&["x"]), instance: instance(), action, deadline: Duration::from_secs(60) };
        let values = BTreeMap::from([("port".to_owned(), "80".to_owned())]);
        let (values, drift) = if has_goal { (values, DriftRule::Report) } else { Default::default() };
        let outgoing = OutgoingOrder { order, values, drift, access, limit_rate };
        assert_eq!(incoming_order(outgoing.clone().into()), Ok(outgoing));
    }
}

#[test]
fn an_order_is_shown_without_its_values() {
    let order = Order {
        id: order_id(&["x"]),
        instance: instance(),
        action: actions().remove(0),
        deadline: Duration::from_secs(60),
    };
    let values = BTreeMap::from([("password".to_owned(), "hunter2".to_owned())]);
    let access = data::access();
    let outgoing = OutgoingOrder { order, values, drift: DriftRule::Heal, access: access.clone(), limit_rate: None };
    let with_values = v1::Order::from(outgoing.clone());
    let action = Action::Data(data::actions(&Goal { release: release("1.2"), revision: 3 }).remove(0));
    let with_access =
        v1::Order::from(OutgoingOrder { order: Order { action, ..outgoing.order.clone() }, ..outgoing.clone() });
    let shown = format!("{outgoing:?} {access:?} {with_values:?} {with_access:?}");
    assert!(shown.contains("RepositoryAccess") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn an_outcome_comes_back_as_it_was() {
    let failure = || OrderFailure::other("because");
    for outcome in [
        Outcome::AlreadySo,
        Outcome::Done,
        Outcome::RolledBack { failure: failure() },
        Outcome::Stuck { failure: failure(), hint: Some(Hint::ReadAgentLog) },
        Outcome::Refused { failure: failure() },
        Outcome::Failed { failure: failure() },
    ] {
        let results = data::results().into_iter().map(|result| Some(Box::new(result)));
        for made in results.chain([None]) {
            let report = (order_id(&["x"]), instance(), End { outcome: outcome.clone(), made });
            let back = incoming_end(report.clone().into());
            assert_eq!(back, Ok(IncomingReport { report, left_out: Vec::new() }));
        }
    }
}

#[test]
fn what_an_instance_is_comes_back_as_it_was() {
    for health in [
        InstanceHealth::Healthy,
        InstanceHealth::Starting,
        InstanceHealth::Unhealthy { problem: HealthProblem::ContainerDead("web".to_owned()) },
        InstanceHealth::Stuck { failure: OrderFailure::NoStores, is_data_changed: false },
        InstanceHealth::Stuck { failure: OrderFailure::NoStores, is_data_changed: true },
        InstanceHealth::Stopped,
        InstanceHealth::Unknown,
    ] {
        let said = said(health);
        let far = StepProgress::of_bytes(3_000_000, Some(12_000_000));
        for running in [
            Running::Absent,
            Running::Settled(said.clone()),
            Running::Busy {
                order: order_id(&["x"]),
                doing: Doing { step: Some(Activity::Pull("web".to_owned())), progress: Some(far) },
                last: Some(said),
            },
            Running::Busy { order: order_id(&["x"]), doing: Doing::default(), last: None },
        ] {
            let report = (instance(), running);
            let back = incoming_instance(report.clone().into());
            assert_eq!(back, Ok(IncomingReport { report, left_out: Vec::new() }));
        }
    }
}

fn said(health: InstanceHealth) -> InstanceSaid {
    let word = str::to_owned;
    InstanceSaid {
        release: release("1.1"),
        revision: 1,
        power_serial: 2,
        health,
        drift: vec![Drift::ContainerRemoved("web".to_owned()), Drift::Flapping(3, "10m".parse().expect("a period"))],
        containers: vec![ContainerSaid {
            service: word("web"),
            name: word("notes-1-web-1"),
            image: word("web:1.1"),
            state: ContainerStatus::Running,
            health: HealthcheckStatus::Healthy,
        }],
        coverage: Some(data::coverage()),
        leftovers: vec![DataLeftover::RemovalTooSlow {
            path: word("_data.before-1"),
            since: fleet_core::time::Time(7),
        }],
        claims: Some(Claims {
            project: word("notes-1"),
            containers: [word("notes-1-web-1")].into(),
            volumes: [word("notes-1_cache")].into(),
            networks: [word("notes-1_default")].into(),
            ports: [PortSpec { container: 80, protocol: Protocol::Tcp, host: Some(8080), address: None }].into(),
            used_volumes: [word("shared")].into(),
            ..Claims::default()
        }),
    }
}

#[test]
fn a_policy_comes_back_as_it_was() {
    let strict = HostPolicy {
        apps: Some(BTreeSet::from(["labnotes".parse().expect("it is a name")])),
        registries: Some(BTreeSet::new()),
        paths: BTreeSet::from(["/data".to_owned()]),
        buckets: BTreeSet::from(["s3.example.org/media".to_owned()]),
        volumes: BTreeSet::from(["lab_media".to_owned()]),
        remote_volumes: BTreeSet::from(["nfs://10.0.0.5/export".to_owned()]),
        networks: BTreeSet::from(["proxy".to_owned()]),
        foreign: BTreeSet::from(["data_*".to_owned()]),
        repositories: BTreeSet::from(["/mnt/backups".to_owned()]),
        log_drivers: Some(BTreeSet::new()),
        hours: Some("22:00-04:00".parse().expect("it is a window")),
        exec: Permission::Denied,
        privileges: Permission::Allowed,
    };
    for policy in [HostPolicy::default(), strict] {
        assert_eq!(v1::HostPolicy::from(policy.clone()).try_into(), Ok(policy));
    }
}

#[test]
fn a_joiner_comes_back_as_it_was() {
    for joiner in [Joiner::Host, Joiner::Operator] {
        assert_eq!(incoming_joiner(v1::Joiner::from(joiner).into()), Ok(Some(joiner)));
    }
    assert_eq!(incoming_joiner(0), Ok(None), "an older program does not say it");
    assert_eq!(incoming_joiner(9), Err(ConvertError::Unknown { field: "joiner" }));
}

#[test]
fn what_is_not_said_in_full_is_refused() {
    let no_action = v1::Order { id: order_id(&["x"]).into(), instance: "a".to_owned(), ..v1::Order::default() };
    assert_eq!(incoming_order(no_action), Err(ConvertError::Missing("order.action")));
    let unspecified = v1::InstanceSaid { release: Some(release("1").into()), ..v1::InstanceSaid::default() };
    assert_eq!(incoming_instance(settled(unspecified)), Err(ConvertError::Unknown { field: "instance.health" }));
}

fn settled(said: v1::InstanceSaid) -> v1::InstanceReport {
    v1::InstanceReport { instance: instance().into(), running: Some(v1::instance_report::Running::Settled(said)) }
}

#[test]
fn what_a_newer_agent_says_of_an_instance_leaves_out_only_what_is_new() {
    let known = said(InstanceHealth::Healthy);
    let mut message = v1::InstanceSaid { health: 99, ..known.clone().into() };
    message.coverage.iter_mut().flat_map(|it| &mut it.stores).for_each(|store| store.engine = 99);
    message.claims.iter_mut().flat_map(|it| &mut it.ports).for_each(|port| port.protocol = 99);
    let read = incoming_instance(settled(message)).expect("what matters is there");
    let expect = InstanceSaid { health: InstanceHealth::Unknown, coverage: None, claims: None, ..known };
    assert_eq!(read.report, (instance(), Running::Settled(expect)));
    assert_eq!(read.left_out.len(), 3, "{:?}", read.left_out);
}

#[test]
fn codes_that_only_a_newer_agent_knows_are_noted_by_their_field() {
    let fields = |report| {
        let left_out = incoming_instance(report).expect("what matters is there").left_out;
        left_out.into_iter().map(|it| it.to_string()).collect::<Vec<_>>()
    };
    let mut message: v1::InstanceSaid = said(InstanceHealth::Healthy).into();
    message.drift = vec![v1::Drift { code: 9999, arguments: Vec::new() }];
    message.health = v1::Health::Unhealthy.into();
    message.health_problem = Some(v1::HealthProblem { code: 9999, arguments: Vec::new() });
    message.leftovers = vec![v1::DataLeftover { code: 9999, arguments: Vec::new() }];
    let undeclared = vec![v1::UndeclaredData { code: 9999, arguments: Vec::new() }];
    message.coverage = Some(v1::Coverage { stores: Vec::new(), undeclared });
    message.containers = vec![v1::ContainerSaid { state: 99, health: 99, ..Default::default() }];
    let found = fields(settled(message));
    let expected = ["health_problem", "drift", "leftovers", "coverage", "containers.state", "containers.health"];
    for (field, found) in expected.iter().zip(&found) {
        assert!(found.contains(&format!("instance.{field}")), "{found}");
    }
    assert_eq!(found.len(), 6, "{found:?}");
    let mut message: v1::InstanceSaid = said(InstanceHealth::Healthy).into();
    let gap = v1::StoreGap { code: 9999, arguments: Vec::new() };
    let store = v1::StoreCoverage {
        store: "db".to_owned(),
        engine: v1::StoreEngine::Redis.into(),
        state: Some(v1::store_coverage::State::Missing(gap)),
    };
    message.coverage = Some(v1::Coverage { stores: vec![store], undeclared: Vec::new() });
    assert_eq!(fields(settled(message)).len(), 1, "a gap is noted, too");
    let busy = v1::Busy {
        order: order_id(&["x"]).into(),
        doing: Some(v1::Activity { code: 9999, arguments: Vec::new() }),
        progress: Some(v1::StepProgress { unit: 99, ..Default::default() }),
        last: None,
    };
    let running = Some(v1::instance_report::Running::Busy(busy));
    assert_eq!(fields(v1::InstanceReport { instance: instance().into(), running }).len(), 2);
}

#[test]
fn an_end_is_kept_though_its_result_or_its_outcome_is_newer() {
    let end = End { outcome: Outcome::Done, made: data::results().into_iter().next().map(Box::new) };
    let message = v1::OrderReport::from((order_id(&["x"]), instance(), end));
    let newer_result = v1::OrderReport { result: Some(v1::DataResult { kind: None }), ..message.clone() };
    let read = incoming_end(newer_result).expect("its outcome is known");
    assert_eq!(read.report, (order_id(&["x"]), instance(), Outcome::Done.into()));
    assert_eq!(read.left_out, [ConvertError::Missing("order.result")]);
    let read = incoming_end(v1::OrderReport { outcome: None, ..message }).expect("it is an end");
    let (_, _, End { outcome, made }) = read.report;
    assert!(matches!(outcome, Outcome::Stuck { .. }) && made.is_some(), "{outcome:?} {made:?}");
    assert_eq!(read.left_out, [ConvertError::Missing("order.outcome")]);
    let restore = v1::RestoreResult {
        backup: "ab".repeat(12),
        notes: vec![v1::DataNote { code: 9999, arguments: vec!["a".to_owned()] }],
        ..Default::default()
    };
    let result = v1::DataResult { kind: Some(v1::data_result::Kind::Restore(restore)) };
    let report = v1::OrderReport {
        result: Some(result),
        ..v1::OrderReport::from((order_id(&["x"]), instance(), Outcome::Done.into()))
    };
    let read = incoming_end(report).expect("it is an end");
    assert!(read.report.2.made.is_some(), "a newer remark is kept");
    assert_eq!(read.left_out, [ConvertError::Unknown { field: "order.result.notes" }]);
}

/// A failure of each code, as a message.
#[expect(clippy::too_many_lines, reason = "a table")]
fn failures() -> Vec<v1::OrderFailure> {
    let inner = ["2", "ORDER_FAILURE_CODE_OTHER", "no answer"];
    let nested = [&inner[..], &inner].concat();
    let codes = (1..1000).filter_map(|number| v1::OrderFailureCode::try_from(number).ok());
    let failure = |code: v1::OrderFailureCode| {
        let at = vec!["7", "ACTIVITY_CODE_ASKED_TO_START"];
        let (health, volumes) = (vec!["HEALTH_PROBLEM_CODE_CONTAINER_DEAD", "a"], vec!["a", "true"]);
        let gap = vec!["db", "STORE_GAP_CODE_VOLUME_MISSING", "a"];
        let note = ["2", "DATA_NOTE_CODE_OTHER", "a"];
        let noted = [[&inner[..], &note].concat(), [&["a", "b", "c"][..], &inner].concat()];
        let parts = vec!["drill", "2", "SANDBOX_PART_CODE_VOLUME", "a"];
        let refusal = vec!["2", "POLICY_REFUSAL_CODE_MOUNT", "a"];
        let in_store = [&["db"][..], &nested].concat();
        let (ledger, lost) = (vec!["LEDGER_PROBLEM_CODE_NO_GOAL"], vec!["2", "UNCOVERED_DATA_CODE_OTHER", "a"]);
        let damage = vec!["BACKUP_DAMAGE_CODE_STORE_EMPTY"];
        let (doubt, manifest) = (vec!["BACKUP_DOUBT_CODE_OTHER", "a"], vec!["7", "MANIFEST_ERROR_CODE_DAMAGED", "a"]);
        let target = vec!["OCCUPIED_TARGET_CODE_FOLDER", "a"];
        let unusable = vec!["STORE_PROBLEM_CODE_NOT_A_FOLDER", "a"];
        let (owner, holder) = (vec!["web", "PART_OWNER_CODE_UNKNOWN"], vec!["80", "PORT_HOLDER_CODE_PROGRAM"]);
        let conflicts = vec!["4", "NAME_CONFLICT_CODE_HELD", "port", "80", "a", "2", "NAME_CONFLICT_CODE_OTHER", "a"];
        let versions = vec!["1", "INSTANCE_VERSION_CODE_ANY", "1", "INSTANCE_VERSION_CODE_MISSING"];
        let (reply, probe) =
            (vec!["db", "MISSING_REPLY_CODE_NO_CONTAINER"], vec!["db", "PROBE_FAILURE_CODE_NO_ADDRESS", "a"]);
        let (dump, differences) = (vec!["DUMP_ERROR_CODE_EMPTY"], vec!["7", "2", "STORE_DIFFERENCE_CODE_MISSING", "a"]);
        let candidates = [
            vec!["7"; 4],
            nested.clone(),
            in_store,
            at,
            health,
            volumes,
            gap,
            parts,
            refusal,
            ledger,
            lost,
            dump,
            differences,
            damage,
            doubt,
            manifest,
            target,
            unusable,
            owner,
            holder,
            conflicts,
            versions,
            reply,
            probe,
            vec!["2", "FAILED_STEP_CODE_START_CONTAINER", "a", "7", "7"],
            vec!["a", "2", "FAILED_STEP_CODE_START_CONTAINER", "a", "7"],
            vec!["2", "TOOL_TASK_CODE_DUMP", "a", "7", "7"],
            vec!["a", "2", "VOLUME_HOLDER_CODE_CONTAINER", "a"],
            vec!["22:00-23:00+00:00", "7"],
            [&["a"][..], &inner, &["2", "SANDBOX_PART_CODE_VOLUME", "a"]].concat(),
        ];
        let mut messages = candidates.into_iter().chain(noted).map(|texts| v1::OrderFailure {
            code: code.into(),
            arguments: texts.into_iter().map(str::to_owned).collect(),
        });
        let is_as_written = |message: &v1::OrderFailure| {
            let back = incoming_order_failure(message.clone()).map(v1::OrderFailure::from);
            back.is_some_and(|back| message.arguments.starts_with(&back.arguments))
        };
        let found = messages.find(is_as_written);
        found.unwrap_or_else(|| panic!("{code:?} cannot be read"))
    };
    codes.map(failure).collect()
}

#[test]
fn a_failure_of_each_code_comes_back_as_it_was() {
    for message in failures() {
        let failure = incoming_order_failure(message.clone()).expect("it was read before");
        let back = v1::OrderFailure::from(failure.clone());
        assert_eq!((back.code, &back.arguments[..]), (message.code, &message.arguments[..back.arguments.len()]));
        assert_eq!(incoming_order_failure(back), Some(failure.clone()));
        let name = format!("ORDER_FAILURE_CODE_{}", failure.code().to_uppercase());
        assert_eq!(message.code().as_str_name(), name);
        let kept = serde_json::to_string(&failure).expect("it can be written");
        assert_eq!(serde_json::from_str::<OrderFailure>(&kept).expect("it can be read"), failure, "{kept}");
    }
}

#[test]
fn failures_in_failures_come_back_as_they_were_up_to_a_limit() {
    let other = |text: &str| Box::new(OrderFailure::other(text));
    let deep = OrderFailure::InStore { store: "db".to_owned(), failure: other("it is gone") };
    let failed = OrderFailure::RollbackFailed { because: Box::new(deep), failure: other("no answer") };
    let several = OrderFailure::Several { failures: vec![failed.clone(), OrderFailure::other("full"), failed] };
    assert_eq!(incoming_order_failure(several.clone().into()), Some(several.clone()));
    let endless = (0..20).fold(several, |failure, _| OrderFailure::Several { failures: vec![failure] });
    let report = (order_id(&["x"]), instance(), End::from(Outcome::Failed { failure: endless }));
    let taken = incoming_end(report.into()).expect("it is an end").report.2;
    assert!(taken.outcome.failure().is_some_and(|failure| failure.depth() == 1), "{taken:?}");
}

#[test]
fn of_a_failure_that_is_newer_the_arguments_are_kept() {
    let newer = v1::OrderFailure { code: 9999, arguments: vec!["a".to_owned(), "b".to_owned()] };
    let report = v1::OrderReport {
        id: order_id(&["x"]).to_string(),
        instance: instance().to_string(),
        outcome: Some(v1::order_report::Outcome::Failed(v1::Failed { failure: Some(newer) })),
        result: None,
    };
    let read = incoming_end(report).expect("it is an end");
    assert_eq!(read.left_out, [ConvertError::Unknown { field: "order.failure" }]);
    let taken = read.report.2;
    let failure = OrderFailure::Unknown { number: 9999, arguments: "a, b".to_owned() };
    assert_eq!(taken.outcome, Outcome::Failed { failure });
}

#[test]
fn the_state_of_a_container_comes_back_as_it_was_and_one_of_a_newer_kind_is_unknown() {
    let states = (0..100).filter_map(|number| v1::ContainerState::try_from(number).ok());
    let healths = (0..100).filter_map(|number| v1::ContainerHealth::try_from(number).ok());
    for (state, health) in states.flat_map(|state| healths.clone().map(move |health| (state, health))) {
        let message = v1::ContainerSaid { state: state.into(), health: health.into(), ..Default::default() };
        assert_eq!(v1::ContainerSaid::from(ContainerSaid::from(message.clone())), message);
    }
    let newer = ContainerSaid::from(v1::ContainerSaid { state: 99, health: 99, ..Default::default() });
    assert_eq!((newer.state, newer.health), (ContainerStatus::Unknown, HealthcheckStatus::Unknown));
}
