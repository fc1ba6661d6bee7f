//! The operator of the bench: sends `fleet`'s requests over the wire.

use anyhow::{Context, bail, ensure};
use fleet_core::access::JoinToken;
use fleet_core::app::Bundle;
use fleet_core::time::Time;
use fleet_link::{Identity, admit, dial};
use fleet_proto::v1::operators_client::OperatorsClient;
use fleet_proto::v1::{
    AddHostRequest, AgreedPlan, GetStatusRequest, InstallInstanceRequest, ProposeRolloutRequest, PushReleaseHead,
    PushReleasePiece, ShowRolloutRequest, Status, push_release_piece,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;
use tonic::transport::Channel;

/// Number of parallel requests while the fleet is created. An operator may have 16 calls that render.
const SIDE_BY_SIDE: usize = 12;

#[derive(Debug, Clone)]
pub struct Operator {
    pub identity: Identity,
    client: OperatorsClient<Channel>,
}

impl Operator {
    pub async fn login(token: &str) -> anyhow::Result<Self> {
        let identity = admit(&token.parse::<JoinToken>()?, now()).await?;
        Self { client: OperatorsClient::new(dial(&identity).await?), identity }.again().await
    }

    /// Connects again as soon as the coordinator answers.
    pub async fn again(self) -> anyhow::Result<Self> {
        let client = OperatorsClient::new(dial(&self.identity).await?).max_decoding_message_size(64 << 20);
        Ok(Self { client, ..self })
    }

    /// Adds hosts and joins as each of them.
    pub async fn admit_hosts(&self, count: usize) -> anyhow::Result<Vec<Identity>> {
        let hosts = (0..count).map(|number| self.admit_host(number));
        stream::iter(hosts).buffered(SIDE_BY_SIDE).try_collect().await
    }

    async fn admit_host(&self, number: usize) -> anyhow::Result<Identity> {
        let name = host_name(number);
        let request = AddHostRequest { name, labels: BTreeMap::new(), token_seconds: 3600 };
        let token = self.client.clone().add_host(request).await?.into_inner().token;
        Ok(admit(&token.parse::<JoinToken>()?, now()).await?)
    }

    pub async fn push_release(&self, version: &str) -> anyhow::Result<()> {
        self.push(version, &bundle(version)?).await
    }

    pub async fn push(&self, version: &str, bundle: &Bundle) -> anyhow::Result<()> {
        let head = PushReleaseHead { version: version.to_owned(), digest: bundle.digest().to_string() };
        let pieces = [push_release_piece::Kind::Head(head), push_release_piece::Kind::Bundle(bundle.encode())];
        let pieces = pieces.map(|kind| PushReleasePiece { kind: Some(kind) });
        self.client.clone().push_release(stream::iter(pieces)).await?;
        Ok(())
    }

    pub async fn install_everywhere(&self, count: usize) -> anyhow::Result<()> {
        let installs = (0..count).map(|number| {
            let request = InstallInstanceRequest {
                app: "bench".to_owned(),
                version: "1.1".to_owned(),
                host: host_name(number),
                name: instance_name(number),
                ..InstallInstanceRequest::default()
            };
            let mut client = self.client.clone();
            async move { client.install_instance(request).await }
        });
        stream::iter(installs).buffer_unordered(SIDE_BY_SIDE).try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }

    pub async fn status(&self) -> anyhow::Result<Status> {
        Ok(self.client.clone().get_status(GetStatusRequest {}).await?.into_inner())
    }

    pub async fn until_online(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        while (self.status().await?.hosts_online as usize) < count {
            ensure!(begin.elapsed() < patience, "not all hosts were online after {patience:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub async fn until_settled(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let begin = Instant::now();
        while (self.status().await?.instances_healthy as usize) < count {
            ensure!(begin.elapsed() < patience, "not all instances were settled after {patience:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    pub async fn roll_out(&self, version: &str) -> anyhow::Result<()> {
        let request = ProposeRolloutRequest {
            app: "bench".to_owned(),
            version: version.to_owned(),
            canary: Some(0),
            at_once: "100%".to_owned(),
            soak_ms: Some(0),
            ..ProposeRolloutRequest::default()
        };
        let mut client = self.client.clone();
        let shown = client.propose_rollout(request.clone()).await?.into_inner();
        let request_id = format!("{:032x}", SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos());
        let agreed = Some(AgreedPlan { plan_digest: shown.plan_digest, request_id });
        client.start_rollout(ProposeRolloutRequest { agreed, ..request }).await?;
        Ok(())
    }

    /// Follows the newest rollout to its end, as `fleet rollout` does.
    pub async fn until_rolled_out(&self, patience: Duration) -> anyhow::Result<()> {
        let follow = async {
            let mut views = self.client.clone().follow_rollout(ShowRolloutRequest::default()).await?.into_inner();
            while let Some(view) = views.try_next().await? {
                if view.over {
                    return Ok(());
                }
            }
            bail!("the rollout came to rest before it was done")
        };
        timeout(patience, follow).await.context("the rollout took too long")?
    }
}

fn bundle(version: &str) -> anyhow::Result<Bundle> {
    let app = "app: bench\ncompose: compose.yaml\n".to_owned();
    let compose = format!("services:\n  web:\n    image: bench:{version}\n");
    let files = [("app.yaml", app), ("compose.yaml", compose)];
    Ok(Bundle::new(files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into())?)
}

pub fn host_name(number: usize) -> String {
    format!("lab-{number}")
}

pub fn instance_name(number: usize) -> String {
    format!("bench-{number}")
}

pub fn now() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
