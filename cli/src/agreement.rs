//! From a plan to its start: the shown plan is started, and a start with a lost answer is sent again.

use crate::context::Context;
use fleet_core::command_error::{CommandError, ErrorKind};
use fleet_proto::v1::AgreedPlan;
use std::time::Duration;
use tokio::time::sleep;

/// Number of times that a changed plan is shown again before giving up.
const SHOWN: usize = 3;
/// Number of times that the same request is sent if the coordinator does not answer.
const SENT: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks for a plan with `propose`, has it agreed to, and starts it. `agree` shows the plan and gives its digest, or nothing where
/// there is nothing to start. A plan that has changed meanwhile is asked for and shown again.
pub async fn start<P, T>(
    context: &Context,
    propose: impl AsyncFn() -> Result<P, CommandError>,
    agree: impl Fn(&P) -> Result<Option<String>, CommandError>,
    start: impl AsyncFn(&P, AgreedPlan) -> Result<T, CommandError>,
) -> Result<Option<T>, CommandError> {
    let mut shown = 0;
    loop {
        let plan = propose().await?;
        let Some(plan_digest) = agree(&plan)? else { return Ok(None) };
        let agreed = AgreedPlan { plan_digest, request_id: new_id()? };
        shown += 1;
        match send(context, &plan, &agreed, &start).await {
            Err(error) if error.kind() == ErrorKind::PlanChanged && shown < SHOWN => {
                context.printer.story("the plan has changed since then and was not started; this is the plan now");
            }
            answer => return answer.map(Some),
        }
    }
}

/// Sends the same request until it is answered: it is carried out once.
async fn send<P, T>(
    context: &Context,
    plan: &P,
    agreed: &AgreedPlan,
    start: &impl AsyncFn(&P, AgreedPlan) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let mut sent = 0;
    loop {
        sent += 1;
        match start(plan, agreed.clone()).await {
            Err(error) if error.kind() == ErrorKind::Unreachable && sent < SENT => {
                let why = error.cause().unwrap_or("the coordinator did not answer");
                context.printer.story(format!("asking again: {why}"));
                sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

fn new_id() -> Result<String, CommandError> {
    let random =
        || getrandom::u64().map_err(|error| CommandError::refused("could not make a request id").because(error));
    Ok(format!("{:016x}{:016x}", random()?, random()?))
}
