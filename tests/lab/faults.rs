//! A rollout continues, or goes back, whatever happens.

use fleet_tests::lab::Lab;
use std::process::{Child, Stdio};

fn notes(lab: &Lab) -> anyhow::Result<Vec<String>> {
    (1..=3).map(|number| lab.upload(number, &format!("measured in lab {number}"))).collect()
}

fn check_notes(lab: &Lab, ids: &[String]) -> anyhow::Result<()> {
    for (number, id) in (1..=3).zip(ids) {
        let text = lab.http(number, &format!("/uploads/{id}"))?;
        assert_eq!(text, format!("measured in lab {number}"), "the upload of lab {number}");
    }
    Ok(())
}

/// Begins a rollout without reading its progress.
fn begin_rollout(lab: &Lab, options: &[&str]) -> anyhow::Result<Child> {
    let mut arguments = vec!["rollout", "--yes"];
    arguments.extend(options);
    Ok(lab.fleet_command(&arguments)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

/// Waits until an order for the instance is being performed.
fn until_under_way(lab: &Lab, instance: &str) -> anyhow::Result<()> {
    lab.until(&format!("something to be under way on {instance}"), |lab| {
        let said = lab.json(&["instance", "ls", "-o", "json"]).ok()?;
        let found = fleet_tests::lab::list(&said, "instances").iter().find(|found| found["name"] == instance)?;
        found["doing"].is_object().then_some(())
    })
}

fn everywhere(lab: &Lab, version: &str) -> anyhow::Result<()> {
    for number in 1..=3 {
        lab.until_instance(&format!("notes-{number}"), version, "healthy")?;
        let said = lab.http(number, "/version")?;
        assert!(said.contains(&format!("\"{version}\"")), "lab {number} says {said}");
    }
    Ok(())
}

#[test]
fn a_rollout_survives_what_happens_to_lab_servers_and_coordinator() -> anyhow::Result<()> {
    let mut lab = Lab::new("faults")?;
    for number in 1..=3 {
        lab.add_server(number, &["site=fr"])?;
    }
    for version in ["1.1", "1.2"] {
        lab.push(version)?;
    }
    for number in 1..=3 {
        lab.install(number, "1.1")?;
    }
    everywhere(&lab, "1.1")?;
    let ids = notes(&lab)?;

    a_partitioned_server_catches_up(&lab)?;
    check_notes(&lab, &ids)?;
    an_agent_killed_in_the_middle_ends_the_upgrade(&lab)?;
    check_notes(&lab, &ids)?;
    a_coordinator_killed_in_the_middle_goes_on(&mut lab)?;
    check_notes(&lab, &ids)?;
    a_server_without_power_catches_up(&lab)?;
    check_notes(&lab, &ids)
}

fn a_partitioned_server_catches_up(lab: &Lab) -> anyhow::Result<()> {
    let mut rollout = begin_rollout(lab, &["--version", "1.2", "--canary", "1", "--at-once", "2", "--soak", "1s"])?;
    until_under_way(lab, "notes-1")?;
    lab.lab(&["partition", &lab.server(3)])?;
    lab.until_host("lab-3", "offline")?;
    for number in 1..=2 {
        lab.until_instance(&format!("notes-{number}"), "1.2", "healthy")?;
    }
    let said = lab.json(&["rollout", "show", "-o", "json"])?;
    assert_eq!(said["done"], 2, "the cut-off server does not hold up the others: {said}");
    // Soaking, or done but for the server that is offline.
    assert_ne!(said["phase"], "done", "a rollout that lacks a server is not done: {said}");
    lab.lab(&["heal", &lab.server(3)])?;
    everywhere(lab, "1.2")?;
    rollout.wait()?;
    Ok(())
}

fn an_agent_killed_in_the_middle_ends_the_upgrade(lab: &Lab) -> anyhow::Result<()> {
    let mut undo =
        lab.fleet_command(&["rollout", "undo", "--yes"])?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    until_under_way(lab, "notes-1")?;
    lab.on_server(1, "pkill -KILL -x fleet-agent")?;
    everywhere(lab, "1.1")?;
    undo.wait()?;
    let restarted = lab.on_server(1, "systemctl show fleet-agent --property NRestarts --value")?;
    assert_ne!(restarted.trim(), "0", "the agent was not killed");
    Ok(())
}

fn a_coordinator_killed_in_the_middle_goes_on(lab: &mut Lab) -> anyhow::Result<()> {
    let options = ["--version", "1.2", "--canary", "0", "--at-once", "1", "--soak", "0s", "--detach"];
    begin_rollout(lab, &options)?.wait()?;
    until_under_way(lab, "notes-1")?;
    lab.kill_coordinator()?;
    lab.start_coordinator()?;
    everywhere(lab, "1.2")
}

fn a_server_without_power_catches_up(lab: &Lab) -> anyhow::Result<()> {
    lab.fleet_ok(&["rollout", "undo", "--yes", "--detach"])?;
    until_under_way(lab, "notes-2").or_else(|_| until_under_way(lab, "notes-3"))?;
    lab.lab(&["kill", &lab.server(2)])?;
    lab.until_host("lab-2", "offline")?;
    lab.lab(&["start", &lab.server(2)])?;
    lab.until_host("lab-2", "online")?;
    everywhere(lab, "1.1")
}
