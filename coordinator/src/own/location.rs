//! Location of the coordinator's own backups: a folder, or `s3:URL/BUCKET/PREFIX` in restic's notation.

use fleet_repository::backend::{S3Address, Transport};
use fleet_repository::worker::BackendSpec;
use std::path::Path;

/// Reason why a location is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The text is not a location.
    #[error("`{0}` is no place for backups: write an absolute path, or s3:https://HOST/BUCKET/PREFIX")]
    Place(String),
    /// The environment has no credentials for the bucket.
    #[error("a bucket needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")]
    NoKeys,
}

/// Parses a location. `variable` reads the environment, the only source of a bucket's credentials.
pub fn read_place(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<BackendSpec, BackendError> {
    if Path::new(text).is_absolute() {
        return Ok(BackendSpec::Folder { path: text.into() });
    }
    let wrong = || BackendError::Place(text.to_owned());
    let url = text.strip_prefix("s3:").ok_or_else(wrong)?;
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let transport = match scheme {
        "https" => Transport::Https,
        "http" => Transport::PlainHttp,
        _ => return Err(wrong()),
    };
    let mut parts = rest.splitn(3, '/');
    let (host, bucket) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if host.is_empty() || bucket.is_empty() {
        return Err(wrong());
    }
    let prefix = parts.next().unwrap_or_default().trim_end_matches('/').to_owned();
    let key = |name: &str| variable(name).filter(|text| !text.is_empty()).ok_or(BackendError::NoKeys);
    Ok(BackendSpec::S3(S3Address {
        endpoint: format!("{scheme}://{host}"),
        region: variable("AWS_DEFAULT_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
        bucket: bucket.to_owned(),
        prefix,
        access_key: key("AWS_ACCESS_KEY_ID")?,
        secret_key: key("AWS_SECRET_ACCESS_KEY")?,
        transport,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket_with_keys() {
        let keys = |name: &str| name.starts_with("AWS_").then(|| "key".to_owned());
        let folder = read_place("/mnt/backups", |_| None).expect("it is one");
        assert_eq!(folder, BackendSpec::Folder { path: "/mnt/backups".into() });
        let BackendSpec::S3(bucket) = read_place("s3:https://s3.example.org/lab/fleet/own/", keys).expect("it is one")
        else {
            panic!("it is a bucket")
        };
        let said = (bucket.endpoint.as_str(), bucket.bucket.as_str(), bucket.prefix.as_str());
        assert_eq!(said, ("https://s3.example.org", "lab", "fleet/own"));
        assert_eq!(read_place("s3:https://s3.example.org/lab", |_| None), Err(BackendError::NoKeys));
        for wrong in ["backups", "", "s3:ftp://a/b", "s3:https://a", "s3:https:///b", "sftp:host:/a"] {
            assert_eq!(read_place(wrong, keys), Err(BackendError::Place(wrong.to_owned())));
        }
    }
}
