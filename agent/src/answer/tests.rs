use super::*;

#[test]
fn a_long_line_is_cut_between_characters() {
    let line = cut("é".repeat(LINE_LIMIT));
    assert_eq!((line.len(), line.chars().all(|c| c == 'é')), (LINE_LIMIT, true));
    assert_eq!(cut("short".to_owned()), "short");
}
