//! Who has the floor, from what a conference system says of its microphones.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

/// A microphone that is open for less was touched by mistake.
const TOUCH: TimeDelta = TimeDelta::milliseconds(500);

/// A microphone was switched. Events are told apart by what they say, so that one that comes twice is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "sqlx", derive(sqlx::FromRow))]
pub struct MicrophoneEvent {
    pub at: DateTime<Utc>,
    /// As the system calls it: the number of a seat.
    pub microphone: String,
    pub is_on: bool,
    /// Who sits there; empty where the system does not say.
    pub name: String,
}

/// From this moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MicrophoneFloor {
    pub at: DateTime<Utc>,
    /// The microphone, and who sits there as far as it is known; none where none is open.
    pub open: Option<(String, String)>,
}

/// Whose microphone counts, from when on. At `resets` all are taken for closed.
///
/// Of several open ones it is the one that was opened last; when it closes, the floor goes back to the one before.
/// An open one that is opened again, as systems do that repeat themselves, stays where it was. The result depends
/// on the events alone, not on the order in which they came.
pub fn microphone_floors(events: &[MicrophoneEvent], resets: &[DateTime<Utc>]) -> Vec<MicrophoneFloor> {
    let events: BTreeSet<&MicrophoneEvent> = events.iter().collect();
    // Openings by when they began: the last is the one that counts.
    let mut openings: Vec<Opening> = Vec::new();
    let mut open: BTreeMap<&str, Opening> = BTreeMap::new();
    let mut resets = resets.to_vec();
    resets.sort_unstable();
    let mut resets = resets.into_iter().peekable();
    for event in events {
        while let Some(reset) = resets.next_if(|reset| *reset <= event.at) {
            openings.extend(std::mem::take(&mut open).into_values().map(|opening| opening.until(reset)));
        }
        match (event.is_on, open.get_mut(event.microphone.as_str())) {
            (true, Some(opening)) if opening.name.is_empty() => opening.name = &event.name,
            (true, Some(opening)) if event.name.is_empty() || opening.name == event.name => {}
            (true, _) => {
                // Somebody else sits down at the same microphone.
                let next =
                    Opening { from: event.at, until: None, microphone: &event.microphone, name: &event.name };
                let before = open.insert(&event.microphone, next);
                openings.extend(before.map(|opening| opening.until(event.at)));
            }
            (false, _) => {
                openings
                    .extend(open.remove(event.microphone.as_str()).map(|opening| opening.until(event.at)));
            }
        }
    }
    let last_reset = resets.next();
    openings.extend(open.into_values().map(|opening| match last_reset {
        Some(reset) => opening.until(reset),
        None => opening,
    }));
    openings.retain(|opening| opening.until.is_none_or(|until| until - opening.from >= TOUCH));
    floors(&openings)
}

/// A microphone while it is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Opening<'a> {
    from: DateTime<Utc>,
    /// None while it still is.
    until: Option<DateTime<Utc>>,
    microphone: &'a str,
    name: &'a str,
}

impl Opening<'_> {
    fn until(self, at: DateTime<Utc>) -> Self {
        Self { until: Some(at), ..self }
    }
}

fn floors(openings: &[Opening]) -> Vec<MicrophoneFloor> {
    let moments: BTreeSet<DateTime<Utc>> =
        openings.iter().flat_map(|opening| [Some(opening.from), opening.until]).flatten().collect();
    let mut beginnings: Vec<&Opening> = openings.iter().collect();
    beginnings.sort();
    let mut coming = beginnings.into_iter().peekable();
    // Those that are open, the one that counts last.
    let mut open: Vec<&Opening> = Vec::new();
    let mut floors: Vec<MicrophoneFloor> = Vec::new();
    for at in moments {
        open.retain(|opening| opening.until.is_none_or(|until| until > at));
        while let Some(opening) = coming.next_if(|opening| opening.from <= at) {
            open.push(opening);
        }
        let counts = open.last().map(|opening| (opening.microphone.to_owned(), opening.name.to_owned()));
        if floors.last().map(|last| &last.open) != Some(&counts) {
            floors.push(MicrophoneFloor { at, open: counts });
        }
    }
    floors
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_000_000 + ms).unwrap()
    }

    fn event(ms: i64, microphone: &str, is_on: bool, name: &str) -> MicrophoneEvent {
        MicrophoneEvent { at: at(ms), microphone: microphone.to_owned(), is_on, name: name.to_owned() }
    }

    fn heard(events: &[MicrophoneEvent], resets_ms: &[i64]) -> Vec<(i64, Option<String>)> {
        let resets: Vec<DateTime<Utc>> = resets_ms.iter().map(|ms| at(*ms)).collect();
        let ms = |moment: DateTime<Utc>| (moment - at(0)).num_milliseconds();
        let floors = microphone_floors(events, &resets).into_iter();
        floors.map(|floor| (ms(floor.at), floor.open.map(|(microphone, name)| microphone + &name))).collect()
    }

    fn on(microphone: &str) -> Option<String> {
        Some(microphone.to_owned())
    }

    #[test]
    fn the_one_opened_last_counts_and_gives_the_floor_back() {
        let events = [
            event(0, "1", true, ""),
            event(10_000, "7", true, ""),
            event(20_000, "7", false, ""),
            event(30_000, "1", false, ""),
        ];
        let expected = [(0, on("1")), (10_000, on("7")), (20_000, on("1")), (30_000, None)];
        assert_eq!(heard(&events, &[]), expected);
    }

    #[test]
    fn what_is_said_again_changes_nothing_and_a_touch_is_none() {
        let events = [
            event(0, "1", true, ""),
            event(5_000, "7", true, ""),
            event(6_000, "1", true, ""),
            event(8_000, "9", true, ""),
            event(8_400, "9", false, ""),
            event(9_000, "4", false, ""),
        ];
        assert_eq!(heard(&events, &[]), [(0, on("1")), (5_000, on("7"))]);
    }

    #[test]
    fn another_who_sits_down_there_speaks_from_then_on() {
        let events =
            [event(0, "1", true, ""), event(1_000, "1", true, " Anna"), event(9_000, "1", true, " Ben")];
        assert_eq!(heard(&events, &[]), [(0, on("1 Anna")), (9_000, on("1 Ben"))]);
    }

    #[test]
    fn a_private_session_closes_all() {
        let events = [event(0, "1", true, ""), event(90_000, "2", true, "")];
        assert_eq!(heard(&events, &[60_000]), [(0, on("1")), (60_000, None), (90_000, on("2"))]);
        assert_eq!(heard(&events[..1], &[60_000]), [(0, on("1")), (60_000, None)]);
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_matters(
            seed in prop::collection::vec((0_i64..30, 0_usize..4, any::<bool>(), 0_usize..3), 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let names = ["", "Anna", "Ben"];
            let events: Vec<MicrophoneEvent> = seed
                .iter()
                .map(|&(s, microphone, is_on, name)| event(s * 250, &microphone.to_string(), is_on, names[name]))
                .collect();
            let mut replayed: Vec<MicrophoneEvent> =
                order.iter().map(|index| events[index.index(events.len())].clone()).collect();
            replayed.extend(events.iter().rev().cloned());
            let found = microphone_floors(&events, &[]);
            prop_assert_eq!(&microphone_floors(&replayed, &[]), &found);
            for pair in found.windows(2) {
                prop_assert!(pair[0].at < pair[1].at && pair[0].open != pair[1].open);
            }
        }
    }
}
