//! Seals secrets that a protocol needs in clear, so that who reads the database, or a backup of it, does not
//! read them.

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::secret::{NoRandomness, Secret, random};

/// The first byte of every sealed text, for the day on which another cipher is chosen.
const VERSION: u8 = 1;

/// The installation's key. It is never shown.
#[derive(Clone)]
pub struct SealingKey([u8; Self::LENGTH]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the key of an installation is {} bytes, and this one has {length}", SealingKey::LENGTH)]
    Length { length: usize },
    #[error("it is not in base64")]
    Base64,
    /// Sealed with another key, for another purpose, or changed since.
    #[error("this key does not open it")]
    Closed,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl SealingKey {
    /// In bytes.
    pub const LENGTH: usize = 32;

    pub fn generate() -> Result<Self, SealError> {
        Ok(Self(random()?))
    }

    /// # Errors
    /// [`SealError::Length`], unless it is 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        bytes.try_into().map(Self).map_err(|_| SealError::Length { length: bytes.len() })
    }

    /// From base64 (RFC 4648, section 4), with space around it as files have.
    ///
    /// # Errors
    /// [`SealError::Base64`], or [`SealError::Length`].
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        Self::from_bytes(&STANDARD.decode(text.trim()).map_err(|_| SealError::Base64)?)
    }

    /// For keeping where only the program reads it.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Seals a secret for one purpose: only with the same `purpose` can it be opened, so that a sealed text
    /// that is copied to another row is worth nothing there.
    ///
    /// A version byte, the nonce and ChaCha20-Poly1305's output (RFC 8439). Nonces are random: their 96 bits
    /// are enough for the few thousand secrets that a key ever seals.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, purpose: &str, secret: &Secret) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random()?;
        let mut text = secret.reveal().as_bytes().to_vec();
        self.cipher()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut text,
            )
            // Only a text of 256 GiB is too long for the cipher.
            .map_err(|_| SealError::Closed)?;
        Ok([&[VERSION], nonce.as_slice(), &text].concat())
    }

    /// # Errors
    /// [`SealError::Closed`] where it was sealed with another key or for another purpose, or is damaged.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Secret, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Closed)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Closed)?;
        if *version != VERSION {
            return Err(SealError::Closed);
        }
        let mut text = text.to_vec();
        let opened = self
            .cipher()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose.as_bytes()), &mut text)
            .map_err(|_| SealError::Closed)?;
        String::from_utf8(opened.to_vec()).map(Secret::new).map_err(|_| SealError::Closed)
    }

    fn cipher(&self) -> Result<LessSafeKey, SealError> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).map(LessSafeKey::new).map_err(|_| SealError::Closed)
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_same_key_opens_it_and_only_for_the_same_purpose() {
        let key = SealingKey::generate().unwrap();
        let secret = Secret::new("the heron walks");
        let sealed = key.seal("room 1", &secret).unwrap();
        assert_eq!(key.open("room 1", &sealed), Ok(secret.clone()));
        assert_eq!(key.open("room 2", &sealed), Err(SealError::Closed));
        assert_eq!(SealingKey::generate().unwrap().open("room 1", &sealed), Err(SealError::Closed));
        assert!(!sealed.windows(5).any(|bytes| bytes == b"heron"));
        assert_ne!(key.seal("room 1", &secret).unwrap(), sealed, "two of one secret do not look alike");
    }

    #[test]
    fn a_key_is_read_back_and_one_of_another_length_is_refused() {
        let key = SealingKey::generate().unwrap();
        let text = format!("{}\n", STANDARD.encode(key.as_bytes()));
        assert_eq!(SealingKey::from_base64(&text).unwrap().as_bytes(), key.as_bytes());
        assert_eq!(SealingKey::from_bytes(&[7; 31]).unwrap_err(), SealError::Length { length: 31 });
        assert_eq!(SealingKey::from_base64("not a key").unwrap_err(), SealError::Base64);
        assert!(!format!("{key:?}").contains(char::is_numeric));
    }

    proptest! {
        #[test]
        fn what_is_damaged_stays_closed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let key = SealingKey::from_bytes(&[7; 32]).unwrap();
            let mut sealed = key.seal("room", &Secret::new("the heron walks")).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert_eq!(key.open("room", &sealed), Err(SealError::Closed));
        }

        #[test]
        fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let key = SealingKey::from_bytes(&[7; 32]).unwrap();
            prop_assert_eq!(key.open("room", &bytes), Err(SealError::Closed));
        }
    }
}
