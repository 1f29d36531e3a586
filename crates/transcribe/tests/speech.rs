//! Real speech through the real models base and silero-vad.
#![expect(clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::OnceLock;

use common::{models, samples, shared};
use moothall_core::{Caption, MediaTime, Word};
use moothall_transcribe::{
    Live, Options, SAMPLE_RATE_HZ, TranscribeError, Transcriber,
    models::VOICE_ACTIVITY,
    vad::VoiceActivity,
    windows::{self, Span},
};

/// Loaded once for all tests.
fn transcriber() -> Option<&'static Transcriber> {
    static LOADED: OnceLock<Option<Transcriber>> = OnceLock::new();
    let load = || {
        let options = Options { language: Some("en".to_owned()), ..Options::default() };
        models().map(|models| Transcriber::load(&models, "base", &options).unwrap())
    };
    LOADED.get_or_init(load).as_ref()
}

fn hear(transcriber: &Transcriber, samples: &[f32]) -> Vec<Caption> {
    transcriber.transcribe(samples, MediaTime::ZERO, None, &[], &mut |_| {}).unwrap().captions
}

fn words(captions: &[Caption]) -> Vec<Word> {
    captions.iter().flat_map(|caption| caption.words.clone()).collect()
}

fn plain(text: &str) -> Vec<String> {
    let letters = |word: &str| word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    text.split_whitespace().map(|word| letters(word).to_lowercase()).filter(|word| !word.is_empty()).collect()
}

/// Substitutions, insertions and deletions for each word of the reference (Levenshtein).
fn word_error_rate(reference: &str, heard: &[Word]) -> f64 {
    let reference = plain(reference);
    let heard: Vec<String> = heard.iter().flat_map(|word| plain(&word.text)).collect();
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (line, expected) in reference.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, found) in heard.iter().enumerate() {
            let substituted = diagonal + usize::from(expected != found);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / reference.len() as f64
}

fn assert_in_order(captions: &[Caption]) {
    for pair in captions.windows(2) {
        assert!(pair[0].end_ms <= pair[1].start_ms, "{pair:?}");
    }
    for pair in words(captions).windows(2) {
        assert!(pair[0].end_ms <= pair[1].start_ms, "{pair:?}");
    }
}

#[test]
fn clear_speech_is_written_down() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("tts-rms.flac")) else { return };
    let captions = hear(transcriber, &samples(&path));
    assert_in_order(&captions);
    let reference = std::fs::read_to_string(path.with_extension("txt")).unwrap();
    let error = word_error_rate(&reference, &words(&captions));
    // Numbers are written as figures, which counts as errors here.
    assert!(error < 0.25, "{error}: {captions:#?}");
}

#[test]
fn a_famous_sentence_at_its_times() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("jfk.flac")) else { return };
    let words = words(&hear(transcriber, &samples(&path)));
    let heard: Vec<String> = words.iter().flat_map(|word| plain(&word.text)).collect();
    let said = "and so my fellow americans ask not what your country can do for you ask what you can do for your country";
    assert_eq!(heard.join(" "), said);
    // "ask not" follows a pause of half a second at 3.3 s.
    assert!((3_200..4_300).contains(&words[5].start_ms.ms()), "{:?}", words[5]);
}

/// The file is speech, 40 s of silence, 60 s of hum, 45 s of music, and speech.
#[test]
fn silence_hum_and_music_have_no_text() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("adjourn.flac")) else { return };
    let samples = samples(&path);
    let probabilities = models()
        .map(|models| VoiceActivity::load(&models.path(VOICE_ACTIVITY).unwrap()).unwrap())
        .map(|voice| [1, 2].map(|threads| voice.probabilities(&samples, threads).unwrap()))
        .unwrap();
    let differences = probabilities[0].iter().zip(&probabilities[1]).map(|(one, two)| (one - two).abs());
    assert_eq!(probabilities[0].len(), probabilities[1].len());
    assert!(differences.fold(0.0, f32::max) < 0.2, "what is heard depends on the number of threads");
    let speech = windows::speech(&probabilities[1], 300);
    let (silence_ms, music_ms) = (Span::new(21_000, 119_000), Span::new(121_000, 164_000));
    let within = |part: Span| speech.iter().map(|span| span.overlap_ms(part).max(0)).sum::<i64>();
    assert_eq!(within(silence_ms), 0, "a voice was found in silence or hum: {speech:?}");
    assert!(within(music_ms) < 8_000, "voices were found in music: {speech:?}");

    let captions = hear(transcriber, &samples);
    assert_in_order(&captions);
    let heard = |caption: &Caption| Span::new(caption.start_ms.ms(), caption.end_ms.ms());
    assert!(captions.iter().all(|caption| heard(caption).overlap_ms(silence_ms) <= 0), "{captions:#?}");
    assert!(captions.iter().all(|caption| heard(caption).overlap_ms(music_ms) <= 0), "{captions:#?}");
    let text = words(&captions).iter().flat_map(|word| plain(&word.text)).collect::<Vec<_>>().join(" ");
    for said in ["medicine was last taken", "the position and temperature of the body", "lips and mouth"] {
        assert!(text.contains(said), "{text}");
    }
}

/// Of half a minute of English, and as much German.
#[test]
fn each_passage_is_written_in_its_own_language() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("multilingual.mp3")) else { return };
    let transcriber = transcriber.in_language(None).unwrap();
    let samples = samples(&path);
    let mut stream = transcriber.stream(MediaTime::ZERO);
    let mut captions = stream.push(&samples).unwrap();
    captions.extend(stream.flush().unwrap());
    assert_in_order(&captions);
    let spoken = |caption: &Caption| if caption.start_ms.ms() < 30_000 { "en" } else { "de" };
    for caption in &captions {
        assert_eq!(caption.language.as_deref(), Some(spoken(caption)), "{caption:?}");
    }
    let text = words(&captions).iter().flat_map(|word| plain(&word.text)).collect::<Vec<_>>().join(" ");
    for said in ["free of charge", "portions of the software", "die software zu verwenden", "diese rechte"] {
        assert!(text.contains(said), "{text}");
    }
    assert_eq!((stream.language(), stream.last_language()), (Some("en"), Some("de")));

    // Twelve seconds around the change fit in one window; and a few words of German, alone.
    let part = |from_ms: usize, to_ms: usize| &samples[from_ms * 16..to_ms * 16];
    let around = hear(&transcriber, &[part(0, 13_300), part(23_000, 29_200), part(30_800, 37_000)].concat());
    for caption in &around {
        let spoken = if caption.start_ms.ms() < 19_400 { "en" } else { "de" };
        assert_eq!(caption.language.as_deref(), Some(spoken), "{caption:?}");
    }
    assert_eq!(around.last().and_then(|caption| caption.language.as_deref()), Some("de"));
    let after = |language| {
        let mut stream = transcriber.stream(MediaTime::ZERO).with_language_before(language);
        stream.push(part(30_800, 33_000)).unwrap();
        stream.flush().unwrap();
        stream.language()
    };
    assert_eq!([after(None), after(Some("de")), after(Some("en"))], [Some("de"), Some("de"), Some("en")]);
}

/// Names, accents and voices that talk over one another are taken for other languages, for a few seconds.
#[test]
fn english_stays_english() {
    let Some(transcriber) = transcriber() else { return };
    let transcriber = transcriber.in_language(None).unwrap();
    for file in ["bias.flac", "ami-trn04.flac", "ami-trn05.flac", "tts-awb.flac"] {
        let Some(path) = shared(file) else { return };
        for caption in hear(&transcriber, &samples(&path)) {
            assert_eq!(caption.language.as_deref(), Some("en"), "{file}: {caption:?}");
        }
    }
}

#[test]
fn a_growing_recording_gives_the_same_words_after_a_restart() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("meeting-2min.flac")) else { return };
    let samples = samples(&path);
    let offset = MediaTime::from_ms(3_600_000);
    let mut captions = Vec::new();
    // Each stream hears half a minute more than the last one finished, and is then lost.
    let mut position = offset;
    let index = |at: MediaTime| (at - offset) as usize * SAMPLE_RATE_HZ / 1_000;
    loop {
        let from = index(position);
        let to = (from + 30 * SAMPLE_RATE_HZ).min(samples.len());
        let mut stream = transcriber.stream(position);
        captions.extend(stream.push(&samples[from..to]).unwrap());
        captions.extend(if to == samples.len() { stream.flush() } else { stream.advance() }.unwrap());
        assert!(stream.position() > position, "no progress at {position}");
        position = stream.position();
        if to == samples.len() {
            break;
        }
    }
    assert_in_order(&captions);
    assert!(captions[0].start_ms >= offset && captions[captions.len() - 1].end_ms <= position + 1_000);
    let reference = std::fs::read_to_string(path.with_extension("txt")).unwrap();
    let error = word_error_rate(&reference, &words(&captions));
    assert!(error < 0.3, "{error}: {captions:#?}");
}

/// Half a second at a time, as it comes from a recorder; each time with the sound that there was.
fn caption_live(transcriber: &Transcriber, samples: &[f32]) -> Vec<(Word, MediaTime)> {
    let mut live = Live::begin(MediaTime::ZERO);
    let mut settled = Vec::new();
    for piece in samples.chunks(SAMPLE_RATE_HZ / 2) {
        let words = live.push(transcriber, piece).unwrap();
        assert!(live.position() <= live.end_of_sound());
        settled.extend(words.into_iter().map(|word| (word, live.end_of_sound())));
    }
    let end = live.end_of_sound();
    settled.extend(live.end(transcriber).unwrap().into_iter().map(|word| (word, end)));
    settled
}

#[test]
fn words_settle_while_somebody_speaks() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("meeting-2min.flac")) else { return };
    let settled = caption_live(transcriber, &samples(&path));
    let words: Vec<Word> = settled.iter().map(|(word, _)| word.clone()).collect();
    assert!(words.is_sorted_by_key(|word| word.start_ms), "{words:#?}");
    let mut late_ms: Vec<i64> = settled.iter().map(|(word, heard)| *heard - word.end_ms).collect();
    late_ms.sort_unstable();
    // Of sound, not of time: a slow machine changes nothing.
    assert!(late_ms[late_ms.len() / 2] <= 3_000, "{late_ms:?}");
    assert!(late_ms[late_ms.len() * 9 / 10] <= 5_000, "{late_ms:?}");
    let reference = std::fs::read_to_string(path.with_extension("txt")).unwrap();
    let error = word_error_rate(&reference, &words);
    assert!(error < 0.3, "{error}: {words:#?}");
}

#[test]
fn nothing_is_made_up_live() {
    let (Some(transcriber), Some(path)) = (transcriber(), shared("adjourn.flac")) else { return };
    let settled = caption_live(transcriber, &samples(&path));
    let (silence_ms, music_ms) = (Span::new(21_000, 119_000), Span::new(121_000, 164_000));
    for (word, _) in settled {
        let heard = Span::new(word.start_ms.ms(), word.end_ms.ms());
        assert!(heard.overlap_ms(silence_ms) <= 0 && heard.overlap_ms(music_ms) <= 0, "{word:?}");
    }
}

#[test]
fn sound_without_speech_or_without_samples_is_no_error() {
    let Some(transcriber) = transcriber() else { return };
    assert_eq!(hear(transcriber, &[]), []);
    assert_eq!(hear(transcriber, &[0.0; 3 * SAMPLE_RATE_HZ]), []);
    assert_eq!(hear(transcriber, &[f32::NAN; SAMPLE_RATE_HZ]), []);
}

#[test]
fn an_unknown_language_is_refused() {
    let Some(models) = models() else { return };
    for language in ["klingon", "e\0n", ""] {
        let options = Options { language: Some(language.to_owned()), ..Options::default() };
        let error = Transcriber::load(&models, "base", &options).unwrap_err();
        assert!(matches!(error, TranscribeError::Language(_)), "{error}");
    }
}
