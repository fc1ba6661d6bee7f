//! Restores an instance in place, or as a new one on another host.

use super::chosen::{Meant, choose};
use super::requests::check_host;
use super::restore_plan::{check_reach, cleared_privileges, privileges_on};
use crate::clock;
use crate::facts::{DesiredChange, Started};
use crate::operators::agreed::{Agreed, Once, shown};
use crate::operators::changes::{check_for, planned};
use crate::operators::request::{ChangeError, absent, read};
use crate::operators::service::OperatorsService;
use crate::operators::subject::{Subject, definition};
use crate::rpc_status::refuse;
use fleet_core::app::Given;
use fleet_core::backup::{BackupSeen, BackupSource, DataAction, DataRequest, Manifest, Others, without_side_files};
use fleet_core::event::EventKind;
use fleet_core::facts::{DriftRule, InstanceDesired, InstanceOrigin, PowerDesired};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, OperatorName, StoreName};
use fleet_core::order::PowerRequest;
use fleet_core::planned_change::{PlannedChange, RestoreTo};
use fleet_core::refused_call::{Attempt, BackupRefusal, CallRefusal, NamedKind};
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

pub const ATTEMPT: Attempt = Attempt::Restore;

/// An instance as a backup makes it.
pub struct Anew<'a> {
    pub subject: Subject,
    pub values: Given,
    pub plan: Vec<PlannedChange>,
    /// Until it is stored, no other change may claim names.
    #[allow(dead_code, reason = "it is held, and not read")]
    pub one_at_a_time: tokio::sync::MutexGuard<'a, ()>,
}

impl OperatorsService {
    pub async fn restore_as(
        &self,
        by: &OperatorName,
        mut request: v1::RestoreRequest,
    ) -> Result<v1::InstanceChange, Status> {
        let given = request.agreed.take();
        let Some(agreed) = Agreed::unless_dry_run(ATTEMPT, request.dry_run, given)? else {
            return self.restore_agreed(by, request, None).await;
        };
        match self.once(ATTEMPT, by, &agreed, self.restore_agreed(by, request, Some(&agreed))).await? {
            Once::New(change) => Ok(change),
            Once::Before(started) => self.begun_before(ATTEMPT, started, None).await,
        }
    }

    async fn restore_agreed(
        &self,
        by: &OperatorName,
        request: v1::RestoreRequest,
        agreed: Option<&Agreed>,
    ) -> Result<v1::InstanceChange, Status> {
        let name: InstanceName = read(ATTEMPT, &request.instance)?;
        let at = Some(request.at_ms).filter(|at| *at > 0).map(Time);
        let meant = Meant { backup: &request.backup, at, repository: &request.repository };
        let (from, seen) = choose(&self.shared.facts.read(), ATTEMPT, &name, &meant)?;
        let _place = self.reader(ATTEMPT, by).await?;
        let only = request.only.iter().map(|name| read(ATTEMPT, name)).collect::<Result<BTreeSet<StoreName>, _>>()?;
        if request.to_host.is_empty() != request.name.is_empty() {
            return Err(refuse(ATTEMPT, BackupRefusal::NoPlace, Hint::GiveHostAndName));
        }
        match request.to_host.is_empty() {
            true => self.restore_in_place(by, (&request, agreed), name, (from, seen), only).await,
            false => self.restore_anew(by, (&request, agreed), (from, seen), only).await,
        }
    }

    async fn restore_anew(
        &self,
        by: &OperatorName,
        (request, agreed): (&v1::RestoreRequest, Option<&Agreed>),
        (from, seen): (BackupSource, BackupSeen),
        only: BTreeSet<StoreName>,
    ) -> Result<v1::InstanceChange, Status> {
        let (host, name): (HostName, InstanceName) = (read(ATTEMPT, &request.to_host)?, read(ATTEMPT, &request.name)?);
        self.check_free_for(&name, &host)?;
        check_reach(&self.shared.facts.read(), &from, &seen, &host)?;
        check_host(&self.shared.facts.read(), ATTEMPT, &host, [&from.repository])?;
        let manifest = self.manifest_of(ATTEMPT, &from).await?;
        let anew = self.anew(by, (&name, &host), &manifest, request).await?;
        let mut plan = made_from(&name, &host, &manifest, (&from, &seen), &only);
        plan.extend(anew.plan.iter().cloned());
        let privileges = privileges_on(&self.shared.facts.read(), &host, (&from.instance, &seen), request);
        plan.extend(cleared_privileges(privileges, &seen));
        expect_files_beside(&manifest, &only, request.drop_others)?;
        let plan_digest = self.change_digest(&meant_by(request, &from), &plan, None);
        let Some(agreed) = agreed else {
            let backup = from.backup.to_string();
            return Ok(v1::InstanceChange { plan: shown(&plan), backup, plan_digest, ..Default::default() });
        };
        agreed.check(ATTEMPT, &plan_digest)?;
        let goal = Goal { release: manifest.release.clone(), revision: 1 };
        let others = others_of(request);
        let now = clock::now();
        let (instance, backup) = (from.instance.clone(), from.backup.clone());
        let origin = Some(InstanceOrigin::Backup(from.clone()));
        let action = DataAction::Restore {
            from,
            only,
            safety: BTreeSet::new(),
            goal: Some(goal),
            replaces: None,
            others,
            privileges,
        };
        let desired = InstanceDesired {
            origin,
            data: Some(DataRequest { serial: now.0, action, at: now }),
            created: now,
            ..anew.subject.desired.clone()
        };
        let change = |change: &mut DesiredChange<'_>| {
            if change.snapshot().instance(&name).is_some() {
                return Err(name_taken(&name).into());
            }
            agreed.check_unused(ATTEMPT, change.snapshot())?;
            let secrets = anew.subject.secrets();
            self.shared.values.put(change.batch(), &name, 1, &anew.values, &secrets, DriftRule::Heal)?;
            change.put_instance(&name, desired);
            agreed.note(change, by, Started::Change(name.clone()));
            let (host, backup, of) = (host.clone(), backup.clone(), instance.clone());
            change.tell(&name, EventKind::CreationRequested { host, backup, of, by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await?;
        Ok(v1::InstanceChange { plan: shown(&plan), backup: backup.to_string(), ..self.requested(&name) })
    }

    /// Works out whether the backup's release and values make an instance on the host, before anything is kept.
    async fn anew(
        &self,
        by: &OperatorName,
        (name, host): (&InstanceName, &HostName),
        manifest: &Manifest,
        request: &v1::RestoreRequest,
    ) -> Result<Anew<'_>, Status> {
        let release = self.release_of_backup(manifest)?;
        let bundle = self.bundle(&release)?;
        let definition = definition(ATTEMPT, &bundle)?;
        let mut values = manifest.values.clone();
        values.extend(request.values.clone());
        check_for(ATTEMPT, &definition, &values)?;
        let desired = InstanceDesired {
            host: host.clone(),
            release: release.clone(),
            revision: 1,
            drift: DriftRule::Heal,
            power: PowerDesired { request: PowerRequest::Start, serial: 0 },
            removal: None,
            data: None,
            origin: None,
            created: Time::ZERO,
        };
        let elsewhere = Default::default();
        let subject =
            Subject { name: name.clone(), desired, release, bundle, definition, values: values.clone(), elsewhere };
        let mut session = self.rendering(ATTEMPT, by).await?;
        let rendered = subject.render(&mut session, ATTEMPT, &values).await?;
        self.check_policy(ATTEMPT, &subject, &rendered)?;
        drop(session);
        let not_asked = self.ask_host(ATTEMPT, by, subject.claimant(), &rendered.spec).await?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let one_at_a_time = self.claiming.lock().await;
        let unknown = self.check_claims(ATTEMPT, &mut session, subject.claimant(), &rendered.spec).await?;
        drop(session);
        let mut plan = planned(None, &rendered.spec);
        plan.extend(not_asked.map(PlannedChange::from));
        plan.extend(unknown);
        plan.extend(PlannedChange::of_rebuilds(&rendered.rebuilds));
        Ok(Anew { plan, subject, values, one_at_a_time })
    }

    /// Returns the release that made a backup, if it was pushed with the content that it had.
    pub fn release_of_backup(&self, manifest: &Manifest) -> Result<Release, Status> {
        let Release { name, digest } = &manifest.release;
        let release = self.find_release(ATTEMPT, &name.app, &name.version)?.release;
        match release.digest == *digest {
            true => Ok(release),
            false => Err(refuse(ATTEMPT, BackupRefusal::OtherContent { release: release.name }, Hint::PushAsItWas)),
        }
    }

    fn check_free_for(&self, name: &InstanceName, host: &HostName) -> Result<(), Status> {
        let snapshot = self.shared.facts.read();
        if snapshot.instance(name).is_some() {
            return Err(name_taken(name));
        }
        match snapshot.desired().hosts.contains_key(host) {
            true => Ok(()),
            false => Err(absent(ATTEMPT, NamedKind::Host, host, Hint::SeeHosts)),
        }
    }
}

/// Refuses a backup without files beside its dumps where those of now do not stay, unless their loss was agreed to.
pub fn expect_files_beside(manifest: &Manifest, only: &BTreeSet<StoreName>, may_go: bool) -> Result<(), Status> {
    let stores: Vec<StoreName> = without_side_files(manifest, only).into_iter().cloned().collect();
    match stores.is_empty() || may_go {
        true => Ok(()),
        false => Err(refuse(ATTEMPT, BackupRefusal::FilesBesideMissing { stores }, Hint::DropOthers)),
    }
}

/// Returns the source of a new instance, and the parts that are left out.
fn made_from(
    name: &InstanceName,
    host: &HostName,
    manifest: &Manifest,
    (from, seen): (&BackupSource, &BackupSeen),
    only: &BTreeSet<StoreName>,
) -> Vec<PlannedChange> {
    let made = PlannedChange::MadeFromBackup {
        instance: name.clone(),
        host: host.clone(),
        release: manifest.release.name.clone(),
        backup: from.backup.clone(),
        of: from.instance.clone(),
        began: seen.began,
        repository: from.repository.clone(),
    };
    let missing = manifest.uncovered.iter().cloned().map(PlannedChange::NotInBackup);
    let files = PlannedChange::of_side_files(manifest, only, RestoreTo::NewInstance);
    std::iter::once(made).chain(files).chain(missing).collect()
}

/// Returns the request with the exact copy in place of how it was named.
pub fn meant_by(request: &v1::RestoreRequest, from: &BackupSource) -> v1::RestoreRequest {
    let (backup, repository) = (from.backup.to_string(), from.repository.to_string());
    v1::RestoreRequest { backup, repository, at_ms: 0, dry_run: false, ..request.clone() }
}

pub fn others_of(request: &v1::RestoreRequest) -> Others {
    if request.drop_others { Others::Dropped } else { Others::Kept }
}

fn name_taken(name: &InstanceName) -> Status {
    let refusal = CallRefusal::NameTaken { subject: NamedKind::Instance, name: name.to_string() };
    refuse(ATTEMPT, refusal, Hint::ChooseInstanceName)
}
