//! Rebuilds derived stores after a restore with the app's own commands. For a stopped instance, the services that they
//! need are started, and stopped afterwards.
//!
//! **Invariant:** the journal lists the stores to rebuild before the restore counts as passed, so that a crash omits
//! none.

use super::DataWork;
use super::fill::with_needs;
use super::stages::starting;
use crate::ledger::Settled;
use crate::perform::allow::allow_spec;
use crate::perform::work::{Finish, WorkError};
use crate::runtime::RuntimeError;
use fleet_core::activity::Activity;
use fleet_core::backup::{DataNote, Rebuild, rebuild_tool};
use fleet_core::facts::StepProgress;
use fleet_core::hint::Hint;
use fleet_core::names::StoreName;
use fleet_core::order::PowerRequest;
use fleet_core::order_failure::OrderFailure;
use fleet_core::steps::steps_for_power;
use std::time::Duration;
use tokio::time::{Instant, interval};

/// Interval at which the elapsed time is reported.
const TOLD: Duration = Duration::from_secs(5);

/// Restored parts that are incomplete.
pub struct Unbuilt {
    pub failure: OrderFailure,
    pub hint: Hint,
}

/// Rebuilds the stores in the journal; each is tried, even if others fail.
pub async fn rebuild_left(data: &DataWork<'_>, settled: &Settled) -> Option<Unbuilt> {
    let (mut failures, mut commands) = (Vec::new(), Vec::new());
    let stands_still = settled.is_stopped() && !settled.rendered.rebuilds.is_empty();
    for name in data.journal().rebuilds {
        let Some(rebuild) = settled.rendered.rebuilds.get(&name) else { continue };
        let began = Instant::now();
        let started = if stands_still { start_for(data, settled, rebuild).await } else { Ok(()) };
        let ended = match started {
            Ok(()) => run(data, settled, &name, rebuild).await.map_err(|error| OrderFailure::from(&error)),
            Err(error) => Err(OrderFailure::NeedsNotStarted { failure: Box::new((&error).into()) }),
        };
        let note = match &ended {
            Ok(()) => DataNote::Rebuilt { store: name.clone(), took: Duration::from_secs(began.elapsed().as_secs()) },
            Err(failure) => DataNote::NotRebuilt { store: name.clone(), failure: Box::new(failure.clone()) },
        };
        if let Err(failure) = ended {
            failures.push(not_rebuilt(&name, rebuild, failure));
            commands.push(by_hand(settled, rebuild));
        }
        let rebuilt = name.clone();
        let noted = data.note(move |journal| {
            journal.rebuilds.remove(&rebuilt);
            if let Some(made) = &mut journal.made {
                made.notes.push(note);
            }
        });
        if let Err(error) = noted.await {
            tracing::error!(error = crate::chain(&error), store = %name, "the journal cannot be written");
        }
    }
    let instance = &data.order.instance;
    // Also where the last of them was done before a crash.
    if stands_still && let Err(error) = stop_again(data, settled).await {
        let failure = OrderFailure::NotStopped { failure: Box::new((&error).into()) };
        if failures.is_empty() {
            return Some(Unbuilt { failure, hint: Hint::StopInstance(instance.clone()) });
        }
        failures.push(failure);
    }
    if failures.is_empty() {
        return None;
    }
    Some(Unbuilt {
        failure: OrderFailure::RebuildFailed { failures },
        hint: if stands_still {
            Hint::RebuildStopped(instance.clone(), commands)
        } else {
            Hint::RebuildRunning(instance.clone(), commands)
        },
    })
}

fn not_rebuilt(store: &StoreName, rebuild: &Rebuild, failure: OrderFailure) -> OrderFailure {
    OrderFailure::NotRebuilt {
        store: store.to_string(),
        service: rebuild.service.clone(),
        command: rebuild.line(),
        failure: Box::new(failure),
    }
}

/// Starts the services that a rebuild needs in a stopped instance.
async fn start_for(data: &DataWork<'_>, settled: &Settled, rebuild: &Rebuild) -> Result<(), WorkError> {
    let spec = &settled.rendered.spec;
    let services = with_needs([rebuild.service.clone()].into(), spec);
    allow_spec(data.context(), spec).await?;
    data.work.perform(spec, |found| starting(found, spec, &services), Finish::AsIs).await
}

async fn stop_again(data: &DataWork<'_>, settled: &Settled) -> Result<(), WorkError> {
    let spec = &settled.rendered.spec;
    data.work.perform(spec, |found| steps_for_power(found, spec, PowerRequest::Stop), Finish::AsIs).await
}

async fn run(data: &DataWork<'_>, settled: &Settled, name: &StoreName, rebuild: &Rebuild) -> Result<(), RuntimeError> {
    let doing = Activity::Rebuilding(name.clone());
    data.work.say(doing.clone());
    let (say_progress, began, mut ticks) = (data.work.progress_of(&doing), Instant::now(), interval(TOLD));
    let tool = rebuild_tool(rebuild);
    let running = data.context().runtime.run_tool(&tool, &settled.rendered.spec);
    tokio::pin!(running);
    loop {
        tokio::select! {
            ended = &mut running => return ended.map(drop),
            _ = ticks.tick() => {
                say_progress(Some(StepProgress::of_time(began.elapsed(), rebuild.limit.as_duration())));
            }
        }
    }
}

/// The same command as a person would type it.
fn by_hand(settled: &Settled, rebuild: &Rebuild) -> String {
    let container = settled.rendered.spec.container(&rebuild.service).map(|container| container.name.as_str());
    let quoted = |word: &String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let words: Vec<String> = rebuild.command.iter().map(quoted).collect();
    format!("docker exec {} {}", container.unwrap_or(&rebuild.service), words.join(" "))
}
