//! Every call of an operator: the role it needs, and who carries it out.

use super::status::LastStatus;
use crate::clock;
use crate::connections::caller_of;
use crate::shared::Shared;
use fleet_core::access::Role;
use fleet_core::names::OperatorName;
use fleet_core::time::Time;
use fleet_proto::v1::operators_server::Operators;
use fleet_proto::{PROTOCOL, PROTOCOL_MIN, v1};
use futures_util::stream::{BoxStream, StreamExt};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tonic::{Request, Response, Status, Streaming};

#[derive(Debug, Clone)]
pub struct OperatorsService {
    pub shared: Shared,
    /// Time of each operator's last call; not stored.
    seen: Arc<Mutex<HashMap<OperatorName, Time>>>,
    pub last_status: Arc<Mutex<LastStatus>>,
    /// Held from the comparison of claims until the claiming change is stored.
    pub claiming: Arc<tokio::sync::Mutex<()>>,
}

impl OperatorsService {
    pub fn new(shared: Shared) -> Self {
        Self { shared, seen: Arc::default(), last_status: Arc::default(), claiming: Arc::default() }
    }

    /// Returns the operator who calls, if they have at least the role `needed`.
    pub fn caller<T>(&self, request: &Request<T>, needed: Role) -> Result<OperatorName, Status> {
        self.caller_and_role(request, needed).map(|(name, _)| name)
    }

    pub fn caller_and_role<T>(&self, request: &Request<T>, needed: Role) -> Result<(OperatorName, Role), Status> {
        let (name, role) = caller_of(request)?.operator(&self.shared.facts, needed)?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), clock::now());
        Ok((name, role))
    }

    pub fn last_seen(&self, name: &OperatorName) -> Time {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }
}

type Reply<T> = Result<Response<T>, Status>;
type ReplyStream<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl Operators for OperatorsService {
    type FollowChangeStream = ReplyStream<v1::ChangeProgress>;
    type FollowRolloutStream = ReplyStream<v1::RolloutView>;
    type ListEventsStream = ReplyStream<v1::EventView>;
    type ReadLogsStream = ReplyStream<v1::LogView>;

    async fn who_am_i(&self, request: Request<v1::WhoAmIRequest>) -> Reply<v1::Me> {
        let caller = caller_of(&request)?;
        let (name, role) = caller.operator(&self.shared.facts, Role::Viewer)?;
        Ok(Response::new(v1::Me {
            name: name.to_string(),
            role: v1::OperatorRole::from(role).into(),
            coordinator_version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            protocol_min: PROTOCOL_MIN,
            now_ms: clock::now().0,
            certificate_expires_ms: caller.certified.as_ref().map_or(0, |(_, serial)| serial.not_after.0),
        }))
    }

    async fn get_status(&self, request: Request<v1::GetStatusRequest>) -> Reply<v1::Status> {
        self.caller(&request, Role::Viewer)?;
        let operators = self.clone();
        let status = self.shared.facts.off_runtime(move |_| operators.status_shared(clock::now()));
        Ok(Response::new(status.await))
    }

    async fn add_host(&self, request: Request<v1::AddHostRequest>) -> Reply<v1::JoinInvitation> {
        let by = self.caller(&request, Role::Administrator)?;
        self.add_host_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn remove_host(&self, request: Request<v1::RemoveHostRequest>) -> Reply<v1::RemoveHostReply> {
        let by = self.caller(&request, Role::Administrator)?;
        self.remove_host_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_hosts(&self, request: Request<v1::ListHostsRequest>) -> Reply<v1::HostList> {
        self.caller(&request, Role::Viewer)?;
        self.list_hosts_now(request.get_ref()).map(Response::new)
    }

    async fn add_operator(&self, request: Request<v1::AddOperatorRequest>) -> Reply<v1::JoinInvitation> {
        let by = self.caller(&request, Role::Administrator)?;
        self.add_operator_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn remove_operator(&self, request: Request<v1::RemoveOperatorRequest>) -> Reply<v1::RemoveOperatorReply> {
        let by = self.caller(&request, Role::Administrator)?;
        self.remove_operator_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_operators(&self, request: Request<v1::ListOperatorsRequest>) -> Reply<v1::OperatorList> {
        self.caller(&request, Role::Viewer)?;
        Ok(Response::new(self.list_operators_now()))
    }

    async fn list_tokens(&self, request: Request<v1::ListTokensRequest>) -> Reply<v1::TokenList> {
        self.caller(&request, Role::Administrator)?;
        Ok(Response::new(self.list_tokens_now(clock::now())))
    }

    async fn revoke_token(&self, request: Request<v1::RevokeTokenRequest>) -> Reply<v1::RevokeTokenReply> {
        let by = self.caller(&request, Role::Administrator)?;
        self.revoke_token_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn push_release(&self, request: Request<Streaming<v1::PushReleasePiece>>) -> Reply<v1::ReleaseView> {
        let by = self.caller(&request, Role::Operator)?;
        self.push_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_apps(&self, request: Request<v1::ListAppsRequest>) -> Reply<v1::AppList> {
        self.caller(&request, Role::Viewer)?;
        Ok(Response::new(self.list_apps_now()))
    }

    async fn show_release(&self, request: Request<v1::ShowReleaseRequest>) -> Reply<v1::ReleaseView> {
        self.caller(&request, Role::Viewer)?;
        self.show_release_now(request.get_ref()).await.map(Response::new)
    }

    async fn resolve_images(&self, request: Request<v1::ResolveImagesRequest>) -> Reply<v1::ResolveImagesReply> {
        let by = self.caller(&request, Role::Operator)?;
        self.resolve_now(request.into_inner(), &by).await.map(Response::new)
    }

    async fn install_instance(&self, request: Request<v1::InstallInstanceRequest>) -> Reply<v1::InstanceChange> {
        let by = self.caller(&request, Role::Operator)?;
        self.install_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn configure_instance(&self, request: Request<v1::ConfigureInstanceRequest>) -> Reply<v1::InstanceChange> {
        let by = self.caller(&request, Role::Operator)?;
        self.configure_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn power_instance(&self, request: Request<v1::PowerInstanceRequest>) -> Reply<v1::InstanceChange> {
        let by = self.caller(&request, Role::Operator)?;
        self.power_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn remove_instance(&self, request: Request<v1::RemoveInstanceRequest>) -> Reply<v1::InstanceChange> {
        let by = self.caller(&request, Role::Operator)?;
        self.remove_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_instances(&self, request: Request<v1::ListInstancesRequest>) -> Reply<v1::InstanceList> {
        let by = self.caller(&request, Role::Viewer)?;
        self.list_instances_now(&by, request.get_ref(), clock::now()).await.map(Response::new)
    }

    async fn follow_change(&self, request: Request<v1::FollowChangeRequest>) -> Reply<Self::FollowChangeStream> {
        self.caller(&request, Role::Viewer)?;
        self.follow_change_now(request.get_ref()).map(|stream| Response::new(stream.boxed()))
    }

    async fn propose_rollout(&self, request: Request<v1::ProposeRolloutRequest>) -> Reply<v1::Proposal> {
        let by = self.caller(&request, Role::Operator)?;
        self.propose_now(&by, request.get_ref(), clock::now()).await.map(Response::new)
    }

    async fn start_rollout(&self, request: Request<v1::ProposeRolloutRequest>) -> Reply<v1::RolloutView> {
        let by = self.caller(&request, Role::Operator)?;
        self.start_rollout_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn steer_rollout(&self, request: Request<v1::SteerRolloutRequest>) -> Reply<v1::RolloutView> {
        let by = self.caller(&request, Role::Operator)?;
        self.steer_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn steer_member(&self, request: Request<v1::SteerMemberRequest>) -> Reply<v1::MemberChange> {
        let by = self.caller(&request, Role::Operator)?;
        self.steer_member_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_rollouts(&self, request: Request<v1::ListRolloutsRequest>) -> Reply<v1::RolloutList> {
        self.caller(&request, Role::Viewer)?;
        Ok(Response::new(self.list_rollouts_now(request.get_ref(), clock::now())))
    }

    async fn show_rollout(&self, request: Request<v1::ShowRolloutRequest>) -> Reply<v1::RolloutView> {
        self.caller(&request, Role::Viewer)?;
        let mut view = self.show_rollout_now(request.get_ref(), clock::now())?;
        if request.get_ref().way_back {
            self.add_way_back(&mut view)?;
        }
        Ok(Response::new(view))
    }

    async fn follow_rollout(&self, request: Request<v1::ShowRolloutRequest>) -> Reply<Self::FollowRolloutStream> {
        self.caller(&request, Role::Viewer)?;
        self.follow_rollout_now(request.get_ref()).map(|stream| Response::new(stream.boxed()))
    }

    async fn list_events(&self, request: Request<v1::ListEventsRequest>) -> Reply<Self::ListEventsStream> {
        self.caller(&request, Role::Viewer)?;
        Ok(Response::new(self.list_events_now(request.into_inner()).boxed()))
    }

    async fn read_logs(&self, request: Request<v1::ReadLogsRequest>) -> Reply<Self::ReadLogsStream> {
        let by = self.caller(&request, Role::Viewer)?;
        self.read_logs_now(request.into_inner(), &by).map(|stream| Response::new(stream.boxed()))
    }
}
