//! Text in pages as lines with their columns, without running headers, footers and page numbers.

use std::collections::{HashMap, HashSet};

use crate::marker;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub page: u32,
    /// Characters before the text.
    pub column: usize,
    /// Trimmed.
    pub text: &'a str,
    /// A blank line stands before it on its page.
    pub after_blank: bool,
    /// Where the text that begins in this column of the page ends on the right.
    pub margin: usize,
}

impl Line<'_> {
    pub fn end(&self) -> usize {
        self.column + self.text.chars().count()
    }
}

/// Narrower columns say nothing about where lines are broken.
pub const NARROWEST: usize = 60;

/// How many lines at the top and the bottom of a page can be a running header or footer.
const RUNNING_LINES: usize = 4;

/// Cuts the text at its form feeds.
///
/// A line at the top or bottom of a page that stands there on another page too, digits aside, is a running
/// header or footer and is left out, and so is a bare page number; a line with an item's number never is.
pub fn pages(text: &str) -> Vec<Line<'_>> {
    let pages: Vec<Vec<Line<'_>>> =
        text.split('\x0C').zip(1..).map(|(page, number)| lines(page, number)).collect();
    let mut on_pages: HashMap<String, u32> = HashMap::new();
    for page in &pages {
        let shapes: HashSet<String> = edges(page).map(|at| shape(page[at].text)).collect();
        for shape in shapes {
            *on_pages.entry(shape).or_default() += 1;
        }
    }
    let mut kept = Vec::new();
    for page in pages {
        let running: HashSet<usize> = edges(&page)
            .filter(|at| {
                let text = page[*at].text;
                let repeats = on_pages.get(&shape(text)).is_some_and(|pages| *pages > 1);
                is_page_number(text) || repeats && marker::parse(text).is_none()
            })
            .collect();
        kept.extend(
            page.into_iter().enumerate().filter(|(at, _)| !running.contains(at)).map(|(_, line)| line),
        );
    }
    kept
}

fn lines(page: &str, number: u32) -> Vec<Line<'_>> {
    let mut after_blank = false;
    let mut lines = Vec::new();
    for line in page.lines() {
        let text = line.trim();
        if text.is_empty() {
            after_blank = !lines.is_empty();
            continue;
        }
        let column = line.chars().take_while(|letter| letter.is_whitespace()).count();
        lines.push(Line { page: number, column, text, after_blank, margin: 0 });
        after_blank = false;
    }
    let mut ends: HashMap<usize, usize> = HashMap::new();
    for line in &lines {
        let end = ends.entry(line.column).or_default();
        *end = line.end().max(*end);
    }
    let page_margin = ends.values().copied().max().unwrap_or(0);
    for line in &mut lines {
        // Columns are only near to the truth, so the two on either side count as the same.
        let near = line.column.saturating_sub(2)..=line.column + 2;
        let margin = near.filter_map(|column| ends.get(&column)).copied().max().unwrap_or(0);
        line.margin = if margin >= NARROWEST { margin } else { page_margin };
    }
    lines
}

fn edges(page: &[Line<'_>]) -> impl Iterator<Item = usize> + use<> {
    let length = page.len();
    (0..length).filter(move |at| *at < RUNNING_LINES || at + RUNNING_LINES >= length)
}

fn shape(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
}

/// "12", "- 12 -", "Page 3 of 13".
fn is_page_number(text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::to_ascii_lowercase).peekable();
    words.peek().is_some()
        && text.contains(|letter: char| letter.is_ascii_digit())
        && words.all(|word| {
            matches!(word.as_str(), "page" | "of" | "-" | "–" | "/" | "|")
                || word.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_headers_and_page_numbers_are_left_out() {
        let text = "Council   Agenda   May 5\n\n1. One\n   Page 1 of 2\n\x0CCouncil  Agenda  May 5\n1. One\n\n7\n\x0C";
        let kept: Vec<_> = pages(text).iter().map(|line| (line.page, line.text)).collect();
        assert_eq!(kept, [(1, "1. One"), (2, "1. One")]);
    }

    #[test]
    fn columns_count_characters() {
        let lines = pages("  é one\n\n    two");
        assert_eq!(lines[1], Line { page: 1, column: 4, text: "two", after_blank: true, margin: 7 });
        assert_eq!((lines[0].column, lines[0].end()), (2, 7));
    }
}
