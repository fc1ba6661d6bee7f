//! Texts of hints. They are made only here: a hint comes as a code with arguments.

use fleet_core::hint::{Hint, LinkHint};
use fleet_core::names::AppName;
use fleet_core::spec::COMPOSE_PROJECT;
use fleet_proto::convert::incoming_hint;
use fleet_proto::v1;
use std::fmt::Display;

/// Returns the words of a hint as it came over the wire; empty where there is none, or none that this version knows.
pub fn shown(hint: Option<&v1::Hint>) -> String {
    hint.cloned().and_then(incoming_hint).as_ref().map(words).unwrap_or_default()
}

/// Returns the words of a hint.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(hint: &Hint) -> String {
    match hint {
        Hint::Text(text) => text.clone(),
        Hint::Link(hint) => link_words(hint),
        // People and calls.
        Hint::ReadCoordinatorLog => "read the coordinator's log".to_owned(),
        Hint::AskAdministrator => "ask an administrator".to_owned(),
        Hint::UseFleetCommand => "use the fleet command".to_owned(),
        Hint::UseOperatorCertificate => "use an operator's certificate".to_owned(),
        Hint::EndFollowing => "end some of the commands that use `--follow`".to_owned(),
        Hint::ReadFaster => "ask again, and read the answer as it comes, or into a file".to_owned(),
        Hint::TryAgain => "try again".to_owned(),
        Hint::TryWhenAnswered => "try again when they are answered".to_owned(),
        Hint::TryWhenEnded => "try again when one of them has ended".to_owned(),
        Hint::SendAgain => "send it again".to_owned(),
        Hint::SeeOperators => "see them with `fleet operator ls`".to_owned(),
        Hint::AddAdministrator => "make another first: `fleet operator add NAME --role administrator`".to_owned(),
        Hint::SeeTokens => "see them with `fleet token ls`".to_owned(),
        Hint::RevokeTokens => "revoke those that nobody uses: `fleet token ls`, `fleet token revoke ID`".to_owned(),
        Hint::LimitUses(number) => format!("give `--uses` a number up to {number}"),
        Hint::AddOperatorAgain => {
            "remove the operator and add it again, or give the machines names of their own".to_owned()
        }
        Hint::AskForPlan => {
            "ask for the plan first, and send its digest with a new request id; a newer `fleet` does".to_owned()
        }
        Hint::MakeRequestId => "make a new id for each request".to_owned(),
        Hint::SeePlanAgain => "look at the plan as it is now, and agree to that".to_owned(),
        Hint::NothingChanged => "it would refuse the order; nothing was changed".to_owned(),
        // Hosts.
        Hint::SeeHosts => "see them with `fleet host ls`".to_owned(),
        Hint::SeeHostLabels => "see the labels of hosts with `fleet host ls -o wide`".to_owned(),
        Hint::AddHost => "see them with `fleet host ls`, or add it: `fleet host add NAME`".to_owned(),
        Hint::ShowHost(host) => format!("see `fleet host show {host}`"),
        Hint::HostIsThere(host) => {
            format!("see it with `fleet host show {host}`, or remove it first: `fleet host rm {host}`")
        }
        Hint::ForgetInstances => {
            "remove them first, or forget them with `--with-instances` (they go on running there)".to_owned()
        }
        Hint::AskHostOwners(host) => {
            format!("ask the people of `{host}`: its policy outranks the coordinator (`fleet host show {host}`)")
        }
        Hint::ConnectHost => "connect a host, or give `--no-pin`".to_owned(),
        Hint::SwitchCloneOff => {
            "switch the clone off, or on the clone: `fleet-agent join --again TOKEN` with a token of `fleet host add \
             NEW-NAME`, then restart its agent"
                .to_owned()
        }
        Hint::UpgradeAgent(host) => format!("upgrade fleet-agent on {host}"),
        Hint::SetHostClock => "set its clock, with timedatectl".to_owned(),
        Hint::ReadAgentLog => "on the host, see what its agent does: `journalctl -u fleet-agent`".to_owned(),
        Hint::InstallSameName => {
            "install it here under the same name, on the same host, or remove it there by hand".to_owned()
        }
        // The coordinator itself.
        Hint::ReportBug => "report it, with the coordinator's log".to_owned(),
        Hint::KeepLess => "make room, or keep less: `fleet backup policy set`".to_owned(),
        Hint::MakeRoom => "make room on the coordinator's disk".to_owned(),
        Hint::BackUpCoordinator => "see its log, or `fleet-coordinator backup` while it is stopped".to_owned(),
        Hint::ImportFacts => "import an export of the coordinator that has them: `fleet-coordinator import`".to_owned(),
        // Apps and releases.
        Hint::SeeApps => "see them with `fleet app ls`".to_owned(),
        Hint::SeeValues(app) => format!("see them with `fleet app show {app}`"),
        Hint::MeantApp(app) => format!("did you mean `{app}`?"),
        Hint::PushApp => "push one: `fleet app push DIR --version VERSION`".to_owned(),
        Hint::PushOtherVersion(app, versions) => {
            let versions = joined(versions, ", ");
            format!("{app} has {versions}; push another: `fleet app push DIR --version VERSION`")
        }
        Hint::PushUnderOtherVersion => "a release never changes: push it under another version".to_owned(),
        Hint::PushAgain => "push it again".to_owned(),
        Hint::PushAsItWas => "push the app as it was then".to_owned(),
        Hint::LintApp => "see all of it with `fleet app lint DIR`".to_owned(),
        Hint::KeepProjectName => {
            "to keep the name of its Compose file, write `project: from-compose` in app.yaml".to_owned()
        }
        // Instances.
        Hint::SeeInstances => "see them with `fleet instance ls`".to_owned(),
        Hint::ShowInstance(instance) => format!("see `fleet instance show {instance}`"),
        Hint::SeeLogs(instance) => format!("see `fleet logs {instance}`"),
        Hint::InstallFirst(app) => {
            let app = app.as_ref().map_or("APP", AppName::as_str);
            format!("install one: `fleet install {app}@VERSION --host HOST --name NAME`")
        }
        Hint::ChooseInstanceName => "choose another `--name`".to_owned(),
        Hint::ChooseOtherNames => {
            "an instance shares none of these with another: choose other names or values, another host, or remove \
             that one"
                .to_owned()
        }
        Hint::AwaitOrder(instance) => format!("wait for its end: `fleet instance show {instance}`"),
        Hint::AwaitRemoval => "wait until it is gone".to_owned(),
        Hint::FinishInstall(instance) => format!(
            "see why: `fleet instance show {instance}`; `fleet instance set {instance}` tries again, `fleet instance \
             rm {instance}` frees the name"
        ),
        Hint::LeaveSecretOut => "leave it out, and it stays as it is".to_owned(),
        Hint::SetValueFirst(instance) => format!("set it first: `fleet instance set {instance} --set NAME=VALUE`"),
        Hint::GiveWantedValues(instance) => {
            format!("`fleet instance set {instance} --set KEY=VALUE` gives it those that are wanted")
        }
        Hint::WantRunningRelease(release) => {
            let (app, version) = (&release.app, &release.version);
            format!(
                "push {release} if it is unknown here, then `fleet rollout --app {app} --version {version}` makes it \
                 the wanted one"
            )
        }
        Hint::RemoveOrRestore(instance) => {
            format!("`fleet instance rm {instance}`, then restore it from a backup, or install it")
        }
        Hint::ChooseAmong(names) => match names.as_slice() {
            [] => "it has none".to_owned(),
            names => format!("it has {}", names.join(", ")),
        },
        Hint::KeepVolume => "leave it out of `--volume`: it stays, with its data".to_owned(),
        Hint::StopInstance(instance) => format!("`fleet instance stop {instance}`"),
        Hint::RequestKept(instance) => {
            format!("the request is kept; see what goes on with `fleet status` and `fleet instance show {instance}`")
        }
        Hint::RequestKeptUntilAllowed(host) => {
            format!("the request is kept, and done when the people of `{host}` allow it")
        }
        Hint::RequestKeptUntilOpen(instance) => {
            format!("the request is kept, and done then; see `fleet instance show {instance}`")
        }
        Hint::ReadLogsAgain(instance) => format!("read them again: `fleet logs {instance}`"),
        Hint::FollowLogsAgain(instance) => format!("read them again: `fleet logs {instance} --follow`"),
        Hint::LogsAreOnHost(host) => format!("its logs are on `{host}`; see `fleet host show {host}`"),
        Hint::ReadLogsLater => "try again later, without `--follow`, or on the host: `docker logs`".to_owned(),
        Hint::EndOneFirst => "end one of them first".to_owned(),
        // Rollouts.
        Hint::SeeRollouts => "see them with `fleet rollout ls`".to_owned(),
        Hint::SeeUpgrades(release) => format!("see the upgrades that lead to it with `fleet app graph {release}`"),
        Hint::UndoToGoBack(rollout) => format!("to go back to an older version: `fleet rollout undo {rollout}`"),
        Hint::ShowRollout(rollout) => format!("see `fleet rollout show {rollout}`"),
        Hint::ExplainRollout(rollout) => format!("see why: `fleet rollout explain {rollout}`"),
        Hint::ExplainOrAbort(rollout) => {
            format!("see `fleet rollout explain {rollout}`; end it with `fleet rollout abort {rollout}`")
        }
        Hint::AwaitUndo(rollout) => {
            format!("wait for it: `fleet rollout explain {rollout}`; or end it: `fleet rollout abort {rollout}`")
        }
        Hint::PauseRollout(rollout) => {
            format!("begin nothing new with `fleet rollout pause {rollout}`, and wait for what is under way")
        }
        Hint::ResumeRollout(rollout) => format!("`fleet rollout resume {rollout}` goes on"),
        Hint::ResumeUndoOrAbort(rollout) => format!(
            "`fleet rollout resume {rollout}` tries the failed ones again, and `fleet rollout retry INSTANCE` one of \
             them; `fleet rollout skip INSTANCE` leaves one out; `fleet rollout undo {rollout}` takes all back; \
             `fleet rollout abort {rollout}` leaves things as they are"
        ),
        Hint::SeeStatus => "see what stands in the way with `fleet status`".to_owned(),
        Hint::ChooseApp(apps) => format!("say which: `--app` {}", joined(apps, " or ")),
        Hint::LeaveOutCanary => "leave out `--canary`".to_owned(),
        Hint::ShrinkCanary(number) => format!("give `--canary` a number below {number}, or leave it out"),
        Hint::WidenWindow => "widen `--window`, or shorten `--deadline`; a way back has 10 minutes at least".to_owned(),
        Hint::LimitPerLabel => {
            "write `--per LABEL=N` with a label that `fleet host ls -o wide` shows, and N from 1".to_owned()
        }
        Hint::LimitFailures => {
            "give `--max-failures` a number from 1: the rollout halts at that number of failures".to_owned()
        }
        Hint::GiveDeadline => "give `--deadline` a duration such as `10m`".to_owned(),
        // Backups.
        Hint::SeeBackups => "see them with `fleet backup ls INSTANCE`".to_owned(),
        Hint::SeeBackupsOf(instance) => format!("see them with `fleet backup ls {instance}`"),
        Hint::SeeBackupStatus => "see them with `fleet backup status`".to_owned(),
        Hint::SeeRemainingBackups => "see which stay: `fleet backup ls`; an administrator may set it".to_owned(),
        Hint::GiveMoreDigits => "give more digits of it".to_owned(),
        Hint::AcceptBackup(backup) => {
            format!("find out why; if it is one of yours, `fleet backup accept {backup}` lets it count")
        }
        Hint::HoldBackup(backup) => {
            format!("find out why it has become smaller; `fleet backup hold {backup}` keeps the larger one")
        }
        Hint::RestoreInstance(instance) => format!("restore its data: `fleet restore {instance}`"),
        Hint::ChooseSnapshot(backup) => format!(
            "a host can add snapshots: choose what you can explain by `fleet backup accept {backup} --snapshot ID`"
        ),
        Hint::TakeBackup => "take a backup first: `fleet backup now`".to_owned(),
        Hint::TakeLargerBackup => {
            "if its data has grown that much, `fleet backup now` lets the backup add as much as fits on the disk"
                .to_owned()
        }
        Hint::MendBackups(instance) => {
            format!("see `fleet backup status {instance}`; take one with `fleet backup now {instance}`")
        }
        Hint::VerifyBackups => "see what is damaged with `fleet backup verify`".to_owned(),
        Hint::VerifyAllData(instance) => format!("`fleet backup verify {instance} --read-data 100%`"),
        Hint::ReadOnItsHost => "read it on that host, with the sheet of `fleet backup recovery-kit`".to_owned(),
        Hint::NamePath => "name one of them with --path".to_owned(),
        Hint::NameInstances => "name instances, or pick hosts with -l; `-l ''` is all".to_owned(),
        Hint::MakeAgeKey => "make one with `age-keygen`".to_owned(),
        Hint::SeePolicies => "see them with `fleet backup policy ls`".to_owned(),
        Hint::RemovePolicy => "no backup runs by itself without a policy: `fleet backup policy rm`".to_owned(),
        Hint::RemovePolicyFirst => "remove one first".to_owned(),
        Hint::AddPolicy => "`fleet backup policy set NAME --all`".to_owned(),
        Hint::SeeRepositories => "see them with `fleet backup repository ls`".to_owned(),
        Hint::ChooseRepositoryName => {
            "choose another name, or remove it first: `fleet backup repository rm`".to_owned()
        }
        Hint::NameOtherRepositories(policy) => {
            format!("name others first: `fleet backup policy set {policy} --to REPOSITORY`")
        }
        Hint::AwaitRepository => "wait for it".to_owned(),
        Hint::ConsentToForget => {
            "they stay where they are, but the fleet does not know them any more: consent with --forget".to_owned()
        }
        Hint::WriteAbsolutePath => "write an absolute path without `..`, such as /mnt/backups".to_owned(),
        Hint::WriteUrl => "write a URL, such as https://s3.example.org".to_owned(),
        Hint::GiveLocation => "give --folder PATH, or --s3 BUCKET with its endpoint".to_owned(),
        // Restores.
        Hint::GiveHostAndName => "for a new instance give both --to HOST and --name NAME".to_owned(),
        Hint::ChangeValuesAfterwards(instance) => format!("change them afterwards: `fleet instance set {instance}`"),
        Hint::ChooseOtherCopy => "choose a copy in another repository with --from".to_owned(),
        Hint::RestoreAsNew => {
            "return to its version with --with-release, or restore it as a new instance with --to HOST --name NAME"
                .to_owned()
        }
        Hint::DropOthers => "agree with --drop-others, or choose a newer backup".to_owned(),
        // Instances that are stuck.
        Hint::LookOnHost(instance) => format!(
            "on the host, see `docker ps -a --filter label=fleet.instance={instance}` and `journalctl -u \
             fleet-agent`; when the cause is gone, ask again"
        ),
        Hint::MoveUnreadableFile => {
            "look at that file on the host; move it away when the instance is as you want it, then restart the agent"
                .to_owned()
        }
        Hint::UpgradeAndLook => "upgrade the coordinator, and look at the instance on its host".to_owned(),
        Hint::LookAtSandbox(project) => {
            let filter = format!("--filter label={COMPOSE_PROJECT}={project}");
            format!(
                "on the host, see `docker ps -a {filter}`, and `docker volume ls` and `docker network ls` with the \
                 same filter"
            )
        }
        Hint::RebuildStopped(instance, commands) => {
            let commands = quoted(commands);
            format!(
                "when the cause is gone: `fleet instance start {instance}`, on the host {commands}, and `fleet \
                 instance stop {instance}`"
            )
        }
        Hint::RebuildRunning(instance, commands) => {
            let commands = quoted(commands);
            format!(
                "on the host, when the cause is gone: {commands}; then `fleet instance stop {instance}` and `fleet \
                 instance start {instance}`"
            )
        }
    }
}

fn link_words(hint: &LinkHint) -> String {
    let text = match hint {
        LinkHint::JoinOnHost(host) => {
            return format!(
                "run `fleet-agent join` with it on {host}; `fleet operator add` makes a token for a person"
            );
        }
        LinkHint::UpgradeProgram => "upgrade this program to the coordinator's version",
        LinkHint::UpgradeCoordinator => "upgrade the coordinator",
        LinkHint::CopyToken => "copy the whole token, or ask for a new one",
        LinkHint::AskForToken => "ask for a new one: `fleet operator add NAME`, or `fleet host add NAME` for a host",
        LinkHint::CheckAdmitted => "if that was not you, remove whom it admitted; ask for a new token",
        LinkHint::LogIn => "use it with `fleet login`; `fleet host add` makes a token for a lab server",
        LinkHint::JoinAgain => "ask an administrator for a new token and join again",
        LinkHint::JoinFirst => "join first: `fleet-agent join -` or `fleet login -`",
        LinkHint::LetCertificatesEnd => {
            "their certificates expire by themselves; or remove the operator and add it again"
        }
        LinkHint::Wait => "wait, and go on as before",
        LinkHint::SetClock => "set this machine's clock (timedatectl), then try again",
        LinkHint::EndConnections => "end some of its commands, or wait a minute; an agent comes back by itself",
        LinkHint::CheckCoordinator => "check that the coordinator runs and that its port is open from here",
        LinkHint::CheckAddress => "the address may be wrong, or somebody stands between: ask for a new token",
        LinkHint::JoinThisCoordinator => "join again with a token of this coordinator",
    };
    text.to_owned()
}

fn joined<T: Display>(names: &[T], between: &str) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn quoted(commands: &[String]) -> String {
    let quoted: Vec<String> = commands.iter().map(|command| format!("`{command}`")).collect();
    quoted.join(" and ")
}
