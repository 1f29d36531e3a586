//! Takes marks of speakers out of the text: `>>` (a convention of live captioning in North America) and
//! the voice tags of WebVTT.

use super::{Dialect, SourceCaption, decode_entities, mend::share, scan::RawCue};

/// A stretch of one cue by one speaker.
struct Piece {
    text: String,
    /// It follows a `>>`.
    marked: bool,
    /// From `<v Name>`.
    voice: Option<String>,
}

/// What is carried from one cue to the next.
#[derive(Default)]
struct Turns {
    /// A mark stood alone at the end of a cue: it is about what comes next.
    pending: bool,
    /// The name of a turn that began with `>> NAME:`.
    named: Option<String>,
    /// Who spoke last, as far as the file said.
    last: Option<String>,
}

pub(super) fn captions(cues: Vec<RawCue>, dialect: Dialect) -> Vec<SourceCaption> {
    let mut turns = Turns::default();
    let mut captions = Vec::with_capacity(cues.len());
    for cue in cues {
        let mut spoken = Vec::new();
        for piece in pieces(&cue.text, dialect) {
            spoken.extend(turns.caption(piece, &cue));
        }
        if spoken.len() > 1 {
            let lengths: Vec<usize> = spoken.iter().map(|caption| caption.text.chars().count()).collect();
            let times = share(cue.start, cue.end, &lengths);
            for (caption, (start, end)) in spoken.iter_mut().zip(times) {
                (caption.start_ms, caption.end_ms) = (start, end);
            }
        }
        captions.append(&mut spoken);
    }
    captions
}

impl Turns {
    /// None where the piece is only a mark.
    fn caption(&mut self, piece: Piece, cue: &RawCue) -> Option<SourceCaption> {
        let mut text = tidy(&piece.text);
        if piece.marked {
            self.pending = true;
            self.named = None;
            if let Some((name, rest)) = leading_name(&text) {
                self.named = Some(name.to_owned());
                text = tidy(rest);
            }
        }
        if piece.voice.is_some() {
            self.named = None;
        }
        if text.is_empty() {
            return None;
        }
        let voice_changed = piece.voice.is_some() && piece.voice != self.last;
        let speaker = piece.voice.or_else(|| self.named.clone());
        let new_turn = std::mem::take(&mut self.pending) || voice_changed;
        self.last.clone_from(&speaker);
        Some(SourceCaption { start_ms: cue.start, end_ms: cue.end, text, new_turn, speaker })
    }
}

/// Cuts the text of a cue at its voice tags and its `>>`.
fn pieces(text: &str, dialect: Dialect) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (voice, text) in voices(text) {
        let text = match dialect {
            Dialect::WebVtt => decode_entities(&text).into_owned(),
            Dialect::SubRip => text,
        };
        let mut marked = false;
        let mut rest = text.as_str();
        while let Some(at) = rest.find(">>") {
            pieces.push(Piece { text: rest[..at].to_owned(), marked, voice: voice.clone() });
            // Three or four of them mark a new story in broadcasting; here too another speaker begins.
            rest = rest[at..].trim_start_matches('>');
            marked = true;
        }
        // A single one at the start is a mark half typed, which says nothing.
        let rest = if marked { rest } else { rest.strip_prefix('>').unwrap_or(rest) };
        pieces.push(Piece { text: rest.to_owned(), marked, voice });
    }
    pieces
}

/// Takes out all tags and tells which voice each stretch between voice tags has.
fn voices(text: &str) -> Vec<(Option<String>, String)> {
    if !text.contains(['<', '{']) {
        return vec![(None, text.to_owned())];
    }
    let mut stretches = Vec::new();
    let mut voice = None;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some((tag, length)) = tag(rest) else {
            // A bracket that opens no tag is text; both brackets are one byte long.
            plain.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        rest = &rest[length..];
        let next_voice = match tag.strip_prefix('v') {
            Some(voice_tag) if voice_tag.starts_with(['.', ' ', '\t', '\n']) => {
                let name = voice_tag.split_once([' ', '\t', '\n']).map_or("", |(_, name)| name);
                let name = decode_entities(name).split_whitespace().collect::<Vec<_>>().join(" ");
                Some(name).filter(|name| !name.is_empty())
            }
            _ if tag == "/v" => None,
            _ => continue,
        };
        stretches.push((voice, std::mem::take(&mut plain)));
        voice = next_voice;
    }
    plain.push_str(rest);
    stretches.push((voice, plain));
    stretches
}

/// The inside of the tag at the start of `text`, and its length with brackets.
///
/// `<i>`, `</i>`, `<00:01.000>` and the `{\an8}` that SubRip inherited; a bracket in a sentence is none.
fn tag(text: &str) -> Option<(&str, usize)> {
    let (inside, close) = match text.strip_prefix('<') {
        Some(inside) => (inside, '>'),
        None => (text.strip_prefix('{')?, '}'),
    };
    let first = inside.chars().next()?;
    let opens = if close == '>' { first.is_ascii_alphanumeric() || first == '/' } else { first == '\\' };
    let end = inside.find(close).filter(|_| opens)?;
    Some((&inside[..end], end + 2))
}

/// `NAME: what is said` where NAME can be a name or a role: few words, none of which begins a sentence.
///
/// When in doubt it is no name: a wrong name is worse than none.
fn leading_name(text: &str) -> Option<(&str, &str)> {
    const NO_NAMES: [&str; 30] = [
        "a", "an", "again", "and", "answer", "but", "first", "here", "i", "it", "item", "just", "motion",
        "my", "no", "note", "number", "okay", "one", "our", "question", "quote", "second", "so", "that",
        "the", "this", "we", "yes", "you",
    ];
    // Longer than any name with its title that live captions were seen to have.
    const LONGEST_NAME: usize = 40;
    let (name, rest) = text.split_once(':')?;
    let is_name_word = |word: &str| {
        word.starts_with(char::is_alphabetic)
            && word.chars().all(|letter| letter.is_alphabetic() || matches!(letter, '-' | '\'' | '’' | '.'))
            && (!word.ends_with('.') || matches!(word.chars().count(), 2..=5))
    };
    let words = name.split(' ').count();
    let first = name.split(' ').next()?.to_lowercase();
    let is_name = name.len() <= LONGEST_NAME
        && words <= 4
        && name.split(' ').all(is_name_word)
        && name.split(' ').next_back().is_some_and(|last| !last.ends_with('.'))
        && !NO_NAMES.contains(&first.as_str())
        && (rest.is_empty() || rest.starts_with(char::is_whitespace));
    is_name.then_some((name, rest))
}

fn tidy(text: &str) -> String {
    let mut lines = text.split('\n').map(str::trim).filter(|line| !line.is_empty());
    let mut tidy = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        tidy.push('\n');
        tidy.push_str(line);
    }
    tidy
}
