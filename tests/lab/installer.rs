//! The installer and `fleet-agent join` on a lab server: their output, and the files that they leave.

use crate::sleeper::{Sleeper, install};
use fleet_core::access::JoinToken;
use fleet_tests::lab::{Lab, list};

/// Runs a command on the lab server, successful or not; returns its exit code and output.
fn run(lab: &Lab, command: &str) -> anyhow::Result<(i32, String)> {
    let said = lab.on_server(1, &format!("({command}) 2>&1; code=$?; echo; echo $code"))?;
    let (words, code) = said.trim_end().rsplit_once('\n').unwrap_or_default();
    Ok((code.parse()?, words.to_owned()))
}

fn check(lab: &Lab, command: &str, code: i32, says: &[&str]) -> anyhow::Result<()> {
    let (ended, words) = run(lab, command)?;
    assert_eq!(ended, code, "{command}: {words}");
    for part in says {
        assert!(words.contains(part), "`{part}` should be in what `{command}` says: {words}");
    }
    Ok(())
}

/// A join that fails: at most three lines, and no identity.
fn refused(lab: &Lab, token: &str, code: i32, says: &str, hints: &str) -> anyhow::Result<()> {
    // The token is the last word: it comes on the standard input, as people bring it.
    let (options, token) = token.rsplit_once(' ').unwrap_or(("", token));
    let join = format!("echo {token} | fleet-agent join --data-dir /tmp/nobody {options} -");
    check(lab, &join, code, &["error: could not join", says, "\nhint: ", hints])?;
    let (_, words) = run(lab, &join)?;
    assert!(words.trim_end().lines().count() <= 3, "{words}");
    assert_eq!(words.matches("could not join").count(), 1, "{words}");
    check(lab, "ls /tmp/nobody/identity.json", 2, &[])
}

#[test]
fn a_lab_server_joins_and_joins_anew_and_is_left_with_what_runs() -> anyhow::Result<()> {
    let lab = Lab::new("installer")?;
    lab.start_server(1)?;
    let installer = lab.copy_package(1, "fleet-agent-installer.sh")?;
    a_failed_installation_is_taken_back(&lab, &installer)?;
    check(&lab, &format!("sh {installer}"), 0, &["it starts once the server has joined"])?;
    each_wrong_token_has_its_own_error(&lab)?;
    check(&lab, &format!("sh {installer} {}", lab.token(1, &[])?), 0, &["joined the fleet", "the agent runs"])?;
    lab.until_host("lab-1", "online")?;
    a_new_identity_is_taken_only_when_asked_for(&lab, &installer)?;
    links_are_seen_where_only_their_owner_may_look(&lab)?;
    what_runs_survives_the_agent(&lab, &installer)
}

fn a_failed_installation_is_taken_back(lab: &Lab, installer: &str) -> anyhow::Result<()> {
    check(lab, &format!("sh {installer} fleet1.half"), 1, &["incomplete", "the package was taken back"])?;
    check(lab, "command -v fleet-agent || test -e /var/lib/fleet-agent", 1, &[])?;
    check(lab, &format!("sh {installer} --rejoin"), 2, &["--rejoin wants a token"])
}

fn each_wrong_token_has_its_own_error(lab: &Lab) -> anyhow::Result<()> {
    let replaced = lab.token(1, &[])?;
    let good: JoinToken = lab.token(1, &[])?.parse()?;
    refused(lab, "fleet1.half", 2, "incomplete", "`fleet host add NAME`")?;
    let unknown = JoinToken { secret: [7; 32], ..good.clone() };
    refused(lab, &unknown.to_string(), 1, "does not know this token", "ask for a new one")?;
    let elsewhere = JoinToken { ca_fingerprint: [9; 32], ..good.clone() };
    refused(lab, &elsewhere.to_string(), 3, "is not the coordinator that", "somebody stands between")?;
    let nowhere = format!("--coordinator 127.0.0.1:1 {good}");
    refused(lab, &nowhere, 3, "could not reach the coordinator at 127.0.0.1:1", "check that the coordinator runs")?;
    refused(lab, &replaced, 1, "was revoked", "ask for a new one")?;
    check(lab, &format!("fleet-agent join --data-dir /tmp/first {good}"), 0, &["as lab-1"])?;
    refused(lab, &good.to_string(), 1, "used before", "ask for a new token")?;
    let late = lab.token(9, &["--token-life", "1s"])?;
    lab.until("the token to expire", |lab| {
        let tokens = lab.json(&["token", "ls", "-o", "json"]).ok()?;
        list(&tokens, "tokens").iter().any(|token| token["state"] == "expired").then_some(())
    })?;
    refused(lab, &late, 1, "expired at", "ask for a new one")?;
    let person = lab.fleet_ok(&["operator", "add", "ada", "--role", "viewer", "--uses", "2", "--token-only"])?;
    refused(
        lab,
        person.trim(),
        1,
        "because this token is for the operator ada, and was not used",
        "use it with `fleet login`",
    )
}

fn a_new_identity_is_taken_only_when_asked_for(lab: &Lab, installer: &str) -> anyhow::Result<()> {
    let identity = || lab.on_server(1, "sha256sum /var/lib/fleet-agent/identity.json");
    let before = identity()?;
    // The fleet gives no second token for a host that is there.
    lab.on_server(1, "systemctl stop fleet-agent")?;
    lab.until_host("lab-1", "offline")?;
    let token = lab.token(1, &[])?;
    check(lab, &format!("sh {installer} {token}"), 0, &["keeps its identity", "the agent runs"])?;
    assert_eq!(identity()?, before);
    check(lab, &format!("fleet-agent join {token}"), 1, &["has joined already", "hint: `fleet-agent join --again"])?;
    check(lab, &format!("sh {installer} --rejoin {token}"), 0, &["joined the fleet", "the agent runs"])?;
    assert_ne!(identity()?, before);
    lab.until_host("lab-1", "online")
}

/// The agent as its unit confines it, not as root at a shell.
fn links_are_seen_where_only_their_owner_may_look(lab: &Lab) -> anyhow::Result<()> {
    lab.on_server(1, "mkdir -p /etc/fleet && echo 'paths: [/srv/data, /tmp/data]' >/etc/fleet/policy.yaml")?;
    lab.on_server(1, "systemctl reload fleet-agent")?;
    lab.until("the policy to be known", |lab| {
        lab.fleet_ok(&["host", "show", "lab-1", "-o", "json"]).ok().filter(|said| said.contains("/tmp/data"))
    })?;
    let sleeper = Sleeper::new("installer", &[0])?;
    let registry = format!("registry={}/", lab.registry());
    for (version, folder) in [(1, "/srv/data"), (2, "/tmp/data")] {
        lab.on_server(1, &format!("install -d -m 0700 -o 1000 {folder} && ln -s /root {folder}/link"))?;
        sleeper.push(lab, version, &format!(", volumes: ['{folder}/link:/link']"), "")?;
        let said = lab.fleet(&install(&format!("sleeper@{version}"), "lab-1", "led-astray", &registry))?;
        let expect = format!("the host does not allow mounting {folder}/link: it leads to /root");
        assert!(said.status == 1 && said.stderr.contains(&expect), "`{expect}` should be in: {}", said.stderr);
        lab.fleet_ok(&["instance", "rm", "led-astray", "--yes"])?;
    }
    sleeper.push(lab, 3, ", volumes: ['/srv/data/own:/own']", "")?;
    lab.fleet_ok(&install("sleeper@3", "lab-1", "sleeps", &registry))?;
    lab.until_instance("sleeps", "3", "healthy")
}

fn what_runs_survives_the_agent(lab: &Lab, installer: &str) -> anyhow::Result<()> {
    let running = || lab.on_server(1, "docker ps --quiet --no-trunc");
    let before = running()?;
    assert_ne!(before, "");
    check(lab, &format!("sh {installer} --uninstall"), 0, &["fleet-agent is removed"])?;
    check(lab, "command -v fleet-agent || systemctl is-active fleet-agent", 3, &["inactive"])?;
    lab.until_host("lab-1", "offline")?;
    assert_eq!(running()?, before);
    check(lab, "test -f /var/lib/fleet-agent/identity.json", 0, &[])?;
    check(lab, &format!("sh {installer} --uninstall"), 0, &["is not installed here"])?;

    check(lab, &format!("sh {installer}"), 0, &["the agent runs"])?;
    lab.until_host("lab-1", "online")?;
    lab.until_instance("sleeps", "3", "healthy")?;
    assert_eq!(running()?, before);
    Ok(())
}
