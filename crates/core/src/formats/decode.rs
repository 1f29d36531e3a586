use std::borrow::Cow;

/// The text of a file, with `\n` between its lines and without a byte order mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub text: String,
    /// The first line (from 1) that was not UTF-8 and was read as Windows-1252.
    pub first_line_not_utf8: Option<usize>,
}

/// Reads UTF-8 with or without a byte order mark, and UTF-16 with one.
///
/// A line that is not UTF-8 is read as Windows-1252, of which Latin-1's letters are a part; the other
/// lines are not touched by it. NUL becomes U+FFFD, as WebVTT asks.
pub fn decode(bytes: &[u8]) -> Decoded {
    let mut first_line_not_utf8 = None;
    let mut text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => utf8_or_windows_1252(bytes, &mut first_line_not_utf8),
            }
        }
    };
    if text.contains('\r') {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    if text.contains('\0') {
        text = text.replace('\0', "\u{FFFD}");
    }
    Decoded { text, first_line_not_utf8 }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().copied().map(unit);
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn utf8_or_windows_1252(bytes: &[u8], first_line_not_utf8: &mut Option<usize>) -> String {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => {
                first_line_not_utf8.get_or_insert(index + 1);
                text.extend(line.iter().copied().map(windows_1252));
            }
        }
    }
    text
}

/// The WHATWG encoding standard's index for 0x80 to 0x9F; all other bytes are Latin-1.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Takes out one layer of `&amp;`, `&#233;`, `&eacute;` and their like; what is no entity stays.
///
/// Knows those of WebVTT and those that councils' web software writes in western European languages.
pub fn decode_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((character, length)) => {
                decoded.push(character);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The character of the entity at the start of `text`, and the entity's length in bytes.
fn entity(text: &str) -> Option<(char, usize)> {
    // The longest name known is "ccedil"; numbers go to "#1114111".
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|character| *character != '\0')?
        }
        None => named(name)?,
    };
    Some((character, end + 1))
}

fn named(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{A0}',
        "lrm" => '\u{200E}',
        "rlm" => '\u{200F}',
        "shy" => '\u{AD}',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "hellip" => '…',
        "bull" => '•',
        "pound" => '£',
        "euro" => '€',
        "sect" => '§',
        "deg" => '°',
        "frac12" => '½',
        "aacute" => 'á',
        "acirc" => 'â',
        "agrave" => 'à',
        "auml" => 'ä',
        "ccedil" => 'ç',
        "eacute" => 'é',
        "ecirc" => 'ê',
        "egrave" => 'è',
        "euml" => 'ë',
        "iacute" => 'í',
        "icirc" => 'î',
        "iuml" => 'ï',
        "ntilde" => 'ñ',
        "oacute" => 'ó',
        "ocirc" => 'ô',
        "ouml" => 'ö',
        "uacute" => 'ú',
        "ucirc" => 'û',
        "ugrave" => 'ù',
        "uuml" => 'ü',
        "szlig" => 'ß',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_bad_line_does_not_spoil_the_others() {
        let decoded = decode(b"caf\xC3\xA9\r\ncaf\xE9 \x96 \x80\rend");
        assert_eq!(decoded.text, "café\ncafé – €\nend");
        assert_eq!(decoded.first_line_not_utf8, Some(2));
    }

    #[test]
    fn byte_order_marks_are_taken_off() {
        assert_eq!(decode(b"\xEF\xBB\xBFa").text, "a");
        assert_eq!(decode(b"\xFF\xFEa\0\xE9\0").text, "aé");
        assert_eq!(decode(b"\xFE\xFF\0a\0\xE9").text, "aé");
    }

    #[test]
    fn one_layer_of_entities_is_taken_out() {
        assert_eq!(decode_entities("R&amp;amp;D &#163;5 &#x2019;&eacute;"), "R&amp;D £5 ’é");
        for kept in ["a & b; c", "&unknown;", "&", "&#x110000;", "&#0;", "&é;"] {
            assert_eq!(decode_entities(kept), kept);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_text(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = decode(&bytes).text;
            prop_assert!(!text.contains(['\r', '\0']));
            let _ = decode_entities(&text);
        }

        #[test]
        fn utf8_stays_as_it_is(text in "[^\r\0\u{FEFF}]{0,60}") {
            prop_assert_eq!(decode(text.as_bytes()).text, text);
        }
    }
}
