//! The digests of images, asked through a host that is online: the coordinator itself reaches no registry.

use super::request::{hindered, wrong};
use super::service::OperatorsService;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, OperatorName};
use fleet_proto::v1::{self, host_query, query_reply};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

const ATTEMPT: &str = "resolve the images";
const LIMIT: Duration = Duration::from_secs(60);
const MOST: usize = 100;
/// Number of hosts that are asked in turn if one cannot answer.
const HOSTS: usize = 3;

impl OperatorsService {
    pub async fn resolve_now(
        &self,
        request: v1::ResolveImagesRequest,
        by: &OperatorName,
    ) -> Result<v1::ResolveImagesReply, Status> {
        if request.images.len() > MOST {
            return Err(wrong(ATTEMPT, format!("more than {MOST} at once"), None));
        }
        let mut hosts: Vec<HostName> = self.shared.sessions.all().iter().map(|session| session.host.clone()).collect();
        hosts.sort();
        let mut why = hindered(ATTEMPT, "no host is online to ask a registry", Hint::ConnectHost);
        for host in hosts.into_iter().take(HOSTS) {
            match self.resolve_through(&host, &request.images, by).await {
                Ok(images) => return Ok(v1::ResolveImagesReply { images, host: host.to_string() }),
                Err(status) => why = status,
            }
        }
        Err(why)
    }

    async fn resolve_through(
        &self,
        host: &HostName,
        images: &[String],
        by: &OperatorName,
    ) -> Result<Vec<v1::ImageDigest>, Status> {
        let query = host_query::Kind::Resolve(v1::ResolveQuery { images: images.to_vec() });
        let asked = self.shared.queries.ask(&self.shared.sessions, host, query, by);
        let mut asking = asked.map_err(|error| hindered(ATTEMPT, error, None))?;
        let late = |_| hindered(ATTEMPT, format!("`{host}` did not answer in {} s", LIMIT.as_secs()), None);
        let mut found = Vec::new();
        while found.len() < images.len() {
            let Some(piece) = timeout(LIMIT, asking.next()).await.map_err(late)? else { break };
            match piece.map_err(|lost| hindered(ATTEMPT, lost, None))?.kind {
                Some(query_reply::Kind::Resolved(v1::ResolvedImage { image, digest, failure })) => {
                    found.push(v1::ImageDigest { image, digest, failure });
                }
                Some(query_reply::Kind::Failure(failure)) => {
                    return Err(hindered(ATTEMPT, format!("`{host}` says: {failure}"), None));
                }
                Some(query_reply::Kind::Line(_) | query_reply::Kind::Claims(_)) | None => {}
            }
        }
        if found.len() < images.len() {
            return Err(hindered(ATTEMPT, format!("`{host}` said less than it was asked"), None));
        }
        Ok(found)
    }
}
