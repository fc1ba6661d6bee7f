//! Paths as text: made normal without asking any file system.

/// The normal form of a relative path, without `.` and `..`; none if it leaves the folder it starts from.
///
/// The folder itself is the empty path.
pub fn normal(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The normal form of an absolute path; none if it is relative or leaves the root.
pub fn normal_absolute(path: &str) -> Option<String> {
    normal(path.strip_prefix('/')?.trim_start_matches('/')).map(|inside| format!("/{inside}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_normal_or_refused() {
        for (given, expect) in [
            ("./a//b/", Some("a/b")),
            ("a/../b", Some("b")),
            (".", Some("")),
            ("../a", None),
            ("a/../../b", None),
            ("/a", None),
            ("a\\b", None),
        ] {
            assert_eq!(normal(given).as_deref(), expect, "for `{given}`");
        }
        assert_eq!(normal_absolute("/a/./b/..").as_deref(), Some("/a"));
        assert_eq!(normal_absolute("/../etc"), None);
        assert_eq!(normal_absolute("a"), None);
    }
}
