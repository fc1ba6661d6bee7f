//! Reads the little language of the tables.
//!
//! One line per fact; times are seconds. An instance is named like its host:
//!
//! ```text
//! now 1000
//! since 990                         the coordinator's start
//! a 1.1 site=fr                     a host with a label; its instance runs 1.1
//! b 1.1 offline 950                 lost at 950; also: silent, never, absent, busy STEP, sick, stuck,
//!                                   doubtful (stuck with changed data), stopped, gone, seen TIME,
//!                                   twice (two machines connect as it)
//! c 1.1 revision 2 power stop       what operators want of it; also: removing, came-back TIME. It says revision 1, or as
//!                                   `says N`
//! d 1.1 hours 22:00-23:00 forbids   what its own policy says
//! rollout 1.2 canary 1 of a,b       r1, created at 1; also: from V, at-once N, soak S, max-failures N, per L=N,
//!                                   window W, deadline S, paused, aborted, attempt N, created TIME, brings REVISION,
//!                                   retried INSTANCE, skipped INSTANCE
//! asked a upgrade 900               an open order; also: install, configure, power, remove, upgrade/ATTEMPT/ROLLOUT,
//!                                   install/REVISION
//! ended a upgrade done 950          also: already, rolled-back, stuck, refused, failed,
//!                                   partly-REPOSITORY (the copy there failed)
//! ```
//!
//! Facts about data: see `data.rs`.

mod data;

use crate::activity::Activity;
use crate::app::DataEffect;
use crate::backup::{CopyMade, DataResult};
use crate::duplicate::{Greeting, Greetings};
use crate::facts::*;
use crate::health_problem::HealthProblem;
use crate::hint::Hint;
use crate::names::{HostName, InstanceName, OrderId, RolloutId};
use crate::order::{Action, Order, Outcome, PowerRequest, order_id};
use crate::order_failure::OrderFailure;
use crate::release::{Goal, Release};
use crate::rollout::{Member, Rollout, RolloutIntent, Skip, Strategy};
use crate::time::Time;
use data::{action, kind_of};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

#[derive(Default)]
pub struct Given {
    pub desired: Desired,
    pub asked: Asked,
    pub observed: Observed,
    pub now: Time,
}

pub fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

pub fn seconds(text: &str) -> Time {
    Time(read::<u64>(text) * 1000)
}

pub fn release(version: &str) -> Release {
    let name = read(&format!("app@{version}"));
    let hex = data_encoding::HEXLOWER.encode(version.as_bytes());
    Release { name, digest: read(&format!("sha256:{hex:0>64}")) }
}

pub fn given(text: &str) -> Given {
    let mut given = Given { now: Time(1_000_000), ..Given::default() };
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            None => {}
            Some("now") => given.now = seconds(word(&mut words)),
            Some("since") => given.observed.since = seconds(word(&mut words)),
            Some("needs") => {
                let digest = release(word(&mut words)).digest;
                given.desired.needs.insert(digest, words.map(Into::into).collect());
            }
            Some("rollout") => given.rollout(&mut words),
            Some("asked") => given.asked(&mut words),
            Some("ended") => given.ended(&mut words),
            Some(what @ ("policy" | "backup" | "request" | "at-once" | "folder")) => given.data(what, &mut words),
            Some(name) => given.host(name, &mut words),
        }
    }
    given
}

fn word<'a>(words: &mut SplitWhitespace<'a>) -> &'a str {
    words.next().expect("the line goes on")
}

impl Given {
    fn host(&mut self, name: &str, words: &mut SplitWhitespace) {
        let mut host = HostDesired { labels: Default::default(), added: Time::ZERO };
        let mut said = host_said();
        let mut instance = instance_desired(name);
        let mut last = instance_said();
        let (mut link, mut is_known, mut is_wanted, mut at) = (Some(LinkState::Online), true, true, self.now);
        let mut running = None;
        while let Some(next) = words.next() {
            match next {
                "offline" => link = Some(LinkState::Offline { since: seconds(word(words)) }),
                "never" => (link, is_known) = (None, false),
                "silent" => is_known = false,
                "absent" => running = Some(Running::Absent),
                "busy" => {
                    running = Some(Running::Busy {
                        order: self.id(name, word(words)),
                        doing: Doing {
                            step: Some(Activity::Text("pull".to_owned())),
                            progress: Some(StepProgress::of_bytes(1_000_000, None)),
                        },
                        last: None,
                    });
                }
                "stuck" => last.health = stuck(false),
                "doubtful" => last.health = stuck(true),
                "sick" => last.health = InstanceHealth::Unhealthy { problem: HealthProblem::other("no answer") },
                "stopped" => last.health = InstanceHealth::Stopped,
                "twice" => self.observed.greetings = two_machines(name, self.now).into(),
                "gone" => is_wanted = false,
                "seen" => at = seconds(word(words)),
                "revision" => instance.revision = read(word(words)),
                "says" => last.revision = read(word(words)),
                "enrolment" => said.enrolment = word(words).into(),
                "removing" => instance.removal = Some(Removal { volumes: Default::default(), attempt: 0 }),
                "power" => instance.power = PowerDesired { request: request(word(words)), serial: 1 },
                "came-back" => instance.origin = Some(InstanceOrigin::CameBack { of: seconds(word(words)) }),
                "created" => instance.created = seconds(word(words)),
                "hours" => said.policy.hours = Some(read(word(words))),
                "able" => drop(said.capabilities.insert(word(words).into())),
                "forbids" => said.policy.apps = Some([read("other")].into()),
                label if label.contains('=') => host.labels = crate::labels::Labels::parse([label]).expect("a label"),
                version => last.release = release(version),
            }
        }
        let running = match running {
            Some(Running::Busy { order, doing, .. }) => Running::Busy { order, doing, last: Some(last) },
            Some(other) => other,
            None => Running::Settled(last),
        };
        if is_wanted {
            self.desired.hosts.insert(read(name), host);
        }
        if let Some(link) = link {
            self.observed.hosts.insert(read(name), HostObserved { link, said });
        }
        if is_known {
            self.observed.instances.insert(read(name), InstanceObserved { host: read(name), running, at });
        }
        self.desired.instances.insert(read(name), instance);
    }

    fn rollout(&mut self, words: &mut SplitWhitespace) {
        let to = release(word(words));
        let mut members: Vec<InstanceName> = self.desired.instances.keys().cloned().collect();
        let (mut from, mut attempt, mut created, mut run) = (release("1.1"), 1, Time(1000), RolloutIntent::Run);
        let (mut strategy, mut brings, mut through) = (strategy(), None, Vec::new());
        let (mut retries, mut skips) = (BTreeMap::new(), BTreeMap::new());
        while let Some(next) = words.next() {
            match next {
                "of" => members = word(words).split(',').map(read).collect(),
                "from" => from = release(word(words)),
                "through" => through.push(release(word(words))),
                "brings" => brings = Some(read(word(words))),
                "attempt" => attempt = read(word(words)),
                "retried" => *retries.entry(read(word(words))).or_default() += 1,
                "skipped" => drop(skips.insert(read(word(words)), skip())),
                "created" => created = seconds(word(words)),
                "paused" => run = RolloutIntent::Pause,
                "aborted" => run = RolloutIntent::Abort,
                "canary" => strategy.canary = read(word(words)),
                "at-once" => strategy.at_once = read(word(words)),
                "soak" => strategy.soak = Duration::from_secs(read(word(words))),
                "max-failures" => strategy.max_failures = read(word(words)),
                "window" => strategy.window = Some(read(word(words))),
                "deadline" => strategy.deadline = Duration::from_secs(read(word(words))),
                "per" => {
                    let (label, limit) = word(words).split_once('=').expect("LABEL=N");
                    strategy.per.insert(label.into(), read(limit));
                }
                other => panic!("`{other}` is no word of a rollout"),
            }
        }
        let member = |instance| Member {
            instance,
            from: from.clone(),
            to: to.clone(),
            through: through.clone(),
            data: DataEffect::default(),
            from_revision: Some(1),
            to_revision: brings,
        };
        let id: RolloutId = read(&format!("r{}", self.desired.rollouts.len() + 1));
        let rollout = Rollout {
            id: id.clone(),
            app: to.name.app.clone(),
            version: to.name.version.clone(),
            strategy,
            members: members.into_iter().map(member).collect(),
            left_out: Vec::new(),
            intent: run,
            attempt,
            retries,
            skips,
            created,
            by: read("ada"),
        };
        self.desired.rollouts.insert(id, rollout);
    }

    fn asked(&mut self, words: &mut SplitWhitespace) {
        let (name, what) = (word(words), word(words));
        let id = self.id(name, what);
        let instance = &self.desired.instances[&read::<InstanceName>(name)];
        let goal = Goal { release: release("1.2"), revision: 1 };
        let rollout = what.starts_with("upgrade").then(|| self.rollout_of(what).0);
        let action = match what {
            "install" => Action::Install { goal },
            "configure" => Action::Configure { from: 0, goal },
            "power" => Action::Power { request: PowerRequest::Stop, serial: 1 },
            "remove" => Action::Remove { volumes: Default::default() },
            data if kind_of(data).is_some() => Action::Data(action(name, data)),
            _ => Action::Upgrade {
                from: release("1.1"),
                goal,
                through: Vec::new(),
                data: DataEffect::AtStart,
                backup: BTreeSet::new(),
            },
        };
        let order = Order { id: id.clone(), instance: read(name), action, deadline: Duration::from_secs(600) };
        let asked = seconds(word(words));
        self.asked.orders.insert(id, OpenOrder { host: instance.host.clone(), order, rollout, asked });
    }

    fn ended(&mut self, words: &mut SplitWhitespace) {
        let (name, what, how) = (word(words), word(words), word(words));
        let reason = || OrderFailure::other("the probe got no answer");
        let failed = how.strip_prefix("partly-").map(|to| {
            Box::new(DataResult::Backup(vec![CopyMade {
                repository: read(to),
                result: Err(OrderFailure::other("it is full")),
                snapshots: None,
            }]))
        });
        let outcome = match how {
            "done" => Outcome::Done,
            _ if failed.is_some() => Outcome::Done,
            "already" => Outcome::AlreadySo,
            "rolled-back" => Outcome::RolledBack { failure: reason() },
            "stuck" => Outcome::Stuck { failure: reason(), hint: Some(Hint::ReadAgentLog) },
            "refused" => Outcome::Refused { failure: reason() },
            "failed" => Outcome::Failed { failure: reason() },
            other => panic!("`{other}` is no outcome"),
        };
        let of = kind_of(what);
        let ended = Ended { instance: read(name), outcome, of, made: failed, at: seconds(word(words)) };
        let id = self.id(name, what);
        self.observed.ended.insert(id, ended);
    }

    /// The rollout and the attempt that `upgrade`, `upgrade/2` or `upgrade/2/r1` mean.
    fn rollout_of(&self, what: &str) -> (RolloutId, u32) {
        let mut parts = what.split('/').skip(1);
        let attempt = parts.next().map(read);
        let id = parts.next().map_or_else(|| self.desired.rollouts.keys().last().cloned(), |id| Some(read(id)));
        let id = id.unwrap_or_else(|| read("r1"));
        (id.clone(), attempt.unwrap_or_else(|| self.desired.rollouts.get(&id).map_or(1, |rollout| rollout.attempt)))
    }

    /// The ids as they are promised.
    fn id(&self, name: &str, what: &str) -> OrderId {
        let instance = self.desired.instances.get(&read::<InstanceName>(name));
        let (created, revision) = instance.map_or((0, 1), |instance| (instance.created.0, instance.revision));
        let (created, revision) = (created.to_string(), revision.to_string());
        match what {
            "install" => order_id(&["install", name, &created, "e1", &revision]),
            earlier if earlier.starts_with("install/") => {
                order_id(&["install", name, &created, "e1", earlier.trim_start_matches("install/")])
            }
            "configure" => order_id(&["configure", name, &created, &revision]),
            "power" => order_id(&["power", name, &created, "1"]),
            "remove" => order_id(&["remove", name, &created]),
            "other" => order_id(&["other"]),
            data if kind_of(data).is_some() => self.data_id(name, data),
            upgrade => {
                let (id, attempt) = self.rollout_of(upgrade);
                order_id(&["upgrade", id.as_str(), &attempt.to_string(), name])
            }
        }
    }
}

pub fn skip() -> Skip {
    Skip { by: read("ada"), at: Time(1), reason: read("its disk is being replaced") }
}

fn stuck(is_data_changed: bool) -> InstanceHealth {
    InstanceHealth::Stuck { failure: OrderFailure::other("no answer"), is_data_changed }
}

fn request(text: &str) -> PowerRequest {
    match text {
        "start" => PowerRequest::Start,
        "stop" => PowerRequest::Stop,
        _ => PowerRequest::Restart,
    }
}

fn instance_said() -> InstanceSaid {
    InstanceSaid {
        release: release("1.1"),
        revision: 1,
        power_serial: 0,
        health: InstanceHealth::Healthy,
        drift: Vec::new(),
        containers: Vec::new(),
        coverage: None,
        claims: None,
        leftovers: Vec::new(),
    }
}

fn two_machines(host: &str, now: Time) -> BTreeMap<HostName, Greetings> {
    let mut greetings = Greetings::default();
    for start in ["one", "other", "one", "other"] {
        let (start, engine, address) = (start.to_owned(), String::new(), String::new());
        greetings.hear(Greeting { at: now, start, engine, address, is_takeover: true });
    }
    [(read(host), greetings)].into()
}

fn host_said() -> HostSaid {
    HostSaid {
        agent_version: "1".into(),
        engine_version: "1".into(),
        policy: Default::default(),
        clock_skew_ms: 0,
        enrolment: "e1".into(),
        disk_free: None,
        capabilities: Default::default(),
    }
}

fn instance_desired(host: &str) -> InstanceDesired {
    InstanceDesired {
        host: read(host),
        release: release("1.1"),
        revision: 1,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Start, serial: 0 },
        removal: None,
        data: None,
        origin: None,
        created: Time::ZERO,
    }
}

fn strategy() -> Strategy {
    Strategy {
        canary: 0,
        at_once: read("1"),
        soak: Duration::ZERO,
        max_failures: 1,
        per: BTreeMap::new(),
        window: None,
        deadline: Duration::from_secs(600),
    }
}
