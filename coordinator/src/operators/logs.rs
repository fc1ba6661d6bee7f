//! Logs of an instance, straight from its host: nothing of them is kept here.

use super::request::{absent, read};
use super::service::OperatorsService;
use crate::agents::{AskError, Asking};
use crate::rpc_status::refuse;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::refused_call::{Attempt, CallRefusal, NamedKind};
use fleet_proto::convert::reported_query_failure;
use fleet_proto::v1::{self, host_query, query_reply};
use futures_util::stream::{Stream, unfold};
use tonic::Status;

const ATTEMPT: Attempt = Attempt::ReadLogs;

impl OperatorsService {
    pub fn read_logs_now(
        &self,
        request: v1::ReadLogsRequest,
        by: &OperatorName,
    ) -> Result<impl Stream<Item = Result<v1::LogView, Status>> + Send + 'static, Status> {
        let name: InstanceName = read(ATTEMPT, &request.instance)?;
        let host = self.shared.facts.read().instance(&name).map(|instance| instance.host.clone());
        let host = host.ok_or_else(|| absent(ATTEMPT, NamedKind::Instance, &name, Hint::SeeInstances))?;
        let again =
            if request.follow { Hint::FollowLogsAgain(name.clone()) } else { Hint::ReadLogsAgain(name.clone()) };
        let v1::ReadLogsRequest { instance, service, follow, tail } = request;
        let query = host_query::Kind::Logs(v1::LogsQuery { instance, service, follow, tail });
        let asked = self.shared.queries.ask(&self.shared.sessions, &host, query, by);
        let asking = asked.map_err(|error| {
            let hint = match &error {
                AskError::NotConnected(_) => Hint::LogsAreOnHost(host.clone()),
                AskError::TooMany(_) => Hint::ReadLogsLater,
                AskError::TooManyOfYours(_) => Hint::EndOneFirst,
            };
            refuse(ATTEMPT, error.refusal(), hint)
        })?;
        Ok(unfold(Some((asking, again)), |asking| async move {
            let (asking, again) = asking?;
            next(asking, again).await
        }))
    }
}

/// Reply with the hint for the case that it is cut off.
type Reading = (Asking, Hint);

async fn next(mut asking: Asking, again: Hint) -> Option<(Result<v1::LogView, Status>, Option<Reading>)> {
    loop {
        let piece = match asking.next().await? {
            Ok(piece) => piece,
            Err(lost) => return Some((Err(refuse(ATTEMPT, lost.refusal(), again)), None)),
        };
        match piece.kind {
            Some(query_reply::Kind::Line(line)) => {
                let v1::LogLine { service, stream, at_ms, text } = line;
                return Some((Ok(v1::LogView { service, stream, at_ms, text }), Some((asking, again))));
            }
            Some(query_reply::Kind::QueryFailure(failure)) => {
                let failure = Box::new(reported_query_failure(failure));
                let refusal = CallRefusal::HostSays { host: asking.host().clone(), failure };
                return Some((Err(refuse(ATTEMPT, refusal, None)), None));
            }
            Some(query_reply::Kind::Resolved(_) | query_reply::Kind::Claims(_)) | None => {}
        }
    }
}
