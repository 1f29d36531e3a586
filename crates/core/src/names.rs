//! Names of people as different systems write them.

/// Before names, or behind them; they tell nobody apart.
const TITLES: [&str; 24] = [
    "alderman",
    "ald",
    "cllr",
    "clr",
    "councillor",
    "councilmember",
    "councilor",
    "councilman",
    "councilwoman",
    "chair",
    "dame",
    "deputy",
    "dr",
    "hon",
    "honourable",
    "lord",
    "mayor",
    "miss",
    "mr",
    "mrs",
    "ms",
    "mx",
    "rt",
    "sir",
];

/// Whether `given` can be how a system writes the full name `name`: "OKAFOR, Amina", "Cllr A. Okafor" and "okafor" are
/// ways to write "Amina Okafor". Several people may be written in the same way.
pub fn may_be_written(name: &str, given: &str) -> bool {
    let (full, given) = (words(name), words(given));
    let is_initial = |word: &String| word.chars().count() == 1 && !word.chars().all(char::is_numeric);
    let fits = |word: &String| {
        full.contains(word) || is_initial(word) && full.iter().any(|long| long.starts_with(word.as_str()))
    };
    given.iter().any(|word| !is_initial(word)) && given.iter().all(fits)
}

/// In lower case, without titles.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|letter: char| !letter.is_alphanumeric() && letter != '\'' && letter != '’');
    let words = words.map(str::to_lowercase).filter(|word| !word.is_empty());
    words.filter(|word| !TITLES.contains(&word.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_written_in_many_ways() {
        for given in ["Amina Okafor", "OKAFOR, Amina", "Cllr. Okafor", "Councillor A. Okafor", "okafor"] {
            assert!(may_be_written("Amina Okafor", given), "{given}");
        }
        for given in ["Amina O’Neill", "Chair", "", "Okafor-Smith", "A.", "B. Okafor", "Okafor 2"] {
            assert!(!may_be_written("Amina Okafor", given), "{given}");
        }
        assert!(may_be_written("Cllr Siân O’Neill", "SIÂN O’NEILL"));
    }
}
