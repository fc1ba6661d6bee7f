//! Installing, configuring, powering, removing and listing instances.

use super::changes::{check, host_paths, lines, merged, placement, rendered};
use super::service::OperatorsService;
use super::views::instance::{InstanceViews, outlook};
use super::wish::{ChangeError, absent, drift, hindered, read, taken, wrong};
use crate::clock;
use crate::facts::DesiredChange;
use crate::serve::failed;
use crate::values::Values;
use fleet_core::app::{AppDefinition, Bundle, Given, Probe, Rendered};
use fleet_core::facts::{DriftRule, InstanceDesired, PowerDesired, Removal};
use fleet_core::host_policy::violations;
use fleet_core::labels::Selector;
use fleet_core::names::{AppName, HostName, InstanceName, OperatorName, Version};
use fleet_core::order::{PowerWish, Release};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use tonic::Status;

const VALUE_LIMIT: usize = 64 * 1024;
const VALUES_LIMIT: usize = 256 * 1024;

/// What an instance runs, or shall run, with everything needed to judge a change.
pub struct Subject {
    pub name: InstanceName,
    pub desired: InstanceDesired,
    pub release: Release,
    pub bundle: Bundle,
    pub definition: AppDefinition,
    pub values: BTreeMap<String, String>,
}

impl Subject {
    fn render(&self, attempt: &str, given: &Given) -> Result<Rendered, Status> {
        let checked = check(attempt, &self.definition, given)?;
        let place = placement(&self.name, &self.desired.host, &self.release.name.version);
        rendered(attempt, &self.bundle, &checked, &place)
    }

    fn secrets(&self) -> BTreeSet<String> {
        secrets_of(&self.definition)
    }
}

fn secrets_of(definition: &AppDefinition) -> BTreeSet<String> {
    definition.values.iter().filter(|(_, value)| value.secret).map(|(name, _)| name.clone()).collect()
}

impl OperatorsService {
    pub async fn install_as(
        &self,
        by: &OperatorName,
        request: v1::InstallInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: &str = "install";
        let (app, version): (AppName, Version) = (read(ATTEMPT, &request.app)?, read(ATTEMPT, &request.version)?);
        let (host, name): (HostName, InstanceName) = (read(ATTEMPT, &request.host)?, read(ATTEMPT, &request.name)?);
        let drift = drift(ATTEMPT, &request.drift)?.unwrap_or_default();
        let release = self.find_release(ATTEMPT, &app, &version)?.release;
        self.check_free(&name, &host)?;
        let bundle = self.bundle(&release)?;
        let definition = definition(ATTEMPT, &bundle)?;
        let now = clock::now();
        let desired = InstanceDesired {
            host,
            release: release.clone(),
            revision: 1,
            drift,
            power: PowerDesired { wish: PowerWish::Start, serial: 0 },
            removal: None,
            created: now,
        };
        let subject = Subject { name, desired, release, bundle, definition, values: BTreeMap::new() };
        check_sizes(ATTEMPT, &request.values)?;
        let rendered = subject.render(ATTEMPT, &request.values)?;
        self.check_policy(&subject, &rendered)?;
        let plan = lines(None, &rendered.spec);
        if !request.dry_run {
            self.keep_new(by, &subject, &request.values, now).await?;
        }
        self.changed(subject.name, plan, request.dry_run).await
    }

    async fn keep_new(&self, by: &OperatorName, subject: &Subject, given: &Given, now: Time) -> Result<(), Status> {
        let Subject { name, desired, release, .. } = subject;
        let change = |change: &mut DesiredChange<'_>| {
            if change.known().instance(name).is_some() {
                return Err(name_taken(name).into());
            }
            if !change.known().desired().hosts.contains_key(&desired.host) {
                return Err(no_host(&desired.host).into());
            }
            self.shared.values.put(change.batch(), name, 1, given, &subject.secrets(), desired.drift)?;
            change.put_instance(name, desired.clone());
            change.tell(&format!("instance {name}"), &format!("{release} to be installed on {} by {by}", desired.host));
            Ok::<_, ChangeError>(())
        };
        self.change(now, change).await
    }

    /// Refuses at once what would be refused anyway.
    fn check_free(&self, name: &InstanceName, host: &HostName) -> Result<(), Status> {
        let known = self.shared.facts.read();
        if known.instance(name).is_some() {
            return Err(name_taken(name));
        }
        if !known.desired().hosts.contains_key(host) {
            return Err(no_host(host));
        }
        Ok(())
    }

    /// Refuses what the host's own policy forbids, as far as it was heard.
    fn check_policy(&self, subject: &Subject, rendered: &Rendered) -> Result<(), Status> {
        let host = &subject.desired.host;
        let policy = self.shared.facts.read().observed().hosts.get(host).map(|seen| seen.said.policy.clone());
        let Some(policy) = policy else { return Ok(()) };
        let images = rendered.spec.containers.iter().map(|container| container.image.as_str());
        let is_exec = |probe: &&Probe| match probe {
            Probe::Exec(_) => true,
            Probe::Http(_) | Probe::Version(_) => false,
        };
        let probes = rendered.health.probes.iter().filter(is_exec).map(Probe::service);
        let found = violations(&policy, &subject.definition.app, images, host_paths(&rendered.spec), probes);
        if found.is_empty() {
            return Ok(());
        }
        let hint =
            format!("ask the people of `{host}`: its policy outranks the coordinator (`fleet host show {host}`)");
        Err(hindered("install", found.join("; "), &hint))
    }

    pub async fn configure_as(
        &self,
        by: &OperatorName,
        request: v1::ConfigureInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: &str = "change the instance";
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let rule = drift(ATTEMPT, &request.drift)?;
        let subject = self.subject(ATTEMPT, &name)?;
        check_sizes(ATTEMPT, &request.values)?;
        let given = merged(&subject.values, &request.values, &request.unset);
        let drift = rule.unwrap_or(subject.desired.drift);
        let after = subject.render(ATTEMPT, &given)?;
        let before = subject.render(ATTEMPT, &subject.values).ok();
        let mut plan = lines(before.as_ref().map(|before| &before.spec), &after.spec);
        if drift != subject.desired.drift {
            plan.push(format!("drift: {}", super::views::instance::drift_word(drift)));
        }
        let has_changed = given != subject.values || drift != subject.desired.drift;
        if has_changed && !request.dry_run {
            self.keep_values(by, &subject, &given, drift).await?;
        }
        self.changed(name, plan, request.dry_run || !has_changed).await
    }

    async fn keep_values(
        &self,
        by: &OperatorName,
        subject: &Subject,
        given: &Given,
        drift: DriftRule,
    ) -> Result<(), Status> {
        let name = &subject.name;
        let change = |change: &mut DesiredChange<'_>| {
            let desired = find(change, "change the instance", name)?;
            if desired.revision != subject.desired.revision {
                let why = format!("somebody else changed `{name}` at the same moment");
                return Err(hindered("change the instance", why, "try again").into());
            }
            let revision = desired.revision + 1;
            self.shared.values.put(change.batch(), name, revision, given, &subject.secrets(), drift)?;
            change.put_instance(name, InstanceDesired { revision, drift, ..desired });
            change.tell(&format!("instance {name}"), &format!("configuration changed by {by}"));
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await
    }

    pub async fn power_as(
        &self,
        by: &OperatorName,
        request: v1::PowerInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: &str = "change its power";
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let wish = match request.wish.as_str() {
            "start" => PowerWish::Start,
            "stop" => PowerWish::Stop,
            "restart" => PowerWish::Restart,
            other => return Err(wrong(ATTEMPT, format!("`{other}` is not a wish"), "write start, stop or restart")),
        };
        let change = |change: &mut DesiredChange<'_>| {
            let desired = find(change, ATTEMPT, &name)?;
            let power = PowerDesired { wish, serial: desired.power.serial + 1 };
            change.put_instance(&name, InstanceDesired { power, ..desired });
            change.tell(&format!("instance {name}"), &format!("{} asked by {by}", request.wish));
            Ok::<_, ChangeError>(())
        };
        self.change(clock::now(), change).await?;
        self.changed(name, vec![request.wish], false).await
    }

    pub async fn remove_as(
        &self,
        by: &OperatorName,
        request: v1::RemoveInstanceRequest,
    ) -> Result<v1::InstanceChange, Status> {
        const ATTEMPT: &str = "remove the instance";
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let subject = self.subject(ATTEMPT, &name)?;
        let volumes: BTreeSet<String> = request.volumes.into_iter().collect();
        let has = self.volumes_of(&subject);
        if let Some(stranger) = volumes.iter().find(|volume| !has.contains(volume)) {
            let hint = format!("it has {}", if has.is_empty() { "none".to_owned() } else { has.join(", ") });
            return Err(wrong(ATTEMPT, format!("`{stranger}` is not a volume of `{name}`"), &hint));
        }
        let mut plan: Vec<String> = vec!["containers and networks: removed".to_owned()];
        plan.extend(has.iter().map(|volume| match volumes.contains(volume) {
            true => format!("volume {volume}: deleted, with its data"),
            false => format!("volume {volume}: stays"),
        }));
        if !request.dry_run {
            let change = |change: &mut DesiredChange<'_>| {
                let desired = find_any(change, ATTEMPT, &name)?;
                change.put_instance(&name, InstanceDesired { removal: Some(Removal { volumes }), ..desired });
                change.tell(&format!("instance {name}"), &format!("removal asked by {by}"));
                Ok::<_, ChangeError>(())
            };
            self.change(clock::now(), change).await?;
        }
        self.changed(name, plan, request.dry_run).await
    }

    /// The volumes of an instance by their names on its host, those of others left out.
    fn volumes_of(&self, subject: &Subject) -> Vec<String> {
        let Ok(rendered) = subject.render("list its volumes", &subject.values) else { return Vec::new() };
        let own = rendered.spec.volumes.into_iter().filter(|volume| !volume.external);
        own.map(|volume| volume.name).collect()
    }

    /// An instance with the release that it runs, or was installed as.
    pub fn subject(&self, attempt: &str, name: &InstanceName) -> Result<Subject, Status> {
        let (desired, release) = {
            let known = self.shared.facts.read();
            let desired = known.instance(name).cloned().ok_or_else(|| no_instance(attempt, name))?;
            let seen = known.observed().instances.get(name).and_then(|seen| seen.running.last());
            let release = seen.map_or_else(|| desired.release.clone(), |said| said.release.clone());
            (desired, release)
        };
        let bundle = self.bundle(&release)?;
        let definition = definition(attempt, &bundle)?;
        let opened = self.shared.values.open(self.shared.facts.store(), name, desired.revision);
        let (values, _) = opened.map_err(|error| failed("could not open its values", &error))?;
        Ok(Subject { name: name.clone(), desired, release, bundle, definition, values })
    }

    /// Makes a change and lets the hosts that it touches know what they should have.
    pub async fn change(
        &self,
        now: Time,
        change: impl FnOnce(&mut DesiredChange<'_>) -> Result<(), ChangeError>,
    ) -> Result<(), Status> {
        let ((), touched) = self.shared.facts.change_desired(now, change).await?;
        self.shared.sessions.mark(&touched, now);
        Ok(())
    }

    /// The answer to a change: what will be done, and by which order.
    async fn changed(
        &self,
        name: InstanceName,
        plan: Vec<String>,
        is_idle: bool,
    ) -> Result<v1::InstanceChange, Status> {
        let order = if is_idle { String::new() } else { self.order_for(&name).await };
        let instance = self.instance_view(&name);
        Ok(v1::InstanceChange { instance, plan, order })
    }

    pub fn list_instances_now(
        &self,
        request: &v1::ListInstancesRequest,
        now: Time,
    ) -> Result<v1::InstanceList, Status> {
        const ATTEMPT: &str = "list the instances";
        let selector: Selector = read(ATTEMPT, &request.selector)?;
        let mut list = {
            let known = self.shared.facts.read();
            let outlook = outlook(&known, now);
            let views = InstanceViews::new(&known, &outlook);
            let is_chosen = |(name, instance): &(&InstanceName, &InstanceDesired)| {
                let labels =
                    known.desired().hosts.get(&instance.host).map(|host| host.labels.clone()).unwrap_or_default();
                (request.name.is_empty() || name.as_str() == request.name)
                    && (request.app.is_empty() || instance.release.name.app.as_str() == request.app)
                    && selector.matches(&labels)
            };
            let chosen = known.desired().instances.iter().filter(is_chosen);
            chosen.map(|(name, instance)| views.view(name, instance)).collect::<Vec<_>>()
        };
        if request.name.is_empty() {
            return Ok(v1::InstanceList { instances: list });
        }
        let name: InstanceName = read(ATTEMPT, &request.name)?;
        let Some(view) = list.first_mut() else { return Err(no_instance("show the instance", &name)) };
        self.add_detail(view, &name);
        Ok(v1::InstanceList { instances: list })
    }

    /// What only a look at one instance shows: its values and its volumes.
    fn add_detail(&self, view: &mut v1::InstanceView, name: &InstanceName) {
        let Ok(subject) = self.subject("show the instance", name) else { return };
        view.volumes = self.volumes_of(&subject);
        let shown = Values::shown(self.shared.facts.store(), name, subject.desired.revision);
        view.values = shown.unwrap_or_default().into_iter().collect();
    }

    fn instance_view(&self, name: &InstanceName) -> Option<v1::InstanceView> {
        let known = self.shared.facts.read();
        let instance = known.instance(name)?;
        let views = InstanceViews::of_one(&known, name);
        Some(views.view(name, instance))
    }
}

pub fn definition(attempt: &str, bundle: &Bundle) -> Result<AppDefinition, Status> {
    AppDefinition::of(bundle).map_err(|problems| wrong(attempt, problems, ""))
}

fn check_sizes(attempt: &str, values: &BTreeMap<String, String>) -> Result<(), Status> {
    if let Some((name, _)) = values.iter().find(|(_, text)| text.len() > VALUE_LIMIT) {
        return Err(wrong(attempt, format!("the value `{name}` is larger than {} KiB", VALUE_LIMIT >> 10), ""));
    }
    if values.values().map(String::len).sum::<usize>() > VALUES_LIMIT {
        return Err(wrong(attempt, format!("its values are larger than {} KiB", VALUES_LIMIT >> 10), ""));
    }
    Ok(())
}

/// The instance, unless it is about to go.
fn find(change: &DesiredChange<'_>, attempt: &str, name: &InstanceName) -> Result<InstanceDesired, Status> {
    let desired = find_any(change, attempt, name)?;
    if desired.removal.is_some() {
        return Err(hindered(attempt, format!("`{name}` is being removed"), "wait until it is gone"));
    }
    Ok(desired)
}

fn find_any(change: &DesiredChange<'_>, attempt: &str, name: &InstanceName) -> Result<InstanceDesired, Status> {
    change.known().instance(name).cloned().ok_or_else(|| no_instance(attempt, name))
}

fn no_instance(attempt: &str, name: &InstanceName) -> Status {
    absent(attempt, format!("instance `{name}`"), "see them with `fleet instance ls`")
}

fn no_host(host: &HostName) -> Status {
    absent("install", format!("host `{host}`"), "see them with `fleet host ls`, or add it: `fleet host add NAME`")
}

fn name_taken(name: &InstanceName) -> Status {
    taken("install", format!("the name `{name}` is used already"), "choose another `--name`")
}
