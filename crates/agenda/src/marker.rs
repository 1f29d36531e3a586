//! The number at the start of an item's line.

/// In what an item is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Digits,
    SmallLetter,
    CapitalLetter,
    SmallRoman,
    CapitalRoman,
}

/// A line that may begin an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker<'a> {
    /// As printed, without brackets and the dot after it: "12", "a", "5.1", "6a".
    pub label: &'a str,
    /// How to take it, with its place in the count from 1. Empty for a compound label.
    pub readings: Vec<(Style, u32)>,
    /// For "5.1" and "6a" the places from the outermost inwards; empty for a simple label.
    pub path: Vec<(Style, u32)>,
    /// A dot, bracket, colon or dash follows the number.
    pub punctuated: bool,
    /// What follows, trimmed; empty where the number stands alone.
    pub rest: &'a str,
}

/// Reads the number of a line: `1.`, `1)`, `(a)`, `5.1`, `6a.`, `ii.`, `Item 4:`, `1 -`, or a bare `1`.
///
/// Whether it is one is only seen from what stands before and after.
pub fn parse(line: &str) -> Option<Marker<'_>> {
    let line = strip_word_item(line);
    let (bracketed, inner) = match line.strip_prefix('(') {
        Some(inner) => (true, inner),
        None => (false, line),
    };
    let length =
        inner.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').unwrap_or(inner.len());
    let label = inner[..length].trim_end_matches('.');
    let after = &inner[label.len()..];
    let rest = after.trim_start_matches(['.', ')', ':']);
    let mut punctuated = rest.len() < after.len();
    if bracketed && !after.starts_with(')') || !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let mut rest = rest.trim_start();
    // "1 - Apologies".
    if let Some(title) = rest.strip_prefix("- ").or_else(|| rest.strip_prefix("– ")).filter(|_| !punctuated)
    {
        (rest, punctuated) = (title.trim_start(), true);
    }
    let readings = readings(label);
    let path = if readings.is_empty() { path(label).unwrap_or_default() } else { Vec::new() };
    let is_bare_letter = !punctuated && !label.starts_with(|first: char| first.is_ascii_digit());
    if is_bare_letter || readings.is_empty() && path.is_empty() {
        return None;
    }
    Some(Marker { label, readings, path, punctuated, rest })
}

fn strip_word_item(line: &str) -> &str {
    let is_word = line.get(..5).is_some_and(|word| word.eq_ignore_ascii_case("item "));
    let rest = if is_word { line[5..].trim_start().trim_start_matches("No. ") } else { line };
    if rest.starts_with(|first: char| first.is_ascii_digit()) { rest } else { line }
}

fn readings(label: &str) -> Vec<(Style, u32)> {
    let mut readings = Vec::new();
    if label.len() <= 3 && label.bytes().all(|byte| byte.is_ascii_digit()) {
        readings
            .extend(label.parse().ok().filter(|number| *number > 0).map(|number| (Style::Digits, number)));
    }
    let small = label.bytes().all(|byte| byte.is_ascii_lowercase());
    if !small && !label.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return readings;
    }
    let (letter_style, roman_style) = match small {
        true => (Style::SmallLetter, Style::SmallRoman),
        false => (Style::CapitalLetter, Style::CapitalRoman),
    };
    readings.extend(letters(label).map(|place| (letter_style, place)));
    readings.extend(roman(label).map(|place| (roman_style, place)));
    readings
}

/// a to z, then aa, ab, … as spreadsheets count columns.
fn letters(label: &str) -> Option<u32> {
    matches!(label.len(), 1 | 2).then(|| {
        label.bytes().fold(0, |place, letter| place * 26 + u32::from(letter.to_ascii_lowercase() - b'a') + 1)
    })
}

/// Up to xxxix: agendas do not count further.
fn roman(label: &str) -> Option<u32> {
    const ONES: [&str; 10] = ["", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"];
    let label = label.to_ascii_lowercase();
    let ones = label.trim_start_matches('x');
    let tens = label.len() - ones.len();
    let place = ONES.iter().position(|numeral| *numeral == ones)?;
    (tens <= 3 && tens + place > 0).then_some((tens * 10 + place) as u32)
}

/// "5.1", "5.1.2", "6a", "6A".
fn path(label: &str) -> Option<Vec<(Style, u32)>> {
    let digits =
        label.find(|letter: char| !letter.is_ascii_digit()).filter(|digits| (1..=3).contains(digits))?;
    let mut path = vec![(Style::Digits, label[..digits].parse().ok()?)];
    let rest = &label[digits..];
    if let Some(parts) = rest.strip_prefix('.') {
        for part in parts.split('.') {
            let place = (part.len() <= 2).then(|| part.parse().ok())??;
            path.push((Style::Digits, place));
        }
    } else {
        // Two letters go on after z; "5th" and "10pm" are something else.
        let (style, place) = readings(rest).into_iter().find(|(style, place)| match style {
            Style::SmallLetter => *place <= 52,
            Style::CapitalLetter => *place <= 26,
            _ => false,
        })?;
        path.push((style, place));
    }
    path.iter().all(|(_, place)| *place > 0).then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The label, its first reading or its path, and the rest.
    type Read<'a> = (&'a str, Vec<(Style, u32)>, &'a str);

    fn read(line: &str) -> Option<Read<'_>> {
        parse(line).map(|marker| {
            let first = marker.readings.into_iter().take(1);
            (marker.label, first.chain(marker.path).collect(), marker.rest)
        })
    }

    #[test]
    fn numbers_of_all_kinds_are_read() {
        use Style::*;
        assert_eq!(read("12.   TITLE"), Some(("12", vec![(Digits, 12)], "TITLE")));
        assert_eq!(read("1)"), Some(("1", vec![(Digits, 1)], "")));
        assert_eq!(read("Item 4: Budget"), Some(("4", vec![(Digits, 4)], "Budget")));
        assert_eq!(read("3 - Budget"), Some(("3", vec![(Digits, 3)], "Budget")));
        assert_eq!(read("9 Budget"), Some(("9", vec![(Digits, 9)], "Budget")));
        assert_eq!(read("(b) x"), Some(("b", vec![(SmallLetter, 2)], "x")));
        assert_eq!(read("aa. x"), Some(("aa", vec![(SmallLetter, 27)], "x")));
        assert_eq!(read("XIV. x"), Some(("XIV", vec![(CapitalRoman, 14)], "x")));
        assert_eq!(read("5.1 x"), Some(("5.1", vec![(Digits, 5), (Digits, 1)], "x")));
        assert_eq!(read("6a. x"), Some(("6a", vec![(Digits, 6), (SmallLetter, 1)], "x")));
        assert_eq!(
            parse("ix. x").map(|marker| marker.readings),
            Some(vec![(SmallLetter, 258), (SmallRoman, 9)])
        );
    }

    #[test]
    fn other_lines_have_no_number() {
        for line in [
            "2026-742",
            "2026, Regular",
            "0. x",
            "a word",
            "Jr. vs. Billy",
            "5th of May",
            "5:30 PM",
            "(see a)",
            "(Set on June 11, 2026",
            "1234. x",
            "",
            "...",
            "item",
            "3.15pm start",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "\\PC{0,20}|[(]?[0-9a-z.]{1,5}[.):]? ?.{0,5}") {
            let _ = parse(&line);
        }
    }
}
