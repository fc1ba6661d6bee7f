//! Upgrades with commands over a real PostgreSQL: each runs once in a container of its own, whatever happens to the agent.

use super::images::docker;
use super::upgrades::{Upgrading, bundle_with};
use fleet_core::app::Bundle;
use fleet_core::order::{End, Outcome};
use fleet_core::order_failure::OrderFailure;
use std::time::Duration;

/// A release that migrates nothing when it starts, and these lines of its edge.
fn release(actions: &str) -> Bundle {
    let web = "    image: labnotes-db:1\n    init: true\n    entrypoint: [sh, -c]\n    environment: { PGPASSWORD: '${PASSWORD}' }\n    \
               command: ['sleep infinity']\n    tmpfs: [/scratch]\n";
    bundle_with(web, &format!("upgrades:\n  edges:\n    - from: '<2'\n      to: '>=2'\n{actions}"))
}

/// A line of `migrate`: this shell command in a container of the new release's service.
fn migrate(script: &str) -> String {
    format!("      migrate: [ {{ run: {{ service: web, command: [{script:?}], limit: 2m }} }} ]\n")
}

fn sql(statement: &str) -> String {
    format!("psql -h db -U notes -d notes -v ON_ERROR_STOP=1 -c \"{statement}\"")
}

/// The ids of containers of actions of an order.
fn containers(order: &str, is_running: bool) -> Vec<String> {
    let all = if is_running { "--filter=status=running" } else { "--all" };
    let found = docker(&["ps", all, "--quiet", "--filter", &format!("label=fleet.action={order}")]);
    found.lines().map(str::to_owned).collect()
}

async fn until_one_runs(order: &str) -> String {
    for _ in 0..600 {
        if let Some(id) = containers(order, true).pop() {
            return id;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no command was started");
}

fn number_of_rows(upgrading: &Upgrading) -> u64 {
    let (rows, _) = upgrading.data();
    rows.split_once('|').and_then(|(count, _)| count.parse().ok()).expect("a number")
}

#[track_caller]
fn failure(end: &End) -> &OrderFailure {
    end.outcome.failure().unwrap_or_else(|| panic!("it did not fail: {end:?}"))
}

#[tokio::test]
async fn commands_of_both_releases_run_before_the_new_one_starts() {
    // The entrypoint of the database's image runs what it gets.
    let insert = format!("PGPASSWORD=$POSTGRES_PASSWORD {}", sql("insert into notes values (100001, 'of before')"));
    let before = format!("      before: [ {{ run: {{ service: db, command: [sh, -c, {insert:?}] }} }} ]\n");
    let offline = "test \"$(ls /sys/class/net)\" = lo && ! pgrep postgres && touch /uploads/offline";
    let actions = format!(
        "{before}      migrate:\n        - run: {{ service: web, command: [{:?}] }}\n        \
         - run: {{ service: web, offline: true, command: [{offline:?}] }}\n",
        // Fails over rows that the command before it has not made.
        sql("select 1 / count(*) from notes where body = 'of before'; update notes set body = 'migrated'")
    );
    let Some((upgrading, _agent)) = Upgrading::new("ftagood", &[release(&actions)]).await else { return };
    let (order, rows) = (upgrading.order(), number_of_rows(&upgrading));
    let end = upgrading.lab.carry_out(&order).await;
    assert_eq!(end.outcome, Outcome::Done);
    let (after, files) = upgrading.data();
    assert!(after.starts_with(&format!("{}|", rows + 1)), "{after}");
    assert!(files.contains_key("offline"), "{files:?}");
    assert_eq!(upgrading.around(), ("always unless-stopped".to_owned(), 2));
    assert!(containers(order.order.id.as_str(), false).is_empty());
}

#[tokio::test]
async fn a_command_that_destroys_rows_and_fails_leaves_every_row_and_its_last_words() {
    let script = format!("{} && echo no such column >&2 && exit 3", sql("delete from notes where id > 10"));
    let Some((upgrading, _agent)) = Upgrading::new("ftabad", &[release(&migrate(&script))]).await else { return };
    let order = upgrading.order();
    let end = upgrading.lab.carry_out(&order).await;
    upgrading.check_as_before(&end, "failed");
    let OrderFailure::ActionFailed { service, command, code, output } = failure(&end) else { panic!("{end:?}") };
    assert_eq!((service.as_str(), *code), ("web", 3));
    assert!(command.starts_with("psql") && output.ends_with("no such column"), "{command}: {output}");
    assert!(containers(order.order.id.as_str(), false).is_empty());
}

#[tokio::test]
async fn a_command_goes_on_without_the_agent_and_runs_once() {
    let insert = |id: u32| sql(&format!("insert into notes values ({id}, 'added')"));
    let script = format!("{} && sleep 8 && {}", insert(100_001), insert(100_002));
    let Some((upgrading, mut agent)) = Upgrading::new("ftakill", &[release(&migrate(&script))]).await else { return };
    let (order, rows) = (upgrading.order(), number_of_rows(&upgrading));
    upgrading.lab.ask(&order);
    let id = until_one_runs(order.order.id.as_str()).await;
    agent.kill().await.expect("it was there");
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &id]), "true", "nobody ended it");
    let _agent = upgrading.lab.agent();
    let end = upgrading.lab.end_of(&order.order.id).await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(number_of_rows(&upgrading), rows + 2);
}

#[tokio::test]
async fn a_command_that_is_ended_or_takes_too_long_brings_the_data_back() {
    let script = format!("{} && sleep 100", sql("delete from notes"));
    let short = migrate(&script).replace("2m", "5s");
    let Some((upgrading, _agent)) = Upgrading::new("ftalong", &[release(&short)]).await else { return };
    let end = upgrading.lab.carry_out(&upgrading.order()).await;
    upgrading.check_as_before(&end, "too long");
    assert!(matches!(failure(&end), OrderFailure::ActionTooSlow { limit, .. } if limit.as_secs() == 5), "{end:?}");
    // As a loss of power ends it.
    let Some((upgrading, _agent)) = Upgrading::new("ftaend", &[release(&migrate(&script))]).await else { return };
    let order = upgrading.order();
    upgrading.lab.ask(&order);
    docker(&["kill", &until_one_runs(order.order.id.as_str()).await]);
    let end = upgrading.lab.end_of(&order.order.id).await;
    upgrading.check_as_before(&end, "ended");
    assert!(matches!(failure(&end), OrderFailure::ActionFailed { code: 137, .. }), "{end:?}");
}
