//! Repositories that operators have named.

use super::requests::hosts_against;
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::operators::apps::count;
use crate::operators::request::{ChangeError, absent, hindered, read, taken, wrong};
use crate::operators::service::OperatorsService;
use crate::repositories::{BucketKeys, retire};
use crate::rpc_status::failed;
use fleet_core::backup::{RepositoryDesired, RepositoryLocation, Secret};
use fleet_core::event::EventKind;
use fleet_core::grammar;
use fleet_core::hint::Hint;
use fleet_core::names::{OperatorName, RepositoryName};
use fleet_proto::convert::ConvertError;
use fleet_proto::v1::{self, add_repository_request};
use tonic::Status;

const TEXT_LIMIT: usize = 500;

impl OperatorsService {
    pub async fn add_repository_as(
        &self,
        by: &OperatorName,
        request: v1::AddRepositoryRequest,
    ) -> Result<v1::RepositoryView, Status> {
        const ATTEMPT: &str = "add the repository";
        let name: RepositoryName = read(ATTEMPT, &request.name)?;
        let now = clock::now();
        let place = place(ATTEMPT, request.location.as_ref())?;
        let change = |change: &mut DesiredChange<'_>| {
            if change.snapshot().desired().repositories.contains_key(&name) {
                let why = format!("there is a repository `{name}` already");
                return Err(taken(ATTEMPT, why, Hint::ChooseRepositoryName).into());
            }
            if let Some(add_repository_request::Location::Bucket(bucket)) = &request.location {
                let keys = BucketKeys { key_id: bucket.key_id.clone(), key: Secret(bucket.key.clone()) };
                let kept = self.shared.repository_service.secrets().put_bucket(change.batch(), &name, &keys);
                kept.map_err(|error| failed("could not keep the keys of the bucket", &error))?;
            }
            change.put_repository(&name, RepositoryDesired { place, added: now });
            change.tell(&name, EventKind::Added { by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await?;
        let snapshot = self.shared.facts.read();
        let notes = hosts_against(&snapshot, snapshot.desired().hosts.keys(), &[name.clone()].into());
        let view = snapshot.desired().repositories.get(&name).map(|repository| view(&snapshot, &name, repository));
        let view = view.map(|view| v1::RepositoryView { notes, ..view });
        view.ok_or_else(|| absent(ATTEMPT, format!("repository `{name}`"), None))
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
        const ATTEMPT: &str = "remove the repository";
        let name: RepositoryName = read(ATTEMPT, &request.name)?;
        let change = |change: &mut DesiredChange<'_>| {
            let snapshot = change.snapshot();
            let Some(desired) = snapshot.desired().repositories.get(&name).cloned() else {
                return Err(absent(ATTEMPT, format!("repository `{name}`"), Hint::SeeRepositories).into());
            };
            if name == RepositoryDesired::central() {
                return Err(hindered(ATTEMPT, format!("`{name}` is the one that every fleet has"), None).into());
            }
            if let Some((policy, _)) = snapshot.desired().policies.iter().find(|(_, policy)| policy.to.contains(&name))
            {
                let hint = Hint::NameOtherRepositories(policy.clone());
                return Err(hindered(ATTEMPT, format!("the policy `{policy}` keeps backups there"), hint).into());
            }
            let is_asked = |open: &fleet_core::facts::OpenOrder| {
                let data = open.order.action.data();
                data.is_some_and(|data| data.repositories(&open.order.instance).iter().any(|(of, _)| **of == name))
            };
            if snapshot.asked().orders.values().any(is_asked) {
                return Err(hindered(ATTEMPT, "an order that is under way uses it", Hint::AwaitRepository).into());
            }
            let held = snapshot.backups_in(&name).len();
            if held > 0 && !request.forget {
                let why = format!("it holds {}", grammar::count(held, "backup"));
                return Err(hindered(ATTEMPT, why, Hint::ConsentToForget).into());
            }
            let forgotten = retire(change, self.shared.facts.store(), &name, &desired);
            let forgotten = forgotten.map_err(|error| failed("could not keep what opens it", &error))?;
            change.remove_repository(&name);
            change.tell(&name, EventKind::RepositoryRemoved { by: by.clone(), backups: forgotten });
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        Ok(v1::RemoveRepositoryReply {})
    }
}

fn place(attempt: &str, place: Option<&add_repository_request::Location>) -> Result<RepositoryLocation, Status> {
    match place {
        Some(add_repository_request::Location::Folder(folder)) => {
            let path = bounded(attempt, "the path", &folder.path)?;
            let is_plain = path.starts_with('/') && !path.split('/').any(|part| part == "..");
            if !is_plain {
                let why = format!("`{path}` is not a folder on a host");
                return Err(wrong(attempt, why, Hint::WriteAbsolutePath));
            }
            Ok(RepositoryLocation::Folder { path })
        }
        Some(add_repository_request::Location::Bucket(bucket)) => {
            let endpoint = bounded(attempt, "the endpoint", &bucket.endpoint)?;
            if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
                let why = format!("`{endpoint}` is not an endpoint");
                return Err(wrong(attempt, why, Hint::WriteUrl));
            }
            let named = bounded(attempt, "the bucket", &bucket.bucket)?;
            if named.is_empty() || bucket.key_id.is_empty() || bucket.key.is_empty() {
                return Err(wrong(attempt, "a bucket needs its name, a key id and a key", None));
            }
            Ok(RepositoryLocation::S3 {
                endpoint,
                region: bounded(attempt, "the region", &bucket.region)?,
                bucket: named,
                prefix: bounded(attempt, "the prefix", &bucket.prefix)?,
            })
        }
        // Absent, or of a kind that came after this version.
        None => Err(wrong(attempt, ConvertError::Unknown { field: "location" }, Hint::GiveLocation)),
    }
}

fn bounded(attempt: &str, what: &str, text: &str) -> Result<String, Status> {
    if text.len() > TEXT_LIMIT || text.chars().any(char::is_control) {
        return Err(wrong(attempt, format!("{what} is too long, or holds what cannot be shown"), None));
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
        place: place_words(&repository.place),
        added_ms: repository.added.0,
        instances: count(counts.len()),
        backups: count(counts.iter().sum()),
        policies: policies.map(|(name, _)| name.to_string()).collect(),
        notes: Vec::new(),
    }
}

pub fn place_words(place: &RepositoryLocation) -> String {
    match place {
        RepositoryLocation::Coordinator => "the coordinator's disk".to_owned(),
        RepositoryLocation::S3 { endpoint, bucket, prefix, .. } => {
            let prefix = prefix.trim_matches('/');
            let path = if prefix.is_empty() { bucket.clone() } else { format!("{bucket}/{prefix}") };
            format!("{}/{path}", endpoint.trim_end_matches('/'))
        }
        RepositoryLocation::Folder { path } => format!("{path} on each host"),
    }
}
