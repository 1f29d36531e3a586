/// A name as it stands in addresses: lower-case ASCII letters and digits joined by single hyphens.
///
/// Accents are folded for the letters of western European languages; a text without a letter or digit
/// gives an empty slug.
pub fn slugify(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase) {
        match fold(character) {
            Some(folded) => slug.push_str(folded),
            None if character.is_ascii_alphanumeric() => slug.push(character),
            // An apostrophe joins: "Mayor's" becomes "mayors".
            None if matches!(character, '\'' | '\u{2019}') => {}
            None if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            None => {}
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

fn fold(character: char) -> Option<&'static str> {
    Some(match character {
        'à'..='å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'č' => "c",
        'è'..='ë' | 'ē' | 'ę' | 'ě' => "e",
        'ì'..='ï' | 'ī' => "i",
        'ł' => "l",
        'ñ' | 'ń' => "n",
        'ò'..='ö' | 'ø' | 'ō' => "o",
        'œ' => "oe",
        'ś' | 'š' => "s",
        'ß' => "ss",
        'ù'..='ü' | 'ū' | 'ů' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_addresses() {
        assert_eq!(slugify("Planning & Highways Committee"), "planning-highways-committee");
        assert_eq!(slugify("  Mayor's Question Time — 2026 "), "mayors-question-time-2026");
        assert_eq!(slugify("Cyngor Tŷ Gŵyr"), "cyngor-ty-gwyr");
        assert_eq!(slugify("…"), "");
    }

    proptest! {
        #[test]
        fn a_slug_is_its_own_slug(text in ".{0,60}") {
            let slug = slugify(&text);
            prop_assert_eq!(slugify(&slug), slug.clone());
            prop_assert!(slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        }
    }
}
