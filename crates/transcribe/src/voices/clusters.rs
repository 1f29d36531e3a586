//! Which of many short hearings of a voice belong to one voice.

/// Hearings whose voices differ by less, on average over all pairs, are of one voice: one less the cosine.
/// From 0.5 to 0.65, recordings of six readers and of real meetings give the same voices.
const FARTHEST: f32 = 0.58;
/// The work grows with the square of this; more hearings are put together group by group first.
const GROUP: usize = 1_500;

/// Some hearings of one voice.
#[derive(Debug, Clone)]
struct Cluster {
    /// Of embeddings of length 1: the mean distance between the members of two clusters can be had from
    /// their sums alone, since the cosine of two such vectors is their product.
    sum: Vec<f32>,
    count: f32,
    members: Vec<usize>,
}

impl Cluster {
    fn distance(&self, other: &Self) -> f32 {
        1.0 - dot(&self.sum, &other.sum) / (self.count * other.count)
    }

    fn take(&mut self, other: Self) {
        for (sum, more) in self.sum.iter_mut().zip(&other.sum) {
            *sum += more;
        }
        self.count += other.count;
        self.members.extend(other.members);
    }
}

pub(super) fn dot(one: &[f32], two: &[f32]) -> f32 {
    one.iter().zip(two).map(|(one, two)| one * two).sum()
}

/// Makes a vector's length 1.
pub(super) fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt().max(f32::MIN_POSITIVE);
    for value in &mut vector {
        *value /= length;
    }
    vector
}

/// Gives the voice of each embedding, from 0 on. Embeddings have length 1.
pub(super) fn cluster(embeddings: &[&[f32]]) -> Vec<usize> {
    let single = |(member, embedding): (usize, &&[f32])| Cluster {
        sum: embedding.to_vec(),
        count: 1.0,
        members: vec![member],
    };
    let singles: Vec<Cluster> = embeddings.iter().enumerate().map(single).collect();
    let grouped: Vec<Cluster> = singles.chunks(GROUP).flat_map(|group| merge(group.to_vec())).collect();
    let mut voices = vec![0; embeddings.len()];
    for (voice, cluster) in merge(grouped).into_iter().enumerate() {
        for member in cluster.members {
            voices[member] = voice;
        }
    }
    voices
}

/// Puts the two nearest together until none are near (average linkage).
fn merge(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let mut clusters: Vec<Option<Cluster>> = clusters.into_iter().map(Some).collect();
    // By cluster: the nearest of those behind it.
    let mut nearest: Vec<Option<(f32, usize)>> =
        (0..clusters.len()).map(|index| nearest_behind(&clusters, index)).collect();
    loop {
        let near =
            nearest.iter().enumerate().filter_map(|(one, found)| found.map(|(far, two)| (far, one, two)));
        let Some((far, one, two)) = near.min_by(|one, two| one.0.total_cmp(&two.0)) else { break };
        if far > FARTHEST {
            break;
        }
        let Some(taken) = clusters[two].take() else { break };
        nearest[two] = None;
        if let Some(cluster) = &mut clusters[one] {
            cluster.take(taken);
        }
        for index in 0..=two {
            let is_stale = nearest[index].is_some_and(|(_, other)| other == one || other == two);
            if index == one || is_stale {
                nearest[index] = nearest_behind(&clusters, index);
            } else if index < one
                && let (Some(cluster), Some(grown)) = (&clusters[index], &clusters[one])
            {
                let far = cluster.distance(grown);
                if nearest[index].is_none_or(|(nearest, _)| far < nearest) {
                    nearest[index] = Some((far, one));
                }
            }
        }
    }
    clusters.into_iter().flatten().collect()
}

fn nearest_behind(clusters: &[Option<Cluster>], index: usize) -> Option<(f32, usize)> {
    let cluster = clusters[index].as_ref()?;
    let behind = clusters.iter().enumerate().skip(index + 1);
    behind
        .filter_map(|(other, candidate)| Some((cluster.distance(candidate.as_ref()?), other)))
        .min_by(|one, two| one.0.total_cmp(&two.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Near the axis of its voice, a little off towards all others.
    fn heard(voice: usize, off: f32) -> Vec<f32> {
        normalised((0..8).map(|axis| if axis == voice { 1.0 } else { off }).collect())
    }

    proptest! {
        #[test]
        fn hearings_of_one_voice_are_put_together(
            hearings in prop::collection::vec((0_usize..8, -0.1_f32..0.1), 0..60),
        ) {
            let embeddings: Vec<Vec<f32>> = hearings.iter().map(|&(voice, off)| heard(voice, off)).collect();
            let voices = cluster(&embeddings.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for (one, two) in (0..hearings.len()).flat_map(|one| (0..one).map(move |two| (one, two))) {
                prop_assert_eq!(hearings[one].0 == hearings[two].0, voices[one] == voices[two]);
            }
        }
    }

    #[test]
    fn more_than_one_group_still_makes_one_voice() {
        let embeddings: Vec<Vec<f32>> = (0..2 * GROUP).map(|index| heard(index % 2, 0.05)).collect();
        let voices = cluster(&embeddings.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert!((0..voices.len()).all(|index| voices[index] == voices[index % 2]));
        assert_ne!(voices[0], voices[1]);
    }
}
