//! What a recording must keep of sound that tells the time.

use moothall_tests::Heard;

/// What is aired at once.
const PART_MS: i64 = 450;
/// A moment between two tenths of a second is not heard, and an encoder that has to wait may skip a tenth.
const UNHEARD_MS: i64 = 300;

/// How many milliseconds are missing between moments of a run that should follow each other, by the playlist or
/// by the sound.
pub fn holes(run: &[Heard]) -> Vec<i64> {
    let passed_ms =
        |pair: &[Heard]| (pair[1].playlist_ms - pair[0].playlist_ms).max(pair[1].sent_ms - pair[0].sent_ms);
    run.windows(2).map(passed_ms).filter(|passed_ms| *passed_ms > UNHEARD_MS).collect()
}

/// All of it is as late as the rest of it, within one part.
#[track_caller]
pub fn on_time(heard: &[Heard]) {
    let mut late_ms: Vec<i64> = heard.iter().map(|heard| heard.late_ms()).collect();
    late_ms.sort_unstable();
    let usual_ms = late_ms[late_ms.len() / 2];
    let [least_ms, .., most_ms] = late_ms[..] else { panic!("nothing is heard") };
    println!("the playlist is {usual_ms} ms late ({least_ms} to {most_ms}) at {} moments", heard.len());
    assert!(usual_ms - least_ms < PART_MS && most_ms - usual_ms < PART_MS);
}
