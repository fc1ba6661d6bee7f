//! Restores the data of an instance in place, with its release or with that of the backup.

use super::chosen::{Meant, choose};
use super::requests::{check_host, check_repositories, usual};
use super::restore_plan::{Returns, check_reach, cleared_privileges, in_place, privileges_on, returns};
use super::restoring::{ATTEMPT, meant_by, others_of};
use crate::operators::agreed::{Agreed, shown};
use crate::operators::asking::HostWord;
use crate::operators::service::OperatorsService;
use crate::operators::subject::{definition, no_instance};
use crate::rpc_status::refuse;
use fleet_core::backup::{BackupSeen, BackupSource, DataAction, Kept, Part};
use fleet_core::claims::claims_of;
use fleet_core::hint::Hint;
use fleet_core::host_policy::Reaches;
use fleet_core::names::{InstanceName, OperatorName, StoreName};
use fleet_core::not_asked::NotAsked;
use fleet_core::planned_change::{PlannedChange, RestoreTo};
use fleet_core::refused_call::BackupRefusal;
use fleet_core::release::Release;
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

impl OperatorsService {
    pub async fn restore_in_place(
        &self,
        by: &OperatorName,
        (request, agreed): (&v1::RestoreRequest, Option<&Agreed>),
        name: InstanceName,
        (from, seen): (BackupSource, BackupSeen),
        only: BTreeSet<StoreName>,
    ) -> Result<v1::InstanceChange, Status> {
        if !request.values.is_empty() {
            let hint = Hint::ChangeValuesAfterwards(name.clone());
            return Err(refuse(ATTEMPT, BackupRefusal::ValuesInPlace, hint));
        }
        let (safety, returns, mut plan, privileges, desired) = {
            let snapshot = self.shared.facts.read();
            let instance = snapshot.instance(&name).ok_or_else(|| no_instance(ATTEMPT, &name))?;
            let safety = if request.no_safety { BTreeSet::new() } else { usual(&snapshot, &name) };
            check_repositories(&snapshot, ATTEMPT, &safety)?;
            check_reach(&snapshot, &from, &seen, &instance.host)?;
            check_host(&snapshot, ATTEMPT, &instance.host, safety.iter().chain([&from.repository]))?;
            let returns = returns(&snapshot, &name, &seen, (request, &only))?;
            let mut plan = in_place(&snapshot, &name, (&from, &seen), &only, (&safety, returns))?;
            if seen.began < instance.created {
                plan.insert(0, PlannedChange::BackupOfEarlier(from.backup.clone()));
            }
            let privileges = privileges_on(&snapshot, &instance.host, (&name, &seen), request);
            plan.extend(cleared_privileges(privileges, &seen));
            (safety, returns, plan, privileges, instance.clone())
        };
        plan.extend(self.beside(&name, &only, request.drop_others).await);
        let returned = match returns {
            Returns::ToRelease => {
                let returned = self.return_of(by, &name, (&from, &seen), request.drop_others).await?;
                plan.extend(returned.anew.plan.iter().cloned());
                Some(returned)
            }
            Returns::No => {
                plan.extend(self.side_files(&from, &only).await);
                plan.extend(self.rebuilt_after(&name));
                plan.extend(self.check_started(by, &name, &only).await?);
                None
            }
        };
        let plan_digest = self.change_digest(&meant_by(request, &from), &plan, Some(&desired));
        let backup = from.backup.to_string();
        let Some(agreed) = agreed else {
            let (plan, instance) = (shown(&plan), self.instance_view(&name));
            return Ok(v1::InstanceChange { plan, instance, backup, plan_digest, ..Default::default() });
        };
        agreed.check(ATTEMPT, &plan_digest)?;
        let others = others_of(request);
        let action = DataAction::Restore { from, only, safety, goal: None, replaces: None, others, privileges };
        match returned {
            Some(returned) => self.request_return(by, returned, action, (agreed, &desired)).await?,
            None => {
                let actions = [(name.clone(), action)].into();
                self.request_data_action(by, ATTEMPT, actions, Some((agreed, &desired))).await?;
            }
        }
        Ok(v1::InstanceChange { plan: shown(&plan), backup, ..self.requested(&name) })
    }

    /// Returns the treatment of files beside the dumps.
    async fn side_files(&self, from: &BackupSource, only: &BTreeSet<StoreName>) -> Vec<PlannedChange> {
        match self.manifest_of(ATTEMPT, from).await {
            Ok(manifest) => PlannedChange::of_side_files(&manifest, only, RestoreTo::InPlace),
            Err(_) => vec![PlannedChange::SideFilesNotKnown],
        }
    }

    /// Refuses to replace data if the host's policy forbids filling the stores or starting the instance. Returns the
    /// objections of its Engine: the host itself decides which of them matter.
    async fn check_started(
        &self,
        by: &OperatorName,
        name: &InstanceName,
        only: &BTreeSet<StoreName>,
    ) -> Result<Option<PlannedChange>, Status> {
        let subject = self.subject(ATTEMPT, name)?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let rendered = subject.render(&mut session, ATTEMPT, &subject.values).await;
        // Others of this operator may render while the host is asked.
        drop(session);
        let Ok(rendered) = rendered else {
            return Ok(Some(PlannedChange::PolicyNotCompared));
        };
        let is_meant = |name: &StoreName| only.is_empty() || only.contains(name);
        let stores = rendered.stores.iter().filter(|(name, store)| store.is_truth() && is_meant(name));
        self.check_reaches(ATTEMPT, &subject.desired.host, &Reaches::of_restore(&rendered, stores))?;
        let host = subject.desired.host.clone();
        Ok(match self.word_of(by, subject.claimant(), &claims_of(&rendered.spec)).await {
            HostWord::Fine => None,
            HostWord::Refusal(failure) => Some(PlannedChange::HostObjects { host, failure }),
            HostWord::NotAsked(reason) => Some(NotAsked { host, reason }.into()),
        })
    }

    /// Returns the stores that are rebuilt from the restored data, as the release declares.
    fn rebuilt_after(&self, name: &InstanceName) -> Vec<PlannedChange> {
        let release = {
            let snapshot = self.shared.facts.read();
            let wanted = snapshot.instance(name).map(|instance| &instance.release);
            snapshot.said(name).map(|said| &said.release).or(wanted).cloned()
        };
        let read = |release: Release| definition(ATTEMPT, &self.bundle(&release)?);
        match release.map(read) {
            Some(Ok(definition)) => PlannedChange::of_rebuilds(&definition.rebuilds()),
            Some(Err(_)) => vec![PlannedChange::RebuildsNotKnown],
            None => Vec::new(),
        }
    }

    /// Returns the databases that the servers held outside the stores when the newest backup was taken. The host checks
    /// again before it begins.
    async fn beside(&self, name: &InstanceName, only: &BTreeSet<StoreName>, may_go: bool) -> Vec<PlannedChange> {
        let newest = choose(&self.shared.facts.read(), ATTEMPT, name, &Meant { backup: "", at: None, repository: "" });
        let Ok((newest, _)) = newest else { return Vec::new() };
        let change = if may_go { PlannedChange::OtherDataReplaced } else { PlannedChange::OtherDataInTheWay };
        let is_meant = |part: &Part| only.is_empty() || only.contains(&part.store);
        let is_database = |part: &Part| is_meant(part) && matches!(part.kept, Kept::Stream { .. });
        match self.manifest_of(ATTEMPT, &newest).await {
            Ok(manifest) if !manifest.parts.iter().any(is_database) => Vec::new(),
            Ok(manifest) => manifest.beside.iter().cloned().map(change).collect(),
            Err(_) => vec![PlannedChange::OtherDataNotKnown],
        }
    }
}
