//! Every template rendered from sample contexts, as a visitor would get it.

use askama::Template;
use moothall_core::{AgendaItemId, CaptionId, MediaTime, MeetingState, TurnId};
use uuid::Uuid;

use super::{
    committee::CommitteePage,
    error::{ErrorPage, NotFoundPage},
    home::HomePage,
    meeting::{ItemView, MeetingHead, MeetingPage, Player, Span},
    meetings::{Choice, MeetingsPage, by_month},
    person::{MembershipView, PersonPage},
    search::{Answer, FacetValue, FacetView, Form, FoundMeeting, HitView, SearchPage},
    transcript::{CaptionView, ItemHeading, TranscriptPage, TurnView},
};
use crate::{
    downloads,
    views::{Link, MeetingCard, Paging, Site, SpeakerView, When},
};

/// Writes the pages where somebody may look at them with a browser, if asked to, and gives them back with
/// the hashes of the styles' file names taken out.
pub fn render(name: &str, page: &impl Template) -> String {
    let html = page.render().unwrap();
    if let Ok(folder) = std::env::var("MOOTHALL_SAMPLE_PAGES") {
        std::fs::write(format!("{folder}/{name}.html"), &html).unwrap();
    }
    crate::assets::without_hashes(&html)
}

pub fn site(place: &'static str) -> Site {
    Site { name: "Ambleford Town Council".to_owned(), ..Site::default() }.at(place)
}

pub fn when(text: &str) -> When {
    When(text.parse().unwrap())
}

fn planning() -> Link {
    Link { text: "Planning Committee".to_owned(), href: "/committees/planning-committee".to_owned() }
}

fn card(title: &str, start: &str, state: MeetingState) -> MeetingCard {
    MeetingCard {
        href: format!("/meetings/{}", moothall_core::slugify(title)),
        title: title.to_owned(),
        committee: planning(),
        council: None,
        when: when(start),
        state,
        poster: (state == MeetingState::Published).then(|| "/media/0198/poster.jpg".to_owned()),
    }
}

fn seconds(seconds: f64) -> MediaTime {
    MediaTime::from_seconds(seconds)
}

fn caption(number: u128, start: f64, text: &str) -> CaptionView {
    CaptionView {
        former: Vec::new(),
        id: CaptionId::from(Uuid::from_u128(number)),
        start: seconds(start),
        end: seconds(start + 3.5),
        text: text.to_owned(),
        corrected: number == 2,
        language: (number == 3).then(|| "cy".to_owned()),
    }
}

fn turns() -> Vec<TurnView> {
    vec![
        TurnView {
            id: TurnId::from(Uuid::from_u128(100)),
            continued: false,
            item: Some(ItemHeading {
                number: "6a".to_owned(),
                title: "Footbridge over the mill race".to_owned(),
            }),
            speaker: Some(SpeakerView {
                name: "Councillor Ngozi Okafor".to_owned(),
                role: Some("Chair".to_owned()),
                href: Some("/people/ngozi-okafor".to_owned()),
                how: Some("known from the microphone".to_owned()),
            }),
            start: seconds(62.4),
            captions: vec![
                caption(1, 62.4, "We come to the footbridge over the mill race,"),
                caption(2, 65.9, "which the county asks us to close & repair."),
            ],
        },
        TurnView {
            id: TurnId::from(Uuid::from_u128(101)),
            continued: true,
            item: None,
            speaker: None,
            start: seconds(75.0),
            captions: vec![caption(3, 75.0, "How long will <it> be closed for?")],
        },
    ]
}

fn items() -> Vec<ItemView> {
    let item =
        |id: u128, number: &str, title: &str, level, restricted, spans: &[(f64, Option<f64>)]| ItemView {
            id: AgendaItemId::from(Uuid::from_u128(id)),
            number: number.to_owned(),
            title: title.to_owned(),
            level,
            restricted,
            spans: spans
                .iter()
                .map(|&(start, end)| Span { start: seconds(start), end: end.map(seconds) })
                .collect(),
        };
    vec![
        item(1, "1", "Apologies for absence", 1, false, &[(0.0, Some(60.0))]),
        item(2, "6", "Highways and bridges", 1, false, &[(60.0, None)]),
        item(3, "6a", "Footbridge over the mill race", 2, false, &[(62.0, Some(180.0)), (200.0, None)]),
        item(4, "9", "Terms of the lease of 4 Market Place", 1, true, &[]),
    ]
}

fn head(state: MeetingState) -> MeetingHead {
    MeetingHead {
        slug: "planning-2026-07-23".to_owned(),
        title: "Planning Committee: July meeting".to_owned(),
        committee: planning(),
        council: None,
        when: when("2026-07-23T18:30:00+01:00"),
        state,
    }
}

fn meeting(state: MeetingState, video: bool) -> MeetingPage {
    let public = state.is_public();
    MeetingPage {
        site: site("Meetings"),
        meeting: head(state),
        player: public.then(|| Player {
            master: "/media/0198/master.m3u8".to_owned(),
            epoch_ms: 1_784_827_800_000,
            video,
            live: state.is_running(),
            poster: (!state.is_running() && video).then(|| "/media/0198/poster.jpg".to_owned()),
        }),
        private: None,
        items: items(),
        suggested: true,
        turns: if public { turns() } else { Vec::new() },
        speakers: turns().into_iter().filter_map(|turn| turn.speaker).filter(|_| public).collect(),
        downloads: if public { downloads::links("planning-2026-07-23") } else { Vec::new() },
        play: String::new(),
    }
}

#[test]
fn home() {
    let full = HomePage {
        site: site("Home"),
        live: vec![card("Full Council", "2026-11-22T19:00:00Z", MeetingState::Live)],
        next: vec![card("Planning Committee in December", "2026-12-03T18:30:00Z", MeetingState::Scheduled)],
        latest: vec![card(
            "Planning Committee in July",
            "2026-07-23T18:30:00+01:00",
            MeetingState::Published,
        )],
    };
    insta::assert_snapshot!(render("home", &full));
    let empty = HomePage { site: site("Home"), live: vec![], next: vec![], latest: vec![] };
    insta::assert_snapshot!("home_without_meetings", render("home-empty", &empty));
}

#[test]
fn meetings() {
    let page = |chosen, meetings| MeetingsPage {
        site: site("Meetings"),
        committees: vec![Choice {
            value: "planning-committee".to_owned(),
            text: "Planning Committee".to_owned(),
            chosen,
        }],
        months: by_month(meetings),
        paging: Paging::new(2, 3, |page| format!("/meetings?page={page}")),
    };
    let some = vec![
        card("Planning Committee in July", "2026-07-23T18:30:00+01:00", MeetingState::Published),
        card("Planning Committee early in July", "2026-07-02T18:30:00+01:00", MeetingState::Cancelled),
        card("Planning Committee in June", "2026-06-04T18:30:00+01:00", MeetingState::Published),
    ];
    insta::assert_snapshot!(render("meetings", &page(false, some)));
    insta::assert_snapshot!(
        "meetings_of_a_committee_without_any",
        render("meetings-none", &page(true, vec![]))
    );
}

#[test]
fn meeting_in_every_state() {
    insta::assert_snapshot!("meeting_published", render("meeting", &meeting(MeetingState::Published, true)));
    insta::assert_snapshot!(
        "meeting_live_sound_only",
        render("meeting-audio", &meeting(MeetingState::Live, false))
    );
    for state in MeetingState::ALL.into_iter().filter(|state| !state.is_public()) {
        let html = render(&format!("meeting-{state}"), &meeting(state, true));
        assert!(html.contains("id=\"notice\""), "{state} is explained");
        assert!(!html.contains("id=\"player\""), "{state} has no player");
    }
    let adjourned = render("meeting-adjourned", &meeting(MeetingState::Adjourned, true));
    assert!(adjourned.contains("The meeting is adjourned"));
    insta::assert_snapshot!(
        "meeting_scheduled",
        render("meeting-next", &meeting(MeetingState::Scheduled, true))
    );
}

#[test]
fn a_live_meeting_before_the_first_word() {
    let page = MeetingPage {
        turns: vec![],
        items: vec![],
        suggested: false,
        speakers: vec![],
        downloads: vec![],
        private: Some("Schedule 12A, <paragraph 3>".to_owned()),
        ..meeting(MeetingState::Live, true)
    };
    let html = render("meeting-live", &page);
    assert!(html.contains("Press and public are excluded") && html.contains("12A, &#60;paragraph 3&#62;"));
    assert!(html.contains("data-live"));
    assert!(html.contains("id=\"turns\""), "the script finds where to put what is said");
    assert!(html.contains("No agenda has been added"));
}

#[test]
fn transcript() {
    let page = TranscriptPage {
        site: site("Meetings"),
        meeting: head(MeetingState::Published),
        turns: turns(),
        downloads: downloads::links("planning-2026-07-23"),
        play: "/meetings/planning-2026-07-23".to_owned(),
    };
    insta::assert_snapshot!(render("transcript", &page));
}

#[test]
fn committee() {
    let page = CommitteePage {
        site: site("Meetings"),
        name: "Planning Committee".to_owned(),
        slug: "planning-committee".to_owned(),
        council: None,
        next: vec![],
        latest: vec![card(
            "Planning Committee in July",
            "2026-07-23T18:30:00+01:00",
            MeetingState::Published,
        )],
    };
    insta::assert_snapshot!(render("committee", &page));
}

#[test]
fn person() {
    let page = PersonPage {
        site: site(""),
        name: "Ngozi Okafor".to_owned(),
        memberships: vec![MembershipView {
            committee: Some("Planning Committee".to_owned()),
            role: "Chair".to_owned(),
            party: Some("Independent".to_owned()),
            ward: Some("Mill Ward".to_owned()),
            period: "since 4 May 2023".to_owned(),
        }],
        search: "/search?speaker=1".to_owned(),
        meetings: vec![],
    };
    insta::assert_snapshot!(render("person", &page));
}

fn answer(meetings: Vec<FoundMeeting>) -> Answer {
    Answer {
        total: crate::views::count(meetings.len() as u64, "moment", "moments"),
        files: vec![Link { text: "Table (CSV)".to_owned(), href: "/search.csv?q=bridge".to_owned() }],
        cut_off: true,
        paging: Paging::new(1, 2, |page| format!("/search?q=bridge&page={page}")),
        facets: vec![FacetView {
            title: "Speaker",
            name: "speaker",
            values: [("Ngozi Okafor", true, false), ("Tom Ellery", true, true), ("Ann <Lee>", false, false)]
                .map(|(label, chosen, in_box)| FacetValue {
                    label: label.to_owned(),
                    count: 3,
                    value: "an \"id\"".to_owned(),
                    chosen,
                    in_box,
                })
                .into(),
        }],
        meetings,
        told: vec!["Not understood and left out: “from:<soon>”.".to_owned()],
        chosen: vec![Link { text: "Ngozi Okafor".to_owned(), href: "/search?q=bridge".to_owned() }],
        without_filters: Some("/search?q=bridge".to_owned()),
    }
}

#[test]
fn search() {
    let form = Form { q: "bridge \"<b>".to_owned(), from: "2026-01-01".to_owned(), ..Form::default() };
    let hit = HitView {
        href: "/meetings/planning-2026-07-23?t=62.400#c-1".to_owned(),
        clock: "1:02".to_owned(),
        snippet: "We come to the foot<mark>bridge</mark> over the mill race".to_owned(),
        speaker: Some("Councillor Ngozi Okafor".to_owned()),
        item: Some("6a. Footbridge over the mill race".to_owned()),
    };
    let meeting = FoundMeeting {
        href: "/meetings/planning-2026-07-23".to_owned(),
        title: "Planning Committee: July meeting".to_owned(),
        committee: "Planning Committee".to_owned(),
        when: Some(when("2026-07-23T18:30:00+01:00")),
        hits: vec![hit],
    };
    let page = |answer| SearchPage { site: site("Search"), form: form.clone(), answer };
    insta::assert_snapshot!("search", render("search", &page(Some(answer(vec![meeting])))));
    insta::assert_snapshot!("search_that_finds_nothing", render("search-none", &page(Some(answer(vec![])))));
    insta::assert_snapshot!(
        "search_before_any_question",
        render("search-empty", &SearchPage { site: site("Search"), form: Form::default(), answer: None })
    );
}

#[test]
fn errors() {
    insta::assert_snapshot!("not_found", render("not-found", &NotFoundPage { site: Site::default() }));
    let page = ErrorPage {
        site: Site::default(),
        title: "Something went wrong",
        text: "Try again in a minute.".to_owned(),
    };
    insta::assert_snapshot!("error", render("error", &page));
}
