//! Attacks. Each lasts for a given time, counts its attempts, and ends by itself.

use super::operator::{Operator, instance_name, now};
use fleet_core::access::JoinToken;
use fleet_core::app::Bundle;
use fleet_link::{Identity, admit, dial};
use fleet_proto::v1::agents_client::AgentsClient;
use fleet_proto::v1::backups_client::BackupsClient;
use fleet_proto::v1::operators_client::OperatorsClient;
use fleet_proto::v1::{self, from_agent::Kind};
use fleet_proto::{MESSAGE_LIMIT, PROTOCOL};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, sleep_until};
use tokio_stream::wrappers::ReceiverStream;

/// The most connections, streams or calls that one attack holds.
const MOST: usize = 4000;
/// Number of parallel tasks of one attack.
const SIDE_BY_SIDE: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// No attack: the honest operator's normal waiting time.
    None,
    /// TCP connections that send nothing.
    Silent,
    /// Connections with one host's certificate.
    Certified,
    /// The same with one that was revoked.
    Revoked,
    /// Streams of events that are never read.
    Events,
    /// Manifests of backups, shown again and again.
    ShowBackup,
    /// Releases whose templates have no end.
    Templates,
    /// Large reports with new content each time.
    Reports,
    /// Logs that are followed.
    Logs,
}

impl Attack {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Silent,
        Self::Certified,
        Self::Revoked,
        Self::Events,
        Self::ShowBackup,
        Self::Templates,
        Self::Reports,
        Self::Logs,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Silent => "silent_tcp",
            Self::Certified => "certificate_flood",
            Self::Revoked => "revoked_flood",
            Self::Events => "events_unread",
            Self::ShowBackup => "show_backup",
            Self::Templates => "endless_templates",
            Self::Reports => "report_flood",
            Self::Logs => "logs_follow",
        }
    }
}

/// Attackers: hosts and a viewer, with certificates of their own.
#[derive(Debug, Clone)]
pub struct Attackers {
    address: SocketAddr,
    host: Identity,
    revoked: Identity,
    viewer: Identity,
    eve: Operator,
    backup: String,
}

impl Attackers {
    pub async fn join(operator: &Operator, address: SocketAddr, folder: &Path) -> anyhow::Result<Self> {
        let mut hosts = operator.admit_hosts(3).await?;
        operator.push_release("1.1").await?;
        operator.install_everywhere(3).await?;
        let backup = super::kept::make(operator, 2, hosts.remove(2), folder).await?;
        let (revoked, host) = (hosts.remove(1), hosts.remove(0));
        let mut client = OperatorsClient::new(dial(&operator.identity).await?);
        let request = v1::RemoveHostRequest { name: super::operator::host_name(1), with_instances: true };
        client.remove_host(request).await?;
        let (mut tokens, people) =
            (Vec::new(), [("bob", v1::OperatorRole::Viewer), ("eve", v1::OperatorRole::Operator)]);
        for (name, role) in people.map(|(name, role)| (name.to_owned(), role.into())) {
            let request = v1::AddOperatorRequest { name, role, ..v1::AddOperatorRequest::default() };
            tokens.push(client.add_operator(request).await?.into_inner().token);
        }
        let viewer = admit(&tokens[0].parse::<JoinToken>()?, now()).await?;
        let eve = Operator::login(&tokens[1]).await?;
        Ok(Self { address, host, revoked, viewer, eve, backup })
    }

    /// Begins an attack that ends by itself, and gives how often it tried.
    pub fn begin(&self, attack: Attack, stands: Duration) -> JoinHandle<usize> {
        let until = Instant::now() + stands;
        let this = self.clone();
        tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            if attack == Attack::None {
                return 0;
            }
            if attack == Attack::Logs {
                tasks.spawn(agent_that_answers(this.host.clone(), until));
            }
            for _ in 0..SIDE_BY_SIDE {
                let this = this.clone();
                tasks.spawn(async move { this.attack(attack, until).await });
            }
            tasks.join_all().await.into_iter().sum()
        })
    }

    async fn attack(&self, attack: Attack, until: Instant) -> usize {
        match attack {
            Attack::None => 0,
            Attack::Silent => self.silent(until).await,
            Attack::Certified => connections(&self.host, until).await,
            Attack::Revoked => connections(&self.revoked, until).await,
            Attack::Events => events(&self.viewer, until).await,
            Attack::ShowBackup => show_backups(&self.viewer, &self.backup, until).await,
            Attack::Templates => templates(&self.eve, until).await,
            Attack::Reports => reports(&self.host, until).await,
            Attack::Logs => logs(&self.viewer, until).await,
        }
    }

    async fn silent(&self, until: Instant) -> usize {
        let (mut held, mut tried) = (std::collections::VecDeque::new(), 0);
        while Instant::now() < until {
            tried += 1;
            if let Ok(stream) = TcpStream::connect(self.address).await {
                held.push_back(stream);
            }
            if held.len() > MOST / SIDE_BY_SIDE {
                held.pop_front();
            }
            // 16 times 200 in a second: fifty times the rate that once closed the port.
            sleep(Duration::from_millis(5)).await;
        }
        tried
    }
}

async fn connections(identity: &Identity, until: Instant) -> usize {
    let (mut held, mut tried) = (std::collections::VecDeque::new(), 0);
    while Instant::now() < until {
        tried += 1;
        if let Ok(channel) = dial(identity).await {
            held.push_back(channel);
        }
        if held.len() > MOST / SIDE_BY_SIDE {
            held.pop_front();
        }
        sleep(Duration::from_millis(25)).await;
    }
    tried
}

async fn events(viewer: &Identity, until: Instant) -> usize {
    let (mut held, mut tried) = (Vec::new(), 0);
    while Instant::now() < until {
        let Ok(channel) = dial(viewer).await else { continue };
        for _ in 0..64 {
            tried += 1;
            let request = v1::ListEventsRequest { tail: 10_000, follow: true, ..v1::ListEventsRequest::default() };
            if let Ok(stream) = OperatorsClient::new(channel.clone()).list_events(request).await {
                held.push(stream);
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
    tried
}

async fn show_backups(viewer: &Identity, backup: &str, until: Instant) -> usize {
    let mut tried = 0;
    while Instant::now() < until {
        let Ok(channel) = dial(viewer).await else { continue };
        for _ in 0..10 {
            tried += 1;
            let request = v1::ShowBackupRequest { backup: backup.to_owned() };
            let _ = BackupsClient::new(channel.clone()).show_backup(request).await;
        }
        sleep(Duration::from_millis(100)).await;
    }
    tried
}

async fn templates(eve: &Operator, until: Instant) -> usize {
    let mut tried = 0;
    while Instant::now() < until {
        tried += 1;
        // It is refused: the coordinator's work until then is what counts.
        let _ = match endless(tried) {
            Ok(bundle) => eve.push(&format!("9.{tried}"), &bundle).await,
            Err(error) => Err(error),
        };
        sleep(Duration::from_millis(10)).await;
    }
    tried
}

/// A release with a template that works without end.
fn endless(number: usize) -> anyhow::Result<Bundle> {
    let app = format!(
        "app: eve\ncompose: compose.yaml\nvalues:\n  n: {{ type: integer, default: 10000 }}\n\
         templates:\n  - {{ from: t.j2, to: t-{number}.txt }}\n"
    );
    let template = r#"{% for i in range(values.n) %}{% for j in range(values.n) %}{% set y = "x" * 1000000 %}{% endfor %}{% endfor %}"#;
    let template = template.to_owned();
    let compose = "services:\n  web:\n    image: bench:1.1\n".to_owned();
    let files = [("app.yaml", app), ("compose.yaml", compose), ("t.j2", template)];
    Ok(Bundle::new(files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into())?)
}

async fn reports(host: &Identity, until: Instant) -> usize {
    let mut tried = 0;
    while Instant::now() < until {
        let Ok(channel) = dial(host).await else { continue };
        let (say, messages) = mpsc::channel(4);
        let mut client = AgentsClient::new(channel);
        let reporting = tokio::spawn(async move { client.report(ReceiverStream::new(messages)).await.map(|_| ()) });
        while Instant::now() < until && !reporting.is_finished() {
            tried += 1;
            let report = Kind::Instance(large_report(tried));
            let message = v1::FromAgent { kind: Some(report) };
            let late = sleep_until(tokio::time::Instant::from_std(until));
            tokio::select! {
                sent = say.send(message) => if sent.is_err() { break },
                () = late => break,
            }
        }
        reporting.abort();
    }
    tried
}

/// Within the size of one report, and another each time.
fn large_report(number: usize) -> v1::InstanceReport {
    let text = format!("{number} {}", "x".repeat(200 * 1024));
    let code = v1::HealthProblemCode::Other.into();
    let said = v1::InstanceSaid {
        release: Some(v1::Release::default()),
        health: v1::Health::Unhealthy.into(),
        health_problem: Some(v1::HealthProblem { code, arguments: vec![text] }),
        ..v1::InstanceSaid::default()
    };
    v1::InstanceReport { instance: instance_name(0), running: Some(v1::instance_report::Running::Settled(said)) }
}

async fn logs(viewer: &Identity, until: Instant) -> usize {
    let (mut held, mut tried) = (Vec::new(), 0);
    while Instant::now() < until {
        let Ok(channel) = dial(viewer).await else { continue };
        for _ in 0..4 {
            tried += 1;
            let request =
                v1::ReadLogsRequest { instance: instance_name(0), follow: true, ..v1::ReadLogsRequest::default() };
            if let Ok(stream) = OperatorsClient::new(channel.clone()).read_logs(request).await {
                held.push(stream);
            }
        }
        sleep(Duration::from_millis(250)).await;
    }
    tried
}

/// A host that is connected, and answers nothing.
async fn agent_that_answers(host: Identity, until: Instant) -> usize {
    let Ok(channel) = dial(&host).await else { return 0 };
    let mut client = AgentsClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT);
    let request = v1::WatchRequest { protocol: PROTOCOL, agent_version: "bench".to_owned(), protocol_min: 0 };
    let Ok(watch) = client.watch(request).await else { return 0 };
    let mut watch = watch.into_inner();
    let end = sleep_until(tokio::time::Instant::from_std(until));
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return 0,
            message = watch.message() => if !matches!(message, Ok(Some(_))) { return 0 },
        }
    }
}
