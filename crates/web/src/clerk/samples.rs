//! Every template of the console rendered from sample contexts.

use moothall_core::{AgendaItemId, MediaTime, MeetingState, SignInId, SpeakerId, TurnId, UploadId};
use uuid::Uuid;

use super::{
    account::{AccountPage, PasswordForm, SignInView},
    home::{CouncilView, Group, HomePage},
    login::LoginPage,
    meeting::{MeetingPage, MeetingRow},
    meters::{Findings, Meters},
    run::{Item, ItemStage, Run},
    speakers::{Doubt, Moment, SpeakersPage, VoiceView},
    turn::TurnPage,
    upload::{Stage, Unfinished, UploadPage},
};
use crate::{
    pages::samples::{render, site, when},
    views::badge,
};

fn meeting(title: &str, state: MeetingState) -> MeetingRow {
    MeetingRow {
        slug: moothall_core::slugify(title),
        title: title.to_owned(),
        committee: "Planning Committee".to_owned(),
        when: when("2026-02-26T18:30:00+00:00"),
        badge: badge(state),
    }
}

#[test]
fn login() {
    let page = |problem: Option<&str>| LoginPage {
        site: site(""),
        email: "ada@ambleford.example".to_owned(),
        next: "/clerk".to_owned(),
        problem: problem.map(str::to_owned),
    };
    insta::assert_snapshot!(render("login", &page(None)));
    let refused = page(Some("The e-mail address or the password is not right."));
    insta::assert_snapshot!("login_refused", render("login_refused", &refused));
}

#[test]
fn home() {
    let group = |heading, state| Group { heading, meetings: vec![meeting("Planning <Committee>", state)] };
    let council = |name: &str, groups| CouncilView { name: name.to_owned(), groups };
    let page = HomePage {
        site: site("Meetings"),
        user: "Ada Birch".to_owned(),
        councils: vec![
            council(
                "Ambleford Town Council",
                vec![group("Running now", MeetingState::Live), group("Published", MeetingState::Published)],
            ),
            council("Nether Wick Parish Council", Vec::new()),
        ],
    };
    insta::assert_snapshot!("clerk_home", render("clerk_home", &page));
}

fn run(state: MeetingState, private: Option<&str>) -> Run {
    let item = |number: u128, name: &str, stage| Item {
        id: AgendaItemId::from(Uuid::from_u128(number)),
        name: name.to_owned(),
        stage,
    };
    Run {
        slug: "planning-committee".to_owned(),
        state,
        air_delay_s: 10,
        private: private.map(|reason| (when("2026-02-26T19:31:00+00:00"), reason.to_owned())),
        items: vec![
            item(1, "1 Apologies", ItemStage::Taken),
            item(2, "2 <Minutes>", ItemStage::Now),
            item(3, "3 Mill Lane footbridge", ItemStage::ToCome),
        ],
        may_change: true,
    }
}

#[test]
fn one_meeting() {
    let page = |state, private, shows_room| MeetingPage {
        site: site("Meetings"),
        meeting: meeting("Planning Committee", state),
        run: run(state, private),
        may_correct: true,
        shows_room,
        meters: Meters { now: None, is_private: private.is_some() },
        findings: Findings { open: Vec::new(), over: Vec::new() },
    };
    let live = page(MeetingState::Live, None, true);
    insta::assert_snapshot!("clerk_meeting_live", render("clerk_meeting_live", &live));
    let private = page(MeetingState::Live, Some("Schedule 12A, <paragraph 3>"), true);
    insta::assert_snapshot!("clerk_meeting_private", render("clerk_meeting_private", &private));
    let ended = page(MeetingState::Ended, None, false);
    insta::assert_snapshot!("clerk_meeting", render("clerk_meeting", &ended));
}

fn moment(at_ms: i64, text: &str) -> Moment {
    let turn = TurnId::from(Uuid::from_u128(at_ms.unsigned_abs().into()));
    Moment { turn, at: MediaTime::from_ms(at_ms), text: text.to_owned() }
}

#[test]
fn speakers() {
    let voice = |number: u128, name: Option<&str>| VoiceView {
        id: SpeakerId::from(Uuid::from_u128(number)),
        label: format!("Speaker {number}"),
        name: name.map(str::to_owned),
        spoken: "4:32".to_owned(),
        moments: vec![moment(83_200, "We come to the <footbridge>."), moment(3_683_200, "Councillor Hale…")],
    };
    let page = |voices, is_listening| SpeakersPage {
        site: site("Meetings"),
        meeting: meeting("Planning Committee", MeetingState::Published),
        is_public: true,
        is_listening,
        people: vec!["Ngozi Okafor".to_owned(), "Tariq Hale".to_owned()],
        doubts: Vec::new(),
        voices,
    };
    let moment = moment(912_000, "I second that.");
    let claims =
        vec!["the microphone says Ngozi Okafor".to_owned(), "the clerk’s mark says Tariq Hale".to_owned()];
    let doubt = Doubt { turn: moment.turn, moment, claims };
    let doubtful = SpeakersPage { doubts: vec![doubt], ..page(vec![voice(1, None)], false) };
    insta::assert_snapshot!("clerk_speakers_doubtful", render("clerk_speakers_doubtful", &doubtful));
    let some = page(vec![voice(1, Some("Ngozi Okafor")), voice(2, None)], false);
    insta::assert_snapshot!("clerk_speakers", render("clerk_speakers", &some));
    insta::assert_snapshot!("clerk_speakers_none", render("clerk_speakers_none", &page(Vec::new(), false)));
    render("clerk_speakers_listening", &page(Vec::new(), true));
}

#[test]
fn turn() {
    let page = |speaker: Option<&str>, voice: Option<&str>| TurnPage {
        site: site("Meetings"),
        meeting: meeting("Planning Committee", MeetingState::Published),
        is_public: true,
        moment: moment(912_000, "I second <that>."),
        speaker: speaker.map(str::to_owned),
        claims: vec!["the microphone says Ngozi Okafor".to_owned()],
        voice: voice.map(str::to_owned),
        people: vec!["Ngozi Okafor".to_owned()],
    };
    insta::assert_snapshot!(
        "clerk_turn",
        render("clerk_turn", &page(Some("Ngozi Okafor"), Some("Speaker 2")))
    );
    render("clerk_turn_unnamed", &page(None, None));
}

#[test]
fn account() {
    let sign_in = |number, browser: &str, here| SignInView {
        id: SignInId::from(Uuid::from_u128(number)),
        browser: browser.to_owned(),
        address: "198.51.100.4".to_owned(),
        since: when("2026-02-26T08:30:00+00:00"),
        seen: when("2026-02-26T18:30:00+00:00"),
        here,
    };
    let page = AccountPage {
        site: site("Your account"),
        name: "Ada Birch".to_owned(),
        email: "ada@ambleford.example".to_owned(),
        roles: vec![("Ambleford Town Council".to_owned(), "clerk")],
        sign_ins: vec![
            sign_in(1, "Firefox on Linux", true),
            sign_in(2, "Safari on iPhone", false),
            sign_in(3, "Edge on Windows", false),
        ],
        password: PasswordForm::Refused("Your present password is not right.".to_owned()),
    };
    insta::assert_snapshot!("account", render("account", &page));
}

#[test]
fn an_upload_at_every_stage() {
    let id = UploadId::from(Uuid::from_u128(4));
    let name = || "film.mp4".to_owned();
    for (sample, recorded, stage) in [
        ("upload", None, Stage::Choose { problem: None }),
        (
            "upload_refused",
            Some("1:02:03".to_owned()),
            Stage::Choose { problem: Some("film.mp4 is no media file.".to_owned()) },
        ),
        (
            "upload_unfinished",
            None,
            Stage::Receiving(Unfinished { id, name: name(), length: 2_000, modified_ms: 1, offset: 500 }),
        ),
        ("upload_recording", None, Stage::Recording { name: name(), percent: 40 }),
        ("upload_failed", None, Stage::Failed { id, name: name(), error: "the disk is full".to_owned() }),
        (
            "upload_closed",
            Some("1:02:03".to_owned()),
            Stage::Closed("This meeting was recorded live, and a file would replace that.".to_owned()),
        ),
    ] {
        let page = UploadPage {
            site: site("Meetings"),
            meeting: meeting("Planning Committee", MeetingState::Ended),
            recorded,
            stage,
            most_bytes: crate::uploads::MOST_BYTES,
        };
        insta::assert_snapshot!(sample, render(sample, &page));
    }
}
