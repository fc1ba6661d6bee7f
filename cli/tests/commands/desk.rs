//! Answers of the fake to operators, from the scene.

use crate::environment::NOW;
use crate::fake::Shared;
use crate::scene::Scene;
use fleet_core::hint::Hint;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_proto::refusal::refuse;
use fleet_proto::v1::operators_server::Operators;
use fleet_proto::v1::push_release_piece::Kind;
use fleet_proto::v1::*;
use std::pin::Pin;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status as GrpcStatus, Streaming};

pub struct Desk(pub Shared);

type Answer<T> = Result<Response<T>, GrpcStatus>;
type Many<T> = Pin<Box<dyn Stream<Item = Result<T, GrpcStatus>> + Send>>;

impl Desk {
    /// Hears a question and answers from the scene.
    fn answer<Q: std::fmt::Debug, T>(&self, request: Request<Q>, say: impl FnOnce(&mut Scene) -> T) -> Answer<T> {
        let mut scene = self.0.lock().expect("nobody panicked");
        scene.hear(&request.into_inner())?;
        Ok(Response::new(say(&mut scene)))
    }

    fn stream<Q: std::fmt::Debug, T: Send + 'static>(
        &self,
        request: Request<Q>,
        say: impl FnOnce(&mut Scene) -> Vec<Result<T, GrpcStatus>>,
    ) -> Answer<Many<T>> {
        self.answer(request, |scene| Box::pin(tokio_stream::iter(say(scene))) as Many<T>)
    }
}

fn all<T: Clone>(items: &[T]) -> Vec<Result<T, GrpcStatus>> {
    items.iter().cloned().map(Ok).collect()
}

fn invitation(name: &str, uses: u32) -> JoinInvitation {
    JoinInvitation { name: name.to_owned(), token: "fleet1.TOKEN".to_owned(), expires_ms: NOW + 86_400_000, uses }
}

#[tonic::async_trait]
impl Operators for Desk {
    type FollowChangeStream = Many<ChangeProgress>;
    type FollowRolloutStream = Many<RolloutView>;
    type ListEventsStream = Many<EventView>;
    type ReadLogsStream = Many<LogView>;

    async fn who_am_i(&self, _request: Request<WhoAmIRequest>) -> Answer<Me> {
        Ok(Response::new(Me {
            name: "ada".to_owned(),
            role: OperatorRole::Administrator.into(),
            coordinator_version: "0.1.0".to_owned(),
            protocol: fleet_proto::PROTOCOL,
            protocol_min: fleet_proto::PROTOCOL_MIN,
            now_ms: NOW,
            certificate_expires_ms: NOW + 86_400_000,
        }))
    }

    async fn get_status(&self, request: Request<GetStatusRequest>) -> Answer<Status> {
        let is_silent = self.0.lock().expect("nobody panicked").silence;
        if is_silent {
            std::future::pending::<()>().await;
        }
        self.answer(request, |scene| scene.status.clone())
    }

    async fn add_host(&self, request: Request<AddHostRequest>) -> Answer<JoinInvitation> {
        let name = request.get_ref().name.clone();
        self.answer(request, |_| invitation(&name, 1))
    }

    async fn remove_host(&self, request: Request<RemoveHostRequest>) -> Answer<RemoveHostReply> {
        self.answer(request, |scene| RemoveHostReply {
            forgotten_instances: scene.hosts.first().map(|host| host.instances.clone()).unwrap_or_default(),
        })
    }

    async fn list_hosts(&self, request: Request<ListHostsRequest>) -> Answer<HostList> {
        self.answer(request, |scene| HostList { hosts: scene.hosts.clone() })
    }

    async fn add_operator(&self, request: Request<AddOperatorRequest>) -> Answer<JoinInvitation> {
        let (name, uses) = (request.get_ref().name.clone(), request.get_ref().uses);
        self.answer(request, |_| invitation(&name, uses))
    }

    async fn remove_operator(&self, request: Request<RemoveOperatorRequest>) -> Answer<RemoveOperatorReply> {
        self.answer(request, |_| RemoveOperatorReply {})
    }

    async fn list_operators(&self, request: Request<ListOperatorsRequest>) -> Answer<OperatorList> {
        self.answer(request, |_| OperatorList {
            operators: vec![OperatorView {
                name: "ada".to_owned(),
                role: OperatorRole::Administrator.into(),
                added_ms: NOW - 86_400_000,
                last_seen_ms: NOW - 1000,
            }],
        })
    }

    async fn list_tokens(&self, request: Request<ListTokensRequest>) -> Answer<TokenList> {
        self.answer(request, |scene| TokenList { tokens: scene.tokens.clone() })
    }

    async fn revoke_token(&self, request: Request<RevokeTokenRequest>) -> Answer<RevokeTokenReply> {
        self.answer(request, |_| RevokeTokenReply {})
    }

    async fn push_release(&self, request: Request<Streaming<PushReleasePiece>>) -> Answer<ReleaseView> {
        let mut pieces = request.into_inner();
        let (mut head, mut bundle) = (PushReleaseHead::default(), Vec::new());
        while let Some(piece) = pieces.next().await {
            match piece?.kind {
                Some(Kind::Head(found)) => head = found,
                Some(Kind::Bundle(bytes)) => bundle.extend(bytes),
                None => return Err(GrpcStatus::invalid_argument("an empty piece")),
            }
        }
        self.answer(Request::new(head.clone()), |scene| {
            scene.bundle = bundle;
            ReleaseView { version: head.version, digest: head.digest, ..scene.release.clone() }
        })
    }

    async fn list_apps(&self, request: Request<ListAppsRequest>) -> Answer<AppList> {
        self.answer(request, |scene| AppList { apps: scene.apps.clone() })
    }

    async fn show_release(&self, request: Request<ShowReleaseRequest>) -> Answer<ReleaseView> {
        self.answer(request, |scene| scene.release.clone())
    }

    async fn resolve_images(&self, request: Request<ResolveImagesRequest>) -> Answer<ResolveImagesReply> {
        self.answer(request, |scene| scene.images.clone())
    }

    async fn install_instance(&self, request: Request<InstallInstanceRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn configure_instance(&self, request: Request<ConfigureInstanceRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn power_instance(&self, request: Request<PowerInstanceRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn remove_instance(&self, request: Request<RemoveInstanceRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn list_instances(&self, request: Request<ListInstancesRequest>) -> Answer<InstanceList> {
        self.answer(request, |scene| InstanceList { instances: scene.instances.clone() })
    }

    async fn follow_change(&self, request: Request<FollowChangeRequest>) -> Answer<Self::FollowChangeStream> {
        self.stream(request, |scene| all(&scene.progress))
    }

    async fn propose_rollout(&self, request: Request<ProposeRolloutRequest>) -> Answer<Proposal> {
        self.answer(request, |scene| scene.proposal.clone())
    }

    async fn start_rollout(&self, request: Request<ProposeRolloutRequest>) -> Answer<RolloutView> {
        let started = self.answer(request, |scene| scene.frames.first().cloned().unwrap_or_default())?;
        let mut scene = self.0.lock().expect("nobody panicked");
        if scene.changed_plans > 0 {
            scene.changed_plans -= 1;
            return Err(refuse(Attempt::RollOut, CallRefusal::PlanChanged, Hint::SeePlanAgain));
        }
        if scene.lost_answers > 0 {
            scene.lost_answers -= 1;
            return Err(GrpcStatus::unavailable("the coordinator stops"));
        }
        Ok(started)
    }

    async fn steer_rollout(&self, request: Request<SteerRolloutRequest>) -> Answer<RolloutView> {
        self.answer(request, |scene| scene.frames.last().cloned().unwrap_or_default())
    }

    async fn steer_member(&self, request: Request<SteerMemberRequest>) -> Answer<MemberChange> {
        self.answer(request, |scene| MemberChange {
            rollout: scene.rollouts.last().map(|it| RolloutView { members: Vec::new(), ..it.clone() }),
            member: scene.rollouts.last().and_then(|it| it.members.last().cloned()),
            plan_digest: "d1".to_owned(),
        })
    }

    async fn list_rollouts(&self, request: Request<ListRolloutsRequest>) -> Answer<RolloutList> {
        self.answer(request, |scene| RolloutList { rollouts: scene.rollouts.clone() })
    }

    async fn show_rollout(&self, request: Request<ShowRolloutRequest>) -> Answer<RolloutView> {
        self.answer(request, |scene| scene.rollouts.last().cloned().unwrap_or_default())
    }

    async fn follow_rollout(&self, request: Request<ShowRolloutRequest>) -> Answer<Self::FollowRolloutStream> {
        self.stream(request, |scene| {
            if scene.breaks == 0 {
                let first = std::mem::take(&mut scene.after_break);
                return all(if first.is_empty() { &scene.frames } else { &first });
            }
            scene.breaks -= 1;
            let mut cut = all(&scene.frames[..1]);
            cut.push(Err(GrpcStatus::unavailable("the coordinator stops")));
            cut
        })
    }

    async fn list_events(&self, request: Request<ListEventsRequest>) -> Answer<Self::ListEventsStream> {
        self.stream(request, |scene| all(&scene.events))
    }

    async fn read_logs(&self, request: Request<ReadLogsRequest>) -> Answer<Self::ReadLogsStream> {
        self.stream(request, |scene| all(&scene.logs))
    }
}
