//! The repositories and folders of an order about data, each as far as the host's people allow it.

use super::error::UnfitError;
use super::fault::StoreFault;
use super::{DataError, DataWork};
use crate::perform::allow::{allow, allow_where};
use crate::runtime::RootFound;
use fleet_core::backup::{LocationAccess, MountedFrom, RepositoryAccess, Store};
use fleet_core::host_policy::Reaches;
use fleet_core::names::{InstanceName, RepositoryName, StoreName};
use fleet_core::spec::InstanceSpec;
use fleet_repository::client::RepositoryClient;
use std::path::Path;

impl DataWork<'_> {
    /// The way into a repository that came beside the order.
    fn access(&self, name: &RepositoryName, of: &InstanceName) -> Result<&RepositoryAccess, DataError> {
        let is_it = |access: &&RepositoryAccess| access.repository == *name && access.instance == *of;
        let missing = || UnfitError::NoAccess { repository: name.clone(), instance: of.clone() };
        Ok(self.open.access.iter().find(is_it).ok_or_else(missing)?)
    }

    /// Returns whether a repository of this order's instance is a folder on this host.
    pub fn is_in_folder(&self, name: &RepositoryName) -> Result<bool, DataError> {
        match self.access(name, &self.order.instance)?.place {
            LocationAccess::Folder { .. } => Ok(true),
            LocationAccess::Coordinator | LocationAccess::S3 { .. } => Ok(false),
        }
    }

    /// The repository behind it, if the host's people let backups be kept there. There is no other way to open one.
    pub async fn repository(&self, name: &RepositoryName, of: &InstanceName) -> Result<RepositoryClient, DataError> {
        let access = self.access(name, of)?;
        allow(self.context(), &Reaches::of_repository(access)).await?;
        Ok(self.context().repositories.open(access, self.open.limit_rate))
    }

    /// Returns the folders of a store's files, if the host's policy allows reading and replacing them.
    pub async fn roots(
        &self,
        spec: &InstanceSpec,
        name: &StoreName,
        store: &Store,
    ) -> Result<Vec<RootFound>, DataError> {
        let found = self.context().runtime.roots(spec, store).await;
        let found = found.map_err(|error| StoreFault::Runtime(error).of_store(name))?;
        let reaches = Reaches::of_store(name, store, spec, found.iter().map(|root| &root.mount));
        let leads = allow_where(self.context(), &reaches).await;
        let leads = leads.map_err(|source| DataError::StoreForbidden { store: name.to_string(), source })?;
        // The checked path must be the one that is read: a link may have been changed in between.
        let is_same = |root: &&RootFound| match leads.get(&root.from) {
            Some(Ok(end)) => root.path == Path::new(end),
            Some(Err(_)) | None => root.path == Path::new(&root.from),
        };
        let mut folders = found.iter().filter(|root| matches!(root.mount.source, MountedFrom::Folder(_)));
        match folders.find(|root| !is_same(root)) {
            Some(root) => Err(StoreFault::LeadsElsewhere { path: root.from.clone() }.of_store(name)),
            None => Ok(found),
        }
    }
}
