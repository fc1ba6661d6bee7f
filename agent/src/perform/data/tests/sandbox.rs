//! Behaviour of the Engine, images and apps with an empty database or volume.

use super::lab::{Fault, LabRuntime};
use crate::runtime::{EngineErrorKind, RuntimeError};
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::{InstanceSpec, MountSource};
use fleet_core::steps::Step;

impl LabRuntime {
    fn volume_of(&self, spec: &InstanceSpec, service: &str) -> Option<std::path::PathBuf> {
        spec.container(service)?.mounts.iter().find_map(|mount| match &mount.source {
            MountSource::Volume(name) => Some(self.volume(name)),
            _ => None,
        })
    }

    /// The Engine puts an image's files into an empty volume when a container is made.
    pub fn fill_from_image(&self, step: &Step, spec: &InstanceSpec) {
        let Step::Create { service, .. } = step else { return };
        let Some(volume) = self.volume_of(spec, service).filter(|_| service == "web") else { return };
        if std::fs::read_dir(&volume).is_ok_and(|mut found| found.next().is_none()) {
            std::fs::write(volume.join("a.txt"), "of the image").expect("written");
        }
    }

    /// An app that ends where its database is empty.
    pub fn refuse_start(&self, step: &Step, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        let web = spec.container("web").filter(|web| matches!(step, Step::Start { name } if *name == web.name));
        let Some(web) = web else { return Ok(()) };
        let ended =
            |detail: &str| RuntimeError::Ended { container: web.name.clone(), code: 1, detail: detail.to_owned() };
        if self.plan().fault == Some(Fault::AppFailsOnce) {
            self.plan().fault = None;
            return Err(ended(": it does not like what it finds"));
        }
        if self.plan().fault != Some(Fault::AppWantsRows) {
            return Ok(());
        }
        let rows = self.volume_of(spec, "db").and_then(|data| std::fs::read_to_string(data.join("rows")).ok());
        match rows.is_some_and(|rows| !rows.is_empty()) {
            true => Ok(()),
            false => Err(ended(": no schema")),
        }
    }

    /// Refuses removals of a drill's parts for a while.
    pub fn refuse_removal(&self, step: &Step) -> Result<(), RuntimeError> {
        let name = match step {
            Step::RemoveContainer { name, .. } | Step::RemoveNetwork { network: name } => name,
            Step::RemoveVolume { volume } => volume,
            _ => return Ok(()),
        };
        let mut plan = self.plan();
        if plan.stays == 0 || !name.starts_with("fleet-throwaway-") {
            return Ok(());
        }
        (plan.stays, plan.refused) = (plan.stays - 1, plan.refused + 1);
        let (step, reason) = (FailedStep::RemoveContainer(name.to_owned()), "it is in use".to_owned());
        Err(RuntimeError::Refused { step, kind: EngineErrorKind::InUse, reason })
    }

    /// Returns the server that answers; the first one only initialises the database.
    pub fn which_server(&self) -> String {
        let mut plan = self.plan();
        match plan.beginning.checked_sub(1) {
            None => fleet_core::backup::SETTLED.to_owned(),
            Some(left) => {
                plan.beginning = left;
                "process 9 since 5".to_owned()
            }
        }
    }
}
