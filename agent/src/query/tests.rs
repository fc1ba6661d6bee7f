use super::*;

#[test]
fn a_long_line_is_cut_between_characters() {
    let line = cut("é".repeat(LINE_LIMIT));
    assert_eq!((line.len(), line.chars().all(|c| c == 'é')), (LINE_LIMIT, true));
    assert_eq!(cut("short".to_owned()), "short");
}

#[tokio::test]
async fn followed_logs_leave_places_to_images_and_to_logs_that_end() {
    let mut open = Open::default();
    let query = |follow| HostQuery { id: 0, kind: Some(Kind::Logs(LogsQuery { follow, ..LogsQuery::default() })) };
    let (follow, read) = (Work::of(&query(true)), Work::of(&query(false)));
    let resolve = Work::of(&HostQuery { id: 0, kind: Some(Kind::Resolve(ResolveQuery::default())) });
    let mut id = 0;
    while open.has_room_for(follow) {
        id += 1;
        open.0.insert(id, (follow, tokio::spawn(std::future::pending::<()>()).abort_handle()));
    }
    assert_eq!(id, 8, "follows are bounded");
    assert!(open.has_room_for(read) && open.has_room_for(resolve));
    open.0.values().for_each(|(_, handle)| handle.abort());
    while !open.has_room_for(follow) {
        tokio::task::yield_now().await;
    }
}
