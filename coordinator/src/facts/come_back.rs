//! Facts that were restored from a backup: the fleet may have changed since.
//!
//! **Invariant:** nothing is carried out again by itself. What hosts have done since is theirs: they are asked, never put back.

use super::{DesiredChange, Facts};
use crate::identity::Unknown;
use crate::keys;
use crate::store::StoreError;
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::facts::{InstanceDesired, InstanceOrigin};
use fleet_core::rollout::{Rollout, RolloutIntent};
use fleet_core::time::Time;
use std::time::Duration;

impl Facts {
    /// Lets facts of a moment count again. Certificates live for `life`: those that were given out since are believed.
    pub async fn come_back(&self, of: Time, life: Duration, now: Time) -> Result<(), StoreError> {
        let come_back = |change: &mut DesiredChange<'_>| {
            let instances: Vec<_> = change.snapshot().desired().instances.clone().into_owned().into_iter().collect();
            for (name, instance) in instances {
                if instance.removal.is_some() || instance.data.is_some() {
                    change.tell(&name, EventKind::RequestsLost);
                }
                // If its host does not have it, it may have been removed since, or never created: a person has to
                // decide.
                let origin = instance.origin.clone().or(Some(InstanceOrigin::CameBack { of }));
                change.put_instance(&name, InstanceDesired { removal: None, data: None, origin, ..instance });
            }
            let rollouts: Vec<Rollout> = change.snapshot().desired().rollouts.values().cloned().collect();
            for rollout in rollouts.into_iter().filter(|rollout| rollout.intent == RolloutIntent::Run) {
                change.put_rollout(Rollout { intent: RolloutIntent::Pause, ..rollout });
            }
            let subjects: Vec<_> =
                change.snapshot().subjects().map(|(name, kept)| (name.clone(), kept.clone())).collect();
            for (subject, mut kept) in subjects {
                kept.unknown = Some(Unknown { after: kept.expires(), until: now.after(life) });
                change.put_subject(&subject, kept);
            }
            change.batch().put(keys::CAME_BACK, &of);
            change.tell(EventSubject::Coordinator, EventKind::CoordinatorRestored { of });
            Ok::<_, StoreError>(())
        };
        self.change_desired(now, come_back).await.map(|_| ())
    }
}
