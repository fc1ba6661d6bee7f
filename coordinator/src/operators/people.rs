//! Operators and join tokens.

use super::hosts::Invitation;
use super::request::{ChangeError, absent, choice, read, seconds};
use super::service::OperatorsService;
use crate::clock;
use crate::facts::{DesiredChange, StateSnapshot};
use crate::identity::{MACHINES, SubjectKept, TokenKept};
use crate::rpc_status::refuse;
use fleet_core::access::{Role, Subject};
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::OperatorName;
use fleet_core::refused_call::{Attempt, CallRefusal, NamedKind};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::time::Duration;
use tonic::Status;

const TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);
const LONGEST_TOKEN_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// Number of hexadecimal digits of a token's hash that form its id.
const ID: usize = 8;

impl OperatorsService {
    pub async fn add_operator_as(
        &self,
        by: &OperatorName,
        request: v1::AddOperatorRequest,
    ) -> Result<v1::JoinInvitation, Status> {
        const ATTEMPT: Attempt = Attempt::AddOperator;
        let name: OperatorName = read(ATTEMPT, &request.name)?;
        let role = choice::<v1::OperatorRole, Role>(ATTEMPT, request.role)?;
        let life = seconds(request.token_seconds, TOKEN_LIFE, LONGEST_TOKEN_LIFE);
        let uses = request.uses.max(1);
        let subject = Subject::Operator(name.clone());
        let invitation = Invitation { subject: subject.clone(), role: Some(role), uses, life };
        self.invite(invitation, |change| {
            refuse_too_many(change.snapshot(), ATTEMPT, &subject, uses, change.now)?;
            if let Some(kept) = change.snapshot().subject(&subject).cloned() {
                refuse_last(change.snapshot(), ATTEMPT, &subject, role)?;
                change.put_subject(&subject, SubjectKept { role: Some(role), ..kept });
            }
            change.tell(&name, EventKind::OperatorAdded { role, by: by.clone() });
            Ok(())
        })
        .await
    }

    pub async fn remove_operator_as(
        &self,
        by: &OperatorName,
        request: v1::RemoveOperatorRequest,
    ) -> Result<v1::RemoveOperatorReply, Status> {
        const ATTEMPT: Attempt = Attempt::RemoveOperator;
        let name: OperatorName = read(ATTEMPT, &request.name)?;
        let subject = Subject::Operator(name.clone());
        let now = clock::now();
        let change = |change: &mut DesiredChange<'_>| {
            let is_known = change.snapshot().subject(&subject).is_some();
            if !is_known && !change.snapshot().tokens().any(|(_, token)| token.subject == subject) {
                return Err(absent(ATTEMPT, NamedKind::Operator, name, Hint::SeeOperators).into());
            }
            refuse_last(change.snapshot(), ATTEMPT, &subject, Role::Viewer)?;
            change.remove_subject(&subject);
            change.tell(&name, EventKind::Removed { by: by.clone() });
            Ok::<_, ChangeError>(())
        };
        self.shared.facts.change_desired(now, change).await?;
        self.shared.connections.cut_revoked(&subject, &self.shared.facts, now);
        Ok(v1::RemoveOperatorReply {})
    }

    pub fn list_operators_now(&self) -> v1::OperatorList {
        let snapshot = self.shared.facts.read();
        let mut operators: Vec<_> =
            snapshot.subjects().filter_map(|(subject, kept)| self.operator(subject, kept)).collect();
        operators.sort_by(|a, b| a.name.cmp(&b.name));
        v1::OperatorList { operators }
    }

    fn operator(&self, subject: &Subject, kept: &SubjectKept) -> Option<v1::OperatorView> {
        let name = match subject {
            Subject::Operator(name) => name,
            Subject::Host(_) => return None,
        };
        let role = v1::OperatorRole::from(kept.role.unwrap_or(Role::Viewer)).into();
        let last_seen_ms = self.last_seen(name).0;
        Some(v1::OperatorView { name: name.to_string(), role, added_ms: kept.added.0, last_seen_ms })
    }

    pub fn list_tokens_now(&self, now: Time) -> v1::TokenList {
        let snapshot = self.shared.facts.read();
        let mut tokens: Vec<_> = snapshot.tokens().map(|(hash, token)| token_view(hash, token, now)).collect();
        tokens.sort_by(|a, b| (b.expires_ms, &a.subject).cmp(&(a.expires_ms, &b.subject)));
        v1::TokenList { tokens }
    }

    pub async fn revoke_token_as(
        &self,
        by: &OperatorName,
        request: v1::RevokeTokenRequest,
    ) -> Result<v1::RevokeTokenReply, Status> {
        const ATTEMPT: Attempt = Attempt::RevokeToken;
        let change = |change: &mut DesiredChange<'_>| {
            let id = request.id.trim();
            let is_meant = |(hash, _): &(&str, &TokenKept)| id.len() >= ID && hash.starts_with(id);
            let found = change.snapshot().tokens().find(is_meant);
            let token = found.map(|(hash, token)| (hash.to_owned(), token.clone()));
            let (hash, token) = token.ok_or_else(|| absent(ATTEMPT, NamedKind::Token, id, Hint::SeeTokens))?;
            change.tell(&token.subject, EventKind::TokenRevoked { by: by.clone() });
            change.put_token(&hash, TokenKept { revoked: true, ..token });
            Ok::<_, ChangeError>(())
        };
        self.shared.facts.change_desired(clock::now(), change).await?;
        Ok(v1::RevokeTokenReply {})
    }
}

fn token_view(hash: &str, token: &TokenKept, now: Time) -> v1::TokenView {
    v1::TokenView {
        id: hash.chars().take(ID).collect(),
        subject: token.subject.to_string(),
        uses_left: token.uses_left,
        expires_ms: token.expires.0,
        state: v1::TokenState::from(token.state(now)).into(),
    }
}

/// Refuses a token for more machines than the limit leaves: the last ones would be turned away.
fn refuse_too_many(
    snapshot: &StateSnapshot,
    attempt: Attempt,
    subject: &Subject,
    uses: u32,
    now: Time,
) -> Result<(), Status> {
    let machines = snapshot.subject(subject).map_or(0, |kept| kept.machines(now));
    let room = MACHINES.saturating_sub(machines);
    if uses as usize <= room {
        return Ok(());
    }
    let hint = match room {
        0 => Hint::AddOperatorAgain,
        room => Hint::LimitUses(u32::try_from(room).unwrap_or(u32::MAX)),
    };
    Err(refuse(attempt, CallRefusal::TooManyUses { limit: MACHINES, present: machines, uses }, hint))
}

/// Without an administrator, a fleet could admit nobody.
fn refuse_last(snapshot: &StateSnapshot, attempt: Attempt, subject: &Subject, new_role: Role) -> Result<(), Status> {
    let is_administrator = |kept: &SubjectKept| kept.role == Some(Role::Administrator);
    let is_one = snapshot.subject(subject).is_some_and(is_administrator);
    let others = snapshot.subjects().filter(|(other, kept)| *other != subject && is_administrator(kept)).count();
    if is_one && new_role != Role::Administrator && others == 0 {
        return Err(refuse(attempt, CallRefusal::LastAdministrator, Hint::AddAdministrator));
    }
    Ok(())
}
