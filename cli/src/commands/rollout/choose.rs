//! Selects the rollout if none is named: the only unfinished one, else the newest.

use crate::session::Session;
use fleet_core::command_error::CommandError;
use fleet_core::names::RolloutId;
use fleet_proto::v1::{ListRolloutsRequest, RolloutView};

/// Returns the given id, or that of the selected rollout.
pub async fn choose(session: &Session, given: Option<&RolloutId>) -> Result<String, CommandError> {
    if let Some(id) = given {
        return Ok(id.to_string());
    }
    let list =
        session.ask("list rollouts", async |mut c| c.list_rollouts(ListRolloutsRequest::default()).await).await?;
    meant(&list.rollouts)
}

fn meant(rollouts: &[RolloutView]) -> Result<String, CommandError> {
    let active: Vec<&str> = rollouts.iter().filter(|it| !it.over).map(|it| it.id.as_str()).collect();
    match active.as_slice() {
        [only] => Ok((*only).to_owned()),
        [] => match rollouts.iter().max_by_key(|it| it.created_ms) {
            Some(newest) => Ok(newest.id.clone()),
            None => Err(CommandError::refused("there are no rollouts yet")
                .hint("start one with `fleet rollout --version VERSION`")),
        },
        several => Err(CommandError::misused("say which rollout is meant")
            .because(format!("{} are not over", several.join(", ")))
            .hint("name one at the end of the command")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rollouts: &[(&str, bool)], expect: &str) {
        let view = |(place, (id, over)): (usize, &(&str, bool))| RolloutView {
            id: (*id).to_owned(),
            over: *over,
            created_ms: place as u64,
            ..Default::default()
        };
        let rollouts: Vec<_> = rollouts.iter().enumerate().map(view).collect();
        assert_eq!(meant(&rollouts).unwrap_or_else(|error| error.what().to_owned()), expect);
    }

    #[test]
    fn the_only_active_rollout_is_meant_or_the_newest() {
        check(&[("a-1", true), ("a-2", false), ("a-3", true)], "a-2");
        check(&[("a-1", true), ("a-2", true)], "a-2");
        check(&[("a-1", false), ("b-1", false)], "say which rollout is meant");
        check(&[], "there are no rollouts yet");
    }
}
