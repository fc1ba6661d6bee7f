//! Actions of upgrades on that simulated host: containers whose commands add a row to the database.

use super::lab::{Fault, LabRuntime};
use crate::runtime::{ActionEnd, ActionRunner, RuntimeError};
use fleet_core::spec::{InstanceSpec, Switch};
use fleet_core::steps::ContainerState;
use fleet_core::upgrade_actions::ActionContainer;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

/// Container of an action. Its command adds a row to the database, and ends.
#[derive(Debug, Clone)]
pub struct LabAction {
    pub project: String,
    pub state: ContainerState,
    /// The last word of the command.
    pub word: String,
}

#[tonic::async_trait]
impl ActionRunner for LabRuntime {
    async fn create_action(&self, action: &ActionContainer, _: &InstanceSpec) -> Result<(), RuntimeError> {
        self.call().await;
        let word = action.spec.command.iter().flatten().last().map(|word| word.expose().to_owned());
        let made = LabAction {
            project: action.project.clone(),
            state: ContainerState::Created,
            word: word.unwrap_or_default(),
        };
        self.actions().entry(action.spec.name.clone()).or_insert(made);
        self.call().await;
        Ok(())
    }

    fn boot(&self) -> String {
        self.boots.load(Ordering::Relaxed).to_string()
    }

    async fn finish_action(&self, action: &ActionContainer, starts: Switch) -> Result<ActionEnd, RuntimeError> {
        self.call().await;
        let name = &action.spec.name;
        let set = |state| self.actions().get_mut(name).into_iter().for_each(|it| it.state = state);
        let Some(found) = self.actions().get(name).cloned() else { return Ok(ActionEnd::Gone) };
        let fault = self.plan().fault.clone();
        match found.state {
            ContainerState::Created if !starts.is_on() => return Ok(ActionEnd::Gone),
            ContainerState::Created => {
                set(ContainerState::Running);
                self.call().await;
            }
            ContainerState::Exited { code } => return Ok(ActionEnd::Exited { code, output: String::new() }),
            _ => {}
        }
        if fault == Some(Fault::ActionRemoved) {
            self.actions().remove(name);
            return Ok(ActionEnd::Gone);
        }
        if fault == Some(Fault::AppStartsInAction) {
            self.fake
                .world()
                .containers
                .iter_mut()
                .filter(|it| it.service == "web")
                .for_each(|it| it.state = ContainerState::Running);
        }
        // As a client of a database that does not answer yet.
        let is_too_early = self.plan().beginning > 0;
        let code = i64::from(fault == Some(Fault::ActionFails) || is_too_early);
        self.act(&found.word);
        set(ContainerState::Exited { code });
        self.call().await;
        let output = if code == 0 { String::new() } else { "no such column".to_owned() };
        Ok(ActionEnd::Exited { code, output })
    }

    async fn remove_actions(&self, project: &str) -> Result<(), RuntimeError> {
        self.call().await;
        self.actions().retain(|_, it| it.project != project);
        Ok(())
    }
}

impl LabRuntime {
    pub fn actions(&self) -> MutexGuard<'_, BTreeMap<String, LabAction>> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the containers that run. Engines have given such ones the code of those that ended well.
    pub fn cut_power_of_actions(&self) {
        let mut actions = self.actions();
        let running = actions.values_mut().filter(|it| it.state == ContainerState::Running);
        running.for_each(|it| it.state = ContainerState::Exited { code: 0 });
        drop(actions);
        self.boots.fetch_add(1, Ordering::Relaxed);
    }

    /// Does what the command of an action does: it adds a row with its last word to what is in the database.
    pub fn act(&self, word: &str) {
        let servers =
            self.fake.world().containers.iter().filter(|it| it.service == "db").map(|it| it.state).collect::<Vec<_>>();
        assert_eq!(servers, [ContainerState::Running], "the database runs");
        let rows = self.volume("oasis-1_data").join("rows");
        let before = std::fs::read_to_string(&rows).unwrap_or_default();
        std::fs::write(&rows, format!("{before}row {word}\n")).expect("written");
        self.plan().acted.push(word.to_owned());
    }
}
