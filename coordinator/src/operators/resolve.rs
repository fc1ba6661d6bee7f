//! The digests of images, asked through a host that is online: the coordinator itself reaches no registry.

use super::service::OperatorsService;
use crate::rpc_status::refuse;
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, OperatorName};
use fleet_core::refused_call::{Attempt, CallRefusal, CountedThing};
use fleet_proto::convert::reported_query_failure;
use fleet_proto::v1::{self, host_query, query_reply};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::ResolveImages;
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
            return Err(refuse(ATTEMPT, CallRefusal::TooMany { what: CountedThing::Images, limit: MOST }, None));
        }
        let mut hosts: Vec<HostName> = self.shared.sessions.all().iter().map(|session| session.host.clone()).collect();
        hosts.sort();
        let mut why = refuse(ATTEMPT, CallRefusal::NoHostOnline, Hint::ConnectHost);
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
        let mut asking = asked.map_err(|error| refuse(ATTEMPT, error.refusal(), None))?;
        let late = |_| refuse(ATTEMPT, CallRefusal::HostSilent { host: host.clone(), waited: LIMIT }, None);
        let mut found = Vec::new();
        while found.len() < images.len() {
            let Some(piece) = timeout(LIMIT, asking.next()).await.map_err(late)? else { break };
            match piece.map_err(|lost| refuse(ATTEMPT, lost.refusal(), None))?.kind {
                Some(query_reply::Kind::Resolved(v1::ResolvedImage { image, digest, failure })) => {
                    found.push(v1::ImageDigest { image, digest, failure });
                }
                Some(query_reply::Kind::QueryFailure(failure)) => {
                    let failure = Box::new(reported_query_failure(failure));
                    return Err(refuse(ATTEMPT, CallRefusal::HostSays { host: host.clone(), failure }, None));
                }
                Some(query_reply::Kind::Line(_) | query_reply::Kind::Claims(_)) | None => {}
            }
        }
        if found.len() < images.len() {
            return Err(refuse(ATTEMPT, CallRefusal::AnswerCutOff { host: host.clone() }, None));
        }
        Ok(found)
    }
}
