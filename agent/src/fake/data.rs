//! Data of a simulated host without an Engine: the content of each database, and the faults of its dumps and loads.

use super::{FakeContainer, World};
use crate::runtime::{ForeignContainer, RootFound, RuntimeError};
use fleet_core::backup::{
    DatabaseEngine, ExecTarget, HoldKind, MountFound, Mounted, MountedAt, MountedFrom, Owner, Store, Tool, chosen,
    key_of,
};
use fleet_core::spec::{InstanceSpec, MountSource, VolumeTarget};
use fleet_core::steps::ContainerState;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Fault in the next dumps or loads of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolFault {
    /// Half of the stream, then the tool ends with 1.
    FailsHalfway,
    /// Half of the stream, then nothing for ever.
    Hangs,
    /// Half of the stream, and the tool ends as if that were all.
    CutsOff,
    /// Empty output, with a successful exit.
    Empty,
    /// The image lacks the tool.
    Missing,
}

impl World {
    /// Sets the content of a service's database: the bytes of its dump.
    pub fn set_data(&mut self, project: &str, service: &str, data: impl Into<Vec<u8>>) {
        self.data.insert((project.to_owned(), service.to_owned()), data.into());
    }

    /// Returns the content of a service's database.
    pub fn data(&self, project: &str, service: &str) -> Option<&[u8]> {
        self.data.get(&(project.to_owned(), service.to_owned())).map(Vec::as_slice)
    }

    /// Checks that the tool's service is in the state that the tool needs, and returns its fault, if one is set.
    pub(super) fn expect_tool(&mut self, tool: &Tool, spec: &InstanceSpec) -> Result<Option<ToolFault>, RuntimeError> {
        let service = tool.at.service();
        let state = self.state_of(spec, service)?;
        let container = format!("{}-{service}-1", spec.project);
        match &tool.at {
            ExecTarget::In { .. } if state != ContainerState::Running => Err(RuntimeError::NotRunning { container }),
            ExecTarget::OneOff { .. } if state.is_alive() => Err(RuntimeError::StillRuns { container }),
            ExecTarget::In { .. } | ExecTarget::OneOff { .. } => match self.tool_faults.get(service).copied() {
                Some(ToolFault::Missing) => {
                    let (tool, detail) = ("command".to_owned(), "sh: exec: not found".to_owned());
                    Err(RuntimeError::NoTool { service: service.to_owned(), tool, detail })
                }
                fault => Ok(fault),
            },
        }
    }

    /// Returns the output of a short tool: a counter prints the number of bytes as rows.
    pub(super) fn answer(&self, tool: &Tool, spec: &InstanceSpec) -> String {
        let data = self.data(&spec.project, tool.at.service()).unwrap_or_default();
        let has = |text: &str| tool.argv.iter().any(|word| word.contains(text));
        // Databases print names as hexadecimal digits, and nothing is noted of these.
        let name = if has("'hex'") || has("HEX(") { "726f7773" } else { "rows" };
        if has("count") && !has("'moment'") { format!("{name}\t{}\n", data.len()) } else { String::new() }
    }

    fn state_of(&self, spec: &InstanceSpec, service: &str) -> Result<ContainerState, RuntimeError> {
        let mut of_service = self.containers.iter().filter(|it| it.project == spec.project && it.service == service);
        let gone = || RuntimeError::NotThere { kind: "container", name: format!("{}-{service}-1", spec.project) };
        of_service.next().map(|it| it.state).ok_or_else(gone)
    }

    fn set_state(&mut self, spec: &InstanceSpec, service: &str, state: ContainerState) {
        let of_service = self.containers.iter_mut().filter(|it| it.project == spec.project && it.service == service);
        of_service.for_each(|it| it.state = state);
    }

    pub(super) fn hold(&mut self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        let state = self.state_of(spec, service)?;
        match kind {
            HoldKind::Stopped if state.is_alive() => {
                self.set_state(spec, service, ContainerState::Exited { code: 143 });
            }
            HoldKind::Paused if state == ContainerState::Running => {
                self.set_state(spec, service, ContainerState::Paused);
            }
            HoldKind::Stopped | HoldKind::Paused => {}
        }
        Ok(())
    }

    pub(super) fn release(&mut self, spec: &InstanceSpec, service: &str, kind: HoldKind) -> Result<(), RuntimeError> {
        let state = self.state_of(spec, service)?;
        if kind == HoldKind::Stopped || state == ContainerState::Paused {
            self.set_state(spec, service, ContainerState::Running);
        }
        Ok(())
    }

    pub(super) fn mounted(&self, spec: &InstanceSpec) -> Mounted {
        let mut found = Mounted::default();
        for container in self.containers.iter().filter(|it| it.project == spec.project) {
            found.services.insert(container.service.clone());
            let mounts = spec.container(&container.service).map(|it| it.mounts.as_slice()).unwrap_or_default();
            for mount in mounts {
                let source = match &mount.source {
                    MountSource::Volume(name) if self.volumes.contains_key(name) => MountedFrom::Volume(name.clone()),
                    MountSource::Bind { path, .. } => MountedFrom::Folder(path.clone()),
                    MountSource::Volume(_) | MountSource::Anonymous | MountSource::Tmpfs { .. } => continue,
                };
                let at = MountedAt {
                    container: container.name.clone(),
                    image: container.image.clone(),
                    service: Some(container.service.clone()),
                    target: mount.target.clone(),
                    access: mount.access,
                };
                found.mounts.push(MountFound { source, at: Some(at), owner: Owner::Instance, devices: Vec::new() });
            }
        }
        let is_known = |name: &str| found.mounts.iter().any(|it| it.source == MountedFrom::Volume(name.to_owned()));
        let of_spec = spec.volumes.iter().filter(|it| self.volumes.contains_key(&it.name) && !is_known(&it.name));
        let unused: Vec<_> = of_spec.map(|it| MountedFrom::Volume(it.name.clone())).collect();
        let unused = unused.into_iter();
        let owner = Owner::Instance;
        found.mounts.extend(unused.map(|source| MountFound { source, at: None, owner, devices: Vec::new() }));
        found
    }

    /// Returns the targets of the spec's volumes that exist.
    pub fn devices_of(&self, spec: &InstanceSpec) -> BTreeMap<String, Vec<VolumeTarget>> {
        let there = spec.volumes.iter().filter(|volume| self.volumes.contains_key(&volume.name));
        there.filter_map(|volume| Some((volume.name.clone(), self.devices.get(&volume.name)?.clone()))).collect()
    }

    /// Returns the folder of a volume; none if this host's volumes have none.
    pub(super) fn folder_of(&self, volume: &str) -> Option<PathBuf> {
        (!self.volumes_at.as_os_str().is_empty()).then(|| self.volumes_at.join(volume))
    }

    pub(super) fn roots(&self, spec: &InstanceSpec, store: &Store) -> Vec<RootFound> {
        let DatabaseEngine::Volume(files) = &store.engine else { return Vec::new() };
        let mounted = self.mounted(spec);
        let root = |mount: &MountFound| match &mount.source {
            MountedFrom::Folder(path) => {
                Some(RootFound { from: path.clone(), key: path.clone(), path: path.into(), mount: mount.clone() })
            }
            MountedFrom::Volume(name) => {
                let (key, path) = (key_of(spec, name), self.folder_of(name)?);
                Some(RootFound { from: name.clone(), key, path, mount: mount.clone() })
            }
        };
        chosen(files, spec, &mounted).into_iter().filter_map(root).collect()
    }

    /// Returns foreign containers with a volume whose folder is among these.
    pub(super) fn foreign_containers(&self, spec: &InstanceSpec, folders: &[PathBuf]) -> Vec<ForeignContainer> {
        let others = self.containers.iter().filter(|it| it.project != spec.project && it.state.is_alive());
        let has = |volume: &String| folders.iter().find(|it| self.volumes_at.join(volume).starts_with(it)).cloned();
        let of = |it: &FakeContainer| {
            let folder = it.volumes.iter().find_map(has)?;
            Some(ForeignContainer { container: it.name.clone(), folder })
        };
        others.filter_map(of).collect()
    }
}
