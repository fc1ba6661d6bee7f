//! A fleet with one instance, whose backups an operator requests and whose host reports them.

use crate::harness::{FakeAgent, Harness, LIMIT, Operators, now, settled, token};
use crate::stories::{fleet, installed};
use fleet_core::access::Role;
use fleet_core::backup::{Cause, CopyMade, DataAction, DataResult, Manifest};
use fleet_core::order::Action;
use fleet_core::release::Release;
use fleet_link::{admit, dial};
use fleet_proto::convert::incoming_order;
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_proto::v1::{self, from_agent, order_report::Outcome};
use std::fmt::Debug;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tonic::Code;
use tonic::transport::Channel;

pub type Backups = BackupsClient<Channel>;

pub fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

/// Somebody with a role.
pub async fn backups(admin: &mut Operators, name: &str, role: &str) -> Backups {
    let request = v1::AddOperatorRequest {
        name: name.to_owned(),
        role: role.parse::<Role>().map(v1::OperatorRole::from).expect("it is a role").into(),
        ..Default::default()
    };
    let invitation = admin.add_operator(request).await.expect("the name is free").into_inner();
    let identity = admit(&token(&invitation), now()).await.expect("the token is good");
    BackupsClient::new(dial(&identity).await.expect("it is reached"))
}

pub fn data(order: &v1::Order) -> DataAction {
    match incoming_order(order.clone()).expect("it is said in full").order.action {
        Action::Data(data) => data,
        other => panic!("it is not about data: {other:?}"),
    }
}

pub fn release(view: &v1::ReleaseView) -> Release {
    Release { name: read(&format!("{}@{}", view.app, view.version)), digest: read(&view.digest) }
}

pub fn manifest(order: &v1::Order, release: Release) -> Manifest {
    Manifest {
        format: Manifest::FORMAT,
        backup: read(&order.id),
        instance: read(&order.instance),
        host: read("lab-1"),
        release,
        revision: 1,
        cause: Cause::Scheduled,
        began: now(),
        ended: now(),
        values: [("password".to_owned(), "hunter2".to_owned())].into(),
        images: Default::default(),
        parts: Vec::new(),
        derivable: Vec::new(),
        uncovered: Vec::new(),
        beside: Vec::new(),
        side_files: Default::default(),
        holds: Vec::new(),
    }
}

/// Reports the end of an order, its result, and the instance's present state.
pub async fn end(
    agent: &FakeAgent,
    order: &v1::Order,
    outcome: Outcome,
    made: Option<DataResult>,
    release: &v1::Release,
) {
    let result = made.map(Into::into);
    let (id, instance) = (order.id.clone(), order.instance.clone());
    agent.say(from_agent::Kind::Order(v1::OrderReport { id, instance, outcome: Some(outcome), result })).await;
    let goal = v1::Goal { release: Some(release.clone()), revision: 1, ..Default::default() };
    agent.say(settled(&order.instance, &goal, 0)).await;
}

pub async fn standing(backups: &mut Backups) -> v1::BackupHealthView {
    let list =
        backups.get_backup_health(v1::GetBackupHealthRequest::default()).await.expect("it may be seen").into_inner();
    list.instances.into_iter().next().expect("there is one")
}

pub async fn until(backups: &mut Backups, is_so: impl Fn(&v1::BackupHealthView) -> bool) -> v1::BackupHealthView {
    let reached = async {
        loop {
            let view = standing(backups).await;
            if is_so(&view) {
                return view;
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    match timeout(LIMIT, reached).await {
        Ok(view) => view,
        Err(_) => panic!("it never came so: {:?}", standing(backups).await),
    }
}

/// Asks for a drill until the one before it is over and this one is accepted.
pub async fn accepted_drill(backups: &mut Backups, request: &v1::DrillRequest) -> v1::InstanceChange {
    let accepted = async {
        loop {
            match backups.drill(request.clone()).await {
                Ok(change) => return change.into_inner(),
                Err(status) => assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}"),
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    timeout(LIMIT, accepted).await.expect("the drill before it ends")
}

pub struct Scene {
    _harness: Harness,
    pub admin: Operators,
    pub agent: FakeAgent,
    pub backups: Backups,
    pub release: v1::Release,
    pub kept: Release,
}

pub async fn scene() -> Scene {
    let (harness, mut admin, _, mut agent) = fleet().await;
    installed(&mut admin, &mut agent, "notes-1").await;
    let shown = v1::ShowReleaseRequest { app: "notes".to_owned(), ..Default::default() };
    let kept = release(&admin.show_release(shown).await.expect("it is there").into_inner());
    let release = v1::Release {
        app: kept.name.app.to_string(),
        version: kept.name.version.to_string(),
        digest: kept.digest.to_string(),
    };
    let backups = backups(&mut admin, "bo", "operator").await;
    Scene { _harness: harness, admin, agent, backups, release, kept }
}

impl Scene {
    /// A policy for all, and the first backup that it asks for.
    pub async fn first_backup(&mut self) -> v1::Order {
        let policy = v1::SetPolicyRequest {
            name: "daily".to_owned(),
            selector: Some(String::new()),
            drill: Some("never".to_owned()),
            ..Default::default()
        };
        let view = self.backups.set_policy(policy).await.expect("it is a good policy").into_inner();
        assert_eq!((view.given_to.as_str(), view.instances), ("all", vec!["notes-1".to_owned()]));
        let order = self.agent.orders(1).await.remove(0);
        let DataAction::Backup { to, cause: Cause::Scheduled } = data(&order) else { panic!("{order:?}") };
        assert_eq!(to, [read("central")].into());
        let copy =
            CopyMade { repository: read("central"), result: Ok(manifest(&order, self.kept.clone())), snapshots: None };
        let done = Outcome::Done(v1::Empty {});
        end(&self.agent, &order, done, Some(DataResult::Backup(vec![copy])), &self.release).await;
        self.agent.orders(0).await;
        order
    }
}
