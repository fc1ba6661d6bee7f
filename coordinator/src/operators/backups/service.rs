//! Every call about backups: the role it needs, and who carries it out.

use crate::clock;
use crate::operators::OperatorsService;
use fleet_core::access::Role;
use fleet_proto::v1;
use fleet_proto::v1::backups_server::Backups;
use futures_util::stream::BoxStream;
use tonic::{Request, Response, Status};

#[derive(Debug, Clone)]
pub struct BackupsService(pub OperatorsService);

type Reply<T> = Result<Response<T>, Status>;
type ReplyStream<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl Backups for BackupsService {
    type VerifyStream = ReplyStream<v1::VerifyLine>;
    type ExtractStream = ReplyStream<v1::ExtractPiece>;

    async fn get_backup_health(&self, request: Request<v1::GetBackupHealthRequest>) -> Reply<v1::BackupHealthList> {
        self.0.caller(&request, Role::Viewer)?;
        self.0.backup_health_now(request.get_ref(), clock::now()).map(Response::new)
    }

    async fn list_backups(&self, request: Request<v1::ListBackupsRequest>) -> Reply<v1::BackupList> {
        self.0.caller(&request, Role::Viewer)?;
        self.0.list_backups_now(request.get_ref(), clock::now()).map(Response::new)
    }

    async fn show_backup(&self, request: Request<v1::ShowBackupRequest>) -> Reply<v1::BackupDetail> {
        let by = self.0.caller(&request, Role::Viewer)?;
        self.0.show_backup_now(&by, request.get_ref(), clock::now()).await.map(Response::new)
    }

    async fn diff_backups(&self, request: Request<v1::DiffBackupsRequest>) -> Reply<v1::BackupDifference> {
        let by = self.0.caller(&request, Role::Viewer)?;
        self.0.diff_backups_now(&by, request.get_ref(), clock::now()).await.map(Response::new)
    }

    async fn hold_backup(&self, request: Request<v1::HoldBackupRequest>) -> Reply<v1::BackupView> {
        // A released backup may be removed the same day, and only administrators may give up history.
        let needed = if request.get_ref().release { Role::Administrator } else { Role::Operator };
        let by = self.0.caller(&request, needed)?;
        self.0.hold_as(&by, request.get_ref()).await.map(Response::new)
    }

    async fn accept_backup(&self, request: Request<v1::AcceptBackupRequest>) -> Reply<v1::BackupView> {
        // The host could have forged the backup, so accepting it needs an administrator.
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.accept_as(&by, request.get_ref()).await.map(Response::new)
    }

    async fn back_up(&self, request: Request<v1::BackUpRequest>) -> Reply<v1::BackUpReply> {
        let by = self.0.caller(&request, Role::Operator)?;
        self.0.back_up_as(&by, request.get_ref()).await.map(Response::new)
    }

    async fn drill(&self, request: Request<v1::DrillRequest>) -> Reply<v1::InstanceChange> {
        let by = self.0.caller(&request, Role::Operator)?;
        self.0.drill_as(&by, request.get_ref()).await.map(Response::new)
    }

    async fn restore(&self, request: Request<v1::RestoreRequest>) -> Reply<v1::InstanceChange> {
        let by = self.0.caller(&request, Role::Operator)?;
        self.0.restore_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn verify(&self, request: Request<v1::VerifyRequest>) -> Reply<Self::VerifyStream> {
        self.0.caller(&request, Role::Operator)?;
        self.0.verify_now(request.get_ref()).map(Response::new)
    }

    async fn extract(&self, request: Request<v1::ExtractRequest>) -> Reply<Self::ExtractStream> {
        // A backup holds secrets, so reading it needs an administrator.
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.extract_now(&by, request.get_ref()).await.map(Response::new)
    }

    async fn get_recovery_kits(&self, request: Request<v1::RecoveryKitsRequest>) -> Reply<v1::RecoveryKitList> {
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.recovery_kits_for(&by, request.get_ref()).await.map(Response::new)
    }

    async fn set_policy(&self, request: Request<v1::SetPolicyRequest>) -> Reply<v1::BackupPolicyView> {
        // An operator may not shorten retention; whether this does depends on the present policies.
        let (by, role) = self.0.caller_and_role(&request, Role::Operator)?;
        self.0.set_policy_as(&by, role, request.into_inner()).await.map(Response::new)
    }

    async fn list_policies(&self, request: Request<v1::ListPoliciesRequest>) -> Reply<v1::BackupPolicyList> {
        self.0.caller(&request, Role::Viewer)?;
        self.0.list_policies_now(request.get_ref(), clock::now()).map(Response::new)
    }

    async fn remove_policy(&self, request: Request<v1::RemovePolicyRequest>) -> Reply<v1::RemovePolicyReply> {
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.remove_policy_as(&by, request.get_ref()).await.map(Response::new)
    }

    async fn add_repository(&self, request: Request<v1::AddRepositoryRequest>) -> Reply<v1::RepositoryView> {
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.add_repository_as(&by, request.into_inner()).await.map(Response::new)
    }

    async fn list_repositories(&self, request: Request<v1::ListRepositoriesRequest>) -> Reply<v1::RepositoryList> {
        self.0.caller(&request, Role::Viewer)?;
        Ok(Response::new(self.0.list_repositories_now()))
    }

    async fn remove_repository(
        &self,
        request: Request<v1::RemoveRepositoryRequest>,
    ) -> Reply<v1::RemoveRepositoryReply> {
        let by = self.0.caller(&request, Role::Administrator)?;
        self.0.remove_repository_as(&by, request.get_ref()).await.map(Response::new)
    }
}
