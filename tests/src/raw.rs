//! The wire without our types: bytes as they are for messages, and connections without a certificate.

use fleet_link::SERVER_NAME;
use hyper_util::rt::TokioIo;
use prost::bytes::{Buf, BufMut};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, codegen::http::Uri};
use tower::service_fn;

/// Passes bytes on as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

/// Connects without a certificate, as a machine that has not joined.
pub async fn dial_without_certificate(address: &str, ca: &[u8]) -> anyhow::Result<Channel> {
    let mut roots = RootCertStore::empty();
    roots.add(ca.to_vec().into())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (connector, target) = (TlsConnector::from(Arc::new(config)), address.to_owned());
    let reach = service_fn(move |_: Uri| {
        let (connector, target) = (connector.clone(), target.clone());
        async move {
            let stream = TcpStream::connect(target).await?;
            let name = SERVER_NAME.try_into().map_err(std::io::Error::other)?;
            connector.connect(name, stream).await.map(TokioIo::new)
        }
    });
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect_with_connector(reach).await?)
}
