//! Text with colours of our own: the only escape sequences that reach a terminal.
//!
//! **Invariant:** all input is cleaned first, whatever its source.

use crate::format::readable;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Red,
    Green,
    Yellow,
    Grey,
    Bold,
}

impl Colour {
    const fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Grey => "2",
            Self::Bold => "1",
        }
    }
}

/// A piece of text, in pieces of which some are coloured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Painted(Vec<(Option<Colour>, String)>);

impl Painted {
    #[must_use]
    pub fn plain(text: impl AsRef<str>) -> Self {
        Self::default().and(text)
    }

    #[must_use]
    pub fn of(colour: Colour, text: impl AsRef<str>) -> Self {
        Self::default().and_in(colour, text)
    }

    #[must_use]
    pub fn and(mut self, text: impl AsRef<str>) -> Self {
        self.0.push((None, readable(text.as_ref())));
        self
    }

    #[must_use]
    pub fn and_in(mut self, colour: Colour, text: impl AsRef<str>) -> Self {
        self.0.push((Some(colour), readable(text.as_ref())));
        self
    }

    /// Cuts the text at a width, so that it takes one line of a terminal.
    #[must_use]
    pub fn cut(self, width: usize) -> Self {
        let length: usize = self.0.iter().map(|(_, text)| text.chars().count()).sum();
        if length <= width {
            return self;
        }
        let mut room = width.saturating_sub(1);
        let mut pieces = Vec::new();
        for (colour, text) in self.0 {
            let kept: String = text.chars().take(room).collect();
            room -= kept.chars().count();
            pieces.push((colour, kept));
        }
        Self(pieces).and("…")
    }

    /// Returns the number of rows on a terminal of this width.
    #[must_use]
    pub fn rows(&self, width: usize) -> usize {
        let length: usize = self.0.iter().map(|(_, text)| text.chars().count()).sum();
        length.div_ceil(width.max(1)).max(1)
    }

    #[must_use]
    pub fn text(&self, in_colour: bool) -> String {
        let mut all = String::new();
        for (colour, text) in &self.0 {
            match colour {
                Some(colour) if in_colour => all.push_str(&format!("\x1b[{}m{text}\x1b[0m", colour.code())),
                Some(_) | None => all.push_str(text),
            }
        }
        all
    }
}

impl From<&str> for Painted {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl From<String> for Painted {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_ours_and_never_a_hosts() {
        let text = Painted::plain("a\x1b[2J").and_in(Colour::Red, "b\x1b]0;x\x07");
        assert_eq!(text.text(true), "a\\u001b[2J\x1b[31mb\\u001b]0;x\\u0007\x1b[0m");
        assert_eq!(text.text(false), "a\\u001b[2Jb\\u001b]0;x\\u0007");
    }

    #[test]
    fn a_line_takes_as_many_rows_as_it_is_long() {
        let rows = |length: usize| Painted::plain("x".repeat(length)).and_in(Colour::Red, "").rows(10);
        assert_eq!([0, 1, 10, 11, 20, 21].map(rows), [1, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_line_is_cut_at_the_width() {
        assert_eq!(Painted::plain("abc").and_in(Colour::Red, "def").cut(5).text(false), "abcd…");
        assert_eq!(Painted::plain("abc").cut(3).text(false), "abc");
    }
}
