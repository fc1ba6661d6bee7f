//! Applies the requests that hosts have carried out: the reconcile loop writes the results to the desired state.

use super::{DesiredChange, Facts};
use crate::store::StoreError;
use fleet_core::backup::DataAction;
use fleet_core::event::EventKind;
use fleet_core::facts::{InstanceDesired, InstanceOrigin};
use fleet_core::names::InstanceName;
use fleet_core::plan::{DataRequestEnd, RequestEnd};
use fleet_core::time::Time;

impl Facts {
    /// Forgets instances whose removal was carried out.
    pub async fn bury(&self, gone: &[InstanceName], now: Time) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let values = self.value_keys(gone)?;
        let bury = |change: &mut DesiredChange<'_>| {
            for name in gone {
                if change.is_being_removed(name) {
                    change.tell(name, EventKind::InstanceRemoved);
                    change.forget_instance(name);
                }
            }
            values.into_iter().for_each(|key| change.batch().delete(key));
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, bury).await.map(|_| ())
    }

    /// Lets the values that an undo has put back be those that are wanted.
    pub async fn restore(&self, restored: &[(InstanceName, u64)], now: Time) -> Result<(), StoreError> {
        if restored.is_empty() {
            return Ok(());
        }
        let restore = |change: &mut DesiredChange<'_>| {
            for (name, revision) in restored {
                let older = change.snapshot().instance(name).filter(|instance| instance.revision < *revision).cloned();
                if let Some(instance) = older {
                    change.tell(name, EventKind::ValuesPutBack);
                    change.put_instance(name, InstanceDesired { revision: *revision, ..instance });
                }
            }
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, restore).await.map(|_| ())
    }
}

impl Facts {
    /// Removes finished requests about data; a newer request for the same instance stays.
    pub async fn settle_requests(&self, over: &[DataRequestEnd], now: Time) -> Result<(), StoreError> {
        if over.is_empty() {
            return Ok(());
        }
        let settle = |change: &mut DesiredChange<'_>| {
            for DataRequestEnd { instance: name, serial, how } in over {
                let is_it = |instance: &&InstanceDesired| instance.data.as_ref().is_some_and(|it| it.serial == *serial);
                let Some(mut instance) = change.snapshot().instance(name).filter(is_it).cloned() else { continue };
                let request = instance.data.take();
                match how {
                    RequestEnd::Lapsed => change.tell(name, EventKind::RequestLapsed),
                    RequestEnd::Done => {
                        request.into_iter().for_each(|request| note_return(&mut instance, &request.action));
                    }
                    RequestEnd::Failed => {}
                }
                change.put_instance(name, instance);
            }
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, settle).await.map(|_| ())
    }
}

/// Notes the release and the values to which a restore has returned an instance. It is never installed empty from now on.
fn note_return(instance: &mut InstanceDesired, action: &DataAction) {
    if let (Some((_, goal)), Some(from)) = (action.return_to(), action.source()) {
        instance.release = goal.release.clone();
        instance.revision = instance.revision.max(goal.revision);
        instance.origin = Some(InstanceOrigin::Backup(from.clone()));
    }
}

impl DesiredChange<'_> {
    fn is_being_removed(&self, name: &InstanceName) -> bool {
        self.snapshot.desired.instances.get(name).is_some_and(|instance| instance.removal.is_some())
    }
}
