//! Attacks by a compromised host, which has the repository's key and may add to it.

use crate::archive::{Stream, Tree, Trees};
use crate::backend::{Backend, FileId, FileKind, FolderBackend};
use crate::backup::Part;
use crate::check::ReadData;
use crate::error::Error;
use crate::forget::Prune;
use crate::format::pack::pack_trees;
use crate::format::{BlobKind, Index, IndexBlob, IndexFile, IndexPack};
use crate::register::write_index;
use crate::repository::Repository;
use crate::restore::RestoreOptions;
use crate::secrets::Secrets;
use fleet_core::names::SnapshotId;
use fleet_core::time::Time;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use tempfile::TempDir;

struct Home {
    _folder: TempDir,
    repository: Repository,
    good: SnapshotId,
    files: SnapshotId,
}

fn part(backup: &str) -> Part {
    Part {
        backup: format!("{backup:0>24}").parse().expect("an id"),
        host: "lab-1".parse().expect("a name"),
        time: Time(1_790_000_000_000),
    }
}

fn content() -> Vec<u8> {
    (0..600_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

impl Home {
    /// A good backup: of a stream, and of a folder.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place: Arc<dyn Backend> = Arc::new(FolderBackend::new(folder.path().join("repository")));
        let repository = Repository::create(&place, &Secrets::generate().expect("secrets")).expect("created");
        let reader = Box::new(std::io::Cursor::new(content()));
        let stream = Stream { name: "a".to_owned(), expected: None, reader };
        let archived = repository.archive_streams(&part("b1"), vec![stream], &Arc::default()).expect("archived");
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("deep")).expect("a folder");
        std::fs::write(data.join("deep/measured"), "years of it").expect("written");
        let trees = vec![Tree { disk: data, path: "files".to_owned() }];
        let trees = Trees { trees, ..Trees::default() };
        let kept = repository.archive_trees(&part("b1"), &trees, &Arc::default()).expect("archived");
        repository.write_set(&part("b1"), b"a manifest".to_vec()).expect("a set");
        Self { _folder: folder, repository, good: archived.snapshot, files: kept.snapshot }
    }

    fn index(&self) -> Index {
        self.repository.load_index().expect("an index")
    }

    /// Names of all blobs, said to be something else.
    fn claims(&self, length: u32) -> Vec<IndexBlob> {
        let blob = |(kind, id, _)| IndexBlob { id, kind, offset: 0, length, uncompressed_length: None };
        self.index().blobs().map(blob).collect()
    }

    /// Adds a valid pack with one sealed empty tree.
    fn junk(&self) -> IndexPack {
        let junk = pack_trees(self.repository.key(), &[br#"{"nodes":[]}"#.to_vec()]).expect("sealed");
        self.repository.place().write(FileKind::Pack, &junk.entry.id, &junk.content).expect("written");
        junk.entry
    }

    fn write(&self, packs: &[IndexPack]) -> FileId {
        let before: BTreeSet<_> = self.files(FileKind::Index);
        write_index(self.repository.key(), self.repository.place(), packs).expect("written");
        self.files(FileKind::Index).difference(&before).next().copied().expect("a new one")
    }

    fn files(&self, kind: FileKind) -> BTreeSet<FileId> {
        self.repository.list_files(kind).expect("listed").into_iter().map(|(id, _)| id).collect()
    }

    /// Asserts that nothing is removed, everything is read back unchanged, and a check names the lying index.
    #[track_caller]
    fn is_unharmed_by(&self, liar: FileId) {
        let before = FileKind::ALL.map(|kind| self.files(kind));
        for how in [Prune::Marking, Prune::Exclusive] {
            let refused = self.repository.prune(how).expect_err("refused");
            assert!(matches!(&refused, Error::Refused { .. }), "{refused:?}");
        }
        assert_eq!(FileKind::ALL.map(|kind| self.files(kind)), before);
        self.is_read_back();
        for read in [ReadData::Nothing, ReadData::All] {
            let report = self.repository.check(read).expect("checked");
            let named = report
                .damaged_packs
                .iter()
                .filter(|pack| pack.reason.contains(&liar.to_string()) || pack.reason == "it is gone");
            assert!(named.count() > 0, "{report:?}");
            assert_eq!(report.damaged, [], "the backup is whole");
        }
        self.repository.place().remove(FileKind::Index, &liar).expect("removed");
        self.repository.prune(Prune::Exclusive).expect("pruned");
        self.is_read_back();
        assert!(self.repository.check(ReadData::All).expect("checked").is_fine());
    }

    #[track_caller]
    fn is_read_back(&self) {
        let mut back = Vec::new();
        self.repository.read_stream(&self.good, "a").expect("opened").read_to_end(&mut back).expect("read");
        assert!(back == content());
        let to = tempfile::tempdir().expect("a folder");
        let options = RestoreOptions::default();
        self.repository.restore_tree(&self.files, "files", &to.path().join("to"), &options).expect("restored");
        assert_eq!(std::fs::read(to.path().join("to/deep/measured")).expect("there"), b"years of it");
    }
}

#[test]
fn an_index_that_says_all_is_in_a_junk_pack_costs_nothing() {
    let home = Home::new();
    let junk = home.junk();
    // One valid sealed blob, under the names of all others.
    let real = junk.blobs[0].clone();
    let claim = |blob: IndexBlob| IndexBlob { uncompressed_length: real.uncompressed_length, ..blob };
    let blobs = home.claims(real.length).into_iter().map(claim).collect();
    let liar = home.write(&[IndexPack { id: junk.id, blobs }]);
    home.is_unharmed_by(liar);
}

#[test]
fn an_index_that_says_folders_are_data_elsewhere_costs_nothing() {
    let home = Home::new();
    let junk = home.junk();
    let trees = home.claims(junk.blobs[0].length).into_iter().filter(|blob| blob.kind == BlobKind::Tree);
    let blobs = trees.map(|blob| IndexBlob { kind: BlobKind::Data, ..blob }).collect();
    let liar = home.write(&[IndexPack { id: junk.id, blobs }]);
    home.is_unharmed_by(liar);
}

#[test]
fn an_index_of_packs_that_are_not_there_costs_nothing() {
    let home = Home::new();
    let liar = home.write(&[IndexPack { id: FileId([7; 32]), blobs: home.claims(100) }]);
    home.is_unharmed_by(liar);
}

#[test]
fn an_index_that_mixes_up_a_good_pack_costs_nothing() {
    let home = Home::new();
    let mut packs = Vec::new();
    let named = home.repository.each_index(|_, file: IndexFile| packs.extend(file.packs));
    assert_eq!(named.expect("read"), []);
    let largest = packs.into_iter().max_by_key(|pack| pack.blobs.len()).expect("a pack");
    let (mut blobs, count) = (largest.blobs.clone(), largest.blobs.len());
    assert!(count > 3);
    for (number, blob) in blobs.iter_mut().enumerate() {
        blob.id = largest.blobs[(number + 1) % count].id;
    }
    let liar = home.write(&[IndexPack { id: largest.id, blobs }]);
    home.is_unharmed_by(liar);
}

#[test]
fn what_a_backup_took_from_a_lying_index_is_told_as_its_damage() {
    let home = Home::new();
    let junk = home.junk();
    let wanted = FileId(Sha256::digest(b"to come").into());
    let blob = IndexBlob { id: wanted, kind: BlobKind::Data, ..junk.blobs[0].clone() };
    let liar = home.write(&[IndexPack { id: junk.id, blobs: vec![blob] }]);
    let reader = Box::new(std::io::Cursor::new(b"to come".to_vec()));
    let stream = Stream { name: "a".to_owned(), expected: None, reader };
    let taken = home.repository.archive_streams(&part("b2"), vec![stream], &Arc::default()).expect("archived");
    let read = home.repository.read_stream(&taken.snapshot, "a").expect("opened").read_to_end(&mut Vec::new());
    read.expect_err("nobody takes the junk for the dump");
    let report = home.repository.check(ReadData::All).expect("checked");
    assert!(report.damaged_packs.iter().any(|pack| pack.reason.contains(&liar.to_string())), "{report:?}");
    assert_eq!(report.damaged.iter().map(|it| it.snapshot.clone()).collect::<Vec<_>>(), [taken.snapshot]);
    home.is_read_back();
}

#[test]
fn a_snapshot_of_tomorrow_pushes_nothing_out() {
    let home = Home::new();
    let tomorrow = Part { time: Time(4_000_000_000_000), ..part("b2") };
    home.repository.write_set(&tomorrow, b"from the future".to_vec()).expect("a set");
    assert_eq!(home.repository.forget(&BTreeSet::from([tomorrow.backup])).expect("forgotten").snapshots, 1);
    home.repository.prune(Prune::Exclusive).expect("pruned");
    home.is_read_back();
}
