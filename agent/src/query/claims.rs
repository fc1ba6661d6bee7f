//! Checks whether an order would be refused because of its claims, before the order exists.

use crate::agent_context::AgentContext;
use crate::perform::expect_claimable;
use fleet_core::claims::Claims;
use fleet_core::names::{InstanceName, NameError};
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
            Err(reason) => PieceKind::Failure(reason),
        }
    })
    .boxed()
}

fn read(query: ClaimsQuery) -> Result<(InstanceName, Claims), String> {
    let instance = query.instance.parse().map_err(|error: NameError| error.to_string())?;
    let claims = query.claims.ok_or("the question names no claims")?;
    Ok((instance, claims.try_into().map_err(|error| crate::chain(&error))?))
}

/// An Engine that does not answer is no refusal: an order would wait for it.
async fn refusal(context: &AgentContext, instance: &InstanceName, claims: &Claims) -> PieceKind {
    match timeout(LIMIT, expect_claimable(context, instance, claims)).await {
        Ok(Ok(())) => PieceKind::Claims(ClaimsReply { refusal: String::new() }),
        Ok(Err(error)) if error.is_passing() => PieceKind::Failure(crate::chain(&error)),
        Ok(Err(error)) => PieceKind::Claims(ClaimsReply { refusal: crate::chain(&error) }),
        Err(_) => PieceKind::Failure(format!("its Engine did not answer in {} s", LIMIT.as_secs())),
    }
}
