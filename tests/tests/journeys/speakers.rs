//! Who spoke and which item was taken, where nobody noted it.

use std::fs;

use moothall_tests::Home;
use serde_json::Value;

use crate::fixtures::{SLUG, fixture};

const MICROPHONES: &str = "time,microphone,state,name
00:00:40,1,on,\"AMIN, Ruth\"
00:00:00,1,on,Cllr Ruth Amin
00:00:09,1,off,
00:00:09,2,on,
00:00:14,2,off,
00:00:32,9,on,Member of the public
00:00:39,9,off,
00:00:39,9,off,
00:00:46.5,1,off,
sometime,1,on,
";

#[test]
fn a_microphone_log_says_who_spoke_and_wording_which_item_was_taken() {
    for home in Home::on_each_database() {
        let log = home.write("microphones.csv", MICROPHONES).display().to_string();
        let agenda = fixture("agenda.txt");
        let said = fs::read_to_string(fixture("captions.vtt")).unwrap();
        let called =
            said.replace("The footbridge at Mill Lane has", "Item three a, Mill Lane footbridge. It has");
        assert_ne!(called, said);
        let captions = home.write("captions.vtt", called);
        let arguments = format!(
            "--agenda {} --captions {} --microphones {log} --publish",
            agenda.display(),
            captions.display()
        );
        let told = home.import(&arguments).ok();
        assert!(told.stdout.contains("microphone log: 8 events"), "{}", told.stdout);
        assert!(told.stderr.contains("microphones.csv: line 11"), "{}", told.stderr);
        assert!(home.import(&arguments).ok().stdout.contains("is as it was"));

        let server = home.serve();
        let transcript = server.json(&format!("/api/v1/meetings/{SLUG}/transcript"));
        let turns = transcript["turns"].as_array().unwrap();
        let said = |turn: &Value| {
            let name = turn["speaker"]["name"].as_str().unwrap_or("nobody").to_owned();
            (turn["start_ms"].as_i64().unwrap(), name, turn["evidence"].as_str().unwrap().to_owned())
        };
        let named: Vec<_> = turns.iter().map(said).filter(|(_, name, _)| name != "nobody").collect();
        let expected = [
            (1_000, "Cllr Ruth Amin"),
            (9_200, "Microphone 2"),
            (32_250, "Member of the public"),
            (40_100, "Cllr Ruth Amin"),
        ];
        assert_eq!(named, expected.map(|(ms, name)| (ms, name.to_owned(), "microphone".to_owned())));
        assert_eq!(turns[0]["how"], "known from the microphone");

        let meeting = server.json(&format!("/api/v1/meetings/{SLUG}"));
        let items = meeting["items"].as_array().unwrap();
        let bridge = items.iter().find(|item| item["title"] == "Mill Lane footbridge").unwrap();
        let span = &bridge["spans"][0];
        assert_eq!((&span["source"], &span["confirmed"]), (&"wording".into(), &false.into()), "{meeting:#}");
        assert!((14_000..20_000).contains(&span["start_ms"].as_i64().unwrap()), "{span}");
    }
}

#[test]
fn a_token_is_shown_once_and_opens_nothing_once_it_is_removed() {
    let home = Home::new();
    let name = "Conference system";
    let add = ["token", "add", name, "--scope", "microphones", "--council", "ambleford"];
    let told = home.run(add).ok();
    let token = told.stdout.lines().last().unwrap().to_owned();
    assert_eq!(token.len(), 43, "{}", told.stdout);
    home.run(add).fails_with(&["has a token named"]);
    let listed = home.run(["token", "list"]).ok().stdout;
    assert!(listed.contains(name) && !listed.contains(&token), "{listed}");
    let server = home.serve();
    let tell = |token: &str| {
        let address = format!("{}/api/v1/rooms/council-chamber/microphones", server.url);
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(address).header("authorization", format!("Bearer {token}"));
        request.send_json(serde_json::json!({ "microphone": "1", "on": true })).unwrap().status().as_u16()
    };
    assert_eq!(tell(&token), 404, "there is no such room");
    home.run(["token", "remove", name, "--council", "ambleford"]).ok();
    assert_eq!(tell(&token), 401);
}
