//! Repositories that operators have named.

use super::requests::objections;
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::operators::apps::count;
use crate::operators::request::{ChangeError, absent, read};
use crate::operators::service::OperatorsService;
use crate::repositories::{BucketKeys, retire};
use crate::rpc_status::{failed, refuse};
use fleet_core::backup::{RepositoryDesired, RepositoryLocation, Secret};
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::{OperatorName, RepositoryName};
use fleet_core::refused_call::{Attempt, BackupRefusal, CallRefusal, LocationPart, NamedKind};
use fleet_proto::v1::{self, add_repository_request};
use tonic::Status;

const TEXT_LIMIT: usize = 500;

impl OperatorsService {
    pub async fn add_repository_as(
        &self,
        by: &OperatorName,
        request: v1::AddRepositoryRequest,
    ) -> Result<v1::RepositoryView, Status> {
        const ATTEMPT: Attempt = Attempt::AddRepository;
        let name: RepositoryName = read(ATTEMPT, &request.name)?;
        let now = clock::now();
        let place = place(ATTEMPT, request.location.as_ref())?;
        let change = |change: &mut DesiredChange<'_>| {
            if change.snapshot().desired().repositories.contains_key(&name) {
                let refusal = CallRefusal::NameTaken { subject: NamedKind::Repository, name: name.to_string() };
                return Err(refuse(ATTEMPT, refusal, Hint::ChooseRepositoryName).into());
            }
            if let Some(add_repository_request::Location::Bucket(bucket)) = &request.location {
                let keys = BucketKeys { key_id: bucket.key_id.clone(), key: Secret(bucket.key.clone()) };
                let kept = self.shared.repository_service.secrets().put_bucket(change.batch(), &name, &keys);
                kept.map_err(|error| failed(Attempt::KeepBucketKeys, &error))?;
            }
            change.put_repository(&name, RepositoryDesired { place, added: now });
            change.tell(&name, EventKind::Added { by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await?;
        let snapshot = self.shared.facts.read();
        let objections = objections(&snapshot, snapshot.desired().hosts.keys(), &[name.clone()].into());
        let view = snapshot.desired().repositories.get(&name).map(|repository| view(&snapshot, &name, repository));
        let view = view.map(|view| v1::RepositoryView { objections, ..view });
        view.ok_or_else(|| absent(ATTEMPT, NamedKind::Repository, name, None))
    }

    pub fn list_repositories_now(&self) -> v1::RepositoryList {
        let snapshot = self.shared.facts.read();
        let repositories = snapshot.desired().repositories.iter();
        v1::RepositoryList { repositories: repositories.map(|(name, it)| view(&snapshot, name, it)).collect() }
    }

    pub async fn remove_repository_as(
        &self,
        by: &OperatorName,
        request: &v1::RemoveRepositoryRequest,
    ) -> Result<v1::RemoveRepositoryReply, Status> {
        const ATTEMPT: Attempt = Attempt::RemoveRepository;
        let name: RepositoryName = read(ATTEMPT, &request.name)?;
        let change = |change: &mut DesiredChange<'_>| {
            let snapshot = change.snapshot();
            let Some(desired) = snapshot.desired().repositories.get(&name).cloned() else {
                return Err(absent(ATTEMPT, NamedKind::Repository, name, Hint::SeeRepositories).into());
            };
            if name == RepositoryDesired::central() {
                let refusal = BackupRefusal::CentralRepository { repository: name.clone() };
                return Err(refuse(ATTEMPT, refusal, None).into());
            }
            if let Some((policy, _)) = snapshot.desired().policies.iter().find(|(_, policy)| policy.to.contains(&name))
            {
                let hint = Hint::NameOtherRepositories(policy.clone());
                let refusal = BackupRefusal::RepositoryOfPolicy { policy: policy.clone() };
                return Err(refuse(ATTEMPT, refusal, hint).into());
            }
            let is_asked = |open: &fleet_core::facts::OpenOrder| {
                open.order.action.repositories(&open.order.instance).iter().any(|(of, _)| **of == name)
            };
            if snapshot.asked().orders.values().any(is_asked) {
                return Err(refuse(ATTEMPT, BackupRefusal::RepositoryInUse, Hint::AwaitRepository).into());
            }
            let held = snapshot.backups_in(&name).len();
            if held > 0 && !request.forget {
                let refusal = BackupRefusal::RepositoryHolds { count: held };
                return Err(refuse(ATTEMPT, refusal, Hint::ConsentToForget).into());
            }
            let forgotten = retire(change, self.shared.facts.store(), &name, &desired);
            let forgotten = forgotten.map_err(|error| failed(Attempt::KeepRetired, &error))?;
            change.remove_repository(&name);
            change.tell(&name, EventKind::RepositoryRemoved { by: by.clone(), backups: forgotten });
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        Ok(v1::RemoveRepositoryReply {})
    }
}

fn place(attempt: Attempt, place: Option<&add_repository_request::Location>) -> Result<RepositoryLocation, Status> {
    match place {
        Some(add_repository_request::Location::Folder(folder)) => {
            let path = bounded(attempt, LocationPart::Path, &folder.path)?;
            let is_plain = path.starts_with('/') && !path.split('/').any(|part| part == "..");
            if !is_plain {
                return Err(refuse(attempt, BackupRefusal::NotAFolder { path }, Hint::WriteAbsolutePath));
            }
            Ok(RepositoryLocation::Folder { path })
        }
        Some(add_repository_request::Location::Bucket(bucket)) => {
            let endpoint = bounded(attempt, LocationPart::Endpoint, &bucket.endpoint)?;
            if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
                return Err(refuse(attempt, BackupRefusal::NotAnEndpoint { endpoint }, Hint::WriteUrl));
            }
            let named = bounded(attempt, LocationPart::Bucket, &bucket.bucket)?;
            if named.is_empty() || bucket.key_id.is_empty() || bucket.key.is_empty() {
                return Err(refuse(attempt, BackupRefusal::BucketIncomplete, None));
            }
            Ok(RepositoryLocation::S3 {
                endpoint,
                region: bounded(attempt, LocationPart::Region, &bucket.region)?,
                bucket: named,
                prefix: bounded(attempt, LocationPart::Prefix, &bucket.prefix)?,
            })
        }
        // Absent, or of a kind that came after this version.
        None => Err(refuse(attempt, CallRefusal::UnknownValue { field: "location".to_owned() }, Hint::GiveLocation)),
    }
}

fn bounded(attempt: Attempt, part: LocationPart, text: &str) -> Result<String, Status> {
    if text.len() > TEXT_LIMIT || text.chars().any(char::is_control) {
        return Err(refuse(attempt, BackupRefusal::LocationInvalid { part }, None));
    }
    Ok(text.to_owned())
}

fn view(snapshot: &StateSnapshot, name: &RepositoryName, repository: &RepositoryDesired) -> v1::RepositoryView {
    let held = snapshot
        .observed()
        .backups
        .values()
        .map(|backups| backups.keys().filter(|key| key.repository == *name).count());
    let counts: Vec<usize> = held.filter(|count| *count > 0).collect();
    let policies = snapshot.desired().policies.iter().filter(|(_, policy)| policy.to.contains(name));
    v1::RepositoryView {
        name: name.to_string(),
        kind: v1::RepositoryKind::from(&repository.place).into(),
        place: address(&repository.place),
        added_ms: repository.added.0,
        instances: count(counts.len()),
        backups: count(counts.iter().sum()),
        policies: policies.map(|(name, _)| name.to_string()).collect(),
        objections: Vec::new(),
    }
}

/// Returns the address of a bucket, or the path of a folder; empty for the coordinator's disk.
fn address(place: &RepositoryLocation) -> String {
    match place {
        RepositoryLocation::Coordinator => String::new(),
        RepositoryLocation::S3 { endpoint, bucket, prefix, .. } => {
            let prefix = prefix.trim_matches('/');
            let path = if prefix.is_empty() { bucket.clone() } else { format!("{bucket}/{prefix}") };
            format!("{}/{path}", endpoint.trim_end_matches('/'))
        }
        RepositoryLocation::Folder { path } => path.clone(),
    }
}
