//! Image references, taken apart as the Engine wants them.

/// Reference of an image for a pull request.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    pub repository: &'a str,
    /// A tag, or a digest where the reference has one.
    pub tag: &'a str,
    pub is_pinned: bool,
}

/// Takes `repository[:tag][@digest]` apart; a digest outranks a tag.
pub fn reference(image: &str) -> Reference<'_> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last_part = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[last_part..].rfind(':') {
        Some(colon) => (&name[..last_part + colon], Some(&name[last_part + colon + 1..])),
        None => (name, None),
    };
    Reference { repository, tag: digest.or(tag).unwrap_or("latest"), is_pinned: digest.is_some() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(image: &str, repository: &str, tag: &str) {
        let found = reference(image);
        assert_eq!((found.repository, found.tag), (repository, tag), "for `{image}`");
    }

    #[test]
    fn a_digest_outranks_a_tag() {
        check("web", "web", "latest");
        check("web:1.2", "web", "1.2");
        check("10.0.0.1:5000/labnotes-web", "10.0.0.1:5000/labnotes-web", "latest");
        check("10.0.0.1:5000/lab/web:1.2", "10.0.0.1:5000/lab/web", "1.2");
        check("10.0.0.1:5000/web:1.2@sha256:abc", "10.0.0.1:5000/web", "sha256:abc");
        check("web@sha256:abc", "web", "sha256:abc");
    }
}
