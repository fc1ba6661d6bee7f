//! Makes derivable stores anew after a restore, by the app's own commands.
//!
//! **Invariant:** the journal names what is still to be rebuilt before the restore counts as passed, so that no crash leaves it out.

use super::DataWork;
use crate::ledger::Settled;
use fleet_core::backup::{Rebuild, rebuild_tool};
use fleet_core::names::StoreName;
use std::time::Duration;
use tokio::time::{Instant, interval};

/// How long it has taken is told so often.
const TOLD: Duration = Duration::from_secs(5);

/// What was restored and is not complete, in words.
pub struct Unbuilt {
    pub reason: String,
    pub hint: String,
}

/// Rebuilds what the journal names; each is tried, whatever became of the others.
pub async fn rebuild_left(data: &DataWork<'_>, settled: &Settled) -> Option<Unbuilt> {
    let (mut failed, mut commands) = (Vec::new(), Vec::new());
    for name in data.journal().rebuilds {
        let Some(rebuild) = settled.rendered.rebuilds.get(&name) else { continue };
        let began = Instant::now();
        let ended = run(data, settled, &name, rebuild).await;
        let note = match &ended {
            Ok(()) => format!("{name}: rebuilt in {} s", began.elapsed().as_secs()),
            Err(reason) => format!("{name}: NOT rebuilt: {reason}"),
        };
        if let Err(reason) = ended {
            failed.push(format!("{name}: {rebuild}: {reason}"));
            commands.push(by_hand(settled, rebuild));
        }
        let noted = data.note(|journal| {
            journal.rebuilds.remove(&name);
            if let Some(made) = &mut journal.made {
                made.notes.push(note.clone());
            }
        });
        if let Err(error) = noted {
            tracing::error!(error = crate::chain(&error), store = %name, "the journal cannot be written");
        }
    }
    if failed.is_empty() {
        return None;
    }
    let instance = &data.order.instance;
    Some(Unbuilt {
        reason: format!(
            "the data is restored, but what is derived from it could not be rebuilt: {}",
            failed.join("; ")
        ),
        hint: format!(
            "on the host, when the cause is gone: {}; then `fleet instance stop {instance}` and `fleet instance start {instance}`",
            commands.join(" and ")
        ),
    })
}

async fn run(data: &DataWork<'_>, settled: &Settled, name: &StoreName, rebuild: &Rebuild) -> Result<(), String> {
    let doing = format!("rebuilding {name}");
    data.work.say(doing.clone());
    let (told, began, mut ticks) = (data.work.progress_of(&doing), Instant::now(), interval(TOLD));
    let tool = rebuild_tool(rebuild);
    let running = data.site().hands.run_tool(&tool, &settled.rendered.spec);
    tokio::pin!(running);
    loop {
        tokio::select! {
            ended = &mut running => return ended.map(|_| ()).map_err(|error| crate::chain(&error)),
            _ = ticks.tick() => told(format!("{} s of at most {}", began.elapsed().as_secs(), rebuild.limit)),
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
    format!("`docker exec {} {}`", container.unwrap_or(&rebuild.service), words.join(" "))
}
