//! Commands: one line, or a list of words.

use crate::compose::cursor::Cursor;
use crate::compose::shell_words::split;
use crate::spec::Text;

pub fn read_command(at: &Cursor) -> Option<Vec<Text>> {
    if at.is_list() {
        return Some(at.items().iter().filter_map(Cursor::text).collect());
    }
    let line = at.text()?;
    match split(line.expose()) {
        Ok(words) => Some(words.into_iter().map(|word| line.with(word)).collect()),
        Err(error) => {
            at.wrong(format!("the command cannot be split into words: {error}"));
            None
        }
    }
}
