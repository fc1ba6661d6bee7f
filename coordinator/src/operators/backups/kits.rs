//! Recovery kits: only for administrators, and each access is recorded as an event.

use crate::clock;
use crate::operators::request::read;
use crate::operators::service::OperatorsService;
use crate::repositories::{Kit, Kits, SealError, sealed_to};
use crate::rpc_status::{failed, refuse};
use fleet_core::event::EventKind;
use fleet_core::hint::Hint;
use fleet_core::names::{InstanceName, OperatorName};
use fleet_core::refused_call::{Attempt, BackupRefusal};
use fleet_proto::v1;
use std::collections::BTreeSet;
use tonic::Status;

const ATTEMPT: Attempt = Attempt::MakeKit;

impl OperatorsService {
    pub async fn recovery_kits_for(
        &self,
        by: &OperatorName,
        request: &v1::RecoveryKitsRequest,
    ) -> Result<v1::RecoveryKitList, Status> {
        let names = request.instances.iter().map(|name| read(ATTEMPT, name));
        let names = names.collect::<Result<BTreeSet<InstanceName>, _>>()?;
        let kits = self.shared.repository_service.recovery_kits(&names).await;
        let Kits { made, failed: lacking } = kits.map_err(|error| {
            refuse(ATTEMPT, BackupRefusal::RepositoryFailed { reason: Box::new((&error).into()) }, None)
        })?;
        let has = |name: &InstanceName| {
            made.iter().any(|kit| kit.instance == *name) || lacking.iter().any(|(_, of, _)| of == name)
        };
        if let Some(name) = names.iter().find(|name| !has(name)) {
            return Err(refuse(ATTEMPT, BackupRefusal::NoRepositoryOf { instance: name.clone() }, Hint::TakeBackup));
        }
        let recipient = Some(request.age_recipient.as_str()).filter(|text| !text.is_empty());
        let kits = made.into_iter().map(|kit| view(kit, recipient)).collect::<Result<Vec<_>, _>>()?;
        let missing = lacking.into_iter().map(|(repository, instance, reason)| v1::MissingKit {
            repository: repository.to_string(),
            instance: instance.to_string(),
            reason: Some(reason.into()),
        });
        let event = EventKind::RecoveryKitsTaken { count: kits.len() };
        let kept = self.shared.facts.tell(by, event, clock::now()).await;
        kept.map_err(|error| failed(Attempt::KeepEvent, &error))?;
        Ok(v1::RecoveryKitList { kits, missing: missing.collect() })
    }
}

fn view(kit: Kit, recipient: Option<&str>) -> Result<v1::RecoveryKit, Status> {
    let text = match recipient {
        None => kit.text.0,
        Some(recipient) => sealed_to(recipient, &kit.text.0).map_err(|error| match error {
            SealError::Recipient { recipient, reason: problem } => {
                refuse(ATTEMPT, BackupRefusal::RecipientInvalid { recipient, problem }, Hint::MakeAgeKey)
            }
            error @ (SealError::Encrypt(_) | SealError::Write(_)) => failed(Attempt::SealKit, &error),
        })?,
    };
    let repository = match kit.retired {
        None => kit.repository.to_string(),
        Some(added) => format!("{}-removed-{}", kit.repository, added.0 / 1000),
    };
    let instance = kit.instance.to_string();
    Ok(v1::RecoveryKit { repository, instance, text, sealed: recipient.is_some() })
}
