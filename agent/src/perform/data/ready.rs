//! Waits for a database that starts for the first time.
//!
//! Many images begin an empty database with a server that only they themselves can reach, and then start it anew: who believed that
//! one would lose it in the middle of a load.

use super::DataWork;
use crate::hands::HandsError;
use fleet_core::backup::{SETTLED, Store, ready_tool, settled_tool};
use fleet_core::spec::InstanceSpec;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A database that starts for the first time gets so long to answer.
const READY_LIMIT: Duration = Duration::from_secs(300);
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);
/// A server that nobody tells from one that only begins the database is believed when it has stayed for so long.
const STAYING: Duration = Duration::from_secs(60);

/// Waits until a store's service answers, and is the one that stays.
pub async fn until_ready(data: &DataWork<'_>, store: &Store, spec: &InstanceSpec) -> Result<(), String> {
    let Some(service) = ready_tool(store).map(|tool| tool.at.service().to_owned()) else { return Ok(()) };
    data.work.say(format!("waiting until {service} answers"));
    let began = Instant::now();
    let mut seen: Option<(String, Instant)> = None;
    loop {
        let missing = match answering(data, store, spec).await {
            Ok(which) if which == SETTLED => return Ok(()),
            Ok(which) => {
                let since = seen.take().filter(|(known, _)| *known == which).map_or_else(Instant::now, |(_, at)| at);
                if since.elapsed() >= STAYING {
                    return Ok(());
                }
                seen = Some((which, since));
                "only the server that begins its data did".to_owned()
            }
            Err(error) => {
                seen = None;
                crate::chain(&error)
            }
        };
        if began.elapsed() > READY_LIMIT.min(data.order.deadline / 2) {
            return Err(format!("`{service}` does not answer: {missing}"));
        }
        sleep(BETWEEN_QUESTIONS).await;
    }
}

/// Which server answers. It is looked at first: one that has come to stay does not give way to another before it answers.
async fn answering(data: &DataWork<'_>, store: &Store, spec: &InstanceSpec) -> Result<String, HandsError> {
    let hands = &data.site().hands;
    let which = match settled_tool(store) {
        Some(tool) => hands.run_tool(&tool, spec).await?.trim().to_owned(),
        None => SETTLED.to_owned(),
    };
    if let Some(tool) = ready_tool(store) {
        hands.run_tool(&tool, spec).await?;
    }
    Ok(which)
}
