//! Checks whether an order would be refused because of its claims, before the order exists.

use crate::agent_context::AgentContext;
use crate::perform::expect_claimable;
use fleet_core::claims::Claims;
use fleet_core::names::InstanceName;
use fleet_core::order_failure::OrderFailure;
use fleet_core::query_failure::QueryFailure;
use fleet_proto::convert::ConvertError;
use fleet_proto::v1::query_reply::Kind as PieceKind;
use fleet_proto::v1::{ClaimsQuery, ClaimsReply};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The caller waits a little longer.
const LIMIT: Duration = Duration::from_secs(4);

pub fn reply(context: Arc<AgentContext>, query: ClaimsQuery) -> BoxStream<'static, PieceKind> {
    stream::once(async move {
        match read(query) {
            Ok((instance, claims)) => refusal(&context, &instance, &claims).await,
            Err(error) => unanswered(QueryFailure::Unreadable { problem: crate::chain(&error) }),
        }
    })
    .boxed()
}

fn read(query: ClaimsQuery) -> Result<(InstanceName, Claims), ConvertError> {
    let instance = query.instance.parse()?;
    Ok((instance, query.claims.ok_or(ConvertError::Missing("claims"))?.try_into()?))
}

/// An Engine that does not answer is no refusal: an order would wait for it.
async fn refusal(context: &AgentContext, instance: &InstanceName, claims: &Claims) -> PieceKind {
    match timeout(LIMIT, expect_claimable(context, instance, claims)).await {
        Ok(Ok(())) => PieceKind::Claims(ClaimsReply { failure: None }),
        Ok(Err(error)) if error.is_passing() => {
            unanswered(QueryFailure::Failed { failure: Box::new(OrderFailure::from(&error)) })
        }
        Ok(Err(error)) => PieceKind::Claims(ClaimsReply { failure: Some(OrderFailure::from(&error).into()) }),
        Err(_) => unanswered(QueryFailure::EngineSilent { waited: LIMIT }),
    }
}

fn unanswered(reason: QueryFailure) -> PieceKind {
    PieceKind::QueryFailure(reason.into())
}
