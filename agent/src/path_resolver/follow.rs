//! Follows a path through the links of this host's file system.

use fleet_core::host_policy::is_shown_in_part;
use fleet_core::policy_refusal::LeadError;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Maximum number of links, as in Linux.
const MOST_LINKS: u32 = 40;

/// Resolves a path, whether it exists or not: links to missing targets are followed too.
pub fn follow(path: &str) -> Result<String, LeadError> {
    let mut ahead = parts_from_last(Path::new(path));
    let (mut place, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = ahead.pop() {
        if part == ".." {
            place.pop();
            continue;
        }
        place.push(part);
        match fs::read_link(&place) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(LeadError::TooManyLinks);
                }
                place.pop();
                if target.is_absolute() {
                    place = PathBuf::from("/");
                }
                ahead.extend(parts_from_last(&target));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && place.to_str().is_none_or(is_shown_in_part) => {
                return Err(LeadError::NotShown { path: place.display().to_string() });
            }
            Err(error) if is_no_link(error.kind()) => {}
            Err(error) => {
                let (path, reason) = (place.display().to_string(), error.to_string());
                return Err(LeadError::Unreadable { path, reason });
            }
        }
    }
    place.into_os_string().into_string().map_err(|place| LeadError::NotText { path: place.display().to_string() })
}

/// Returns whether the path is something other than a link, or does not exist.
fn is_no_link(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn parts_from_last(path: &Path) -> Vec<OsString> {
    let parts = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
    parts.rev().map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Harness {
        _folder: tempfile::TempDir,
        root: PathBuf,
    }

    impl Harness {
        fn new(links: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let root = folder.path().canonicalize().expect("it is there");
            fs::create_dir_all(root.join("data/notes")).expect("a folder can be made");
            for (link, target) in links {
                symlink(target.replace('@', &root.display().to_string()), root.join(link)).expect("a link can be made");
            }
            Self { _folder: folder, root }
        }

        fn check(&self, path: &str, expect: &str) {
            let at = |path: &str| self.root.join(path).display().to_string();
            let expect = if expect.starts_with('/') { expect.to_owned() } else { at(expect) };
            assert_eq!(follow(&at(path)), Ok(expect), "{path}");
        }
    }

    #[test]
    fn what_is_no_link_leads_to_itself() {
        let harness = Harness::new(&[]);
        for path in ["data", "data/notes", "data/nothing/yet", "nothing"] {
            harness.check(path, path);
        }
    }

    #[test]
    fn links_are_followed_wherever_they_stand() {
        let harness = Harness::new(&[
            ("data/away", "/etc"),
            ("data/near", "notes"),
            ("data/up", "../data/notes"),
            ("all", "@/data"),
        ]);
        harness.check("data/away", "/etc");
        harness.check("data/away/passwd", "/etc/passwd");
        harness.check("data/near/x", "data/notes/x");
        harness.check("data/up", "data/notes");
        harness.check("all/away/ssh", "/etc/ssh");
        harness.check("data/near/..", "data");
    }

    #[test]
    fn a_link_to_nothing_is_followed_too() {
        Harness::new(&[("data/x", "/etc/fleet-has-no-such-folder")])
            .check("data/x/y", "/etc/fleet-has-no-such-folder/y");
    }

    #[test]
    fn what_the_system_may_not_show_is_not_taken_for_nothing() {
        for hidden in ["/dev/fleet-is-not-here", "/proc/fleet-is-not-here", "/sys/fleet-is-not-here"] {
            assert_eq!(follow(&format!("{hidden}/x")), Err(LeadError::NotShown { path: hidden.to_owned() }));
        }
        assert_eq!(follow("/dev/null"), Ok("/dev/null".to_owned()));
        let harness = Harness::new(&[("data/x", "/dev/fleet-is-not-here")]);
        assert!(follow(&harness.root.join("data/x").display().to_string()).is_err(), "also through a link");
    }

    #[test]
    fn links_that_never_end_lead_nowhere() {
        let harness = Harness::new(&[("a", "b"), ("b", "a")]);
        assert_eq!(follow(&harness.root.join("a").display().to_string()), Err(LeadError::TooManyLinks));
    }
}
