//! Passwords of users: which are good enough, and what is kept of them.

use std::sync::LazyLock;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc};
use zxcvbn::Score;

use crate::{NoRandomness, Secret};

/// The memory that one hash takes, in KiB, and how often it is gone through: what OWASP's Password Storage
/// Cheat Sheet asks of Argon2id at the least (2024). A guess costs about 30 ms of one core.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// In characters.
const SHORTEST: usize = 12;

/// A password of nobody's, made with the same parameters: whoever types an unknown address waits as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdC4$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("the password is too short: take at least {SHORTEST} characters, for instance four words")]
    Short,
    #[error(
        "the password is easily guessed: take words that do not belong together, and nothing of your own"
    )]
    Guessed,
}

static HASHER: LazyLock<Argon2<'static>> = LazyLock::new(|| {
    // Parameters that a test hashes with cannot be out of range.
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
});

/// Whether a password may be taken. `about` is what others know of its user: address, name, council.
///
/// It has to withstand ten thousand million guesses of what zxcvbn (Wheeler, USENIX Security 2016) knows: 30,000 passwords that were often
/// found in breaches, names, words, dates, repetitions and rows of keys. The lists are in the program.
///
/// # Errors
/// If it is too short or easily guessed.
pub fn check_password(password: &Secret, about: &[&str]) -> Result<(), WeakPassword> {
    if password.reveal().chars().count() < SHORTEST {
        return Err(WeakPassword::Short);
    }
    let parts: Vec<&str> = about.iter().flat_map(|text| text.split([' ', '@', '.', '-'])).collect();
    match zxcvbn::zxcvbn(password.reveal(), &[about, &parts].concat()).score() {
        Score::Four => Ok(()),
        _ => Err(WeakPassword::Guessed),
    }
}

/// What is kept of a password: Argon2id in PHC string form. Keeps a core busy for about 30 ms.
///
/// # Errors
/// Without random numbers for the salt.
pub fn hash_password(password: &Secret) -> Result<String, NoRandomness> {
    let hash: Result<phc::PasswordHash, _> = HASHER.hash_password(password.reveal().as_bytes());
    Ok(hash.map_err(|_| NoRandomness)?.to_string())
}

/// Whether `hash` is of this password. Takes as long where there is no hash. Keeps a core busy for about
/// 30 ms.
pub fn is_password(password: &Secret, hash: Option<&str>) -> bool {
    let is_right = HASHER.verify_password(password.reveal().as_bytes(), hash.unwrap_or(NOBODYS)).is_ok();
    is_right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash() {
        let password = Secret::new("corn exchange heron lantern");
        let hash = hash_password(&password).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hash_password(&password).unwrap());
        assert!(is_password(&password, Some(&hash)));
        assert!(!is_password(&Secret::new("corn exchange heron lanterns"), Some(&hash)));
        assert!(!is_password(&password, Some("")) && !is_password(&password, None));
    }

    #[test]
    fn nobodys_hash_is_as_costly_as_any() {
        let nobodys: phc::PasswordHash = NOBODYS.parse().unwrap();
        let some: phc::PasswordHash = hash_password(&Secret::new("any")).unwrap().parse().unwrap();
        assert_eq!(
            (nobodys.algorithm, nobodys.version, nobodys.params),
            (some.algorithm, some.version, some.params)
        );
        assert_eq!(nobodys.hash.unwrap().len(), some.hash.unwrap().len());
    }

    #[test]
    fn what_others_would_try_first_is_refused() {
        let about = ["ada.birch@ambleford.gov.uk", "Ada Birch", "Ambleford"];
        for (password, expected) in [
            ("k7-Tree!q9", Err(WeakPassword::Short)),
            ("password1234", Err(WeakPassword::Guessed)),
            ("qwertyuiop123", Err(WeakPassword::Guessed)),
            ("aaaaaaaaaaaaaaaaaa", Err(WeakPassword::Guessed)),
            ("123456789012", Err(WeakPassword::Guessed)),
            ("adabirch2026", Err(WeakPassword::Guessed)),
            ("ambleford2026", Err(WeakPassword::Guessed)),
            ("corn exchange heron lantern", Ok(())),
        ] {
            assert_eq!(check_password(&Secret::new(password), &about), expected, "{password}");
        }
        assert_eq!(check_password(&Secret::readable().unwrap(), &about), Ok(()));
    }
}
