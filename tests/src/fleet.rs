//! A whole fleet in one process: the real coordinator over real TLS and a real store, real agents on worlds that
//! remember, and the real `fleet` command.
//!
//! A story waits for a state, with a time limit; a state that is not reached ends the story with a dump of what there
//! was.

#![allow(clippy::missing_panics_doc, reason = "a story that cannot go on ends by a panic that says why")]

mod app;
mod command_output;
mod host;
mod operator;
mod server;

pub use app::App;
pub use command_output::CommandOutput;
pub use host::Host;
pub use operator::{Ongoing, Operator};
pub use server::Server;

use crate::process::{program, wait_until};
use fleet_agent::fake::{Behaviour, World};
use fleet_core::access::JoinToken;
use fleet_core::time::Time;
use fleet_link::{Identity, admit, dial};
use fleet_proto::v1;
use fleet_proto::v1::operators_client::OperatorsClient;
use fleet_proto::words::word;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tonic::transport::Channel;
use tonic::{Response, Status};

/// Maximum time that a story waits for a state, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Client of the operators' service.
pub type Client = OperatorsClient<Channel>;

/// The parts end in this order: agents, questions, coordinator, files.
#[derive(Debug)]
pub struct Fleet {
    hosts: BTreeMap<String, Host>,
    wire: Wire,
    /// The coordinator.
    pub server: Server,
    /// Its administrator.
    pub admin: Operator,
    folder: TempDir,
}

/// Direct connection of the administrator, for facts that the text output lacks.
#[derive(Debug)]
struct Wire {
    runtime: Runtime,
    client: Client,
}

impl Fleet {
    /// A coordinator, and an administrator who is logged in.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (server, token) = Server::init(&folder.path().join("coordinator"));
        let admin = Operator::new(&folder.path().join("admin"));
        admin.done(&format!("login {token}"));
        let wire = Wire::new(&admin.identity());
        Self { hosts: BTreeMap::new(), wire, server, admin, folder }
    }

    /// The same with hosts, each a name and its labels: `lab-1 site=fr`.
    pub fn of(hosts: &[&str]) -> Self {
        let mut fleet = Self::new();
        hosts.iter().for_each(|host| fleet.add_host(host));
        hosts.iter().for_each(|host| fleet.wait_online(name_of(host)));
        fleet
    }

    /// The same with `notes-1`, `notes-2`, … at 1.1, one on each host; 1.2 is there to go to.
    pub fn running(hosts: &[&str]) -> Self {
        let fleet = Self::of(hosts);
        fleet.push(&App::new("1.1"));
        fleet.push(&App::new("1.2"));
        let instances = || hosts.iter().zip(1..).map(|(host, number)| (name_of(host), format!("notes-{number}")));
        for (host, instance) in instances() {
            fleet.done(&format!("install notes@1.1 --host {host} --name {instance} --set password=p --detach"));
        }
        instances().for_each(|(_, instance)| fleet.wait_version(&instance, "1.1"));
        fleet
    }

    /// The same with rows that are worth a backup: each instance's own name, and a line.
    pub fn with_rows(hosts: &[&str]) -> Self {
        Self::with_rows_of(&App::with_stores("1.1"), hosts)
    }

    /// Makes a fleet with an instance `notes-N` and some rows on each host.
    pub fn with_rows_of(app: &App, hosts: &[&str]) -> Self {
        let fleet = Self::of(hosts);
        fleet.push(app);
        for (host, number) in hosts.iter().zip(1..) {
            let instance = format!("notes-{number}");
            fleet.done(&format!(
                "install notes@1.1 --host {} --name {instance} --set password=p --detach",
                name_of(host)
            ));
            fleet.wait_version(&instance, "1.1");
            fleet.set_rows(name_of(host), &instance, "one");
        }
        fleet
    }

    /// Sets the rows of an instance's database.
    pub fn set_rows(&self, host: &str, instance: &str, rows: &str) {
        let rows = format!("{instance}\n{rows}\nend\n");
        self.host(host).runtime.meddle(|world| world.set_data(instance, "db", rows));
    }

    /// Returns the rows of an instance's database.
    pub fn rows(&self, host: &str, instance: &str) -> String {
        let found = self.host(host).runtime.meddle(|world| world.data(instance, "db").map(<[u8]>::to_vec));
        String::from_utf8(found.unwrap_or_default()).expect("rows are text")
    }

    /// Returns the fleet's temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns another person at another machine, not logged in.
    pub fn person(&self, name: &str) -> Operator {
        Operator::new(&self.folder.path().join(name))
    }

    /// Returns another person who is logged in.
    pub fn operator(&self, name: &str, role: &str) -> Operator {
        let token = self.done(&format!("operator add {name} --role {role} --token-only"));
        let person = self.person(name);
        person.done(&format!("login {}", token.trim()));
        person
    }

    /// Announces a host, joins as it, and starts its agent.
    pub fn add_host(&mut self, host: &str) {
        let mut host = self.announce(host);
        host.start();
        self.hosts.insert(host.name.clone(), host);
    }

    /// A host that has joined and whose agent has not been started.
    pub fn announce(&self, host: &str) -> Host {
        let name = name_of(host);
        let labels: String = host.split(' ').skip(1).map(|label| format!(" --label {label}")).collect();
        let token = self.done(&format!("host add {name}{labels} --token-only"));
        Host::new(name, &self.folder.path().join(name), &self.join(token.trim()))
    }

    /// Takes a host that `announce` made into the fleet.
    pub fn put_host(&mut self, host: Host) {
        self.hosts.insert(host.name.clone(), host);
    }

    /// Trades a token for an identity.
    pub fn join(&self, token: &str) -> Identity {
        let token: JoinToken = token.parse().expect("it is a token");
        self.wait_for(admit(&token, now())).expect("the token is good")
    }

    /// Waits for a future. Panics after the time limit.
    pub fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = self.wire.runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await });
        limited.expect("it ends in time")
    }

    /// Returns a host. Panics if the story has no such host.
    pub fn host(&self, name: &str) -> &Host {
        self.hosts.get(name).expect("the story has this host")
    }

    /// Returns a host to change. Panics if the story has no such host.
    pub fn host_mut(&mut self, name: &str) -> &mut Host {
        self.hosts.get_mut(name).expect("the story has this host")
    }

    /// Pushes a version of the app.
    pub fn push(&self, app: &App) {
        let folder = app.write(&self.folder.path().join("apps"));
        self.done(&format!("app push {} --version {} --no-pin", folder.display(), app.version));
    }

    /// Lets the web service of a version be sick, or whatever else, on all hosts.
    pub fn behave(&self, version: &str, behaviour: Behaviour) {
        self.on_all(|world| world.behaviours.insert(App::image(version), behaviour));
    }

    /// Meddles with all worlds.
    pub fn on_all<T>(&self, meddle: impl Fn(&mut World) -> T) {
        self.hosts.values().for_each(|host| drop(host.runtime.meddle(&meddle)));
    }

    /// Runs a command of the administrator, asserts that it succeeds, and returns its output.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        self.admin.done(line)
    }

    /// Runs a command of the administrator and asserts that the fleet refuses it.
    #[track_caller]
    pub fn refused(&self, line: &str) -> CommandOutput {
        self.admin.refused(line)
    }

    /// Sends one request as the administrator over the wire.
    pub fn ask<T>(&self, question: impl AsyncFnOnce(Client) -> Result<Response<T>, Status>) -> Result<T, Box<Status>> {
        let answer = self.wait_for(question(self.wire.client.clone()));
        answer.map(Response::into_inner).map_err(Box::new)
    }
}

/// State that a story reads and waits for.
impl Fleet {
    /// Returns the problems that need a person, as JSON, without a nearly full disk of the machine that
    /// runs the tests.
    pub fn attention(&self) -> Vec<String> {
        let status =
            self.ask(async |mut client: Client| client.get_status(v1::GetStatusRequest {}).await).expect("it answers");
        let matters = status.attention.into_iter().filter(|matter| !is_of_the_tests_disk(matter));
        matters.map(|matter| serde_json::to_string(&matter).expect("it is JSON")).collect()
    }

    /// An instance, if the coordinator answers and has it.
    pub fn instance(&self, name: &str) -> Option<v1::InstanceView> {
        let request = v1::ListInstancesRequest { name: name.to_owned(), ..Default::default() };
        let list = self.ask(async |mut client: Client| client.list_instances(request).await).ok()?;
        list.instances.into_iter().next()
    }

    /// Returns a host as operators see it.
    pub fn host_view(&self, name: &str) -> Option<v1::HostView> {
        let request = v1::ListHostsRequest { name: name.to_owned(), ..Default::default() };
        let list = self.ask(async |mut client: Client| client.list_hosts(request).await).ok()?;
        list.hosts.into_iter().next()
    }

    /// The newest rollout.
    pub fn rollout(&self) -> Option<v1::RolloutView> {
        let request = v1::ShowRolloutRequest::default();
        self.ask(async |mut client: Client| client.show_rollout(request).await).ok()
    }

    /// The state of an instance in the newest rollout.
    pub fn member(&self, instance: &str) -> String {
        let members = self.rollout().map(|rollout| rollout.members).unwrap_or_default();
        members
            .into_iter()
            .find(|member| member.instance == instance)
            .map(|member| word::<v1::MemberState>(member.state))
            .unwrap_or_default()
    }

    /// Returns the version of an instance, with its reported health.
    pub fn state(&self, instance: &str) -> String {
        self.instance(instance)
            .map(|it| format!("{} {}", it.version, word::<v1::InstanceHealth>(it.health)))
            .unwrap_or_default()
    }

    /// Waits until a condition holds. Panics with the fleet's status and events after the time limit.
    #[track_caller]
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        if let Err(error) = wait_until(what, PATIENCE, || is_so().then_some(())) {
            let (status, events) = (self.admin.run("status"), self.admin.run("events --tail 20"));
            panic!("{error}\n{}\n{}", status.text(), events.text());
        }
    }

    /// Waits until a host is online.
    #[track_caller]
    pub fn wait_online(&self, host: &str) {
        self.wait_link(host, "online");
    }

    /// Waits until a host's link is in this state.
    #[track_caller]
    pub fn wait_link(&self, host: &str, link: &str) {
        self.until(&format!("{host} to be {link}"), || {
            self.host_view(host).is_some_and(|view| word::<v1::HostLink>(view.link) == link)
        });
    }

    /// Waits until an instance is healthy with this version.
    #[track_caller]
    pub fn wait_version(&self, instance: &str, version: &str) {
        let wanted = format!("{version} healthy");
        self.until(&format!("{instance} to be {wanted}"), || self.state(instance) == wanted);
    }

    /// Waits until an instance is in this state in the rollout.
    #[track_caller]
    pub fn wait_member(&self, instance: &str, state: &str) {
        self.until(&format!("{instance} to be {state}"), || self.member(instance) == state);
    }

    /// Waits until the rollout is in this phase.
    #[track_caller]
    pub fn wait_phase(&self, phase: &str) {
        self.until(&format!("the rollout to be {phase}"), || {
            self.rollout().is_some_and(|it| word::<v1::RolloutPhase>(it.phase) == phase)
        });
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Wire {
    fn new(identity: &Identity) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be made");
        let channel = runtime.block_on(dial(identity)).expect("the coordinator is reached");
        Self { runtime, client: OperatorsClient::new(channel) }
    }
}

fn is_of_the_tests_disk(matter: &v1::Attention) -> bool {
    matter.problem.as_ref().is_some_and(|problem| problem.code() == v1::ProblemCode::RepositoryDiskLow)
}

fn name_of(host: &str) -> &str {
    host.split(' ').next().unwrap_or(host)
}

/// Returns the program that works on repositories, in place of an agent's or the coordinator's own.
fn worker() -> PathBuf {
    program("story-worker").expect("it is built with the stories")
}

/// This machine's time.
pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
