//! Resolves links in a host's paths, and checks their targets against its policy.
//!
//! A container that may write to an allowed folder may put a link there, and the Engine follows links. The caller,
//! which has a file system, resolves the links; this module decides about them.

use super::HostPolicy;
use super::check::components;
use super::reach::{HostReach, Lead, Refusal};
use super::reaches::Reaches;
use crate::policy_refusal::LeadError;
use std::collections::{BTreeMap, BTreeSet};

/// Targets of paths after all links, or the reason why a path cannot be resolved.
pub type Leads = BTreeMap<String, Result<String, LeadError>>;

/// List of a policy that applies to a path.
#[derive(Clone, Copy)]
enum List {
    /// Paths that may be mounted, or be a store.
    Paths,
    /// Paths for backups.
    Repositories,
}

impl HostPolicy {
    /// The paths that [`Self::refusals_of_links`] wants followed.
    pub fn paths_to_follow(&self, reaches: &Reaches) -> BTreeSet<String> {
        let reached: BTreeSet<String> =
            reaches.all.iter().filter_map(path_of).map(|(_, path)| path.to_owned()).collect();
        if reached.is_empty() {
            return reached;
        }
        let entries = self.entries(List::Paths).chain(self.entries(List::Repositories));
        let ways =
            entries.flat_map(|entry| (0..=entry.len()).map(|length| written(&entry[..length])).collect::<Vec<_>>());
        let ways: Vec<String> = ways.collect();
        reached.into_iter().chain(reaches.own.clone()).chain(ways).collect()
    }

    /// Returns the paths of an order that a link leads to a forbidden target.
    ///
    /// A path without links is not reported again: [`Self::refusals`] has checked it as written.
    pub fn refusals_of_links(&self, reaches: &Reaches, leads: &Leads) -> Vec<Refusal> {
        let mut refusals: Vec<Refusal> = Vec::new();
        for reach in &reaches.all {
            let Some((list, path)) = path_of(reach) else { continue };
            let lead = self.stray((list, path), reaches.own.as_deref(), leads);
            let refusal = lead.map(|lead| Refusal { reach: reach.clone(), lead: Some(lead) });
            refusals.extend(refusal.filter(|refusal| !refusals.contains(refusal)));
        }
        refusals
    }

    fn stray(&self, (list, path): (List, &str), own: Option<&str>, leads: &Leads) -> Option<Lead> {
        let own_end = own.filter(|_| matches!(list, List::Paths)).and_then(|own| end_of(leads, own));
        let allowed: Vec<_> = own_end.into_iter().chain(self.places(list, leads)).collect();
        let is_allowed = |end: &str| {
            let is_there = |end: Vec<&str>| allowed.iter().any(|place| end.starts_with(place));
            components(end).is_some_and(is_there) || self.allows_written(list, end)
        };
        match leads.get(path) {
            Some(Ok(end)) if components(end) == components(path) || is_allowed(end) => None,
            Some(Ok(end)) => Some(Lead::To(end.clone())),
            Some(Err(_)) if is_shown_in_part(path) && self.is_written(list, path) => None,
            Some(Err(reason)) => Some(Lead::Unknown(Some(reason.clone()))),
            None => Some(Lead::Unknown(None)),
        }
    }

    fn allows_written(&self, list: List, path: &str) -> bool {
        let Some(path) = components(path) else { return false };
        self.entries(list).any(|entry| path.starts_with(&entry))
    }

    fn entries(&self, list: List) -> impl Iterator<Item = Vec<&str>> {
        let entries = match list {
            List::Paths => &self.paths,
            List::Repositories => &self.repositories,
        };
        entries.iter().filter_map(move |entry| match (list, entry.as_str()) {
            (List::Repositories, "*") => Some(Vec::new()),
            (List::Paths | List::Repositories, entry) => components(entry),
        })
    }

    /// Returns the targets of the policy's entries, which may be links themselves.
    ///
    /// An entry below another one does not count: a writer of the upper path may have made the link.
    fn places<'a>(&'a self, list: List, leads: &'a Leads) -> Vec<Vec<&'a str>> {
        let entries: BTreeSet<_> = self.entries(list).collect();
        let end = |entry: &[&str]| end_of(leads, &written(entry));
        let leads_through = |entry: &[&str], other: &[&str]| {
            let folders = (0..entry.len()).filter_map(|length| end(&entry[..length]));
            let is_other = entry != other;
            is_other && end(other).is_some_and(|place| folders.into_iter().any(|folder| folder.starts_with(&place)))
        };
        let own = entries.iter().filter(|entry| !entries.iter().any(|other| leads_through(entry, other)));
        own.filter_map(|entry| end(entry)).collect()
    }

    /// Returns whether the policy lists exactly this path, and no other entry leads into it: then it also counts if it
    /// cannot be resolved.
    fn is_written(&self, list: List, path: &str) -> bool {
        let Some(path) = components(path) else { return false };
        let reaching: BTreeSet<_> = self.entries(list).filter(|entry| path.starts_with(entry)).collect();
        reaching.iter().eq([&path])
    }
}

/// The path that a reach is, and the list that answers for it.
fn path_of(reach: &HostReach) -> Option<(List, &str)> {
    match reach {
        HostReach::Path { path, used: _ } => Some((List::Paths, path)),
        HostReach::RepositoryFolder { repository: _, path } => Some((List::Repositories, path)),
        HostReach::App(_)
        | HostReach::Image(_)
        | HostReach::ExternalVolume(_)
        | HostReach::RemoteVolume { .. }
        | HostReach::VolumeDriver { .. }
        | HostReach::Foreign { .. }
        | HostReach::ExternalNetwork(_)
        | HostReach::Power { .. }
        | HostReach::NetworkDevice { .. }
        | HostReach::Exec(_)
        | HostReach::LogDriver { .. }
        | HostReach::LogOption { .. }
        | HostReach::Bucket(_)
        | HostReach::RepositoryEndpoint { .. } => None,
    }
}

/// Returns whether a path is in a folder of which each systemd service sees another part: a link there may be invisible
/// to the agent.
pub fn is_shown_in_part(path: &str) -> bool {
    components(path).is_some_and(|parts| matches!(parts.first(), Some(&("dev" | "proc" | "sys"))))
}

fn end_of<'a>(leads: &'a Leads, path: &str) -> Option<Vec<&'a str>> {
    components(leads.get(path)?.as_ref().ok()?)
}

fn written(parts: &[&str]) -> String {
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host_policy::testing::rendered;

    /// Follows links as a file system would that has only these; a link to `?` cannot be read.
    fn follow(path: &str, links: &[(&str, &str)]) -> Result<String, LeadError> {
        let mut place = path.to_owned();
        for _ in 0..10 {
            let found = links.iter().find(|(link, _)| {
                let rest = place.strip_prefix(link);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            match found {
                Some((_, "?")) => return Err(LeadError::NotLooked { reason: "permission denied".to_owned() }),
                Some((link, to)) => place = format!("{to}{}", &place[link.len()..]),
                None => return Ok(place),
            }
        }
        Err(LeadError::TooManyLinks)
    }

    fn check(paths: &[&str], mounted: &str, links: &[(&str, &str)], expect: &[&str]) {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let policy = HostPolicy { paths, ..HostPolicy::default() };
        let compose = format!("services: {{ web: {{ image: nginx, volumes: ['{mounted}:/x'] }} }}\n");
        let reaches = Reaches::of_spec(&rendered(&compose).spec);
        let leads = policy.paths_to_follow(&reaches);
        let leads = leads.into_iter().map(|path| (path.clone(), follow(&path, links))).collect();
        let said: Vec<String> = policy.refusals_of_links(&reaches, &leads).iter().map(ToString::to_string).collect();
        assert_eq!(said, expect, "{mounted} with {links:?}");
    }

    #[test]
    fn a_link_out_of_an_allowed_folder_is_said_with_its_end() {
        let expect = ["the host does not allow mounting /srv/data/x: it leads to /etc"];
        check(&["/srv/data"], "/srv/data/x", &[("/srv/data/x", "/etc")], &expect);
        let expect = ["the host does not allow mounting /srv/data/x/y: it leads to /srv/database/y"];
        check(&["/srv/data"], "/srv/data/x/y", &[("/srv/data/x", "/srv/database")], &expect);
        check(&["/srv/data"], "/srv/data/x", &[("/srv/data/x", "/srv/data/y")], &[]);
        check(&["/srv/data", "/etc"], "/srv/data/x", &[("/srv/data/x", "/etc")], &[]);
        check(&["/srv/data"], "/srv/data/x", &[], &[]);
    }

    #[test]
    fn where_nobody_can_look_there_may_be_a_link() {
        let expect =
            ["the host does not allow mounting /srv/data/x: it may be a link: could not look at it: permission denied"];
        check(&["/srv/data"], "/srv/data/x", &[("/srv/data/x", "?")], &expect);
    }

    #[test]
    fn where_the_system_shows_a_part_only_what_is_written_out_counts() {
        let hidden = [("/dev/disk", "?")];
        let expect = [
            "the host does not allow mounting /dev/disk/by-id/a: it may be a link: could not look at it: permission denied",
        ];
        check(&["/dev"], "/dev/disk/by-id/a", &hidden, &expect);
        check(&["/dev", "/dev/disk/by-id/a"], "/dev/disk/by-id/a", &hidden, &expect);
        check(&["/dev/disk/by-id/a"], "/dev/disk/by-id/a", &hidden, &[]);
        check(&["/dev/shm", "/proc"], "/dev/shm", &[], &[]);
        check(&["/dev/shm", "/proc"], "/proc", &[], &[]);
        let expect =
            ["the host does not allow mounting /srv/data: it may be a link: could not look at it: permission denied"];
        check(&["/srv/data"], "/srv/data", &[("/srv/data", "?")], &expect);
    }

    #[test]
    fn a_link_out_of_an_instances_own_folder_is_said() {
        let expect = ["the host does not allow mounting /srv/fleet/notes-1/x: it leads to /etc"];
        check(&[], "./x", &[("/srv/fleet/notes-1/x", "/etc")], &expect);
        let expect = ["the host does not allow mounting /srv/fleet/notes-1/x: it leads to /srv/fleet/other-1"];
        check(&[], "./x", &[("/srv/fleet/notes-1/x", "/srv/fleet/other-1")], &expect);
        check(&[], "./x", &[("/srv/fleet/notes-1/x", "/srv/fleet/notes-1/y")], &[]);
        check(&[], "./x", &[("/srv/fleet", "/mnt/fleet")], &[]);
    }

    #[test]
    fn an_entry_of_the_policy_may_be_a_link_itself() {
        check(&["/srv/data"], "/srv/data/x", &[("/srv", "/mnt/disk")], &[]);
        check(&["/var/run/docker.sock"], "/var/run/docker.sock", &[("/var/run", "/run")], &[]);
    }

    #[test]
    fn an_entry_that_a_container_may_have_made_a_link_does_not_count() {
        let expect = ["the host does not allow mounting /srv/data/x: it leads to /etc"];
        check(&["/srv/data", "/srv/data/x"], "/srv/data/x", &[("/srv/data/x", "/etc")], &expect);
        let links = [("/srv/data", "/mnt/disk"), ("/mnt/disk/x", "/etc")];
        let expect = ["the host does not allow mounting /mnt/disk/x: it leads to /etc"];
        check(&["/srv/data", "/mnt/disk/x"], "/mnt/disk/x", &links, &expect);
    }

    #[test]
    fn a_volume_on_a_device_is_followed_too() {
        let policy = HostPolicy { paths: ["/srv/data".to_owned()].into(), ..HostPolicy::default() };
        let compose = "services: { web: { image: nginx, volumes: ['lab:/x'] } }\n\
                       volumes: { lab: { driver_opts: { type: none, o: bind, device: /srv/data/lab } } }\n";
        let reaches = Reaches::of_spec(&rendered(compose).spec);
        let end = |path: &str| Ok(if path == "/srv/data/lab" { "/root" } else { path }.to_owned());
        let leads = policy.paths_to_follow(&reaches).into_iter().map(|path| (path.clone(), end(&path))).collect();
        let said: Vec<String> = policy.refusals_of_links(&reaches, &leads).iter().map(ToString::to_string).collect();
        assert_eq!(said, ["the host does not allow mounting /srv/data/lab: it leads to /root"]);
    }
}
