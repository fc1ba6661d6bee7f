//! Names as tools print them: in letters that end no line and separate no fields, whatever is in the name.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use percent_encoding::percent_decode_str;

/// A name of which each byte is two hexadecimal digits. Bytes that are no text are shown as such.
pub fn from_hex(text: &str) -> Option<String> {
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Decodes a percent-encoded name.
pub fn from_percent(text: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&bytes_from_percent(text)?).into_owned())
}

/// The same name with each byte as two hexadecimal digits: also bytes that are no text.
pub fn percent_to_hex(text: &str) -> Option<String> {
    Some(HEXLOWER.encode(&bytes_from_percent(text)?))
}

/// A percent sign without two digits is refused: the decoder leaves it as it is, so the text shrinks by less.
fn bytes_from_percent(text: &str) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let signs = text.bytes().filter(|byte| *byte == b'%').count();
    (text.len() - bytes.len() == 2 * signs).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_whatever_is_in_it() {
        assert_eq!(from_hex("7461620a3d").as_deref(), Some("tab\n="));
        assert_eq!(from_hex("C3A4ff").as_deref(), Some("ä\u{fffd}"));
        assert_eq!([from_hex("7"), from_hex("zz"), from_hex("+1"), from_hex("ä1")], [None, None, None, None]);
        assert_eq!(from_percent("a%09b%0Ac%C3%A4=%25").as_deref(), Some("a\tb\ncä=%"));
        assert_eq!(percent_to_hex("a%00%FF%25").as_deref(), Some("6100ff25"));
        assert_eq!(
            [from_percent("%"), from_percent("%4"), from_percent("%zz"), from_percent("a%%41")],
            [None, None, None, None]
        );
    }
}
