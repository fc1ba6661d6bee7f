//! Names as tools print them: in letters that end no line and separate no fields, whatever is in the name.

/// A name of which each byte is two hexadecimal digits. Bytes that are no text are shown as such.
pub fn from_hex(text: &str) -> Option<String> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A name as addresses have it: what is special is a percent sign and two hexadecimal digits.
pub fn from_percent(text: &str) -> Option<String> {
    Some(String::from_utf8_lossy(&bytes_from_percent(text)?).into_owned())
}

/// The same name with each byte as two hexadecimal digits: also bytes that are no text.
pub fn percent_to_hex(text: &str) -> Option<String> {
    Some(bytes_from_percent(text)?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes_from_percent(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (pair, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
        rest = after;
    }
    Some(bytes)
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
        assert_eq!([from_percent("%"), from_percent("%4"), from_percent("%zz")], [None, None, None]);
    }
}
