//! Requests of the S3 client that a line broke before an answer came: an end that the client may try again.
//!
//! object_store tries a request again where it knows the kind of the error. Of a connection of its pool that the store closes
//! just as the next request takes it, it does not know the kind, and gives up.

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, Result};
use std::pin::Pin;

/// A connector whose errors of an unknown kind are interruptions: object_store then repeats what is idempotent, within its
/// number of retries and its time.
#[derive(Debug, Default)]
pub struct SteadyConnector(ReqwestConnector);

impl HttpConnector for SteadyConnector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        Ok(HttpClient::new(Steady(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct Steady(HttpClient);

impl HttpService for Steady {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { self.0.execute(request).await.map_err(known) })
    }
}

fn known(error: HttpError) -> HttpError {
    if error.kind() == HttpErrorKind::Unknown { HttpError::new(HttpErrorKind::Interrupted, error) } else { error }
}
