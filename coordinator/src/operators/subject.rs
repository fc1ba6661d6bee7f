//! One instance with everything that is needed to check a change of it.

use super::changes::{check, check_for, invalid, not_rendered, placement, rendered};
use super::claims::Claimant;
use super::request::absent;
use super::service::OperatorsService;
use crate::permits::Permit;
use crate::rpc_status::{failed, refuse};
use fleet_core::app::{AppDefinition, Bundle, Declaration, Given, Rendered};
use fleet_core::facts::InstanceDesired;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::refused_call::{Attempt, NamedKind};
use fleet_core::release::Release;
use fleet_render::Session;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tonic::Status;

/// An instance's present or planned release, with everything needed to check a change.
pub struct Subject {
    pub name: InstanceName,
    pub desired: InstanceDesired,
    pub release: Release,
    pub bundle: Bundle,
    pub definition: AppDefinition,
    pub values: BTreeMap<String, String>,
    /// Values that other releases of the app declare and this one does not: a rollout may need one set first.
    pub elsewhere: BTreeMap<String, Declaration>,
}

impl Subject {
    pub async fn render(&self, session: &mut Session, attempt: Attempt, given: &Given) -> Result<Rendered, Status> {
        let checked = check_for(attempt, &self.definition, given)?;
        let place = placement(&self.name, &self.desired.host, &self.release.name.version);
        rendered(session, attempt, &self.bundle, &checked, &place).await
    }

    pub fn claimant(&self) -> Claimant<'_> {
        Claimant { name: &self.name, host: &self.desired.host }
    }

    pub fn secrets(&self) -> BTreeSet<String> {
        let declared = self.definition.values.iter().chain(&self.elsewhere);
        declared.filter(|(_, value)| value.secret).map(|(name, _)| name.clone()).collect()
    }

    /// Refuses a value that no release of the app declares, or that violates a release's declaration.
    pub fn check_given(&self, attempt: Attempt, given: &Given) -> Result<(), Status> {
        let optional =
            |(name, value): (&String, &Declaration)| (name.clone(), Declaration { required: false, ..value.clone() });
        let declared = self.elsewhere.iter().chain(&self.definition.values).map(optional).collect();
        let all = AppDefinition { values: declared, ..self.definition.clone() };
        check(attempt, &all, given).map(|_| ())
    }
}

/// Maximum number of releases that a rendering keeps in memory.
const OPENED: usize = 16;

/// A release with everything needed to render it.
#[derive(Debug)]
pub struct OpenedRelease {
    pub bundle: Bundle,
    pub definition: AppDefinition,
}

/// A process that renders for one operator, with its slot among all, and the releases that it has rendered.
#[derive(Debug)]
pub struct Rendering {
    session: Session,
    opened: HashMap<Release, Arc<OpenedRelease>>,
    _place: Permit,
}

impl Deref for Rendering {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Rendering {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl OperatorsService {
    /// The volumes of an instance by their names on its host, those of others left out.
    pub async fn volumes_of(
        &self,
        attempt: Attempt,
        by: &OperatorName,
        subject: &Subject,
    ) -> Result<Vec<String>, Status> {
        let said = self.shared.facts.read().said(&subject.name).and_then(|said| said.claims.clone());
        if let Some(claims) = said {
            return Ok(claims.volumes.into_iter().collect());
        }
        let mut session = self.rendering(attempt, by).await?;
        let rendered = subject.render(&mut session, attempt, &subject.values).await?;
        let own = rendered.spec.volumes.into_iter().filter(|volume| !volume.external);
        Ok(own.map(|volume| volume.name).collect())
    }

    /// A process that renders; it starts with the first rendering and ends when this is dropped.
    pub async fn rendering(&self, attempt: Attempt, by: &OperatorName) -> Result<Rendering, Status> {
        let place = self.shared.renderings.enter(by).await;
        let place = place.map_err(|why| refuse(attempt, why.refusal(), Hint::TryWhenAnswered))?;
        let session = self.shared.renderer.session().await.map_err(|error| not_rendered(attempt, error))?;
        Ok(Rendering { session, opened: HashMap::new(), _place: place })
    }

    /// Returns a release, which is read from the store once for many instances.
    pub fn opened(
        &self,
        attempt: Attempt,
        rendering: &mut Rendering,
        release: &Release,
    ) -> Result<Arc<OpenedRelease>, Status> {
        if let Some(opened) = rendering.opened.get(release) {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.open_release(attempt, release)?);
        if rendering.opened.len() >= OPENED {
            rendering.opened.clear();
        }
        rendering.opened.insert(release.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    /// Reads a release from the store.
    pub fn open_release(&self, attempt: Attempt, release: &Release) -> Result<OpenedRelease, Status> {
        let bundle = self.bundle(release)?;
        let definition = definition(attempt, &bundle)?;
        Ok(OpenedRelease { bundle, definition })
    }

    /// Returns the values that other releases of the app declare and this one does not, as in the newest of them.
    fn declared_elsewhere(&self, definition: &AppDefinition) -> BTreeMap<String, Declaration> {
        let snapshot = self.shared.facts.read();
        let releases = snapshot.releases().get(&definition.app).into_iter().flat_map(BTreeMap::values);
        let others = releases.flat_map(|release| &release.values);
        let unknown = others.filter(|(name, _)| !definition.values.contains_key(*name));
        unknown.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// An instance with the release that it runs, or was installed as.
    pub fn subject(&self, attempt: Attempt, name: &InstanceName) -> Result<Subject, Status> {
        let (desired, release) = {
            let snapshot = self.shared.facts.read();
            let desired = snapshot.instance(name).cloned().ok_or_else(|| no_instance(attempt, name))?;
            let seen = snapshot.observed().instances.get(name).and_then(|seen| seen.running.last());
            let release = seen.map_or_else(|| desired.release.clone(), |said| said.release.clone());
            (desired, release)
        };
        let bundle = self.bundle(&release)?;
        let definition = definition(attempt, &bundle)?;
        let opened = self.shared.values.open(self.shared.facts.store(), name, desired.revision);
        let (values, _) = opened.map_err(|error| failed(Attempt::OpenValues, &error))?;
        let elsewhere = self.declared_elsewhere(&definition);
        Ok(Subject { name: name.clone(), desired, release, bundle, definition, values, elsewhere })
    }

    /// The same instance as it would be with another release of its app.
    pub fn subject_as(&self, attempt: Attempt, now: &Subject, release: Release) -> Result<Subject, Status> {
        let OpenedRelease { bundle, definition } = self.open_release(attempt, &release)?;
        let (name, desired, values) = (now.name.clone(), now.desired.clone(), now.values.clone());
        let elsewhere = self.declared_elsewhere(&definition);
        Ok(Subject { name, desired, release, bundle, definition, values, elsewhere })
    }
}

pub fn definition(attempt: Attempt, bundle: &Bundle) -> Result<AppDefinition, Status> {
    AppDefinition::of(bundle).map_err(|problems| refuse(attempt, invalid(&problems), None))
}

pub fn no_instance(attempt: Attempt, name: &InstanceName) -> Status {
    absent(attempt, NamedKind::Instance, name, Hint::SeeInstances)
}
