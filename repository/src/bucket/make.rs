//! Creates a missing bucket, which the client does not do by itself.

use super::Bucket;
use crate::backend::{BackendError, Transport};
use crate::error::Result;
use object_store::ClientOptions;
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};

/// Default region. A request to create a bucket there must not name the region in its body.
const NOWHERE: &str = "us-east-1";

impl Bucket {
    /// Makes the bucket. One that is there already, and is ours, is well.
    pub(super) fn make(&self) -> Result<()> {
        let made = self.runtime.block_on(async {
            let answer = tokio::time::timeout(self.deadline, self.asked_for()).await;
            answer.unwrap_or_else(|_| Err(BackendError::Late(format!("not within {} s", self.deadline.as_secs()))))
        });
        made.map_err(self.failed("make"))
    }

    async fn asked_for(&self) -> Result<(), BackendError> {
        let refused = |error: String| BackendError::Refused(error);
        let credentials = self.store.credentials().get_credential().await.map_err(|it| refused(it.to_string()))?;
        let region = &self.address.region;
        let body = match region.as_str() {
            NOWHERE | "" => HttpRequestBody::empty(),
            region if region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}\
                 </LocationConstraint></CreateBucketConfiguration>"
            )
            .into(),
            region => return Err(refused(format!("`{region}` is no region"))),
        };
        let mut request = HttpRequest::new(body);
        *request.method_mut() = "PUT".parse().map_err(|_| refused("no method".to_owned()))?;
        *request.uri_mut() = self.name.parse().map_err(|_| refused(format!("`{}` is no address", self.name)))?;
        let authorizer = AwsAuthorizer::new(&credentials, "s3", region);
        authorizer.try_authorize(&mut request, None).map_err(|error| refused(error.to_string()))?;
        let options = ClientOptions::new().with_allow_http(self.address.transport == Transport::PlainHttp);
        let client = ReqwestConnector::default().connect(&options).map_err(|error| refused(error.to_string()))?;
        let answer = client.execute(request).await.map_err(|error| BackendError::Unreachable(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // It was created meanwhile; the next request shows whether we may use it.
            status if status.as_u16() == 409 => Ok(()),
            status => Err(refused(format!("it answered {status}"))),
        }
    }

    /// Returns the objects of the bucket. Creates the bucket if it does not exist.
    pub(super) fn list_or_make(&self) -> Result<Vec<super::ListedObject>> {
        match self.listed() {
            Err(super::ListError::Backend(BackendError::Missing)) => self.make().and_then(|()| self.list()),
            listed => self.sorted(listed),
        }
    }
}
