//! Returns an instance to the release of a backup: the checks before it is ordered, its plan, and its values.

use super::requests::free;
use super::restoring::{ATTEMPT, Anew, expect_files_beside};
use crate::clock;
use crate::facts::{DesiredChange, Started};
use crate::operators::agreed::{Agreed, plan_changed};
use crate::operators::changes::planned;
use crate::operators::instances::not_while_put_back;
use crate::operators::request::ChangeError;
use crate::operators::service::OperatorsService;
use crate::operators::subject::Subject;
use crate::operators::way_back::planned_value;
use crate::values::{HIDDEN, ValueDifference};
use fleet_core::app::Given;
use fleet_core::backup::{BackupSeen, BackupSource, DataAction, DataRequest, Manifest};
use fleet_core::event::EventKind;
use fleet_core::facts::InstanceDesired;
use fleet_core::host_policy::Reaches;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::order_summary::OrderSummary;
use fleet_core::planned_change::{PlannedChange, RestoreTo};
use fleet_core::release::{Goal, Release};
use std::collections::{BTreeMap, BTreeSet};
use tonic::Status;

/// Return of an instance to the release of a backup.
pub struct ReleaseReturn<'a> {
    /// Release that it leaves.
    pub replaces: Release,
    /// Names of the values that one of both releases declares as secret.
    pub secrets: BTreeSet<String>,
    /// The instance as it will be.
    pub anew: Anew<'a>,
}

impl OperatorsService {
    /// Works out whether the backup's release and values make the instance on its host, before anything is kept.
    pub async fn return_of(
        &self,
        by: &OperatorName,
        name: &InstanceName,
        (from, seen): (&BackupSource, &BackupSeen),
        may_go: bool,
    ) -> Result<ReleaseReturn<'_>, Status> {
        let now = self.subject(ATTEMPT, name)?;
        let manifest = &self.manifest_of(ATTEMPT, from).await?;
        expect_files_beside(manifest, &BTreeSet::new(), may_go)?;
        let release = self.release_of_backup(manifest)?;
        let subject = self.subject_as(ATTEMPT, &now, release)?;
        let values = values_of(&now, &subject, manifest);
        let secrets: BTreeSet<String> = now.secrets().into_iter().chain(subject.secrets()).collect();
        let mut session = self.rendering(ATTEMPT, by).await?;
        let rendered = subject.render(&mut session, ATTEMPT, &values).await?;
        let before = now.render(&mut session, ATTEMPT, &now.values).await;
        drop(session);
        let truths = rendered.stores.iter().filter(|(_, store)| store.is_truth());
        self.check_reaches(ATTEMPT, &subject.desired.host, &Reaches::of_restore(&rendered, truths))?;
        let not_asked = self.ask_host(ATTEMPT, by, subject.claimant(), &rendered.spec).await?;
        let mut session = self.rendering(ATTEMPT, by).await?;
        let one_at_a_time = self.claiming.lock().await;
        let unknown = self.check_claims(ATTEMPT, &mut session, subject.claimant(), &rendered.spec).await?;
        drop(session);
        let (present, release) = (now.release.name.version.clone(), subject.release.name.version.clone());
        let mut plan = vec![PlannedChange::ReleaseReturned { present, release }];
        plan.extend(manifest.parts.iter().map(|part| PlannedChange::StoreReplaced {
            store: part.store.clone(),
            backup: from.backup.clone(),
            began: seen.began,
            repository: from.repository.clone(),
        }));
        plan.push(PlannedChange::ServicesStopped);
        plan.extend(PlannedChange::of_side_files(manifest, &BTreeSet::new(), RestoreTo::NewInstance));
        if let Ok(before) = before {
            plan.extend(planned(Some(&before.spec), &rendered.spec));
        }
        plan.extend(differences(&now, &secrets, &values));
        plan.extend(not_asked.map(PlannedChange::from));
        plan.extend(unknown);
        plan.extend(PlannedChange::of_rebuilds(&rendered.rebuilds));
        Ok(ReleaseReturn { replaces: now.release, secrets, anew: Anew { plan, subject, values, one_at_a_time } })
    }

    /// Stores the values of then as new ones, and the request.
    pub async fn request_return(
        &self,
        by: &OperatorName,
        ReleaseReturn { replaces, secrets, anew }: ReleaseReturn<'_>,
        mut action: DataAction,
        (agreed, shown): (&Agreed, &InstanceDesired),
    ) -> Result<(), Status> {
        let (now, name, release) = (clock::now(), &anew.subject.name, &anew.subject.release);
        let change = |change: &mut DesiredChange<'_>| {
            let desired = free(change, ATTEMPT, name)?;
            if desired != *shown {
                return Err(plan_changed(ATTEMPT).into());
            }
            not_while_put_back(ATTEMPT, change.snapshot(), name, change.now)?;
            agreed.check_unused(ATTEMPT, change.snapshot())?;
            let revision = change.snapshot().next_revision(name, &change.snapshot().promised_revisions());
            self.shared.values.put(change.batch(), name, revision, &anew.values, &secrets, desired.drift)?;
            action.return_from(replaces, Goal { release: release.clone(), revision });
            let serial = desired.data.as_ref().map_or(0, |request| request.serial + 1).max(now.0);
            let work = Box::new(OrderSummary::from(&action));
            let data = Some(DataRequest { serial, action, at: now });
            change.put_instance(name, InstanceDesired { data, ..desired });
            change.tell(name, EventKind::WorkRequested { by: by.clone(), work });
            agreed.note(change, by, Started::Change(name.clone()));
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await
    }
}

/// Returns the values of the backup, and those of now that its release does not know: a later release may need them again.
fn values_of(now: &Subject, then: &Subject, manifest: &Manifest) -> Given {
    let is_unknown = |name: &String| !then.definition.values.contains_key(name);
    let later = now.values.iter().filter(|(name, _)| is_unknown(name));
    let mut values: Given = later.map(|(name, text)| (name.clone(), text.clone())).collect();
    values.extend(manifest.values.clone());
    values
}

/// Returns the changes of values, with no text of a secret.
fn differences(now: &Subject, secrets: &BTreeSet<String>, values: &Given) -> Vec<PlannedChange> {
    let names: BTreeSet<&String> = now.values.keys().chain(values.keys()).collect();
    let other = names.into_iter().filter(|name| now.values.get(*name) != values.get(*name));
    let shown = |all: &BTreeMap<String, String>, name: &String| {
        all.get(name).map(|text| if secrets.contains(name) { HIDDEN.to_owned() } else { text.clone() })
    };
    let difference = |name: &String| ValueDifference {
        name: name.clone(),
        previous: shown(values, name),
        present: shown(&now.values, name),
    };
    other.filter_map(|name| planned_value(difference(name))).collect()
}
