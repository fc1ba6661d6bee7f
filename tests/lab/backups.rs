//! Backups of whole lab servers: taken, drilled, restored, and a lost server created again elsewhere.

use fleet_tests::lab::{Lab, list};
use serde_json::Value;
use std::process::Stdio;

const COUNT: &str = "docker exec -e PGPASSWORD=secret-of-the-lab \
                     $(docker ps -q --filter label=com.docker.compose.service=db \
                     --filter label=com.docker.compose.project=PROJECT) psql -h 127.0.0.1 -U labnotes -d labnotes -Atc \
                     'select count(*), sum(hashtext(sha256)) from uploads'";

/// Returns two numbers that describe the content of an instance's database.
fn rows(lab: &Lab, server: u8, instance: &str) -> anyhow::Result<String> {
    lab.on_server(server, &COUNT.replace("PROJECT", instance))
}

/// Returns the health of an instance's backups.
fn standing(lab: &Lab, instance: &str) -> anyhow::Result<Value> {
    let said = lab.fleet(&["backup", "status", instance, "-o", "json"])?;
    let answer: Value = serde_json::from_str(&said.stdout)?;
    Ok(list(&answer, "instances")[0].clone())
}

fn is_running(lab: &Lab, server: u8, instance: &str) -> anyhow::Result<bool> {
    let states = "docker ps --filter label=com.docker.compose.project=PROJECT --format '{{.State}}'";
    let said = lab.on_server(server, &states.replace("PROJECT", instance))?;
    Ok(said.lines().count() == 2 && said.lines().all(|state| state == "running"))
}

#[test]
fn a_server_that_burned_down_is_made_anew_elsewhere_and_what_was_lost_is_put_back() -> anyhow::Result<()> {
    let mut lab = Lab::new("backups")?;
    for number in 1..=3 {
        lab.add_server(number, &["site=fr"])?;
    }
    lab.push("1.1")?;
    let mut uploads = Vec::new();
    for number in 1..=3 {
        lab.install(number, "1.1")?;
        lab.until_instance(&format!("notes-{number}"), "1.1", "healthy")?;
        uploads.push(lab.upload(number, &format!("measured in lab {number}"))?);
    }
    assert_eq!(standing(&lab, "notes-1")?["word"], "never", "there is no backup yet");
    lab.fleet_ok(&["backup", "policy", "set", "daily", "--all", "--schedule", "@yearly", "--max-age", "400d"])?;
    lab.fleet_ok(&["backup", "now", "-l", "site=fr"])?;
    for number in 1..=3 {
        lab.fleet_ok(&["backup", "drill", &format!("notes-{number}")])?;
    }
    let said = lab.fleet(&["backup", "status"])?;
    assert_eq!(said.status, 0, "all is well: {}{}", said.stdout, said.stderr);

    a_burned_server_is_made_anew(&lab, &uploads[2])?;
    what_was_removed_by_mistake_is_put_back(&lab, &uploads[0])?;
    an_agent_killed_in_a_backup_lets_the_services_go_on(&lab)?;
    a_coordinator_killed_during_an_upload_keeps_what_it_has(&mut lab)
}

fn a_burned_server_is_made_anew(lab: &Lab, upload: &str) -> anyhow::Result<()> {
    let before = rows(lab, 3, "notes-3")?;
    lab.lab(&["down", &lab.server(3)])?;
    lab.until_host("lab-3", "offline")?;
    let anew = ["restore", "notes-3", "--to", "lab-2", "--name", "notes-3b", "--set", "port=8081", "--yes"];
    lab.fleet_ok(&anew)?;
    lab.until_instance("notes-3b", "1.1", "healthy")?;
    assert_eq!(rows(lab, 2, "notes-3b")?, before, "the rows are those of before");
    let url = format!("http://127.0.0.1:8081/uploads/{upload}");
    assert_eq!(lab.on_server(2, &format!("curl -fsS {url}"))?, "measured in lab 3");
    Ok(())
}

fn what_was_removed_by_mistake_is_put_back(lab: &Lab, upload: &str) -> anyhow::Result<()> {
    let before = rows(lab, 1, "notes-1")?;
    lab.on_server(1, &format!("curl -fsS -X DELETE http://127.0.0.1:8080/uploads/{upload}"))?;
    assert_ne!(rows(lab, 1, "notes-1")?, before, "the upload was removed");
    lab.fleet_ok(&["restore", "notes-1", "--dry-run"])?;
    assert_ne!(rows(lab, 1, "notes-1")?, before, "a dry run changes nothing");
    lab.fleet_ok(&["restore", "notes-1", "--yes"])?;
    assert_eq!(rows(lab, 1, "notes-1")?, before);
    assert_eq!(lab.http(1, &format!("/uploads/{upload}"))?, "measured in lab 1");
    Ok(())
}

fn an_agent_killed_in_a_backup_lets_the_services_go_on(lab: &Lab) -> anyhow::Result<()> {
    let before = lab.json(&["backup", "ls", "notes-2", "-o", "json"])?;
    let mut backup =
        lab.fleet_command(&["backup", "now", "notes-2"])?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // It may end unnoticed: then the agent dies after it.
    lab.until("the backup to be under way", |lab| {
        let said = lab.json(&["instance", "ls", "-o", "json"]).ok()?;
        let found = list(&said, "instances").iter().find(|found| found["name"] == "notes-2")?;
        let is_begun = found["doing"].is_object();
        let listed = lab.json(&["backup", "ls", "notes-2", "-o", "json"]).ok()?;
        (is_begun || list(&listed, "backups").len() > list(&before, "backups").len()).then_some(())
    })?;
    lab.on_server(2, "pkill -KILL -x fleet-agent")?;
    backup.wait()?;
    lab.until("its services to run", |lab| is_running(lab, 2, "notes-2").ok()?.then_some(()))?;
    lab.until_instance("notes-2", "1.1", "healthy")?;
    let after = lab.json(&["backup", "ls", "notes-2", "-o", "json"])?;
    let count = |answer: &Value| list(answer, "backups").len();
    assert!(count(&after) <= count(&before) + 1, "nothing half is listed: {after}");
    // Whatever is listed can be restored.
    lab.fleet_ok(&["backup", "drill", "notes-2"])?;
    Ok(())
}

fn a_coordinator_killed_during_an_upload_keeps_what_it_has(lab: &mut Lab) -> anyhow::Result<()> {
    lab.fleet_ok(&["backup", "now", "notes-1", "--detach"])?;
    lab.kill_coordinator()?;
    lab.start_coordinator()?;
    lab.until_host("lab-1", "online")?;
    lab.until("a backup after the coordinator came back", |lab| {
        lab.fleet(&["backup", "now", "notes-1"]).ok().filter(|said| said.status == 0).map(drop)
    })?;
    lab.fleet_ok(&["backup", "verify", "notes-1", "--read-data", "100%"])?;
    lab.fleet_ok(&["backup", "drill", "notes-1"])?;
    Ok(())
}
