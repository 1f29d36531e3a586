//! Where a title begins in its line, and which lines below go on with it.

use crate::page::{Line, NARROWEST};

/// A title while its lines are read.
#[derive(Debug)]
pub struct Title {
    pub text: String,
    /// Where its first line begins.
    column: usize,
    /// Where its last line ends, and on which page.
    end: usize,
    page: u32,
}

/// How far from the margin a line may end that was broken because the next word did not fit. Columns are
/// only near to the truth where letters differ in width.
const RAGGED: usize = 14;

impl Title {
    /// `rest` is what follows the item's number, a part of the text of `line`.
    pub fn begin(line: &Line<'_>, rest: &str) -> Self {
        let rest = strip_file_number(rest);
        let before = line.text.chars().count() - rest.chars().count();
        let text = strip_page_reference(rest).to_owned();
        let (column, end) = (line.column + before, line.end());
        Self { text, column, end, page: line.page }
    }

    /// Whether the line stands where the title's other lines stand.
    pub fn is_above(&self, line: &Line<'_>) -> bool {
        self.page != line.page || self.column.abs_diff(line.column) <= 2
    }

    /// Whether the title's last line ends in the middle of a sentence: because the next word had no room,
    /// or in a word after which something has to come.
    pub fn is_broken_before(&self, line: &Line<'_>) -> bool {
        let is_ended = self.text.ends_with(['.', '!', '?', ')', '”', '"']) && !self.text.ends_with(" No.");
        self.ends_open() || self.is_full(line) && !is_ended
    }

    fn ends_open(&self) -> bool {
        const OPEN: [&str; 16] = [
            "a", "an", "and", "at", "between", "by", "for", "from", "in", "of", "on", "or", "the", "to",
            "with", "No.",
        ];
        self.text.ends_with(',') || self.text.rsplit(' ').next().is_some_and(|last| OPEN.contains(&last))
    }

    fn is_full(&self, next: &Line<'_>) -> bool {
        let word = next.text.split_whitespace().next().map_or(0, |word| word.chars().count());
        next.margin >= NARROWEST && self.end + 1 + word + RAGGED > next.margin
    }

    /// Whether `line` goes on with the title. It does in its column, if it begins small, or in brackets,
    /// or if the line before was full.
    pub fn goes_on(&self, line: &Line<'_>) -> bool {
        if line.after_blank || is_label(line.text) || is_reference(line.text) {
            return false;
        }
        let begins_small = line.text.starts_with(|first: char| first.is_lowercase());
        if self.page != line.page {
            return self.is_broken_before(line) && begins_small;
        }
        if !self.is_above(line) {
            return self.is_broken_before(line) && begins_small;
        }
        begins_small || line.text.starts_with('(') || self.is_broken_before(line)
    }

    pub fn add(&mut self, line: &Line<'_>) {
        let part = strip_page_reference(line.text);
        let begins_small = part.starts_with(|first: char| first.is_lowercase());
        let mut letters = self.text.chars().rev();
        let is_cut = letters.next() == Some('-') && letters.next().is_some_and(char::is_lowercase);
        if is_cut && begins_small {
            self.text.pop();
        } else if !self.text.is_empty() && !self.text.ends_with('-') {
            self.text.push(' ');
        }
        self.text.push_str(part);
        (self.end, self.page) = (line.end(), line.page);
    }
}

/// "Sponsors: Planning", "Attachments:": what is said about an item is no part of its title.
fn is_label(text: &str) -> bool {
    text.split_once(':').is_some_and(|(label, _)| {
        label.starts_with(char::is_uppercase)
            && label.split_whitespace().count() <= 3
            && label.chars().all(|letter| letter.is_alphabetic() || letter == ' ')
    })
}

/// "Resolution No. 26-616": a line that is nothing but a number under which a paper is filed.
fn is_reference(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    matches!(words.as_slice(), [kind, "No." | "No" | "Number", number]
        if kind.starts_with(char::is_uppercase) && number.starts_with(|first: char| first.is_ascii_digit()))
}

/// A file number in a column of its own before the title, as Legistar prints it: "2026-742".
fn strip_file_number(rest: &str) -> &str {
    let Some((token, after)) = rest.split_once("  ") else { return rest };
    let digits = token.chars().filter(char::is_ascii_digit).count();
    let is_file_number = (4..=16).contains(&token.len())
        && digits >= 3
        && token.contains('-')
        && token.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '#'));
    if is_file_number { after.trim_start() } else { rest }
}

/// A reference to pages in a column of its own after the title: "5 - 10", "(Pages 5 - 10)", "..... 7".
fn strip_page_reference(text: &str) -> &str {
    let is_part =
        |letter: char| letter.is_ascii_digit() || matches!(letter, ' ' | '-' | '–' | '(' | ')' | '\u{A0}');
    let mut title = text.trim_end_matches(is_part);
    for word in ["Pages", "Page", "pages", "page"] {
        title = title.strip_suffix(word).unwrap_or(title);
    }
    let mut end = title.trim_end_matches([' ', '(']).len();
    let has_leader = text[..end].ends_with("...");
    if has_leader {
        end = text[..end].trim_end_matches(['.', ' ']).len();
    }
    let reference = &text[end..];
    let has_number = reference.contains(|letter: char| letter.is_ascii_digit());
    let in_column = has_leader || reference.starts_with("   ");
    let before = &text[..end];
    if has_number && in_column && !before.is_empty() { before } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_beside_the_title_are_left_out() {
        assert_eq!(strip_file_number("2026-742      Update"), "Update");
        assert_eq!(strip_file_number("2026-742 Update"), "2026-742 Update");
        assert_eq!(strip_file_number("well-being  plan"), "well-being  plan");
        assert_eq!(strip_page_reference("Minutes.       5 - 10"), "Minutes.");
        assert_eq!(strip_page_reference("Minutes   (Pages 5 – 10)"), "Minutes");
        assert_eq!(strip_page_reference("Minutes ........ 7"), "Minutes");
        for kept in ["Budget 2026", "Plan (phase 2)", "Vote.", "2026", "A note of pages", ""] {
            assert_eq!(strip_page_reference(kept), kept);
        }
    }

    #[test]
    fn what_is_said_about_an_item_is_told_from_its_title() {
        assert!(is_label("Sponsors:     City Clerk") && is_label("Led by: Councilmember Kling"));
        assert!(!is_label("the cost: a report") && !is_label("Thompson Rd. SE; note: x"));
        assert!(
            is_reference("Resolution No. 26-616") && !is_reference("Resolution No. 26-616 of the Council")
        );
    }
}
