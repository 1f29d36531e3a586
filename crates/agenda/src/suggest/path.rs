//! The likeliest course of a meeting: which candidates there were, in the order of the agenda.

use super::{Planned, candidates::Candidate};

/// What an item gains if the one before it in the agenda was taken before it.
const NEXT: f64 = 0.8;
/// What an item loses for each section that was left out before it; sections are seldom left out without a word.
const LEFT_OUT: f64 = 0.25;
/// At most, as a meeting may well end early.
const MOST_LEFT_OUT: f64 = 1.5;
/// In words. Nobody takes two items in less, but a section and its first item begin together.
const LEAST_GAP: usize = 3;
/// Odds from which an item is believed to have been taken out of order: the order is nearly always kept.
const OUT_OF_ORDER: f64 = 4.0;
/// What the odds lose by that.
const OUT_OF_ORDER_LOSS: f64 = 2.5;
/// Fewer are not worth a look; those from −1 on may be made likely by their neighbours.
const LEAST_ODDS: f64 = -1.5;

/// For each item the one that it belongs to.
fn parents(items: &[Planned<'_>]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut parents = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        while open.last().is_some_and(|last| items[*last].level >= item.level) {
            open.pop();
        }
        parents.push(open.last().copied());
        open.push(index);
    }
    parents
}

/// The best course: candidates with what they gain from each other, in order of time, each item at most once.
pub fn course(tree: &Tree, candidates: &[Candidate]) -> Vec<Candidate> {
    let candidates: Vec<Candidate> =
        candidates.iter().filter(|candidate| candidate.odds > LEAST_ODDS).copied().collect();
    let mut best: Vec<(f64, Option<usize>)> = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter().enumerate() {
        let mut most = (0.0, None);
        for (before, earlier) in candidates[..index].iter().enumerate() {
            if let Some(link) = tree.link(earlier, candidate) {
                let sum = best[before].0 + link;
                if sum > most.0 {
                    most = (sum, Some(before));
                }
            }
        }
        best.push((candidate.odds + most.0, most.1));
    }
    let mut at = None;
    let mut most = 0.0;
    for (index, (sum, _)) in best.iter().enumerate() {
        if *sum > most {
            (most, at) = (*sum, Some(index));
        }
    }
    let mut chosen = Vec::new();
    while let Some(index) = at {
        chosen.push(candidates[index]);
        at = best[index].1;
    }
    chosen.reverse();
    let mut course = supported(tree, &chosen);
    add_out_of_order(tree, &candidates, &mut course);
    course
}

/// Adds to the odds of each candidate what its neighbours say.
fn supported(tree: &Tree, chosen: &[Candidate]) -> Vec<Candidate> {
    let mut course = chosen.to_vec();
    for (index, pair) in chosen.windows(2).enumerate() {
        let link = tree.link(&pair[0], &pair[1]).unwrap_or(0.0);
        course[index].odds += link.max(0.0);
        course[index + 1].odds += link;
    }
    course
}

/// Adds items that were plainly taken at another time than the agenda says.
fn add_out_of_order(tree: &Tree, candidates: &[Candidate], course: &mut Vec<Candidate>) {
    let mut taken = vec![false; tree.parents.len()];
    for candidate in course.iter() {
        taken[candidate.item] = true;
    }
    let mut others: Vec<&Candidate> = candidates
        .iter()
        .filter(|candidate| candidate.odds >= OUT_OF_ORDER && !taken[candidate.item])
        .collect();
    others.sort_by(|left, right| right.odds.total_cmp(&left.odds).then(left.start.cmp(&right.start)));
    for candidate in others {
        let is_free = course.iter().all(|other| other.start.abs_diff(candidate.start) >= LEAST_GAP);
        if is_free && !taken[candidate.item] {
            taken[candidate.item] = true;
            course.push(Candidate { odds: candidate.odds - OUT_OF_ORDER_LOSS, ..*candidate });
        }
    }
    course.sort_by_key(|candidate| (candidate.start, candidate.item));
}

/// Which item belongs to which.
pub struct Tree {
    parents: Vec<Option<usize>>,
    /// For each item how many outermost items there are up to it.
    sections: Vec<usize>,
    /// For each item the first that is no part of it.
    after: Vec<usize>,
}

impl Tree {
    pub fn new(items: &[Planned<'_>]) -> Self {
        let parents = parents(items);
        let mut count = 0;
        let sections = parents
            .iter()
            .map(|parent| {
                count += usize::from(parent.is_none());
                count
            })
            .collect();
        let mut after: Vec<usize> = (1..=items.len()).collect();
        for index in (0..items.len()).rev() {
            if let Some(parent) = parents[index] {
                after[parent] = after[parent].max(after[index]);
            }
        }
        Self { parents, sections, after }
    }

    /// Whether one of them is a part of the other, or both are the same.
    pub fn is_related(&self, left: usize, right: usize) -> bool {
        left == right || self.is_part(left, right) || self.is_part(right, left)
    }

    fn is_part(&self, item: usize, of: usize) -> bool {
        of < item && item < self.after[of]
    }

    /// What it says of the second candidate that the first was taken before it; None if they exclude each other.
    fn link(&self, first: &Candidate, second: &Candidate) -> Option<f64> {
        if second.item <= first.item {
            return None;
        }
        let gap = if self.is_part(second.item, first.item) { 0 } else { LEAST_GAP };
        if second.start < first.start + gap {
            return None;
        }
        if second.item == first.item + 1 || second.item == self.after[first.item] {
            return Some(NEXT);
        }
        let sections = self.sections[second.item] - self.sections[first.item];
        Some(-(LEFT_OUT * sections.saturating_sub(1) as f64).min(MOST_LEFT_OUT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(levels: &[usize]) -> Vec<Planned<'static>> {
        levels.iter().map(|level| Planned { number: "", title: "", level: *level }).collect()
    }

    fn taken(levels: &[usize], candidates: &[(usize, usize, f64)]) -> Vec<(usize, usize)> {
        let candidates: Vec<_> = candidates
            .iter()
            .map(|(item, start, odds)| Candidate {
                item: *item,
                start: *start,
                end: start + 1,
                is_numbered: false,
                odds: *odds,
            })
            .collect();
        let course = course(&Tree::new(&items(levels)), &candidates);
        course.into_iter().map(|candidate| (candidate.item, candidate.start)).collect()
    }

    #[test]
    fn parts_are_known() {
        let tree = Tree::new(&items(&[0, 1, 2, 1, 0]));
        assert_eq!(tree.parents, [None, Some(0), Some(1), Some(0), None]);
        assert_eq!(tree.after, [4, 3, 3, 4, 5]);
        assert!(tree.is_related(0, 2) && tree.is_related(3, 0) && !tree.is_related(1, 3));
    }

    #[test]
    fn the_order_of_the_agenda_is_kept() {
        // The second is named early and late; between is where it fits.
        let said = [(0, 10, 3.0), (2, 15, 2.0), (1, 50, 3.0), (2, 90, 2.5), (1, 120, 3.5)];
        assert_eq!(taken(&[0, 0, 0], &said), [(0, 10), (1, 50), (2, 90)]);
        assert_eq!(taken(&[0, 0, 0], &[]), []);
        assert_eq!(taken(&[0, 0], &[(0, 5, -1.0), (1, 9, -3.0)]), []);
    }

    #[test]
    fn a_section_and_its_first_item_begin_together() {
        assert_eq!(taken(&[0, 1, 1], &[(0, 7, 2.0), (1, 7, 2.0), (2, 8, 1.0)]), [(0, 7), (1, 7)]);
        assert_eq!(taken(&[0, 0], &[(0, 7, 2.0), (1, 7, 1.0)]), [(0, 7)]);
    }

    #[test]
    fn only_the_plainly_taken_may_leave_the_order() {
        let said = |odds| [(0, 10, 3.0), (3, 20, odds), (1, 50, 3.0), (2, 90, 3.0)];
        assert_eq!(taken(&[0; 4], &said(3.0)), [(0, 10), (1, 50), (2, 90)]);
        assert_eq!(taken(&[0; 4], &said(5.0)), [(0, 10), (3, 20), (1, 50), (2, 90)]);
    }
}
