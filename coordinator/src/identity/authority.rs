//! The fleet's own CA: it signs the coordinator's certificate and those of hosts and operators, and nothing else.

use super::IdentityError;
use data_encoding::HEXLOWER;
use fleet_core::access::Subject;
use fleet_core::time::Time;
use fleet_link::SERVER_NAME;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;

const KEY_FILE: &str = "ca.key";
const CERTIFICATE_FILE: &str = "ca.crt";
const CA_LIFE: Duration = Duration::from_secs(20 * 366 * 86_400);
/// Lifetime of the coordinator's own certificate; `serve` renews it.
pub const SERVER_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// A certificate is valid from a while ago, so that a clock a few minutes off is no obstacle.
pub const BACKDATE: Duration = Duration::from_secs(10 * 60);

/// The CA with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A new certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate in DER.
    pub der: CertificateDer<'static>,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// End of its validity.
    pub not_after: Time,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new CA in a directory; the key is for its owner only.
    pub fn create(directory: &Path, now: Time) -> Result<Self, IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name("fleet CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let (before, after) = (moment(Time(now.0.saturating_sub(86_400_000))), moment(now.after(CA_LIFE)));
        (params.not_before, params.not_after) = (before, after);
        let certificate = params.self_signed(&key)?;
        write_private(&directory.join(KEY_FILE), key.serialize_pem().as_bytes())?;
        write_private(&directory.join(CERTIFICATE_FILE), certificate.pem().as_bytes())?;
        Self::load(directory)
    }

    /// Loads the CA from the coordinator's directory.
    pub fn load(directory: &Path) -> Result<Self, IdentityError> {
        let (key_path, certificate_path) = (directory.join(KEY_FILE), directory.join(CERTIFICATE_FILE));
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|source| IdentityError::Read { path: path.to_owned(), source })
        };
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(|_| IdentityError::Damaged { path: key_path })?;
        let pem = read(&certificate_path)?;
        let damaged = || IdentityError::Damaged { path: certificate_path.clone() };
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| damaged())?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|_| damaged())?;
        Ok(Self { issuer, certificate })
    }

    /// Returns the CA certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the CA certificate, as join tokens carry it.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }

    /// Signs the key of a request for a subject. Other content of the request is ignored.
    pub fn sign(&self, request: &[u8], subject: &Subject, now: Time, life: Duration) -> Result<Issued, IdentityError> {
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&subject.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (serial, not_after) = limit(&mut params, now, life)?;
        let certificate = params.signed_by(&request.public_key, &self.issuer)?;
        Ok(Issued { der: certificate.der().clone(), serial, not_after })
    }

    /// A new key and certificate for the coordinator itself, under its fixed name and all its addresses.
    pub fn server(&self, addresses: &[String], now: Time) -> Result<(Issued, PrivateKeyDer<'static>), IdentityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(SERVER_NAME);
        params.subject_alt_names = vec![SanType::DnsName(SERVER_NAME.try_into()?)];
        for host in addresses.iter().filter_map(|address| host_of(address)) {
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.try_into()?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (serial, not_after) = limit(&mut params, now, SERVER_LIFE)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
        Ok((Issued { der: certificate.der().clone(), serial, not_after }, key))
    }
}

/// The SHA-256 of the key that a request wants certified, in hex. The sender of the request holds that key.
pub fn key_of(request: &[u8]) -> Result<String, IdentityError> {
    let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
    Ok(HEXLOWER.encode(&Sha256::digest(request.public_key.der_bytes())))
}

/// Gives a certificate its span and its serial.
fn limit(params: &mut CertificateParams, now: Time, life: Duration) -> Result<(String, Time), IdentityError> {
    let mut serial = [0_u8; 16];
    getrandom::fill(&mut serial).map_err(|error| IdentityError::Random(error.to_string()))?;
    // A serial is a positive number: its first bit is 0, and it has no leading zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    let not_after = now.after(life);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = moment(Time(now.0.saturating_sub(millis(BACKDATE))));
    params.not_after = moment(not_after);
    Ok((HEXLOWER.encode(&serial), not_after))
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished_name = DistinguishedName::new();
    distinguished_name.push(DnType::CommonName, name);
    distinguished_name
}

/// The host of `HOST:PORT`, without the brackets of an IPv6 address.
pub fn host_of(address: &str) -> Option<&str> {
    let (host, _) = address.rsplit_once(':')?;
    Some(host.trim_start_matches('[').trim_end_matches(']')).filter(|host| !host.is_empty())
}

fn moment(time: Time) -> OffsetDateTime {
    let seconds = i64::try_from(time.0 / 1000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a new file that only its owner may read.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| IdentityError::Write { path: path.to_owned(), source })
}
