//! Views of operators: events, logs, lists, and their exit codes.

use fleet_tests::fleet::{App, Fleet, Operator};

#[test]
fn events_are_told_as_they_happen() {
    let fleet = Fleet::running(&["lab-1"]);
    let following = fleet.admin.start("events --follow --about notes-1");
    following.wait_for("on lab-1 requested by admin");
    fleet.done("instance restart notes-1");
    following.wait_for("restart requested by admin");
    assert!(!following.is_over());
    let tail = fleet.done("events --tail 3");
    assert_eq!(tail.lines().count(), 3, "{tail}");
    let about = fleet.done("events --about lab-1 -o json");
    assert!(about.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{about}");
    assert!(about.contains("joined") && !about.contains("restart requested"), "{about}");
}

#[test]
fn logs_come_from_the_host() {
    let fleet = Fleet::running(&["lab-1"]);
    let tail = fleet.done("logs notes-1 web --tail 3");
    assert_eq!(tail, "line 0\nline 1\nline 2\n");
    assert!(fleet.done("logs notes-1 --tail 1").starts_with("web | "));
    assert_eq!(fleet.done("logs notes-1 db"), "", "who has said nothing is no reason to wait");
    let following = fleet.admin.start("logs notes-1 web --follow");
    following.wait_for("line 500");
    assert!(!following.is_over());
    fleet.refused("logs notes-1 other").says("`notes-1` has no service `other`; it has db, web");
    fleet.refused("logs notes-9").says("notes-9");
}

#[test]
fn a_flood_of_logs_on_one_host_delays_nobody() {
    let fleet = Fleet::running(&["lab-1", "lab-2"]);
    let people = ["ada", "bob", "eve"].map(|name| fleet.operator(name, "viewer"));
    let floods: Vec<_> = people.iter().map(|person| person.start("logs notes-1 web --follow")).collect();
    floods.iter().for_each(|flood| flood.wait_for("line 1000"));
    let lines = |flood: &fleet_tests::fleet::Ongoing| flood.stdout().len();
    let before: Vec<usize> = floods.iter().map(lines).collect();
    // All of these end during the flood: on the other host, and on the same host.
    fleet.done("instance restart notes-2");
    fleet.done("instance restart notes-1");
    for (flood, before) in floods.iter().zip(before) {
        assert!(!flood.is_over(), "the flood goes on");
        fleet.until("more of the flood", || lines(flood) > before);
    }
    assert!(fleet.host_view("lab-1").is_some_and(|view| view.link() == fleet_proto::v1::HostLink::Online));
    // A second follow of an operator ends their first, and takes no slot of others, who can still read.
    let second = people[0].start("logs notes-1 web --follow");
    second.wait_for("line 10");
    floods[0].wait_for("one follow on each host");
    assert!(!floods[1].is_over() && !floods[2].is_over(), "theirs go on");
    fleet.done("logs notes-1 web --tail 1");
}

#[test]
fn the_exit_code_tells_how_it_ended() {
    let mut fleet = Fleet::running(&["lab-1"]);
    for (line, code) in
        [("status", 0), ("instance show none", 1), ("instance shwo x", 2), ("rollout", 2), ("whoami", 0)]
    {
        let output = fleet.admin.run(line);
        assert_eq!(output.code, code, "{}", output.text());
    }
    let nobody = Operator::new(&fleet.folder().join("nobody"));
    nobody.refused("status").says("not logged in").hints("fleet login");
    fleet.server.stop();
    let output = fleet.admin.run("status");
    assert_eq!(output.code, 3, "{}", output.text());
    output.says(&fleet.server.address.to_string()).hints("check that the coordinator runs");
    assert!(output.stderr.lines().count() <= 3, "{}", output.text());
}

#[test]
fn one_screen_and_every_list_tell_the_same() {
    let mut fleet = Fleet::running(&["lab-1 site=fr", "lab-2 site=de"]);
    let status = fleet.done("status");
    for part in ["2 of 2 online", "2 of 2 healthy", "notes@1.1 on 2", "attention  "] {
        assert!(status.contains(part), "`{part}` is not in:\n{status}");
    }
    assert_eq!(fleet.attention(), [""; 0]);
    for list in ["host ls", "instance ls", "app ls", "rollout ls", "operator ls", "token ls"] {
        for format in ["table", "wide", "json", "yaml", "name"] {
            fleet.done(&format!("{list} -o {format}"));
        }
        let json = fleet.admin.json(list);
        let names = fleet.done(&format!("{list} -o name"));
        assert_eq!(json.as_array().map(Vec::len), Some(names.lines().count()), "{list}: {json} {names}");
    }
    let shown = fleet.done("instance show notes-1");
    for part in ["notes@1.1", "healthy", "notes-1-web-1", "notes-1_data", "password=***"] {
        assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
    }
    fleet.host_mut("lab-2").crash();
    fleet.wait_link("lab-2", "offline");
    let status = fleet.done("status");
    assert!(status.contains("needs a person") && status.contains("host lab-2: offline"), "{status}");
    assert!(status.contains("instances  1 of 2 healthy"), "of what is away nobody knows: {status}");
    assert!(fleet.done("instance ls").contains("lab-2 (offline)"));
}

#[test]
fn a_wish_for_what_is_not_there_says_what_there_is() {
    let fleet = Fleet::new();
    fleet.push(&App::new("1.1"));
    fleet.refused("rollout --version 1.1").says("there are no instances").hints("APP@VERSION --host HOST --name NAME");
    fleet.done("host add lab-1");
    let install = "install notes@1.1 --host lab-1 --name notes-1 --set password=p";
    fleet.refused(install).says("lab-1 is not connected").hints("the request is kept");
    fleet.refused("rollout --version 1.2").says("`notes@1.2`").hints("notes has 1.1; push another: `fleet app push");
}
