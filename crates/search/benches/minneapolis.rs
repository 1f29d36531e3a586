//! Feeds the hundred Minneapolis meetings and asks them: `cargo bench -p moothall-search --profile release`.
//!
//! Reads the unpacked `minneapolis-100.tar.xz` from the directory in MOOTHALL_MINNEAPOLIS (by default
//! `/tmp/mpls/minneapolis`). Speakers and items are made up, since the captions name none.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use moothall_core::{AgendaItemId, CaptionId, MediaTime, MeetingId, TurnId, slugify};
use moothall_search::{CaptionDoc, Index, Item, MeetingDocs, Named, Query, Sort, Speaker};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = std::env::var_os("MOOTHALL_MINNEAPOLIS")
        .map_or_else(|| PathBuf::from("/tmp/mpls/minneapolis"), PathBuf::from);
    let Ok(list) = fs::read_to_string(source.join("meetings.json")) else {
        println!("skipped: no meetings.json in {}", source.display());
        return Ok(());
    };
    let list: Vec<serde_json::Value> = serde_json::from_str(&list)?;
    let meetings: Vec<MeetingDocs> =
        list.iter().map(|entry| meeting(&source, entry)).collect::<Result<_, _>>()?;
    let captions: usize = meetings.iter().map(|docs| docs.captions.len()).sum();
    let text: usize = meetings.iter().flat_map(|docs| &docs.captions).map(|caption| caption.text.len()).sum();

    let dir = tempfile::tempdir()?;
    let opened = Index::open(dir.path())?;
    let start = Instant::now();
    meetings.iter().try_for_each(|docs| opened.index.replace_meeting(docs))?;
    opened.index.commit(1)?;
    println!("fed {captions} captions in {:.2} s", start.elapsed().as_secs_f64());
    drop(opened);
    let bytes: u64 = fs::read_dir(dir.path().join("current"))?
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<std::io::Result<u64>>()?;
    println!(
        "index {:.1} MB, {:.2} of {:.1} MB of text",
        mb(bytes as f64),
        bytes as f64 / text as f64,
        mb(text as f64)
    );
    let start = Instant::now();
    let index = Index::open(dir.path())?.index;
    println!("checked and opened in {:.0} ms", start.elapsed().as_secs_f64() * 1_000.0);

    println!("{:<44} {:>7} {:>9} {:>9}", "query", "total", "median ms", "p99 ms");
    let date = Query { sort: Sort::Date, ..Query::default() };
    let speaker = Query { speaker: vec!["p-3".to_owned()], ..Query::default() };
    for (text, query) in [
        ("bicycle", Query::default()),
        ("police", Query::default()),
        ("the", Query::default()),
        ("the", date.clone()),
        ("the and of to", Query::default()),
        ("housing affordable", Query::default()),
        ("\"affordable housing\"", Query::default()),
        ("\"thank you\"", Query::default()),
        ("hous*", Query::default()),
        ("a*", Query::default()),
        ("police OR housing OR budget -motion", Query::default()),
        ("police", speaker.clone()),
        ("the", speaker),
        ("budget from:2024 committee:budget", Query::default()),
        ("from:2023", Query::default()),
        ("the", Query { page: 50, ..Query::default() }),
    ] {
        let query = Query { text: text.to_owned(), ..query };
        let mut times = Vec::new();
        let mut total = 0;
        for _ in 0..200 {
            let start = Instant::now();
            total = index.search(&query)?.total;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        let name = format!(
            "{text}{}{}{}",
            if query.speaker.is_empty() { "" } else { " + speaker" },
            if query.sort == Sort::Date { " by date" } else { "" },
            if query.page > 0 { " page 50" } else { "" },
        );
        println!("{name:<44} {total:>7} {:>9.2} {:>9.2}", times[100], times[198]);
    }
    Ok(())
}

fn mb(bytes: f64) -> f64 {
    bytes / 1e6
}

fn meeting(source: &Path, entry: &serde_json::Value) -> Result<MeetingDocs, Box<dyn std::error::Error>> {
    let field = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let committee = field("committee");
    let file = field("captions");
    let text = fs::read_to_string(source.join(&file))?;
    let items: Vec<Item> = (1..=12)
        .map(|number| Item {
            id: AgendaItemId::new(),
            number: number.to_string(),
            title: format!("Item {number}"),
        })
        .collect();
    let mut captions = Vec::new();
    let (mut turn, mut turns) = (TurnId::new(), 0);
    for cue in text.split("\n\n") {
        let Some((times, text)) = cue.split_once('\n') else { continue };
        let Some((start, end)) = times.split_once(" --> ") else { continue };
        if text.starts_with("&gt;&gt;") {
            (turn, turns) = (TurnId::new(), turns + 1);
        }
        let speaker = turns * 7 % 41;
        captions.push(CaptionDoc {
            id: CaptionId::new(),
            start_ms: start.trim().parse::<MediaTime>()?,
            end_ms: end.trim().parse::<MediaTime>()?,
            text: text.trim_start_matches("&gt;&gt;").trim().to_owned(),
            turn: Some(turn),
            speaker: Some(Speaker { id: format!("p-{speaker}"), name: format!("Member {speaker}") }),
            item: items.get(captions.len() / 200 % items.len()).cloned(),
        });
    }
    Ok(MeetingDocs {
        id: MeetingId::new(),
        slug: file.trim_end_matches(".vtt").to_owned(),
        title: committee.clone(),
        committee: Named { slug: slugify(&committee), name: committee },
        council: Named { slug: "minneapolis".to_owned(), name: "Minneapolis City Council".to_owned() },
        start: format!("{}-06:00", field("start")).parse()?,
        captions,
    })
}
