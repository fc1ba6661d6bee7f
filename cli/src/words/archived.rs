//! Words of remarks of the archiver about single files.

use fleet_core::backup::{ArchiveNote, RestoreNote};
use fleet_core::grammar::{count, listed};
use fleet_proto::convert::{incoming_archive_note, incoming_restore_note};
use fleet_proto::v1;

/// Returns the words of a remark about an archived file as it came over the wire.
pub fn shown_archive_note(message: &v1::ArchiveNote) -> String {
    let known = incoming_archive_note(message.clone()).as_ref().map(archive_note);
    known.unwrap_or_else(|| super::unknown::<v1::ArchiveNoteCode>("a remark", message.code, &message.arguments))
}

/// Returns the words of a remark about a restored file as it came over the wire.
pub fn shown_restore_note(message: &v1::RestoreNote) -> String {
    let known = incoming_restore_note(message.clone()).as_ref().map(restore_note);
    known.unwrap_or_else(|| super::unknown::<v1::RestoreNoteCode>("a remark", message.code, &message.arguments))
}

/// Returns the words of a remark about an archived file.
pub fn archive_note(note: &ArchiveNote) -> String {
    match note {
        ArchiveNote::Other { text } => text.clone(),
        ArchiveNote::Vanished { path } => format!("`{path}` vanished before it was read"),
        ArchiveNote::Changed { path } => format!("`{path}` changed while it was read"),
        ArchiveNote::PathTooLong { path } => format!("`{path}` is left out: its path is too long"),
        ArchiveNote::Socket { path } => format!("`{path}` is left out: it is a socket"),
        ArchiveNote::Device { path } => format!("`{path}` is left out: it is a device"),
        ArchiveNote::CapabilitiesNotRestorable { path } => {
            format!("`{path}` has capabilities: the host's agent cannot set them when it restores the file")
        }
        ArchiveNote::ObjectsChanged { path, added, removed, replaced } => {
            let parts = [(*added, "added"), (*removed, "removed"), (*replaced, "replaced")];
            let parts = parts.iter().filter(|(number, _)| *number > 0);
            let parts: Vec<_> =
                parts.map(|(number, change)| format!("{} {change}", count(*number, "object"))).collect();
            format!("`{path}` changed while the bucket was read: {}", listed(&parts))
        }
    }
}

/// Returns the words of a remark about a restored file.
pub fn restore_note(note: &RestoreNote) -> String {
    match note {
        RestoreNote::Other { text } => text.clone(),
        RestoreNote::DeviceNotMade { path } => format!("`{path}` is a device, which no restore makes"),
        RestoreNote::CapabilitiesCleared { path } => {
            format!("`{path}` comes from another host, and was restored without its capabilities")
        }
        RestoreNote::CapabilitiesNotSet { path } => {
            format!("`{path}` was restored without its capabilities: the host's agent cannot set them")
        }
        RestoreNote::SetIdCleared { path } => {
            format!("`{path}` comes from another host, and was restored without its setuid or setgid bit")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_names_the_file_and_what_became_of_it() {
        let path = || "/volumes/files/a".to_owned();
        let changed = |added, removed, replaced| ArchiveNote::ObjectsChanged { path: path(), added, removed, replaced };
        let archived = [
            ArchiveNote::Vanished { path: path() },
            ArchiveNote::Socket { path: path() },
            ArchiveNote::CapabilitiesNotRestorable { path: path() },
            changed(0, 1, 0),
            changed(2, 1, 3),
        ];
        let restored = [RestoreNote::DeviceNotMade { path: path() }, RestoreNote::CapabilitiesNotSet { path: path() }];
        let lines: Vec<_> = archived.iter().map(archive_note).chain(restored.iter().map(restore_note)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        `/volumes/files/a` vanished before it was read
        `/volumes/files/a` is left out: it is a socket
        `/volumes/files/a` has capabilities: the host's agent cannot set them when it restores the file
        `/volumes/files/a` changed while the bucket was read: 1 object removed
        `/volumes/files/a` changed while the bucket was read: 2 objects added, 1 object removed and 3 objects replaced
        `/volumes/files/a` is a device, which no restore makes
        `/volumes/files/a` was restored without its capabilities: the host's agent cannot set them
        ");
    }
}
