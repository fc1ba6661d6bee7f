//! Failures of the repository service as reasons with arguments.

use super::housekeeping::said;
use super::repository_service::RepositoryServiceError;
use super::secrets::SecretsError;
use fleet_core::undeliverable_reason::UndeliverableReason;

impl From<&RepositoryServiceError> for UndeliverableReason {
    fn from(error: &RepositoryServiceError) -> Self {
        match error {
            RepositoryServiceError::Unknown(repository) => Self::NoRepository(repository.clone()),
            RepositoryServiceError::Empty { repository, instance } => {
                Self::NothingInRepository { repository: repository.clone(), instance: instance.clone() }
            }
            RepositoryServiceError::NoBucketKeys(repository) => Self::BucketKeysMissing(repository.clone()),
            RepositoryServiceError::OnItsHost(repository) => Self::RepositoryOnHost(repository.clone()),
            RepositoryServiceError::BeingMade(repository) => Self::RepositoryBeingMade(repository.clone()),
            RepositoryServiceError::BeingMadeSince { repository, since } => {
                Self::RepositoryBeingMadeSince { repository: repository.clone(), since: *since }
            }
            RepositoryServiceError::NotMade { repository, reason } => {
                Self::RepositoryNotMade { repository: repository.clone(), cause: reason.as_str().into() }
            }
            RepositoryServiceError::NoBackup { repository, instance, backup } => Self::BackupMissing {
                repository: repository.clone(),
                instance: instance.clone(),
                backup: backup.as_str().into(),
            },
            RepositoryServiceError::Unreadable { backup, damage } => {
                Self::BackupUnreadable { backup: backup.as_str().into(), damage: damage.shortened() }
            }
            // The reason says itself that the keys cannot be opened.
            RepositoryServiceError::Secrets(SecretsError::Seal(_, source)) => {
                Self::RepositoryKeysUnreadable { cause: source.to_string().into() }
            }
            RepositoryServiceError::Secrets(SecretsError::Store(_))
            | RepositoryServiceError::Store(_)
            | RepositoryServiceError::Keys(_)
            | RepositoryServiceError::Repository(_)
            | RepositoryServiceError::Disk(_) => Self::RepositoryFailed { cause: said(error).into() },
        }
    }
}
