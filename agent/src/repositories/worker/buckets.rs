//! Buckets of an instance's own, filled and looked at by workers.

use super::super::{BucketFilled, BucketFound, ProgressSink, RepositoryError};
use super::WorkerRepository;
use fleet_core::backup::Bucket;
use fleet_repository::SetRecord;
use fleet_repository::backend::{S3Address, Transport};
use fleet_repository::bucket::Extra;
use fleet_repository::worker::{Answer, Work};
use std::collections::BTreeMap;

/// A bucket in a worker's words.
pub fn s3_address(bucket: &Bucket) -> S3Address {
    S3Address {
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        bucket: bucket.bucket.clone(),
        prefix: bucket.prefix.clone(),
        access_key: bucket.key_id.expose().to_owned(),
        secret_key: bucket.key.expose().to_owned(),
        // Which of both it is, app.yaml said.
        transport: if bucket.endpoint.starts_with("http://") { Transport::PlainHttp } else { Transport::Https },
    }
}

impl WorkerRepository {
    pub(super) async fn fill(
        &self,
        set: &SetRecord,
        path: &str,
        to: &Bucket,
        told: &ProgressSink,
    ) -> Result<BucketFilled, RepositoryError> {
        let doing = format!("restore `{path}` to the bucket {}", to.place());
        let snapshot = self.snapshot(&doing, set.snapshots().files)?;
        let (path, to, extra) = (path.to_owned(), s3_address(to), Extra::Remove);
        let work = Work::FillBucket { snapshot, path, to, extra };
        match self.ask_telling(&doing, work, told, |progress| progress.place_read).await? {
            Answer::Filled(it) => Ok(BucketFilled { objects: it.objects, bytes: it.bytes, removed: it.removed }),
            _ => Err(self.strange(&doing)),
        }
    }

    pub(super) async fn look(
        &self,
        bucket: &Bucket,
        sample: &BTreeMap<String, String>,
    ) -> Result<BucketFound, RepositoryError> {
        let doing = format!("look at the bucket {}", bucket.place());
        let work = Work::LookAtBucket { bucket: s3_address(bucket), sample: sample.clone() };
        match self.ask(&doing, work).await? {
            Answer::Looked(it) => Ok(BucketFound { objects: it.objects, bytes: it.bytes, wrong: it.wrong }),
            _ => Err(self.strange(&doing)),
        }
    }
}
