//! Asks the host of an instance what stands against what it is to become: the host sees its Engine, and who else uses it.

use super::claims::Claimant;
use super::service::OperatorsService;
use super::wish::hindered;
use fleet_core::claims::claims_of;
use fleet_core::names::OperatorName;
use fleet_core::spec::InstanceSpec;
use fleet_proto::v1::{self, answer_piece, question};
use std::time::Duration;
use tokio::time::timeout;
use tonic::Status;

/// The host itself looks a little shorter.
const LIMIT: Duration = Duration::from_secs(6);

impl OperatorsService {
    /// Refuses what the host would refuse. Gives back what is to be said where the host was not asked or has not answered: it
    /// compares again when the order is there.
    pub async fn ask_host(
        &self,
        attempt: &str,
        by: &OperatorName,
        of: Claimant<'_>,
        to: &InstanceSpec,
    ) -> Result<Option<String>, Status> {
        // What is known here names the owner better.
        self.check_claims(attempt, by, of, to).await?;
        let Claimant { name: _, host } = of;
        let why = match timeout(LIMIT, self.refusal_of(by, of, to)).await {
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(refusal))) => {
                let hint = "it would refuse the order; nothing was changed";
                return Err(hindered(attempt, format!("`{host}` says: {refusal}"), hint));
            }
            Ok(Err(why)) => why,
            Err(_) => format!("it did not answer in {} s", LIMIT.as_secs()),
        };
        Ok(Some(format!("not known: whether `{host}` would refuse it, for its Engine was not asked: {why}")))
    }

    /// What a host would refuse, or why it cannot be told.
    async fn refusal_of(
        &self,
        by: &OperatorName,
        of: Claimant<'_>,
        to: &InstanceSpec,
    ) -> Result<Option<String>, String> {
        let session = self.shared.sessions.get(of.host).ok_or("it is offline")?;
        if !session.has_greeted() {
            return Err("it has only just connected".to_owned());
        }
        if !session.answers_claims() {
            return Err("its fleet-agent is too old to be asked".to_owned());
        }
        let claims = Some(claims_of(to).into());
        let question = question::Kind::Claims(v1::ClaimsQuestion { instance: of.name.to_string(), claims });
        let asked = self.shared.questions.ask(&self.shared.sessions, of.host, question, by);
        let mut asking = asked.map_err(|error| error.to_string())?;
        while let Some(piece) = asking.next().await {
            match piece.map_err(|lost| lost.to_string())?.kind {
                Some(answer_piece::Kind::Claims(v1::ClaimsAnswer { refusal })) => {
                    return Ok(Some(refusal).filter(|refusal| !refusal.is_empty()));
                }
                Some(answer_piece::Kind::Failure(failure)) => return Err(failure),
                Some(answer_piece::Kind::Line(_) | answer_piece::Kind::Resolved(_)) | None => {}
            }
        }
        Err("its answer was cut off".to_owned())
    }
}
