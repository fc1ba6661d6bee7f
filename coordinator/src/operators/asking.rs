//! Asks the host of an instance for objections to its planned state: the host sees its Engine and its other users.

use super::claims::Claimant;
use super::proposals::ATTEMPT;
use super::service::OperatorsService;
use super::subject::Rendering;
use crate::rpc_status::{refusal_of, refuse};
use fleet_core::claims::{Claims, claims_of};
use fleet_core::event::EventKind;
use fleet_core::facts::InstanceDesired;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, OperatorName, Version};
use fleet_core::not_asked::{MemberNotAsked, NotAsked, NotAskedReason};
use fleet_core::order_failure::OrderFailure;
use fleet_core::proposal::Proposal;
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{Attempt, CallRefusal};
use fleet_core::release::Release;
use fleet_core::rendering_failure::RenderingFailure;
use fleet_core::rollout::Member;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use fleet_proto::convert::{incoming_failure, reported_query_failure};
use fleet_proto::v1::{self, host_query, query_reply};
use fleet_render::HostUse;
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Status;

/// The host's own deadline is a little shorter.
const LIMIT: Duration = Duration::from_secs(6);
/// Number of hosts that are queried at the same time.
const HOSTS_AT_ONCE: usize = 32;
/// Number of parallel queries to one host for one rollout: a host answers twice as many to one operator.
const OF_ONE_HOST: usize = 4;

/// Maximum number of members, and maximum time, for which hosts are asked about refusals before a rollout starts. The
/// other hosts refuse by themselves before anything stops; the operator should not wait longer.
const ASKED: usize = 500;
const BUDGET: Duration = Duration::from_secs(8);

/// Maximum number of names in an event; the rest is counted.
const NAMED: usize = 5;

/// Reply of a host to a change of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostWord {
    Fine,
    /// Failure with which it would refuse the order.
    Refusal(Box<OrderFailure>),
    NotAsked(NotAskedReason),
}

impl HostWord {
    /// Returns a refusal as that of a release on the way, if it is about one.
    fn about(self, on_the_way: Option<Version>) -> Self {
        match (self, on_the_way) {
            (Self::Refusal(failure), Some(version)) => {
                Self::Refusal(Box::new(OrderFailure::OnTheWay { version, failure }))
            }
            (word, _) => word,
        }
    }
}

/// Claims of a member by one of the releases that it starts.
struct MemberClaims {
    name: InstanceName,
    /// Version of the release, if it is one on the way.
    on_the_way: Option<Version>,
    claims: Claims,
}

/// Replies of hosts to a rollout, by member. Members in neither map are accepted.
#[derive(Debug, Default)]
pub struct MembersAsked {
    pub refused: HashMap<InstanceName, LeftOutReason>,
    pub not_asked: HashMap<InstanceName, NotAsked>,
    /// Claims of the members that were rendered, by each release that they start.
    planned: HashMap<InstanceName, Vec<PlannedClaims>>,
}

/// Claims of an instance by a release and a revision of its values.
#[derive(Debug)]
struct PlannedClaims {
    from: ClaimsSource,
    claims: Claims,
}

/// Everything that the claims of an instance depend on. Its values are those of a revision since it was made: another one
/// of the same name counts its revisions anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsSource {
    pub host: HostName,
    pub created: Time,
    pub release: Release,
    pub revision: u64,
}

impl ClaimsSource {
    /// Returns what the claims of a member by a release will depend on. `previous` are revisions that go with a rollout.
    pub fn of(
        member: &Member,
        release: &Release,
        desired: &InstanceDesired,
        previous: &HashMap<InstanceName, u64>,
    ) -> Self {
        let revision = previous.get(&member.instance).copied().unwrap_or(desired.revision);
        Self { host: desired.host.clone(), created: desired.created, release: release.clone(), revision }
    }
}

impl MembersAsked {
    fn hear(&mut self, host: &HostName, name: InstanceName, word: HostWord) {
        match word {
            HostWord::Fine => {}
            HostWord::Refusal(failure) => {
                let failure = Box::new(failure.shortened());
                self.refused.insert(name, LeftOutReason::HostRefuses { host: host.clone(), failure });
            }
            HostWord::NotAsked(reason) => {
                self.not_asked.insert(name, NotAsked { host: host.clone(), reason });
            }
        }
    }

    /// Returns the claims of a member, if they were rendered from the same.
    pub fn claims_of(&self, name: &InstanceName, from: &ClaimsSource) -> Option<Claims> {
        let planned = self.planned.get(name)?.iter().find(|planned| planned.from == *from);
        planned.map(|planned| planned.claims.clone())
    }

    /// Records a member whose planned state cannot be rendered here.
    pub fn not_rendered(&mut self, of: Claimant<'_>, status: &Status) {
        let reason = NotAskedReason::NotRendered(RenderingFailure::from(refusal_of(status)).shortened());
        self.not_asked.insert(of.name.clone(), NotAsked { host: of.host.clone(), reason });
    }

    /// Returns the event at the start of the rollout about hosts that have not said yet whether they would refuse it. An
    /// offline host says so later.
    pub fn undeliverable(&self, proposal: &Proposal) -> Option<EventKind> {
        let begins = |name: &&InstanceName| !proposal.offline.contains(name);
        let members = proposal.members.iter().map(|member| &member.instance).filter(begins);
        let undeliverable: Vec<_> = members.filter_map(|name| Some((name, self.not_asked.get(name)?))).collect();
        let named = undeliverable.iter().take(NAMED).map(|(name, not_asked)| MemberNotAsked::Member {
            instance: (*name).clone(),
            host: not_asked.host.clone(),
            reason: Box::new(not_asked.reason.clone()),
        });
        let named: Vec<_> = named.collect();
        let more = undeliverable.len().saturating_sub(NAMED);
        (!named.is_empty()).then_some(EventKind::HostsNotAsked { more, named })
    }
}

impl OperatorsService {
    /// Refuses a change that the host would refuse. Returns a remark if the host was not asked or has not answered: it
    /// checks again when it gets the order.
    pub async fn ask_host(
        &self,
        attempt: Attempt,
        by: &OperatorName,
        of: Claimant<'_>,
        to: &InstanceSpec,
    ) -> Result<Option<NotAsked>, Status> {
        // The coordinator's own knowledge names the owner better.
        let mut session = self.rendering(attempt, by).await?;
        self.check_claims(attempt, &mut session, of, to).await?;
        drop(session);
        match self.word_of(by, of, &claims_of(to)).await {
            HostWord::Fine => Ok(None),
            HostWord::Refusal(failure) => {
                Err(refuse(attempt, CallRefusal::HostRefuses { host: of.host.clone(), failure }, Hint::NothingChanged))
            }
            HostWord::NotAsked(reason) => Ok(Some(NotAsked { host: of.host.clone(), reason })),
        }
    }

    /// Asks hosts for objections to the members of a proposal. `previous` are revisions that go with it.
    pub async fn ask_members(
        &self,
        by: &OperatorName,
        proposal: &Proposal,
        previous: &HashMap<InstanceName, u64>,
    ) -> Result<MembersAsked, Status> {
        let mut session = self.rendering(ATTEMPT, by).await?;
        let mut asked = MembersAsked::default();
        let mut by_host: BTreeMap<HostName, Vec<MemberClaims>> = BTreeMap::new();
        let mut room = ASKED;
        for member in &proposal.members {
            let Some(desired) = self.shared.facts.read().instance(&member.instance).cloned() else { continue };
            let (name, host) = (member.instance.clone(), desired.host.clone());
            let claims = self.uses_of(&mut session, member, &desired, previous, &mut asked).await;
            if asked.refused.contains_key(&name) || claims.is_empty() {
                continue;
            }
            if room == 0 {
                let reason = NotAskedReason::TooMany { limit: ASKED };
                asked.not_asked.insert(name, NotAsked { host, reason });
            } else {
                room -= 1;
                by_host.entry(host).or_default().extend(claims);
            }
        }
        drop(session);
        let until = Instant::now() + BUDGET;
        let ask = |(host, members)| async move {
            let words = self.words_of(by, &host, members, until).await;
            (host, words)
        };
        let replies = stream::iter(by_host).map(ask).buffer_unordered(HOSTS_AT_ONCE).collect::<Vec<_>>().await;
        for (host, words) in replies {
            words.into_iter().for_each(|(name, word)| asked.hear(&host, name, word));
        }
        Ok(asked)
    }

    /// Returns the claims of a member by each release that it starts, and records those that its host's policy refuses.
    async fn uses_of(
        &self,
        session: &mut Rendering,
        member: &Member,
        desired: &InstanceDesired,
        previous: &HashMap<InstanceName, u64>,
        asked: &mut MembersAsked,
    ) -> Vec<MemberClaims> {
        let of = Claimant { name: &member.instance, host: &desired.host };
        let mut all = Vec::new();
        for release in member.started_releases() {
            let from = ClaimsSource::of(member, release, desired, previous);
            let HostUse { claims, reaches } = match self.host_use(session, of, release, from.revision).await {
                Ok(used) => used,
                Err(status) => {
                    asked.not_rendered(of, &status);
                    continue;
                }
            };
            if let Some((refusals, more)) = self.policy_refusals(of.host, &reaches) {
                let host = of.host.clone();
                asked.refused.insert(of.name.clone(), LeftOutReason::PolicyForbids { host, more, refusals });
            }
            asked.planned.entry(of.name.clone()).or_default().push(PlannedClaims { from, claims: claims.clone() });
            let on_the_way = (*release != member.to).then(|| release.name.version.clone());
            all.push(MemberClaims { name: of.name.clone(), on_the_way, claims });
        }
        all
    }

    /// Returns the replies of one host about some of its instances, a few at a time. A host that does not answer once
    /// is not asked again.
    async fn words_of(
        &self,
        by: &OperatorName,
        host: &HostName,
        members: Vec<MemberClaims>,
        until: Instant,
    ) -> Vec<(InstanceName, HostWord)> {
        let silent: OnceLock<NotAskedReason> = OnceLock::new();
        let silent = &silent;
        let ask = |MemberClaims { name, on_the_way, claims }: MemberClaims| async move {
            let late = || HostWord::NotAsked(NotAskedReason::NoTimeLeft);
            let word = match silent.get() {
                Some(why) => HostWord::NotAsked(why.clone()),
                None if until <= Instant::now() => late(),
                None => {
                    let asking = self.word_of(by, Claimant { name: &name, host }, &claims);
                    timeout_at(until, asking).await.unwrap_or_else(|_| late())
                }
            };
            if let HostWord::NotAsked(why) = &word {
                // The first reason stays.
                let _ = silent.set(why.clone());
            }
            (name, word.about(on_the_way))
        };
        stream::iter(members).map(ask).buffer_unordered(OF_ONE_HOST).collect().await
    }

    /// Returns the reply of a host about the planned state of an instance.
    pub async fn word_of(&self, by: &OperatorName, of: Claimant<'_>, to: &Claims) -> HostWord {
        match timeout(LIMIT, self.refusal_of(by, of, to)).await {
            Ok(Ok(None)) => HostWord::Fine,
            Ok(Ok(Some(failure))) => HostWord::Refusal(failure),
            Ok(Err(reason)) => HostWord::NotAsked(reason),
            Err(_) => HostWord::NotAsked(NotAskedReason::NoAnswer { waited: LIMIT }),
        }
    }

    /// Returns the refusal of a host, or the reason why it cannot be found out.
    async fn refusal_of(
        &self,
        by: &OperatorName,
        of: Claimant<'_>,
        to: &Claims,
    ) -> Result<Option<Box<OrderFailure>>, NotAskedReason> {
        let session = self.shared.sessions.get(of.host).ok_or(NotAskedReason::Offline)?;
        if !session.has_greeted() {
            return Err(NotAskedReason::JustConnected);
        }
        if !session.replies_to_claims() {
            return Err(NotAskedReason::AgentTooOld);
        }
        let claims = Some(to.clone().into());
        let query = host_query::Kind::Claims(v1::ClaimsQuery { instance: of.name.to_string(), claims });
        let asked = self.shared.queries.ask(&self.shared.sessions, of.host, query, by);
        let mut asking = asked.map_err(|error| error.not_asked())?;
        while let Some(piece) = asking.next().await {
            match piece.map_err(|_| NotAskedReason::CutOff)?.kind {
                Some(query_reply::Kind::Claims(v1::ClaimsReply { failure })) => {
                    return Ok(failure.map(|failure| Box::new(incoming_failure(Some(failure)))));
                }
                Some(query_reply::Kind::QueryFailure(failure)) => {
                    return Err(NotAskedReason::Failed(reported_query_failure(failure).shortened()));
                }
                Some(query_reply::Kind::Line(_) | query_reply::Kind::Resolved(_)) | None => {}
            }
        }
        Err(NotAskedReason::CutOff)
    }
}
