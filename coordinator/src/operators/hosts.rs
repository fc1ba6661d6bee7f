//! Adding, removing and listing hosts.

use super::request::{ChangeError, absent, read, seconds, unreadable};
use super::service::OperatorsService;
use super::views::host::{HostViews, in_selection};
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::identity::{TokenKept, TokenState, hash_of_secret, new_secret, spoken_subject};
use crate::rpc_status::{failed, refuse};
use fleet_core::access::{JoinToken, Role, Subject};
use fleet_core::event::EventKind;
use fleet_core::facts::HostDesired;
use fleet_core::hint::Hint;
use fleet_core::labels::{Labels, Selector};
use fleet_core::names::{HostName, InstanceName, OperatorName};
use fleet_core::refused_call::{Attempt, CallRefusal, CountedThing, NamedKind, first_of};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::time::Duration;
use tonic::Status;

const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Subject of a token, and its number of uses.
pub struct Invitation {
    pub subject: Subject,
    pub role: Option<Role>,
    pub uses: u32,
    pub life: Duration,
}

/// Maximum number of open tokens for hosts: each token is stored, and one is as good as a key.
const OPEN_HOSTS: usize = 20_000;
/// Maximum number of open tokens for operators.
const OPEN_OPERATORS: usize = 200;

impl OperatorsService {
    pub async fn add_host_as(
        &self,
        by: &OperatorName,
        request: v1::AddHostRequest,
    ) -> Result<v1::JoinInvitation, Status> {
        const ATTEMPT: Attempt = Attempt::AddHost;
        let name: HostName = read(ATTEMPT, &request.name)?;
        let pairs: Vec<String> = request.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let labels =
            Labels::parse(pairs.iter().map(String::as_str)).map_err(|error| unreadable(ATTEMPT, error, None))?;
        let life = seconds(request.token_seconds, TOKEN_LIFE, LONGEST_TOKEN_LIFE);
        let invitation = Invitation { subject: Subject::Host(name.clone()), role: None, uses: 1, life };
        let is_connected = self.shared.sessions.get(&name).is_some();
        self.invite(invitation, |change| {
            let before = change.snapshot().desired().hosts.get(&name);
            if before.is_some() && is_connected {
                let hint = Hint::HostIsThere(name.clone());
                return Err(refuse(ATTEMPT, CallRefusal::HostConnected { host: name.clone() }, hint).into());
            }
            let (added, known_labels) =
                before.map_or((change.now, None), |host| (host.added, Some(host.labels.clone())));
            let labels = known_labels.filter(|_| labels.0.is_empty()).unwrap_or(labels);
            change.put_host(&name, HostDesired { labels, added });
            change.tell(&name, EventKind::Added { by: by.clone() });
            Ok(())
        })
        .await
    }

    /// Makes a token together with the other changes that belong to it.
    pub async fn invite(
        &self,
        invitation: Invitation,
        also: impl FnOnce(&mut DesiredChange<'_>) -> Result<(), ChangeError>,
    ) -> Result<v1::JoinInvitation, Status> {
        let secret = new_secret().map_err(|error| failed(Attempt::MakeToken, &error))?;
        let now = clock::now();
        let Invitation { subject, role, uses, life } = invitation;
        let expires = now.after(life);
        let kept = TokenKept::new(subject.clone(), role, uses, now, expires);
        let change = |change: &mut DesiredChange<'_>| {
            also(change)?;
            change.forget_old_tokens();
            refuse_too_many_open(change.snapshot(), &subject, now)?;
            change.revoke_tokens_of(&subject);
            change.put_token(&hash_of_secret(&secret), kept);
            Ok::<_, ChangeError>(())
        };
        self.shared.facts.change_desired(now, change).await?;
        let address = self.shared.addresses.first().cloned().unwrap_or_default();
        let token = JoinToken { address, ca_fingerprint: self.shared.authority.fingerprint(), secret };
        let name = spoken_subject(&subject).split_once(' ').map_or_else(String::new, |(_, name)| name.to_owned());
        Ok(v1::JoinInvitation { name, token: token.to_string(), expires_ms: expires.0, uses })
    }

    pub async fn remove_host_as(
        &self,
        by: &OperatorName,
        request: v1::RemoveHostRequest,
    ) -> Result<v1::RemoveHostReply, Status> {
        const ATTEMPT: Attempt = Attempt::RemoveHost;
        let name: HostName = read(ATTEMPT, &request.name)?;
        let subject = Subject::Host(name.clone());
        let now = clock::now();
        let values = self.values_on(&name).await?;
        let change = |change: &mut DesiredChange<'_>| {
            if !change.snapshot().desired().hosts.contains_key(&name) {
                return Err(absent(ATTEMPT, NamedKind::Host, name, Hint::SeeHosts).into());
            }
            let instances = wanted_on(change, &name);
            if !instances.is_empty() && !request.with_instances {
                let (instances, more) = first_of(instances);
                let refusal = CallRefusal::HostHasInstances { host: name.clone(), more, instances };
                return Err(refuse(ATTEMPT, refusal, Hint::ForgetInstances).into());
            }
            instances.iter().for_each(|instance| change.forget_instance(instance));
            values.into_iter().for_each(|key| change.batch().delete(key));
            change.remove_host(&name);
            change.remove_subject(&subject);
            change.tell(&name, EventKind::Removed { by: by.clone() });
            Ok::<_, ChangeError>(instances)
        };
        let (forgotten, _) = self.shared.facts.change_desired(now, change).await?;
        self.shared.connections.cut_revoked(&subject, &self.shared.facts, now);
        Ok(v1::RemoveHostReply { forgotten_instances: forgotten.into_iter().map(Into::into).collect() })
    }

    async fn values_on(&self, host: &HostName) -> Result<Vec<String>, Status> {
        let instances: Vec<InstanceName> = self.shared.facts.read().instances_of(host).cloned().collect();
        let keys = self.shared.facts.off_runtime(move |facts| facts.value_keys(&instances)).await;
        keys.map_err(|error| failed(Attempt::ReadValues, &error))
    }

    pub fn list_hosts_now(&self, request: &v1::ListHostsRequest) -> Result<v1::HostList, Status> {
        const ATTEMPT: Attempt = Attempt::ListHosts;
        let selector: Selector = read(ATTEMPT, &request.selector)?;
        let snapshot = self.shared.facts.read();
        let views = HostViews { snapshot: &snapshot, sessions: &self.shared.sessions };
        let hosts = snapshot.desired().hosts.iter();
        let chosen = hosts.filter(|(name, host)| in_selection(name, host, &request.name, &selector));
        let hosts: Vec<_> = chosen.map(|(name, host)| views.view(name, host)).collect();
        if hosts.is_empty() && !request.name.is_empty() {
            let hint = Hint::SeeHosts;
            return Err(absent(Attempt::ShowHost, NamedKind::Host, &request.name, hint));
        }
        Ok(v1::HostList { hosts })
    }
}

fn wanted_on(change: &DesiredChange<'_>, host: &HostName) -> Vec<InstanceName> {
    let snapshot = change.snapshot();
    let wanted =
        snapshot.instances_of(host).filter(|name| snapshot.instance(name).is_some_and(|one| one.host == *host));
    wanted.cloned().collect()
}

/// Refuses an invitation when too many are open; a new one for the same name replaces the one before.
fn refuse_too_many_open(snapshot: &StateSnapshot, subject: &Subject, now: Time) -> Result<(), Status> {
    let (is_alike, most): (fn(&Subject) -> bool, usize) = match subject {
        Subject::Host(_) => (|other| matches!(other, Subject::Host(_)), OPEN_HOSTS),
        Subject::Operator(_) => (|other| matches!(other, Subject::Operator(_)), OPEN_OPERATORS),
    };
    let others = snapshot.tokens().map(|(_, token)| token).filter(|token| is_alike(&token.subject));
    let open = others.filter(|token| token.subject != *subject && token.state(now) == TokenState::Open).count();
    if open < most {
        return Ok(());
    }
    let refusal = CallRefusal::TooMany { what: CountedThing::Invitations, limit: open };
    Err(refuse(Attempt::MakeToken, refusal, Hint::RevokeTokens))
}
