//! Which of a room's two sources is recorded: the main one, as long as it brings something.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

/// A source that brings nothing for so long has failed. Muxers give something at least each second.
const FAILED_AFTER: Duration = Duration::from_secs(3);
/// A main source that has come back is trusted again once it has lasted for so long.
const TRUSTED_AFTER: Duration = Duration::from_secs(5);

/// Which source of a recording a connection is to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rank {
    #[default]
    Main,
    /// It stands by, connected, and is recorded while the main one brings nothing.
    Backup,
}

impl Rank {
    const fn other(self) -> Self {
        match self {
            Self::Main => Self::Backup,
            Self::Backup => Self::Main,
        }
    }
}

/// What a connection is to do with what it brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Record,
    /// The other source was recorded until now.
    TakeOver,
    StandBy,
}

#[derive(Default)]
pub(crate) struct Lead {
    holder: Option<Rank>,
    /// The main source is there again and begins with its next whole picture: until then nothing is recorded, so
    /// that it need not go over what the backup has recorded.
    hands_back: bool,
    /// Since when and until when each brought something without a break.
    heard: [Option<(Instant, Instant)>; 2],
    /// Up to when something live is recorded, from whichever source.
    pub recorded_until: Option<DateTime<Utc>>,
}

impl Lead {
    /// To be asked with each piece. A source can only take over with a piece that players can begin with.
    pub(crate) fn turn(&mut self, rank: Rank, may_begin: bool, now: Instant) -> Turn {
        let since = match self.heard[rank as usize] {
            Some((since, last)) if now.duration_since(last) <= FAILED_AFTER => since,
            _ => now,
        };
        self.heard[rank as usize] = Some((since, now));
        let lasted = now.duration_since(since);
        let other_failed = self.has_failed(rank.other(), now);
        let takes = match self.holder {
            Some(holder) if holder == rank => {
                self.hands_back &= !other_failed;
                return if self.hands_back { Turn::StandBy } else { Turn::Record };
            }
            // At the beginning the main source may just be the later one.
            None => rank == Rank::Main || lasted >= FAILED_AFTER,
            Some(_) => other_failed || rank == Rank::Main && lasted >= TRUSTED_AFTER,
        };
        self.hands_back = takes && !may_begin && self.holder.is_some();
        if !(takes && may_begin) {
            return Turn::StandBy;
        }
        if self.holder.replace(rank).is_some() { Turn::TakeOver } else { Turn::Record }
    }

    /// Nothing more comes from a source: the other need not wait.
    pub(crate) fn ended(&mut self, rank: Rank) {
        self.heard[rank as usize] = None;
    }

    /// Whether a source is recorded now, or would be.
    pub(crate) fn is_held_by(&self, rank: Rank) -> bool {
        self.holder.is_none_or(|holder| holder == rank)
    }

    fn has_failed(&self, rank: Rank, now: Instant) -> bool {
        self.heard[rank as usize].is_none_or(|(_, last)| now.duration_since(last) > FAILED_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use Rank::{Backup, Main};
    use Turn::{Record, StandBy, TakeOver};

    use super::*;

    /// Pieces of half a second from those that send, from one second to another; gives the turns at each
    /// second's end.
    struct Room {
        lead: Lead,
        start: Instant,
    }

    impl Room {
        fn new() -> Self {
            Self { lead: Lead::default(), start: Instant::now() }
        }

        fn send(&mut self, seconds: std::ops::Range<u64>, who: &[Rank]) -> Vec<(u64, Rank, Turn)> {
            let mut changes: Vec<(u64, Rank, Turn)> = Vec::new();
            for half in seconds.start * 2..seconds.end * 2 {
                for rank in who {
                    let now = self.start + Duration::from_millis(half * 500);
                    let turn = self.lead.turn(*rank, true, now);
                    if turn == TakeOver {
                        changes.push((half / 2, *rank, turn));
                    }
                }
            }
            changes
        }
    }

    #[test]
    fn the_backup_takes_over_and_hands_back() {
        let mut room = Room::new();
        assert_eq!(room.send(0..10, &[Main, Backup]), []);
        // The main encoder falls silent, and its connection still stands.
        assert_eq!(room.send(10..20, &[Backup]), [(13, Backup, TakeOver)]);
        // It comes back for a moment, then for good.
        assert_eq!(room.send(20..23, &[Main, Backup]), []);
        assert_eq!(room.send(23..30, &[Backup]), []);
        assert_eq!(room.send(30..40, &[Main, Backup]), [(35, Main, TakeOver)]);
        // Its connection ends.
        room.lead.ended(Main);
        assert_eq!(room.send(40..42, &[Backup]), [(40, Backup, TakeOver)]);
        // Both fail; whoever comes first is recorded.
        assert_eq!(room.send(50..51, &[Main]), [(50, Main, TakeOver)]);
    }

    #[test]
    fn at_the_beginning_the_main_one_has_a_moment() {
        let mut room = Room::new();
        assert_eq!(room.lead.turn(Backup, true, room.start), StandBy);
        assert_eq!(room.lead.turn(Main, true, room.start), Record);
        let mut room = Room::new();
        room.send(0..4, &[Backup]);
        assert_eq!(room.lead.turn(Backup, true, room.start + Duration::from_secs(4)), Record);
        assert!(!room.lead.is_held_by(Main));
    }

    #[test]
    fn the_backup_rests_until_the_main_one_can_begin() {
        let mut room = Room::new();
        room.send(0..2, &[Main, Backup]);
        room.lead.ended(Main);
        room.send(2..4, &[Backup]);
        room.send(4..9, &[Main, Backup]);
        let at = |half_seconds: u32| room.start + Duration::from_millis(500) * half_seconds;
        assert_eq!(room.lead.turn(Backup, true, at(18)), Record);
        assert_eq!(room.lead.turn(Main, false, at(18)), StandBy);
        assert_eq!(room.lead.turn(Backup, true, at(19)), StandBy);
        assert_eq!(room.lead.turn(Main, true, at(20)), TakeOver);
        // The same, but it is gone again before it could.
        room.lead.ended(Main);
        assert_eq!(room.lead.turn(Backup, true, at(20)), TakeOver);
        for half_second in 20..31 {
            room.lead.turn(Main, false, at(half_second));
        }
        assert_eq!(room.lead.turn(Backup, true, at(30)), StandBy);
        room.lead.ended(Main);
        assert_eq!(room.lead.turn(Backup, true, at(31)), Record);
    }

    #[test]
    fn nobody_takes_over_in_the_middle_of_a_picture() {
        let mut room = Room::new();
        room.send(0..2, &[Main, Backup]);
        room.lead.ended(Main);
        let later = room.start + Duration::from_secs(2);
        assert_eq!(room.lead.turn(Backup, false, later), StandBy);
        assert_eq!(room.lead.turn(Backup, true, later), TakeOver);
    }
}
