//! One secret, with the positions at which it is recognised in a text.
//!
//! A short secret is often a common word or number: masked anywhere, it would mask parts of every text. A long one is
//! masked anywhere, even if a text contains only a large part of it.

/// Text in place of a secret.
pub const MASK: &str = "***";
/// Minimum length of a secret that is masked.
const SHORTEST: usize = 3;
/// Whole words of fewer bytes are words, and not parts of others.
const LONG: usize = 8;
/// The same for those that have only letters or only digits.
const LONG_WORD: usize = 12;
/// Minimum length of a secret's beginning that is recognised at the end of a text that was cut off.
const SHORTEST_CUT: usize = 4;
/// Secrets from here on are also masked where only half of them is left, which is never less than half of this.
const HALVED: usize = 16;

/// Positions in which a secret is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// As a value: after `=`, `:` or an option, in quotes, or alone on a line.
    Value,
    /// As a separate word.
    Word,
    Anywhere,
}

/// A text that must be masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub text: String,
    pub scope: Scope,
}

impl Scope {
    /// Returns nothing for a secret that is too short to be recognised in a text.
    pub fn of(secret: &str) -> Option<Self> {
        let is_number = secret.bytes().all(|byte| byte.is_ascii_digit());
        let rest = secret.get(1..).unwrap_or_default();
        let is_lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase());
        let is_upper = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_word =
            is_lower(secret) || is_upper(secret) || (is_upper(&secret[..secret.len() - rest.len()]) && is_lower(rest));
        let is_word = is_word || is_number;
        match secret.len() {
            0..SHORTEST => None,
            length if length < LONG && (is_word || length == SHORTEST) => Some(Self::Value),
            length if length < LONG || length < LONG_WORD && is_word && !is_number => Some(Self::Word),
            _ => Some(Self::Anywhere),
        }
    }
}

impl Secret {
    /// The text without it.
    pub fn mask(&self, text: String) -> String {
        if text.contains(&self.text) { self.mask_whole(&text) } else { text }
    }

    fn mask_whole(&self, text: &str) -> String {
        let (mut masked, mut from) = (String::with_capacity(text.len()), 0);
        while let Some(found) = text[from..].find(&self.text) {
            let (at, end) = (from + found, from + found + self.text.len());
            if self.begins(&text[..at], &text[end..]) && self.ends(&text[end..]) {
                masked.push_str(&text[from..at]);
                masked.push_str(MASK);
                from = end;
            } else {
                let next = at + text[at..].chars().next().map_or(1, char::len_utf8);
                masked.push_str(&text[from..next]);
                from = next;
            }
        }
        masked.push_str(&text[from..]);
        masked
    }

    /// Half of a long secret or more, which begins or ends where the secret does: the rest was cut off.
    pub fn mask_halves(&self, mut text: String) -> String {
        if self.scope != Scope::Anywhere || self.text.len() < HALVED {
            return text;
        }
        let half = self.text.len().div_ceil(2);
        let (head, tail) =
            (&self.text[..self.text.ceil_char_boundary(half)], &self.text[self.text.floor_char_boundary(half)..]);
        while let Some(at) = text.find(head) {
            let alike = text[at..].char_indices().zip(self.text.chars()).take_while(|((_, one), other)| one == other);
            let length = alike.map(|((at, one), _)| at + one.len_utf8()).last().unwrap_or(head.len());
            text.replace_range(at..at + length, MASK);
        }
        while let Some(at) = text.find(tail) {
            let end = at + tail.len();
            let alike = text[..end]
                .char_indices()
                .rev()
                .zip(self.text.chars().rev())
                .take_while(|((_, one), other)| one == other);
            let from = alike.map(|((at, _), _)| at).last().unwrap_or(at);
            text.replace_range(from..end, MASK);
        }
        text
    }

    /// Returns the number of bytes of the secret's beginning at the end of a text that was cut off there.
    pub fn cut_at_end(&self, text: &str) -> Option<usize> {
        let lengths = (SHORTEST_CUT..self.text.len()).rev().filter(|length| self.text.is_char_boundary(*length));
        let mut begun = lengths.filter(|length| text.ends_with(&self.text[..*length]));
        begun.find(|length| self.begins(&text[..text.len() - length], ""))
    }

    fn begins(&self, before: &str, behind: &str) -> bool {
        let is_first_of_word = self.text.chars().next().is_some_and(is_of_word);
        match self.scope {
            Scope::Anywhere => true,
            Scope::Word => !(is_first_of_word && before.chars().next_back().is_some_and(is_of_word)),
            Scope::Value => is_before_value(before, behind),
        }
    }

    fn ends(&self, behind: &str) -> bool {
        let is_last_of_word = self.text.chars().next_back().is_some_and(is_of_word);
        match self.scope {
            Scope::Anywhere => true,
            Scope::Word => !(is_last_of_word && behind.chars().next().is_some_and(is_of_word)),
            Scope::Value => is_behind_value(behind),
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns whether a value may begin after this text.
fn is_before_value(before: &str, behind: &str) -> bool {
    if let Some(quote) = before.chars().next_back().filter(|c| matches!(c, '"' | '\'')) {
        return behind.trim_start_matches('\\').starts_with(quote) || behind.is_empty();
    }
    let line = before.rsplit('\n').next().unwrap_or_default();
    let of_line = line.trim_end();
    let last_word = of_line.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_alone = of_line.is_empty() && behind.lines().next().unwrap_or_default().trim().is_empty();
    let is_option = last_word.starts_with('-') && of_line.len() < line.len();
    is_alone || is_option || of_line.ends_with(['=', ':'])
}

/// Returns whether a value may end before this text. A dot, slash or hyphen continues a longer name: a host, a path, a
/// volume.
fn is_behind_value(behind: &str) -> bool {
    let mut behind = behind.chars();
    match behind.next() {
        None => true,
        Some('.' | '!' | '?') => behind.next().is_none_or(char::is_whitespace),
        Some(c) => !is_of_word(c) && !matches!(c, '-' | '/'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secret: &str, text: &str) -> String {
        match Scope::of(secret) {
            Some(scope) => {
                let secret = Secret { text: secret.to_owned(), scope };
                secret.mask_halves(secret.mask(text.to_owned()))
            }
            None => text.to_owned(),
        }
    }

    #[track_caller]
    fn check(secret: &str, text: &str, expect: &str) {
        assert_eq!(masked(secret, text), expect, "{secret}");
    }

    #[test]
    fn a_secret_that_is_a_word_is_masked_as_a_value_only() {
        for text in [
            "data is in the database; see datalab-data-1 and /data/db",
            "hint: run `fleet instance show data` for data",
            "volume `data` of data.example.org",
            "the data folder \"data folder\"",
        ] {
            check("data", text, text);
        }
        check("data", "DB_PASSWORD=data DB_NAME=database", "DB_PASSWORD=*** DB_NAME=database");
        check("data", "{'password': 'data', \"pass\": \"data\"}", "{'password': '***', \"pass\": \"***\"}");
        check("data", "postgres://data:data@data/data", "postgres://data:***@data/data");
        check("data", "mongosh -u root --password data lab", "mongosh -u root --password *** lab");
        check("data", "it said:\n  data\nand data again", "it said:\n  ***\nand data again");
        check("data", "it ended with password: data.", "it ended with password: ***.");
        check("5432", "port = 5432, took 15432 ms, 5432 rows", "port = ***, took 15432 ms, 5432 rows");
        check("abc", "KEY=abc abc abcd", "KEY=*** abc abcd");
        check("ab", "KEY=ab", "KEY=ab");
    }

    #[test]
    fn a_short_secret_that_is_no_word_is_masked_as_a_word_of_its_own() {
        check("s3cret", "login s3cret failed, s3cret-x, xs3cret, s3crets", "login *** failed, ***-x, xs3cret, s3crets");
        check("p@ss!", "xp@ss!x", "xp@ss!x");
        check("p@ss!", "(p@ss!)p@ss!", "(***)***");
        check("postgres", "the role postgres of postgresql", "the role *** of postgresql");
    }

    #[test]
    fn a_long_secret_is_masked_anywhere() {
        check("hunter2hunter2", "xhunter2hunter2y", "x***y");
        check("correcthorsebattery", "xxcorrecthorsebatteryxx", "xx***xx");
        check("12345678", "x12345678", "x***");
    }

    /// Checks the output of datalab, which prints its configuration at its start.
    #[test]
    fn a_configuration_that_is_printed_has_no_secret_of_any_length() {
        let secrets = ["lab", "data", "s3cret", "changeme", "Zq8!vLw2#nXe5@Rt", "correcthorsebattery"];
        let printed = |secret: &str| {
            [
                format!("{{'SECRET_KEY': '{secret}', 'DEBUG': False}}"),
                format!("SECRET_KEY={secret}\nDEBUG=0"),
                format!("SECRET_KEY: {secret}"),
                format!("  secret_key = \"{secret}\"  # from the environment"),
                format!("MONGO_URI='mongodb://lab:{secret}@db:27017/datalab'"),
                format!("datalab starts with --secret-key {secret} --port 80"),
            ]
        };
        for secret in secrets {
            for (text, expect) in printed(secret).iter().zip(&printed(MASK)) {
                check(secret, text, expect);
            }
        }
    }

    /// Numbers that look random, the same in each run.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("it fits") % limit
        }

        fn text(&mut self, letters: &str, length: usize) -> String {
            let letters: Vec<char> = letters.chars().collect();
            (0..length).map(|_| letters[self.below(letters.len())]).collect()
        }
    }

    #[test]
    fn a_long_secret_never_stays_in_a_text_nor_half_of_it() {
        let mut numbers = Numbers(7);
        for round in 0..2000 {
            let length = HALVED + numbers.below(40);
            let secret = numbers.text("abXY09!é/", length);
            let (before, behind) = (numbers.text("abXY0 \n=é", 30), numbers.text("abXY0 \n=é", 30));
            let half = secret.len().div_ceil(2);
            let said = masked(&secret, &format!("{before}{secret}{behind}"));
            assert!(!said.contains(&secret), "round {round}: {secret}");
            let (first, last) =
                (&secret[..secret.ceil_char_boundary(half)], &secret[secret.floor_char_boundary(half)..]);
            for part in [first, last] {
                let said = masked(&secret, &format!("{before}|{part}|{behind}"));
                assert!(!said.contains(part), "round {round}: {part} of {secret}: {said}");
            }
        }
    }

    #[test]
    fn what_is_no_value_of_its_own_is_never_touched() {
        let mut numbers = Numbers(11);
        for _ in 0..2000 {
            let length = SHORTEST + numbers.below(5);
            let word = numbers.text("abcdef", length);
            let text = format!(
                "{} {}{word} {word}{} {word} x",
                numbers.text("xyz", 5),
                numbers.text("xyz", 3),
                numbers.text("xyz", 3)
            );
            assert_eq!(masked(&word, &text), text);
            let value = format!("a={word} {text}");
            assert_eq!(masked(&word, &value), format!("a=*** {text}"));
        }
    }
}
