use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A passphrase, password or key. It can be shown only by asking for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Letters and digits that nobody takes for one another when a note is read out: no l, o, 0 or 1. 32 of
/// them, so that one is five bits.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Of a passphrase: 100 bits, within the 10 to 79 bytes that SRT allows.
const READABLE_LENGTH: usize = 20;
/// Of a token, in bytes.
const TOKEN_LENGTH: usize = 32;

/// The operating system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers, so that no key can be made: try again")]
pub struct NoRandomness;

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new passphrase of 20 letters and digits, for a person to type.
    pub fn readable() -> Result<Self, NoRandomness> {
        let bytes: [u8; READABLE_LENGTH] = random()?;
        Ok(Self(bytes.iter().map(|byte| char::from(READABLE[usize::from(byte % 32)])).collect()))
    }

    /// A new stream key, for a person to paste: a token.
    pub fn stream_key() -> Result<Self, NoRandomness> {
        Self::token()
    }

    /// 256 new bits as 43 letters, digits, `-` and `_`: what a browser keeps in its cookie.
    pub fn token() -> Result<Self, NoRandomness> {
        let bytes: [u8; TOKEN_LENGTH] = random()?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text itself: for the protocol that needs it, or for the one time that it is shown.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of a token, as lower-case hexadecimal digits.
    ///
    /// A fast hash is enough: slow ones protect what people make up, and nobody guesses 256 random bits,
    /// however fast.
    pub fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(&self.0))
    }

    /// Proof for whoever shares the secret that a message is from its holder: HMAC-SHA256 (RFC 2104) in lower-case
    /// hexadecimal digits.
    pub fn signature(&self, message: &[u8]) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes()), message);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether this is the secret that `sha256` was kept of. How long it takes tells nothing of either.
    pub fn is_of(&self, sha256: &str) -> bool {
        self.sha256().as_bytes().ct_eq(sha256.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Random bytes that nobody can foretell.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_twenty_characters_that_are_read_one_way_only() {
        let secret = Secret::readable().unwrap();
        assert_eq!(secret.reveal().len(), 20);
        assert!(secret.reveal().bytes().all(|byte| READABLE.contains(&byte)), "{}", secret.reveal());
        assert_ne!(secret, Secret::readable().unwrap());
    }

    #[test]
    fn a_token_is_known_by_its_hash() {
        let token = Secret::token().unwrap();
        assert_eq!(token.reveal().len(), 43);
        assert!(token.is_of(&token.sha256()));
        assert!(!Secret::token().unwrap().is_of(&token.sha256()));
        assert!(!token.is_of(""));
        // FIPS 180-2, appendix B.1.
        assert!(Secret::new("abc").is_of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    }

    #[test]
    fn a_message_is_signed_as_others_check_it() {
        // RFC 4231, test case 2.
        assert_eq!(
            Secret::new("Jefe").signature(b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn it_is_not_shown_by_accident() {
        let secret = Secret::new("the heron walks");
        assert!(!format!("{secret:?} {secret:#?}").contains("heron"));
    }
}
