//! Answers of the fake about backups, from the scene.

use crate::fake::Shared;
use crate::scene::Scene;
use fleet_core::backup::ManifestChange;
use fleet_core::undeliverable_reason::UndeliverableReason as Undeliverable;
use fleet_proto::v1::backups_server::Backups;
use fleet_proto::v1::*;
use std::pin::Pin;
use tokio_stream::Stream;
use tonic::{Request, Response, Status as GrpcStatus};

pub struct Safe(pub Shared);

type Answer<T> = Result<Response<T>, GrpcStatus>;
type Many<T> = Pin<Box<dyn Stream<Item = Result<T, GrpcStatus>> + Send>>;

impl Safe {
    fn answer<Q: std::fmt::Debug, T>(&self, request: Request<Q>, say: impl FnOnce(&mut Scene) -> T) -> Answer<T> {
        let mut scene = self.0.lock().expect("nobody panicked");
        scene.hear(&request.into_inner())?;
        Ok(Response::new(say(&mut scene)))
    }
}

fn all<T: Clone + Send + 'static>(items: &[T]) -> Many<T> {
    Box::pin(tokio_stream::iter(items.iter().cloned().map(Ok).collect::<Vec<_>>()))
}

#[tonic::async_trait]
impl Backups for Safe {
    type VerifyStream = Many<VerifyLine>;
    type ExtractStream = Many<ExtractPiece>;

    async fn get_backup_health(&self, request: Request<GetBackupHealthRequest>) -> Answer<BackupHealthList> {
        self.answer(request, |scene| BackupHealthList { now_ms: 0, instances: scene.standing.clone() })
    }

    async fn list_backups(&self, request: Request<ListBackupsRequest>) -> Answer<BackupList> {
        self.answer(request, |scene| BackupList { backups: scene.backups.clone() })
    }

    async fn show_backup(&self, request: Request<ShowBackupRequest>) -> Answer<BackupDetail> {
        self.answer(request, |scene| BackupDetail {
            backup: scene.backups.first().cloned(),
            parts: vec![
                PartView {
                    store: "db".to_owned(),
                    engine: StoreEngine::Postgresql.into(),
                    bytes: 5 << 20,
                    added: 1 << 20,
                    took_ms: 1500,
                    counts: [("notes".to_owned(), 120)].into(),
                    noted_facts: 63,
                    noted_tables: 5,
                    ..Default::default()
                },
                // Of an earlier version.
                PartView {
                    store: "old".to_owned(),
                    engine: StoreEngine::Postgresql.into(),
                    bytes: 1 << 20,
                    took_ms: 1500,
                    ..Default::default()
                },
            ],
            service_holds: vec![ServiceHold {
                service: "web".to_owned(),
                kind: ServiceHoldKind::Paused.into(),
                from_ms: 1000,
                to_ms: 4000,
            }],
            ..Default::default()
        })
    }

    async fn diff_backups(&self, request: Request<DiffBackupsRequest>) -> Answer<BackupDifference> {
        let (store, item) = ("db".parse().expect("a name"), "notes".to_owned());
        let lines = vec![ManifestChange::CountChanged { store, item, older: 100, newer: 120 }.into()];
        self.answer(request, |_| BackupDifference { lines, stores: 2, ..Default::default() })
    }

    async fn hold_backup(&self, request: Request<HoldBackupRequest>) -> Answer<BackupView> {
        self.answer(request, |scene| scene.backups.first().cloned().unwrap_or_default())
    }

    async fn accept_backup(&self, request: Request<AcceptBackupRequest>) -> Answer<BackupView> {
        self.answer(request, |scene| scene.backups.first().cloned().unwrap_or_default())
    }

    async fn back_up(&self, request: Request<BackUpRequest>) -> Answer<BackUpReply> {
        self.answer(request, |scene| BackUpReply { changes: vec![scene.change.clone()] })
    }

    async fn drill(&self, request: Request<DrillRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn restore(&self, request: Request<RestoreRequest>) -> Answer<InstanceChange> {
        self.answer(request, |scene| scene.change.clone())
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Answer<Self::VerifyStream> {
        self.answer(request, |scene| all(&scene.verified))
    }

    async fn extract(&self, request: Request<ExtractRequest>) -> Answer<Self::ExtractStream> {
        self.answer(request, |scene| {
            let mut pieces: Vec<_> =
                scene.pieces.iter().map(|bytes| Ok(ExtractPiece { bytes: bytes.clone() })).collect();
            if scene.breaks > 0 {
                pieces.push(Err(GrpcStatus::failed_precondition("a pack is damaged")));
            }
            Box::pin(tokio_stream::iter(pieces)) as Many<ExtractPiece>
        })
    }

    async fn get_recovery_kits(&self, request: Request<RecoveryKitsRequest>) -> Answer<RecoveryKitList> {
        let sealed = !request.get_ref().age_recipient.is_empty();
        let lacking = request.get_ref().instances.iter().filter(|name| *name == "notes-9");
        let missing = lacking.map(|name| MissingKit {
            repository: "offsite".to_owned(),
            instance: name.clone(),
            reason: Some(Undeliverable::NoRepository("offsite".parse().expect("a name")).into()),
        });
        let missing = missing.collect();
        self.answer(request, |_| RecoveryKitList {
            missing,
            kits: vec![RecoveryKit {
                repository: "central".to_owned(),
                instance: "../notes-1".to_owned(),
                text: "where it is, and its key".to_owned(),
                sealed,
            }],
        })
    }

    async fn set_policy(&self, request: Request<SetPolicyRequest>) -> Answer<BackupPolicyView> {
        self.answer(request, |scene| scene.policies.first().cloned().unwrap_or_default())
    }

    async fn list_policies(&self, request: Request<ListPoliciesRequest>) -> Answer<BackupPolicyList> {
        self.answer(request, |scene| BackupPolicyList { policies: scene.policies.clone(), fleet_at_once: 4 })
    }

    async fn remove_policy(&self, request: Request<RemovePolicyRequest>) -> Answer<RemovePolicyReply> {
        self.answer(request, |_| RemovePolicyReply { without: vec!["notes-1".to_owned()] })
    }

    async fn add_repository(&self, request: Request<AddRepositoryRequest>) -> Answer<RepositoryView> {
        self.answer(request, |scene| scene.repositories.last().cloned().unwrap_or_default())
    }

    async fn list_repositories(&self, request: Request<ListRepositoriesRequest>) -> Answer<RepositoryList> {
        self.answer(request, |scene| RepositoryList { repositories: scene.repositories.clone() })
    }

    async fn remove_repository(&self, request: Request<RemoveRepositoryRequest>) -> Answer<RemoveRepositoryReply> {
        self.answer(request, |_| RemoveRepositoryReply {})
    }
}
