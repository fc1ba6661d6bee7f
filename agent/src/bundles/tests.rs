use super::*;

fn bundles(folder: &Path) -> Bundles {
    Bundles::new(folder.to_owned(), watch::channel(None).1)
}

fn bundle(text: &str) -> Bundle {
    Bundle::new([("app.yaml".to_owned(), text.as_bytes().to_vec())].into()).expect("a bundle")
}

#[tokio::test]
async fn a_kept_bundle_needs_no_coordinator() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bundles, bundle) = (bundles(folder.path()), bundle("app: a"));
    bundles.keep(&bundle.digest(), &bundle.encode());
    assert_eq!(bundles.get(&bundle.digest()).await.ok(), Some(bundle));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_bundle_is_fetched_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bundles, bundle) = (bundles(folder.path()), bundle("app: a"));
    bundles.keep(&bundle.digest(), b"something else");
    let digest = bundle.digest();
    let fetching = tokio::time::timeout(Duration::from_secs(1), bundles.get(&digest));
    assert!(fetching.await.is_err(), "it waits for the coordinator");
}

#[test]
fn only_the_newest_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundles = bundles(folder.path());
    for number in 0..KEPT + 3 {
        let bundle = bundle(&format!("app: a{number}"));
        bundles.keep(&bundle.digest(), &bundle.encode());
    }
    assert_eq!(fs::read_dir(folder.path()).map(Iterator::count).ok(), Some(KEPT));
}
