use std::collections::BTreeMap;

use serde::Deserialize;

use super::DemoError;

/// A debate as it is written: who speaks, on which item, in which order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    pub council: String,
    pub committee: String,
    pub title: String,
    /// By the short name that lines use.
    pub speakers: BTreeMap<String, Speaker>,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speaker {
    pub name: String,
    pub role: String,
    /// A voice of flite; `flite -lv` lists them.
    pub voice: String,
    /// 1 is the voice as it is; 1.1 is a tenth higher at the same pace. Between 0.7 and 1.4.
    pub pitch: f64,
    /// Red, green and blue of the disc beside the name.
    pub colour: [u8; 3],
}

/// An agenda item. One without lines is a heading that is never called by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub number: String,
    pub title: String,
    #[serde(default)]
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub by: String,
    pub says: String,
    /// Silence before the line where it is not the usual one.
    pub wait_ms: Option<u32>,
}

impl Script {
    pub fn parse(text: &str) -> Result<Self, DemoError> {
        let script: Self = toml::from_str(text).map_err(|error| DemoError::Script(error.to_string()))?;
        for speaker in script.speakers.values() {
            if !(0.7..=1.4).contains(&speaker.pitch) {
                let reason = format!("the pitch of {} is not between 0.7 and 1.4", speaker.name);
                return Err(DemoError::Script(reason));
            }
        }
        if script.items.iter().all(|item| item.lines.is_empty()) {
            return Err(DemoError::Script("nobody says anything".to_owned()));
        }
        Ok(script)
    }

    pub fn speaker(&self, id: &str) -> Result<&Speaker, DemoError> {
        self.speakers.get(id).ok_or_else(|| DemoError::Script(format!("no speaker is called {id:?}")))
    }

    /// The agenda as a clerk would paste it: a heading, then one numbered item a line.
    pub fn agenda_text(&self) -> String {
        let items: String =
            self.items.iter().map(|item| format!("{}. {}\n", item.number, item.title)).collect();
        format!("{}\n{}\n\nAGENDA\n\n{items}", self.council, self.committee)
    }
}

impl Speaker {
    /// The first letters of the last two words of the name, as in "RM" for Councillor Robin Marsh.
    pub fn initials(&self) -> String {
        let words: Vec<&str> = self.name.split_whitespace().collect();
        words.iter().skip(words.len().saturating_sub(2)).filter_map(|word| word.chars().next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debate_has_three_spoken_items_and_four_speakers() {
        let script = Script::parse(include_str!("script.toml")).unwrap();
        let spoken: Vec<&Item> = script.items.iter().filter(|item| !item.lines.is_empty()).collect();
        assert_eq!(spoken.len(), 3);
        assert_eq!(script.speakers.len(), 4);
        for line in spoken.iter().flat_map(|item| &item.lines) {
            script.speaker(&line.by).unwrap();
        }
        let agenda = script.agenda_text();
        assert!(agenda.contains("\n3. Library service\n3a. Saturday opening"), "{agenda}");
    }

    #[test]
    fn a_faulty_script_is_refused_with_the_reason() {
        let refused = |text: &str| Script::parse(text).unwrap_err().to_string();
        let head = "council = 'C'\ncommittee = 'M'\ntitle = 'T'\n";
        assert!(refused(&format!("{head}speakers = {{}}\nitems = []")).contains("nobody says anything"));
        assert!(refused("council = 1").contains("council"));
        let shrill =
            "speakers.a = { name = 'A', role = 'B', voice = 'rms', pitch = 3.0, colour = [0, 0, 0] }";
        assert!(refused(&format!("{head}{shrill}\nitems = []")).contains("pitch of A"));
    }
}
