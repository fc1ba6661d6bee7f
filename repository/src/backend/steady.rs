//! Requests of the S3 client that a line broke before an answer came: an end that the client may try again.
//!
//! object_store repeats a request if it knows the kind of the error. It does not know the kind if the server closes a
//! pooled connection just as a request uses it, and gives up.

use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, Result};
use std::pin::Pin;

/// A connector that reports errors of unknown kind as interruptions, so that object_store repeats idempotent requests
/// within its limits on retries and time.
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
