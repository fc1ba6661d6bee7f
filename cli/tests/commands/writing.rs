//! Commands that change something, but for apps and rollouts.

use crate::environment::{NOW, TestEnvironment};
use crate::fake::logged_in;
use crate::scene::{Scene, change, host, instance, progress, so_far};
use fleet_core::hint::Hint;
use fleet_core::names::InstanceName;
use fleet_core::order_failure::OrderFailure;
use fleet_core::planned_change::PlannedChange;
use fleet_core::reason::WaitReason;
use fleet_core::time::Time;
use fleet_core::undeliverable_reason::UndeliverableReason;
use insta::assert_snapshot;

#[test]
fn host_add_prints_the_one_line() {
    let (fake, environment) = logged_in(Scene::default());
    assert_snapshot!(environment.run("fleet host add lab-1 --label site=fr -l tier=test --token-life 2h").text(), @r"
    exit 0
    stdout:
    echo fleet1.TOKEN | sh fleet-agent-installer.sh -

    stderr:
    Run the line below on lab-1 as root; it works once until 2026-11-21T06:00:00Z.
    The installer has the agent in it; copy it there first, from the coordinator's machine:
      scp /usr/share/fleet/fleet-agent-installer.sh root@lab-1:
    Where the agent's package is installed already, this is enough:
      echo TOKEN | fleet-agent join - && systemctl enable --now fleet-agent
    ");
    assert_snapshot!(fake.heard(), @r#"
    AddHostRequest { name: "lab-1", labels: {"site": "fr", "tier": "test"}, token_seconds: 7200 }
    "#);
    assert_snapshot!(environment.run("fleet host add lab-1 --token-only").text(), @r"
    exit 0
    stdout:
    fleet1.TOKEN
    ");
    assert_snapshot!(environment.run("fleet operator add bob --role viewer").text(), @r"
    exit 0
    stdout:
    fleet1.TOKEN

    stderr:
    Give bob this token; it works once until 2026-11-21T06:00:00Z.
    They run `fleet login -`, which asks for it: on a command line every user of a machine can read it.
    ");
}

#[test]
fn a_host_with_instances_is_not_removed_by_accident() {
    let (fake, environment) = logged_in(Scene { hosts: vec![host(1)], ..Default::default() });
    assert_snapshot!(environment.run("fleet host rm lab-1 --yes").text(), @r"
    exit 1
    stderr:
    error: could not remove the host lab-1
      because it has 1 instance: notes-1
    hint: remove them first (`fleet instance rm`), or let the fleet forget them with --with-instances
    ");
    assert_snapshot!(environment.run("fleet host rm lab-1 --with-instances").text(), @r"
    exit 2
    stderr:
    lab-1 leaves the fleet: its certificate is revoked, its link is cut.
    The fleet forgets notes-1; what runs on the host goes on running.
    error: could not remove the host lab-1
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    fake.heard();
    assert_snapshot!(environment.run("fleet host rm lab-1 --with-instances --yes").text(), @r"
    exit 0
    stderr:
    lab-1 is no longer part of the fleet
    forgot the instance notes-1; what runs of it on lab-1 is as it was
    ");
    assert_snapshot!(fake.heard(), @r#"
    ListHostsRequest { selector: "", name: "lab-1" }
    RemoveHostRequest { name: "lab-1", with_instances: true }
    "#);
}

#[test]
fn on_a_terminal_how_far_a_step_is_moves_in_its_line() {
    let progress = vec![
        progress("under way", "pull labnotes-web:1.1"),
        so_far("pull labnotes-web:1.1", 1, 12),
        so_far("pull labnotes-web:1.1", 12, 12),
        progress("under way", "start web"),
        progress("done", ""),
    ];
    let (_fake, environment) = logged_in(Scene { change: change(&[], "0a"), progress, ..Default::default() });
    let environment = environment.on_a_terminal(70, 24);
    let output = |environment: &TestEnvironment, line: &str| environment.run(line).stderr.replace('\u{1b}', "ESC");
    assert_snapshot!(output(&environment, "fleet instance restart notes-1"), @r"
    06:00:00  notes-1  under way: pull labnotes-web:1.1
    ESC[1FESC[J06:00:00  notes-1  under way: pull labnotes-web:1.1 (1 of 12 MB)
    ESC[1FESC[J06:00:00  notes-1  under way: pull labnotes-web:1.1 (12 of 12 MB)
    06:00:00  notes-1  under way: start web
    06:00:00  notes-1  done
    ");
    assert_eq!(output(&environment, "fleet --quiet instance restart notes-1"), "");
    // Text that takes two rows is overwritten as two.
    assert_snapshot!(output(&environment.on_a_terminal(50, 24), "fleet instance restart notes-1"), @r"
    06:00:00  notes-1  under way: pull labnotes-web:1.1
    ESC[2FESC[J06:00:00  notes-1  under way: pull labnotes-web:1.1 (1 of 12 MB)
    ESC[2FESC[J06:00:00  notes-1  under way: pull labnotes-web:1.1 (12 of 12 MB)
    06:00:00  notes-1  under way: start web
    06:00:00  notes-1  done
    ");
}

#[test]
fn an_install_is_followed_to_its_end() {
    let progress = vec![
        progress("under way", "pull labnotes-web:1.1"),
        so_far("pull labnotes-web:1.1", 1, 12),
        so_far("pull labnotes-web:1.1", 12, 12),
        progress("under way", "start web"),
        progress("done", ""),
    ];
    let change = change(
        &[PlannedChange::VolumeCreated("notes-1_uploads".to_owned()), PlannedChange::ServiceCreated("web".to_owned())],
        "0a",
    );
    let (fake, environment) = logged_in(Scene { change, progress, ..Default::default() });
    environment.write("values.yaml", "port: 8081\ntitle: 1.10\n");
    let line = "fleet install labnotes@1.1 --host lab-1 --name notes-1 --set port=8082 --values FOLDER/values.yaml";
    assert_snapshot!(environment.run(line).text(), @r"
    exit 0
    stdout:
    notes-1: done

    stderr:
      volume notes-1_uploads: created
      web: created
    06:00:00  notes-1  under way: pull labnotes-web:1.1
    06:00:00  notes-1  under way: start web
    06:00:00  notes-1  done
    ");
    assert_snapshot!(fake.heard(), @r#"
    InstallInstanceRequest { app: "labnotes", version: "1.1", host: "lab-1", name: "notes-1", values: {"port": "8082", "title": "1.10"}, drift: Some(Heal), dry_run: false }
    FollowChangeRequest { instance: "notes-1", order: "0a" }
    "#);
    assert_snapshot!(environment.run(&format!("{line} --dry-run")).text(), @r"
    exit 0
    stdout:
    volume notes-1_uploads: created
    web: created

    stderr:
    this was a dry run: nothing was changed
    ");
    assert_snapshot!(environment.run(&format!("{line} --detach")).text(), @r"
    exit 0
    stdout:
    notes-1: begun

    stderr:
      volume notes-1_uploads: created
      web: created
    see how it goes: `fleet instance show notes-1`
    ");
}

#[test]
fn an_install_that_goes_back_is_a_failure() {
    let mut end = progress("rolled back", "");
    end.failure = Some(OrderFailure::other("the port 8081 is taken\u{7}").into());
    end.hint = Some(Hint::ChooseOtherNames.into());
    let (_fake, environment) =
        logged_in(Scene { change: change(&[], "0a"), progress: vec![end], ..Default::default() });
    assert_snapshot!(environment.run("fleet install labnotes@1.1 --host lab-1 --name notes-1").text(), @r"
    exit 1
    stderr:
    06:00:00  notes-1  rolled back: the port 8081 is taken\u0007
    error: could not install labnotes@1.1 on lab-1
      because notes-1 went back to what it was: the port 8081 is taken\u0007
    hint: an instance shares none of these with another: choose other names or values, another host, or remove that one
    ");
}

#[test]
fn what_is_so_already_needs_no_order() {
    let (_fake, environment) = logged_in(Scene { change: change(&[], ""), ..Default::default() });
    assert_snapshot!(environment.run("fleet instance start notes-1").text(), @r"
    exit 0
    stdout:
    notes-1: nothing to do
    ");
}

#[test]
fn a_wish_for_a_host_that_is_away_is_kept() {
    let mut change = change(&[PlannedChange::ServiceCreated("web".to_owned())], "");
    if let Some(view) = &mut change.instance {
        (view.host_online, view.waiting) = (false, Some(WaitReason::HostNeverSeen.into()));
    }
    let (_fake, environment) = logged_in(Scene { change, ..Default::default() });
    assert_snapshot!(environment.run("fleet instance start notes-1").text(), @r"
    exit 1
    stderr:
      web: created
    error: could not start notes-1 yet
      because its host has never connected
    hint: the request is kept, and done when lab-1 is there; --detach does not wait
    ");
    assert_snapshot!(environment.run("fleet instance start notes-1 --detach").text(), @r"
    exit 0
    stdout:
    notes-1: begun

    stderr:
      web: created
    see how it goes: `fleet instance show notes-1`
    ");
}

#[test]
fn a_wish_outside_the_hours_of_its_host_is_kept() {
    let mut end = progress("waiting", "");
    end.waiting = Some(WaitReason::HostHours { opens: Time(NOW + 16 * 3_600_000) }.into());
    let hint = "notes-1".parse().ok().map(|name| Hint::RequestKeptUntilOpen(name).into());
    (end.hint, end.over) = (hint, true);
    let (_fake, environment) =
        logged_in(Scene { change: change(&[PlannedChange::Restarted], ""), progress: vec![end], ..Default::default() });
    assert_snapshot!(environment.run("fleet instance restart notes-1").text(), @r"
    exit 1
    stderr:
      restart
    error: could not restart notes-1 yet
      because the host's own hours open at 2026-11-20T22:00:00Z
    hint: the request is kept, and done then; see `fleet instance show notes-1`
    ");
}

#[test]
fn an_order_that_a_host_cannot_be_given_is_kept_with_its_reason() {
    let instance: InstanceName = "notes-1".parse().expect("it is a name");
    let mut end = progress("waiting", "");
    end.undeliverable = Some(UndeliverableReason::ValuesMissing { instance: instance.clone(), revision: 3 }.into());
    (end.hint, end.over) = (Some(Hint::RequestKept(instance).into()), true);
    let (_fake, environment) =
        logged_in(Scene { change: change(&[PlannedChange::Restarted], ""), progress: vec![end], ..Default::default() });
    assert_snapshot!(environment.run("fleet instance restart notes-1").text(), @r"
    exit 1
    stderr:
      restart
    error: could not restart notes-1 yet
      because its host cannot be told: there are no values of revision 3 of `notes-1`
    hint: the request is kept; see what goes on with `fleet status` and `fleet instance show notes-1`
    ");
}

#[test]
fn values_that_cannot_be_read_are_named() {
    let environment = TestEnvironment::new();
    environment.write("bad.yaml", "port: [1]\n");
    let line = "fleet install labnotes@1.1 --host lab-1 --name notes-1 --values FOLDER";
    assert_snapshot!(environment.run(&format!("{line}/bad.yaml")).text(), @r"
    exit 2
    stderr:
    error: could not read values from `FOLDER/bad.yaml`
      because line 1 column 7: expected string scalar
    hint: write one `key: value` a line; see `fleet help values`
    ");
    assert_snapshot!(environment.run(&format!("{line}/none.yaml")).text(), @r"
    exit 2
    stderr:
    error: could not read values from `FOLDER/none.yaml`
      because No such file or directory (os error 2)
    ");
    assert_snapshot!(environment.run("fleet instance set notes-1 --set a=1 --unset a").text(), @r"
    exit 2
    stderr:
    error: the value `a` is both set and unset
    ");
}

#[test]
fn volumes_go_only_by_name_and_after_the_instance_was_typed() {
    let scene = Scene {
        instances: vec![instance(1)],
        change: change(&[PlannedChange::ContainersRemoved], "0a"),
        progress: vec![progress("done", "")],
        ..Default::default()
    };
    let (fake, environment) = logged_in(scene);
    assert_snapshot!(environment.run("fleet instance rm notes-1 --volume uploads --yes").text(), @r"
    exit 1
    stderr:
    error: notes-1 has no volume `uploads`
    hint: its volumes are notes-1_uploads, notes-1_database
    ");
    assert_snapshot!(environment.run("fleet instance rm notes-1").text(), @r"
    exit 2
    stderr:
      containers and networks: removed
    stays on lab-1: notes-1_uploads, notes-1_database
    error: could not remove notes-1
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    fake.heard();
    let environment = environment.typing("notes-2\n");
    assert_snapshot!(environment.run("fleet instance rm notes-1 --volume notes-1_uploads").text(), @r"
    exit 1
    stderr:
      containers and networks: removed
    DELETED for ever, with the data: 1 volume: notes-1_uploads
    stays on lab-1: notes-1_database
    Type `notes-1` to go on: error: did not remove notes-1
      because the name was not typed; nothing was changed
    ");
    assert!(!fake.heard().contains("dry_run: false"));
    let environment = environment.typing("notes-1\n");
    assert_snapshot!(environment.run("fleet instance rm notes-1 --volume notes-1_uploads").text(), @r"
    exit 0
    stdout:
    notes-1: done

    stderr:
      containers and networks: removed
    DELETED for ever, with the data: 1 volume: notes-1_uploads
    stays on lab-1: notes-1_database
    Type `notes-1` to go on: 06:00:00  notes-1  done
    ");
    assert_snapshot!(fake.heard(), @r#"
    ListInstancesRequest { selector: "", name: "notes-1", app: "" }
    RemoveInstanceRequest { name: "notes-1", volumes: ["notes-1_uploads"], dry_run: true, agreed: None }
    RemoveInstanceRequest { name: "notes-1", volumes: ["notes-1_uploads"], dry_run: false, agreed: Some(AgreedPlan { plan_digest: "", request_id: "ID" }) }
    FollowChangeRequest { instance: "notes-1", order: "0a" }
    "#);
}
