//! Installing, configuring, powering and removing instances.

use super::agreed::{Agreed, Once, plan_changed, shown};
use super::changes::{check, merged, planned};
use super::follow::RequestedAction;
use super::request::{ChangeError, absent, choice, drift, read};
use super::service::OperatorsService;
use super::subject::{Subject, definition, no_instance};
use super::views::instance::plan_context;
use crate::clock;
use crate::facts::{DesiredChange, Started, StateSnapshot};
use crate::rpc_status::refuse;
use crate::values::HIDDEN;
use fleet_core::app::Given;
use fleet_core::event::EventKind;
use fleet_core::facts::{DriftRule, InstanceDesired, PowerDesired};
use fleet_core::hint::Hint;
use fleet_core::names::{AppName, HostName, InstanceName, OperatorName, Version};
use fleet_core::order::PowerRequest;
use fleet_core::order_summary::OrderSummary;
use fleet_core::plan::Newer;
use fleet_core::planned_change::PlannedChange;
use fleet_core::refused_call::{Attempt, BackupRefusal, CallRefusal, NamedKind};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::BTreeMap;
use tonic::Status;

/// Verb phrase for setting values in refusals.
const CONFIGURE: Attempt = Attempt::Configure;
const VALUE_LIMIT: usize = 64 * 1024;
const VALUES_LIMIT: usize = 256 * 1024;

impl OperatorsService {
    pub async fn install_as(
        &self,
        by: &OperatorName,
        request: v1::InstallInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: Attempt = Attempt::Install;
        let (app, version): (AppName, Version) = (read(ATTEMPT, &request.app)?, read(ATTEMPT, &request.version)?);
        let (host, name): (HostName, InstanceName) = (read(ATTEMPT, &request.host)?, read(ATTEMPT, &request.name)?);
        let drift = drift(ATTEMPT, request.drift)?.unwrap_or_default();
        let release = self.find_release(ATTEMPT, &app, &version)?.release;
        self.check_free(&name, &host)?;
        let bundle = self.bundle(&release)?;
        let definition = definition(ATTEMPT, &bundle)?;
        let now = clock::now();
        let desired = InstanceDesired {
            host,
            release: release.clone(),
            revision: 1,
            drift,
            power: PowerDesired { request: PowerRequest::Start, serial: 0 },
            removal: None,
            data: None,
            origin: None,
            created: now,
        };
        let (values, elsewhere) = Default::default();
        let subject = Subject { name, desired, release, bundle, definition, values, elsewhere };
        check_given(ATTEMPT, &request.values)?;
        check(ATTEMPT, &subject.definition, &request.values)?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let rendered = subject.render(&mut session, ATTEMPT, &request.values).await?;
        drop(session);
        self.check_policy(ATTEMPT, &subject, &rendered)?;
        let not_asked = self.ask_host(ATTEMPT, by, subject.claimant(), &rendered.spec).await?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let one_at_a_time = self.claiming.lock().await;
        let mut plan = planned(None, &rendered.spec);
        plan.extend(not_asked.map(PlannedChange::from));
        plan.extend(self.check_claims(ATTEMPT, &mut session, subject.claimant(), &rendered.spec).await?);
        drop(session);
        if !request.dry_run {
            self.keep_new(by, &subject, &request.values, now).await?;
        }
        drop(one_at_a_time);
        let wanted = (!request.dry_run).then_some(RequestedAction::Goal);
        self.changed(subject.name, plan, wanted).await
    }

    async fn keep_new(&self, by: &OperatorName, subject: &Subject, given: &Given, now: Time) -> Result<(), Status> {
        let Subject { name, desired, release, .. } = subject;
        let change = |change: &mut DesiredChange<'_>| {
            if change.snapshot().instance(name).is_some() {
                return Err(name_taken(change.snapshot(), name).into());
            }
            if !change.snapshot().desired().hosts.contains_key(&desired.host) {
                return Err(no_host(&desired.host).into());
            }
            self.shared.values.put(change.batch(), name, 1, given, &subject.secrets(), desired.drift)?;
            change.put_instance(name, desired.clone());
            let (release, host) = (release.name.clone(), desired.host.clone());
            change.tell(name, EventKind::InstallRequested { release, host, by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await
    }

    /// Refuses early what would be refused anyway.
    fn check_free(&self, name: &InstanceName, host: &HostName) -> Result<(), Status> {
        let snapshot = self.shared.facts.read();
        if snapshot.instance(name).is_some() {
            return Err(name_taken(&snapshot, name));
        }
        if !snapshot.desired().hosts.contains_key(host) {
            return Err(no_host(host));
        }
        Ok(())
    }

    pub async fn configure_as(
        &self,
        by: &OperatorName,
        mut request: v1::ConfigureInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        let given = request.agreed.take();
        let Some(agreed) = Agreed::unless_dry_run(CONFIGURE, request.dry_run, given)? else {
            return self.configure_agreed(by, &request, None).await;
        };
        let change = self.configure_agreed(by, &request, Some(&agreed));
        match self.once(CONFIGURE, by, &agreed, change).await? {
            Once::New(change) => Ok(change),
            Once::Before(started) => self.begun_before(CONFIGURE, started, Some(RequestedAction::Goal)).await,
        }
    }

    async fn configure_agreed(
        &self,
        by: &OperatorName,
        request: &v1::ConfigureInstanceRequest,
        agreed: Option<&Agreed>,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: Attempt = CONFIGURE;
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let rule = drift(ATTEMPT, request.drift)?;
        let subject = self.subject(ATTEMPT, &name)?;
        not_while_put_back(CONFIGURE, &self.shared.facts.read(), &name, clock::now())?;
        check_given(ATTEMPT, &request.values)?;
        subject.check_given(ATTEMPT, &request.values)?;
        let given = merged(&subject.values, &request.values, &request.unset);
        let drift = rule.unwrap_or(subject.desired.drift);
        let mut session = self.rendering(ATTEMPT, by).await?;
        let after = subject.render(&mut session, ATTEMPT, &given).await?;
        self.check_policy(ATTEMPT, &subject, &after)?;
        let before = subject.render(&mut session, ATTEMPT, &subject.values).await.ok();
        drop(session);
        let not_asked = match given == subject.values {
            true => None,
            false => self.ask_host(ATTEMPT, by, subject.claimant(), &after.spec).await?,
        };
        let mut session = self.rendering(ATTEMPT, by).await?;
        let one_at_a_time = self.claiming.lock().await;
        let unknown = self.check_claims(ATTEMPT, &mut session, subject.claimant(), &after.spec).await?;
        drop(session);
        let mut plan = planned(before.as_ref().map(|before| &before.spec), &after.spec);
        if drift != subject.desired.drift {
            plan.push(match drift {
                DriftRule::Heal => PlannedChange::DriftHealed,
                DriftRule::Report => PlannedChange::DriftReported,
            });
        }
        plan.extend(unknown.into_iter().chain(not_asked.map(PlannedChange::from)));
        let newer = self.newer_at_host(&name);
        if let Some(revision) = newer {
            plan.push(PlannedChange::ValuesReplaceNewer { revision });
        }
        let has_changed = given != subject.values || drift != subject.desired.drift || newer.is_some();
        let asked = v1::ConfigureInstanceRequest { dry_run: false, ..request.clone() };
        let plan_digest = self.change_digest(&asked, &plan, Some(&subject.desired));
        let Some(agreed) = agreed else {
            return Ok(v1::InstanceChange { plan_digest, ..self.changed(name, plan, None).await? });
        };
        agreed.check(ATTEMPT, &plan_digest)?;
        if has_changed {
            self.keep_values(by, &subject, (&given, drift), agreed).await?;
        }
        drop(one_at_a_time);
        self.changed(name, plan, has_changed.then_some(RequestedAction::Goal)).await
    }

    /// Returns the revision of an instance at its host, if it is newer than the desired one and was not set here.
    fn newer_at_host(&self, name: &InstanceName) -> Option<u64> {
        let snapshot = self.shared.facts.read();
        let is_newer = snapshot.said(name)?.revision > snapshot.instance(name)?.revision;
        match is_newer.then(|| plan_context(&snapshot, clock::now()).newer(name))?? {
            Newer::Unknown(revision) => Some(revision),
            Newer::Brought(_) => None,
        }
    }

    async fn keep_values(
        &self,
        by: &OperatorName,
        subject: &Subject,
        (given, drift): (&Given, DriftRule),
        agreed: &Agreed,
    ) -> Result<(), Status> {
        let name = &subject.name;
        let change = |change: &mut DesiredChange<'_>| {
            let desired = find(change, CONFIGURE, name)?;
            if desired != subject.desired {
                return Err(plan_changed(CONFIGURE).into());
            }
            not_while_put_back(CONFIGURE, change.snapshot(), name, change.now)?;
            agreed.check_unused(CONFIGURE, change.snapshot())?;
            let revision = change.snapshot().next_revision(name, &change.snapshot().promised_revisions());
            self.shared.values.put(change.batch(), name, revision, given, &subject.secrets(), drift)?;
            change.put_instance(name, InstanceDesired { revision, drift, ..desired });
            change.tell(name, EventKind::ConfigurationChanged { by: by.clone() });
            agreed.note(change, by, Started::Change(name.clone()));
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await
    }

    pub async fn power_as(
        &self,
        by: &OperatorName,
        request: v1::PowerInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: Attempt = Attempt::ChangePower;
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let wanted = choice::<v1::PowerAction, PowerRequest>(ATTEMPT, request.action)?;
        let planned = match wanted {
            PowerRequest::Start => PlannedChange::Started,
            PowerRequest::Stop => PlannedChange::Stopped,
            PowerRequest::Restart => PlannedChange::Restarted,
        };
        let change = |change: &mut DesiredChange<'_>| {
            let desired = find(change, ATTEMPT, &name)?;
            if has_failed_to_install(change.snapshot(), &name) {
                let refusal = CallRefusal::NotInstalled { instance: name.clone() };
                return Err(refuse(ATTEMPT, refusal, Hint::FinishInstall(name.clone())).into());
            }
            let said = change.snapshot().said(&name).map_or(0, |said| said.power_serial);
            let power = PowerDesired { request: wanted, serial: desired.power.serial.max(said) + 1 };
            change.put_instance(&name, InstanceDesired { power, ..desired });
            let work = Box::new(OrderSummary::from(wanted));
            change.tell(&name, EventKind::WorkRequested { by: by.clone(), work });
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        self.changed(name, vec![planned], Some(RequestedAction::Power)).await
    }

    /// Makes a change and notifies the affected hosts.
    pub async fn change(
        &self,
        now: Time,
        change: impl FnOnce(&mut DesiredChange<'_>) -> Result<(), ChangeError>,
    ) -> Result<(), Status> {
        let ((), touched) = self.shared.facts.change_desired(now, change).await?;
        self.shared.sessions.mark(&touched, now);
        Ok(())
    }

    /// Returns the answer to a change: the plan, and the order that does it.
    pub async fn changed(
        &self,
        name: InstanceName,
        plan: Vec<PlannedChange>,
        wanted: Option<RequestedAction>,
    ) -> Result<v1::InstanceChange, Status> {
        let order = match wanted {
            Some(wanted) => self.order_for(&name, wanted).await,
            None => String::new(),
        };
        let instance = self.instance_view(&name);
        Ok(v1::InstanceChange { instance, plan: shown(&plan), order, ..Default::default() })
    }
}

fn check_given(attempt: Attempt, values: &BTreeMap<String, String>) -> Result<(), Status> {
    if let Some((name, _)) = values.iter().find(|(_, text)| *text == HIDDEN) {
        return Err(refuse(attempt, CallRefusal::HiddenValue { value: name.clone() }, Hint::LeaveSecretOut));
    }
    if let Some((name, _)) = values.iter().find(|(_, text)| text.len() > VALUE_LIMIT) {
        let refusal = CallRefusal::ValueTooLarge { value: name.clone(), limit: VALUE_LIMIT };
        return Err(refuse(attempt, refusal, None));
    }
    if values.values().map(String::len).sum::<usize>() > VALUES_LIMIT {
        return Err(refuse(attempt, CallRefusal::ValuesTooLarge { limit: VALUES_LIMIT }, None));
    }
    Ok(())
}

/// Refuses new values while an undo or a restore is about to bring old ones: one of the two requests would be lost silently.
pub fn not_while_put_back(
    attempt: Attempt,
    snapshot: &StateSnapshot,
    name: &InstanceName,
    now: Time,
) -> Result<(), Status> {
    let request = snapshot.instance(name).and_then(|instance| instance.data.as_ref());
    if request.is_some_and(|request| request.action.return_to().is_some()) {
        let refusal = BackupRefusal::RequestPending { instance: name.clone() };
        return Err(refuse(attempt, refusal, Hint::AwaitOrder(name.clone())));
    }
    let is_promised = snapshot.promised_revisions().get(name) > snapshot.instance(name).map(|it| it.revision).as_ref();
    if !is_promised {
        return Ok(());
    }
    let plan_context = plan_context(snapshot, now);
    let Some(undo) = plan_context.is_put_back_by(name) else { return Ok(()) };
    Err(refuse(attempt, CallRefusal::UndoPutsBack { undo: undo.clone() }, Hint::AwaitUndo(undo.clone())))
}

/// The instance, unless it is about to go.
fn find(change: &DesiredChange<'_>, attempt: Attempt, name: &InstanceName) -> Result<InstanceDesired, Status> {
    let desired = find_any(change, attempt, name)?;
    if desired.removal.is_some() {
        return Err(refuse(attempt, CallRefusal::BeingRemoved { instance: name.clone() }, Hint::AwaitRemoval));
    }
    Ok(desired)
}

pub fn find_any(change: &DesiredChange<'_>, attempt: Attempt, name: &InstanceName) -> Result<InstanceDesired, Status> {
    change.snapshot().instance(name).cloned().ok_or_else(|| no_instance(attempt, name))
}

fn no_host(host: &HostName) -> Status {
    absent(Attempt::Install, NamedKind::Host, host, Hint::AddHost)
}

fn name_taken(snapshot: &StateSnapshot, name: &InstanceName) -> Status {
    if has_failed_to_install(snapshot, name) {
        let refusal = CallRefusal::NameOfFailed { instance: name.clone() };
        return refuse(Attempt::Install, refusal, Hint::FinishInstall(name.clone()));
    }
    let refusal = CallRefusal::NameTaken { subject: NamedKind::Instance, name: name.to_string() };
    refuse(Attempt::Install, refusal, Hint::ChooseInstanceName)
}

fn has_failed_to_install(snapshot: &StateSnapshot, name: &InstanceName) -> bool {
    let mut ended = snapshot.observed().ended.values();
    snapshot.said(name).is_none() && ended.any(|ended| ended.instance == *name && !ended.outcome.is_success())
}
