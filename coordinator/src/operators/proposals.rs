//! Proposals of rollouts: shown before they start, and refused if they cannot work.

use super::agreed;
use super::apps::count;
use super::asking::MembersAsked;
use super::changes::{not_rendered, placement, planned, texts};
use super::request::{absent, read};
use super::service::OperatorsService;
use super::subject::{OpenedRelease, Rendering};
use super::views::rollout::left_out;
use crate::facts::{ReleaseKept, StateSnapshot};
use crate::rpc_status::{failed, refuse};
use fleet_core::app::{CheckedValues, DataEffect, Rendered};
use fleet_core::hint::Hint;
use fleet_core::labels::Selector;
use fleet_core::names::{AppName, BackupId, InstanceName, OperatorName, StoreName, Version};
use fleet_core::not_asked::NotAsked;
use fleet_core::order::PowerRequest;
use fleet_core::planned_change::PlannedChange;
use fleet_core::proposal::{Proposal, RolloutRefusal, RolloutRequest, propose};
use fleet_core::reason::LeftOutReason;
use fleet_core::refused_call::{Attempt, CallRefusal, NamedKind, first_of};
use fleet_core::release::Release;
use fleet_core::rendering_failure::RenderingFailure;
use fleet_core::rollout::{Concurrency, LeftOut, Member, StrategyRequest};
use fleet_core::time::Time;
use fleet_core::window::Window;
use fleet_proto::v1::{self, WaveKind};
use fleet_render::RenderError;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tonic::Status;

pub const ATTEMPT: Attempt = Attempt::RollOut;
/// Maximum number of members whose changes are rendered; the others change in the same way.
const RENDERED: usize = 50;

impl OperatorsService {
    /// Parses the request and checks that the release exists.
    pub fn rollout_request(&self, request: &v1::ProposeRolloutRequest) -> Result<RolloutRequest, Status> {
        let app = match request.app.as_str() {
            "" => self.only_app()?,
            name => read(ATTEMPT, name)?,
        };
        let version: Version = read(ATTEMPT, &request.version)?;
        let ReleaseKept { release: to, upgrades, .. } = self.find_release(ATTEMPT, &app, &version)?;
        let pushed = self.releases_of(&app);
        let selector: Selector = read(ATTEMPT, &request.selector)?;
        Ok(RolloutRequest { to, upgrades, pushed, selector, strategy: strategy_request(request)? })
    }

    fn only_app(&self) -> Result<AppName, Status> {
        let snapshot = self.shared.facts.read();
        let mut apps: Vec<&AppName> = snapshot.desired().instances.values().map(|one| &one.release.name.app).collect();
        apps.sort();
        apps.dedup();
        match apps.as_slice() {
            [app] => Ok((*app).clone()),
            [] => Err(refuse(ATTEMPT, CallRefusal::NoInstances, Hint::InstallFirst(None))),
            many => {
                let apps = many.iter().map(|app| (*app).clone()).collect();
                Err(refuse(ATTEMPT, CallRefusal::SeveralApps, Hint::ChooseApp(apps)))
            }
        }
    }

    pub async fn propose_now(
        &self,
        by: &OperatorName,
        request: &v1::ProposeRolloutRequest,
        now: Time,
    ) -> Result<v1::Proposal, Status> {
        let wanted = self.rollout_request(request)?;
        let proposal = propose_in(&self.shared.facts.read(), &wanted, now)?;
        self.check_values_first(by, &proposal).await?;
        let mut asked = self.ask_members(by, &proposal, &HashMap::new()).await?;
        let mut rendering = self.rendering(ATTEMPT, by).await?;
        let (_, mut shown) = self.shown(&mut rendering, &wanted, &mut asked, now).await?;
        shown.plan_digest = self.proposal_digest(request, &shown);
        Ok(shown)
    }

    /// Returns a proposal without the members that conflict with other claims or are refused by their hosts, and its
    /// view.
    pub async fn shown(
        &self,
        rendering: &mut Rendering,
        wanted: &RolloutRequest,
        asked: &mut MembersAsked,
        now: Time,
    ) -> Result<(Proposal, v1::Proposal), Status> {
        let mut proposal = propose_in(&self.shared.facts.read(), wanted, now)?;
        self.check_values(rendering, &proposal)?;
        self.refused_members(rendering, &proposal, &HashMap::new(), asked).await?;
        leave_out(ATTEMPT, &mut proposal, &asked.refused)?;
        let shown = self.proposal_view(rendering, &proposal, &asked.not_asked).await?;
        Ok((proposal, shown))
    }

    /// Calls `check_values` with a rendering of its own, which ends before hosts are asked: others may render meanwhile.
    pub async fn check_values_first(&self, by: &OperatorName, proposal: &Proposal) -> Result<(), Status> {
        if self.with_other_values(proposal).is_empty() {
            return Ok(());
        }
        let mut rendering = self.rendering(ATTEMPT, by).await?;
        self.check_values(&mut rendering, proposal)
    }

    /// Refuses a release whose values an instance does not have: its host could only refuse it later.
    fn check_values(&self, rendering: &mut Rendering, proposal: &Proposal) -> Result<(), Status> {
        for member in self.with_other_values(proposal) {
            let values = self.values_of(&member.instance)?;
            for release in member.started_releases() {
                let opened = self.opened(ATTEMPT, rendering, release)?;
                CheckedValues::of_instance(&opened.definition.values, &values).map_err(|problems| {
                    let (instance, (problems, more)) = (member.instance.clone(), first_of(texts(&problems)));
                    let refusal = CallRefusal::MemberValuesInvalid { instance, more, problems };
                    refuse(ATTEMPT, refusal, Hint::SetValueFirst(member.instance.clone()))
                })?;
            }
        }
        Ok(())
    }

    /// Members whose old and new release do not declare the same values: for the others nothing is new.
    fn with_other_values<'a>(&self, proposal: &'a Proposal) -> Vec<&'a Member> {
        let snapshot = self.shared.facts.read();
        let declared =
            |release: &Release| snapshot.release(&release.name.app, &release.name.version).map(|kept| &kept.values);
        let is_other =
            |member: &&Member| member.started_releases().any(|release| declared(release) != declared(&member.from));
        proposal.members.iter().filter(is_other).collect()
    }

    fn values_of(&self, instance: &InstanceName) -> Result<BTreeMap<String, String>, Status> {
        let revision = self.shared.facts.read().instance(instance).map_or(0, |desired| desired.revision);
        let opened = self.shared.values.open(self.shared.facts.store(), instance, revision);
        opened.map(|(values, _)| values).map_err(|error| failed(Attempt::OpenValues, &error))
    }

    /// Returns the view of a proposal, including unknown facts about its members.
    async fn proposal_view(
        &self,
        rendering: &mut Rendering,
        proposal: &Proposal,
        not_known: &HashMap<InstanceName, NotAsked>,
    ) -> Result<v1::Proposal, Status> {
        let members: HashMap<&InstanceName, &Member> =
            proposal.members.iter().map(|member| (&member.instance, member)).collect();
        let offline: HashSet<&InstanceName> = proposal.offline.iter().collect();
        let mut waves = Vec::new();
        let mut rendered = 0;
        let has_canary = proposal.strategy.canary > 0;
        let apart = Some(&proposal.offline).filter(|offline| !offline.is_empty());
        for (index, wave) in proposal.waves.iter().chain(apart).enumerate() {
            let mut changes = Vec::new();
            for member in wave.iter().filter_map(|name| members.get(name)) {
                let mut plan =
                    if rendered < RENDERED { self.planned_for(rendering, member).await? } else { Vec::new() };
                rendered += 1;
                // A host that is away is asked when it comes back, and refuses then.
                let is_online = !offline.contains(&member.instance);
                let not_asked = not_known.get(&member.instance).filter(|_| is_online);
                plan.extend(not_asked.cloned().map(PlannedChange::from));
                changes.push(self.proposed(member, is_online, agreed::shown(&plan)));
            }
            let (kind, number) = wave_kind(index, has_canary, proposal.waves.len());
            waves.push(v1::Wave { kind: kind.into(), number, changes });
        }
        Ok(v1::Proposal {
            app: proposal.to.name.app.to_string(),
            version: proposal.to.name.version.to_string(),
            digest: proposal.to.digest.to_string(),
            waves,
            left_out: proposal.left_out.iter().map(left_out).collect(),
            strategy: Some(v1::RolloutStrategy::of(&proposal.strategy, proposal.members.len())),
            plan_digest: String::new(),
        })
    }

    fn proposed(&self, member: &Member, online: bool, changes: Vec<v1::PlannedChange>) -> v1::ProposedChange {
        let snapshot = self.shared.facts.read();
        let instance = snapshot.instance(&member.instance);
        v1::ProposedChange {
            instance: member.instance.to_string(),
            host: instance.map(|one| one.host.to_string()).unwrap_or_default(),
            from: member.from.name.version.to_string(),
            to: member.to.name.version.to_string(),
            online,
            changes,
            through: versions(&member.through),
        }
    }

    async fn planned_for(&self, rendering: &mut Rendering, member: &Member) -> Result<Vec<PlannedChange>, Status> {
        let host = self.shared.facts.read().instance(&member.instance).map(|one| one.host.clone());
        let Some(host) = host else { return Ok(Vec::new()) };
        let values = self.values_of(&member.instance)?;
        let mut specs = Vec::new();
        for release in [&member.from].into_iter().chain(member.started_releases()) {
            let opened = self.opened(ATTEMPT, rendering, release)?;
            let OpenedRelease { bundle, definition } = &*opened;
            let place = placement(&member.instance, &host, &release.name.version);
            specs.push(match CheckedValues::of_instance(&definition.values, &values) {
                Ok(values) => match rendering.render(bundle, &values, &place).await {
                    Ok(rendered) => Ok(rendered),
                    Err(RenderError::Refused(problems)) => {
                        Err(RenderingFailure::of_release(problems.0.iter().map(ToString::to_string)))
                    }
                    Err(error) => return Err(not_rendered(ATTEMPT, error)),
                },
                Err(problems) => Err(RenderingFailure::of_values(texts(&problems))),
            });
        }
        let Some((from, started)) = specs.split_first() else { return Ok(Vec::new()) };
        if let Some(why) = started.iter().find_map(|rendered| rendered.as_ref().err()) {
            return Ok(vec![PlannedChange::NotRenderable(why.clone())]);
        }
        let (from, to) = (from.as_ref().ok(), started.last().and_then(|to| to.as_ref().ok()));
        let mut plan = to.map(|to| planned(from.map(|from| &from.spec), &to.spec)).unwrap_or_default();
        let kept: Vec<PlannedChange> = from.into_iter().flat_map(|from| self.data_kept(member, from)).collect();
        // Between two releases everything stops, copies or not.
        let stops = (kept.is_empty() && !member.through.is_empty()).then_some(PlannedChange::ServicesStopped);
        plan.extend(kept.into_iter().chain(stops));
        Ok(plan)
    }
}

impl OperatorsService {
    /// Returns what is done so that the data of an instance can come back.
    fn data_kept(&self, member: &Member, from: &Rendered) -> Vec<PlannedChange> {
        let truths = from.stores.iter().filter(|(_, store)| store.is_truth());
        let stores: Vec<StoreName> = truths.map(|(name, _)| name.clone()).collect();
        let snapshot = self.shared.facts.read();
        let is_stopped = snapshot.instance(&member.instance).is_some_and(|it| it.power.request == PowerRequest::Stop);
        if member.data == DataEffect::None || stores.is_empty() || is_stopped {
            return Vec::new();
        }
        let backup = match snapshot.desired().policy_of(&member.instance) {
            Some((_, policy)) => PlannedChange::SafetyBackup(policy.to.iter().cloned().collect()),
            None => PlannedChange::NoSafetyBackup,
        };
        let key = |version: &Version| from.spec.scheme.key(version).ok();
        let (before, after) = (&member.from.name.version, &member.to.name.version);
        let is_back = key(before).zip(key(after)).is_some_and(|(before, after)| before > after);
        let of_newer = is_back.then(|| PlannedChange::DataOfNewer {
            version: before.clone(),
            instance: member.instance.clone(),
            backup: newest_by(&snapshot, &member.instance, &member.to),
        });
        [backup, PlannedChange::DataCopied(stores)].into_iter().chain(of_newer).collect()
    }
}

/// Returns the newest good backup of an instance that a release has made.
fn newest_by(snapshot: &StateSnapshot, instance: &InstanceName, release: &Release) -> Option<BackupId> {
    let backups = snapshot.observed().backups.get(instance)?.iter();
    let good = backups.filter(|(_, seen)| seen.is_restorable() && seen.release == *release);
    good.max_by_key(|(_, seen)| seen.began).map(|(key, _)| key.backup.clone())
}

/// Returns the versions of releases, in their order.
pub fn versions(releases: &[Release]) -> Vec<String> {
    releases.iter().map(|release| release.name.version.to_string()).collect()
}

fn wave_kind(index: usize, has_canary: bool, waves: usize) -> (WaveKind, u32) {
    match (index, has_canary) {
        (index, _) if index == waves => (WaveKind::WhenBackOnline, 0),
        (0, true) => (WaveKind::Canary, 0),
        (index, true) => (WaveKind::Numbered, count(index)),
        (index, false) => (WaveKind::Numbered, count(index + 1)),
    }
}

pub fn propose_in(snapshot: &StateSnapshot, wanted: &RolloutRequest, now: Time) -> Result<Proposal, Status> {
    let proposal = propose(snapshot.desired(), snapshot.asked(), snapshot.observed(), wanted, now);
    proposal.map_err(|refusal| refused_rollout(ATTEMPT, refusal))
}

/// Leaves out members that conflict with other instances or would be refused by their hosts, with the reason.
pub fn leave_out(
    attempt: Attempt,
    proposal: &mut Proposal,
    refused: &HashMap<InstanceName, LeftOutReason>,
) -> Result<(), Status> {
    if refused.is_empty() {
        return Ok(());
    }
    let stays = |name: &InstanceName| !refused.contains_key(name);
    let (stay, go): (Vec<_>, Vec<_>) =
        std::mem::take(&mut proposal.members).into_iter().partition(|member| stays(&member.instance));
    proposal.members = stay;
    let left = go
        .into_iter()
        .filter_map(|it| Some(LeftOut { reason: refused.get(&it.instance)?.clone(), instance: it.instance }));
    proposal.left_out.extend(left);
    proposal.waves.iter_mut().for_each(|wave| wave.retain(stays));
    proposal.waves.retain(|wave| !wave.is_empty());
    proposal.offline.retain(stays);
    let (group, canary) = (proposal.members.len(), proposal.strategy.canary);
    if group == 0 {
        let (release, left_out) = (proposal.to.name.clone(), proposal.left_out.clone());
        return Err(refused_rollout(attempt, RolloutRefusal::NothingToMove { release, more: 0, left_out }));
    }
    // The canary is a part of the members: left-out ones do not count in it.
    proposal.strategy.canary = canary.min(u32::try_from(group - 1).unwrap_or(u32::MAX));
    Ok(())
}

pub fn refused_rollout(attempt: Attempt, refusal: RolloutRefusal) -> Status {
    let hint = refusal.hint();
    refuse(attempt, refusal, hint)
}

fn strategy_request(request: &v1::ProposeRolloutRequest) -> Result<StrategyRequest, Status> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let at_once = text(&request.at_once).map(|text| read::<Concurrency>(ATTEMPT, &text)).transpose()?;
    let window = text(&request.window).map(|text| read::<Window>(ATTEMPT, &text)).transpose()?;
    Ok(StrategyRequest {
        canary: request.canary,
        at_once,
        soak: request.soak_ms.map(Duration::from_millis),
        max_failures: request.max_failures,
        per: request.per.clone().into_iter().collect(),
        window,
        deadline: request.deadline_ms.map(Duration::from_millis),
    })
}

/// The id of an app's next rollout.
pub fn next_number(snapshot: &StateSnapshot, app: &AppName) -> u64 {
    let prefix = format!("{app}-");
    let number = |id: &str| id.strip_prefix(&prefix).and_then(|number| number.parse::<u64>().ok());
    snapshot.desired().rollouts.keys().filter_map(|id| number(id.as_str())).max().unwrap_or(0) + 1
}

pub fn absent_rollout(attempt: Attempt, id: &str) -> Status {
    absent(attempt, NamedKind::Rollout, id, Hint::SeeRollouts)
}
