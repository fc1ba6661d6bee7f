//! Backs up a bucket with an app's data and restores it, over good and bad connections.

mod common;
#[path = "common/s3.rs"]
mod s3;

use common::{Home, gate, id, noise, part, part_at};
use fleet_core::backup::{ArchiveNote, StoreDifference};
use fleet_repository::backend::S3Address;
use fleet_repository::bucket::{Extra, Filled, inspect};
use fleet_repository::{ActivityCounter, ArchivedTrees, BucketTree, Error, FileKind, Tree, Trees};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{Attribute, Attributes, GetOptions, ObjectStore, ObjectStoreExt, PutOptions, PutPayload};
use s3::{ACCESS, Line, S3, SECRET, address, proxy};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn of(port: u16, bucket: &str, prefix: &str) -> S3Address {
    S3Address { bucket: bucket.to_owned(), prefix: prefix.to_owned(), ..address(port) }
}

/// Somebody's own client.
struct Client {
    store: AmazonS3,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new(port: u16, bucket: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let store = AmazonS3Builder::new()
            .with_endpoint(format!("http://127.0.0.1:{port}"))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(bucket)
            .with_access_key_id(ACCESS)
            .with_secret_access_key(SECRET);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { store: store.build().expect("a client"), runtime }
    }

    fn put(&self, key: &str, content: &[u8], noted: &[(&'static str, &'static str)]) {
        let mut attributes = Attributes::new();
        for (name, value) in noted {
            let attribute = match *name {
                "content-type" => Attribute::ContentType,
                name => Attribute::Metadata(name.into()),
            };
            attributes.insert(attribute, (*value).into());
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        let key = Key::parse(key).expect("a key");
        let put = self.store.put_opts(&key, PutPayload::from(content.to_vec()), options);
        self.runtime.block_on(put).expect("put");
    }

    fn delete(&self, key: &str) {
        self.runtime.block_on(self.store.delete(&Key::parse(key).expect("a key"))).expect("deleted");
    }

    /// Returns every object with its content and its metadata.
    fn all(&self) -> BTreeMap<String, (Vec<u8>, BTreeMap<String, String>)> {
        use futures_util::TryStreamExt;
        self.runtime.block_on(async {
            let listed: Vec<_> = self.store.list(None).try_collect().await.expect("listed");
            let mut all = BTreeMap::new();
            for object in listed {
                let got = self.store.get_opts(&object.location, GetOptions::default()).await.expect("got");
                let noted = got.attributes.iter().map(|(name, value)| (format!("{name:?}"), value.as_ref().to_owned()));
                // The server's own note of the time.
                let noted = noted.filter(|(name, _)| !name.contains("mtime")).collect();
                let content = got.bytes().await.expect("content").to_vec();
                all.insert(object.location.to_string(), (content, noted));
            }
            all
        })
    }
}

fn fill(client: &Client) -> Vec<u8> {
    let large = noise(7, 20_000_000);
    client.put("files/scans/a.tif", &large, &[("content-type", "image/tiff"), ("instrument", "afm-3")]);
    client.put("files/scans/b c+ä.txt", b"words", &[("content-type", "text/plain; charset=utf-8")]);
    client.put("files/empty", b"", &[]);
    client.put("other/kept.txt", b"not ours", &[]);
    large
}

fn trees(from: S3Address) -> Trees {
    Trees {
        buckets: vec![BucketTree { bucket: from, path: "files/media/0".to_owned() }],
        sample: 3,
        ..Trees::default()
    }
}

fn archive(home: &Home, backup: &str, trees: &Trees) -> fleet_repository::Result<ArchivedTrees> {
    home.open().archive_trees(&part(backup), trees, &gate())
}

#[test]
fn a_bucket_comes_back_as_it_was_with_what_was_noted_of_its_objects() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let client = Client::new(server.port, "backups");
    fill(&client);
    let before = client.all();
    let disk = tempfile::tempdir().expect("a folder");
    std::fs::write(disk.path().join("file"), "beside it").expect("written");
    let mut both = trees(of(server.port, "backups", "files"));
    both.trees.push(Tree { disk: disk.path().to_owned(), path: "files/data/0".to_owned() });
    let kept = archive(&home, "b1", &both).expect("archived");
    let size = kept.by_tree["files/media/0"];
    assert_eq!((size.files, size.bytes, kept.notes.len()), (3, 20_000_005, 0), "{:?}", kept.notes);
    assert!(kept.sample.iter().any(|it| it.path == "/files/media/0/scans/a.tif"), "{:?}", kept.sample);
    home.restic_is_content(&["check", "--read-data"]);

    client.delete("files/scans/a.tif");
    client.put("files/scans/b c+ä.txt", b"other", &[("content-type", "text/html")]);
    client.put("files/scans/new", b"not in the backup", &[]);
    let to = of(server.port, "backups", "files");
    let filled = home.open().fill_bucket(&kept.snapshot, "files/media/0", &to, Extra::Remove).expect("filled");
    assert_eq!(filled, Filled { objects: 3, bytes: 20_000_005, removed: 1 });
    assert!(client.all() == before, "{:?}", client.all().keys());

    let anew = of(server.port, "made-for-it", "");
    let filled = home.open().fill_bucket(&kept.snapshot, "files/media/0", &anew, Extra::Keep).expect("filled");
    assert_eq!(filled.objects, 3);
    let inside: BTreeMap<_, _> =
        before.into_iter().filter_map(|(key, it)| Some((key.strip_prefix("files/")?.to_owned(), it))).collect();
    assert!(Client::new(server.port, "made-for-it").all() == inside);

    let noted = |path: &str, hash: String| BTreeMap::from([(path.to_owned(), hash)]);
    let hash = kept.sample.iter().find(|it| it.path.ends_with("a.tif")).expect("sampled").sha256.clone();
    let found = inspect(&anew, &noted("scans/a.tif", hash.clone()), &ActivityCounter::default()).expect("looked");
    assert_eq!((found.objects, found.bytes, found.wrong), (3, 20_000_005, None));
    let wrong =
        |path: &str| inspect(&anew, &noted(path, hash.clone()), &ActivityCounter::default()).expect("looked").wrong;
    assert_eq!(wrong("empty"), Some(StoreDifference::Content { path: "empty".to_owned() }));
    assert_eq!(wrong("nowhere"), Some(StoreDifference::PathMissing { path: "nowhere".to_owned() }));
}

#[test]
fn stock_restic_gives_out_single_objects() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let large = fill(&Client::new(server.port, "backups"));
    let kept = archive(&home, "b1", &trees(of(server.port, "backups", "files"))).expect("archived");
    let dumped = home.restic(&["dump", &kept.snapshot.to_string(), "/files/media/0/scans/a.tif"]);
    assert!(dumped.stdout == large);
}

#[test]
fn an_object_that_is_as_it_was_is_not_read_again_and_one_that_is_not_is() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let client = Client::new(server.port, "backups");
    fill(&client);
    // All that comes from the server goes through here.
    let sent = Arc::new(AtomicU64::new(0));
    let counted = sent.clone();
    let came = move |_, bytes: &[u8]| {
        counted.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Tap::GoesOn
    };
    let port = tapped(server.port, |_| (), came);
    let first = trees(of(port, "backups", "files"));
    let first = archive(&home, "b1", &Trees { sample: 0, ..first }).expect("archived");
    assert!(sent.swap(0, Ordering::SeqCst) > 20_000_000);
    let again = Trees { parent: Some(first.snapshot), sample: 0, ..trees(of(port, "backups", "files")) };
    home.open().archive_trees(&part_at("b2", 1_790_000_100_000), &again, &gate()).expect("archived");
    let sent_again = sent.swap(0, Ordering::SeqCst);
    assert!(sent_again < 100_000, "{sent_again} bytes for what was there");
    // Another content of the same length.
    client.put("files/scans/a.tif", &noise(8, 20_000_000), &[]);
    let third = home.open().archive_trees(&part_at("b3", 1_790_000_200_000), &again, &gate()).expect("archived");
    assert!(third.added > 19_000_000, "{}", third.added);
}

#[track_caller]
fn check_refused(home: &Home, from: S3Address, part: &str) {
    let failed = archive(home, "b1", &trees(from)).expect_err("it cannot be read");
    assert!(matches!(failed, Error::Bucket { .. } | Error::Source { .. }), "{failed:?}");
    assert!(failed.line().contains(part), "{}", failed.line());
    assert_eq!(home.files(FileKind::Snapshot).len(), 0);
}

#[test]
fn a_bucket_that_is_not_there_or_not_ours_makes_no_backup() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    check_refused(&home, of(server.port, "absent", ""), "there is no such bucket");
    let mut wrong = of(server.port, "backups", "");
    wrong.secret_key = "of-somebody-else".to_owned();
    check_refused(&home, wrong, "the place refused");
    let (port, _) = proxy(server.port, |_| Line::Refuses);
    check_refused(&home, of(port, "backups", ""), "cannot be reached");
}

#[test]
fn a_line_that_breaks_in_an_object_is_taken_up_where_it_broke() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let large = fill(&Client::new(server.port, "backups"));
    // The first few answers with an object in them are cut off.
    let port = breaking(server.port, 4);
    let kept = archive(&home, "b1", &trees(of(port, "backups", "files"))).expect("archived");
    let dumped = home.restic(&["dump", &kept.snapshot.to_string(), "/files/media/0/scans/a.tif"]);
    assert!(dumped.stdout == large);
}

#[test]
fn a_line_that_never_holds_makes_no_backup() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    fill(&Client::new(server.port, "backups"));
    let port = breaking(server.port, u64::MAX);
    check_refused(&home, of(port, "backups", "files"), "a.tif");
}

#[test]
fn what_vanishes_while_it_is_read_is_told_and_the_rest_is_kept() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let client = Client::new(server.port, "backups");
    fill(&client);
    // After the listing, when the first question about an object comes, one of them is removed.
    let (port, is_gone) = removing(server.port, |request| request.starts_with("HEAD "));
    let kept = archive(&home, "b1", &trees(of(port, "backups", "files"))).expect("archived");
    assert!(is_gone.load(Ordering::SeqCst));
    assert_eq!(kept.vanished, 1, "{:?}", kept.notes);
    let is_vanished =
        |note: &ArchiveNote| matches!(note, ArchiveNote::Vanished { path } if path.ends_with("b c+ä.txt"));
    assert!(kept.notes.iter().any(is_vanished), "{:?}", kept.notes);
    let is_counted = |note: &ArchiveNote| matches!(note, ArchiveNote::ObjectsChanged { removed: 1, .. });
    assert!(kept.notes.iter().any(is_counted), "{:?}", kept.notes);
    assert!(home.open().forget(&[id("b1")].into()).is_ok());
}

#[test]
fn what_vanishes_before_its_content_is_asked_for_is_not_counted() {
    let (server, home) = (S3::start_seeing_changes(), Home::new());
    let client = Client::new(server.port, "backups");
    fill(&client);
    let is_it = |request: &str| request.starts_with("GET ") && request.contains("scans/b");
    let (port, is_gone) = removing(server.port, is_it);
    let kept = archive(&home, "b1", &trees(of(port, "backups", "files"))).expect("archived");
    assert!(is_gone.load(Ordering::SeqCst));
    assert_eq!((kept.vanished, kept.files, kept.bytes), (1, 2, 20_000_000), "{:?}", kept.notes);
}

/// Behaviour of the connection between client and server.
enum Tap {
    GoesOn,
    Breaks,
}

/// Makes a proxy to the server that records the requests and, for each connection, the number of bytes received and the
/// last of them.
fn tapped(
    to: u16,
    asked: impl Fn(&[u8]) + Send + Sync + 'static,
    came: impl Fn(u64, &[u8]) -> Tap + Send + Sync + 'static,
) -> u16 {
    let (asked, came) = (Arc::new(asked), Arc::new(came));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", to)).expect("the server");
            let (up, down) = (client.try_clone().expect("a half"), server.try_clone().expect("a half"));
            let (asked, came) = (asked.clone(), came.clone());
            let hear = move |_: u64, bytes: &[u8]| {
                asked(bytes);
                Tap::GoesOn
            };
            std::thread::spawn(move || pass(up, server, hear));
            std::thread::spawn(move || pass(down, client, move |through, bytes: &[u8]| came(through, bytes)));
        }
    });
    port
}

/// Either side may end whenever it likes.
fn pass(mut from: TcpStream, mut to: TcpStream, tap: impl Fn(u64, &[u8]) -> Tap) {
    let (mut buffer, mut through) = ([0; 64 * 1024], 0);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        through += count as u64;
        match tap(through, &buffer[..count]) {
            Tap::GoesOn if to.write_all(&buffer[..count]).is_ok() => {}
            Tap::GoesOn => return,
            Tap::Breaks => return drop((to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both))),
        }
    }
}

/// Connections end after 3 MB have come back, so often.
fn breaking(to: u16, times: u64) -> u16 {
    let left = AtomicU64::new(times);
    let breaks = move || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    tapped(to, |_| (), move |through, _| if through > 3_000_000 && breaks() { Tap::Breaks } else { Tap::GoesOn })
}

/// Removes an object as soon as a request is one of these.
fn removing(to: u16, is_it: impl Fn(&str) -> bool + Send + Sync + 'static) -> (u16, Arc<AtomicBool>) {
    let (is_gone, somebody) = (Arc::new(AtomicBool::new(false)), Client::new(to, "backups"));
    let gone = is_gone.clone();
    let asked = move |request: &[u8]| {
        if is_it(&String::from_utf8_lossy(request)) && !gone.swap(true, Ordering::SeqCst) {
            somebody.delete("files/scans/b c+ä.txt");
        }
    };
    (tapped(to, asked, |_, _| Tap::GoesOn), is_gone)
}
