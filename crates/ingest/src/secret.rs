//! What of a source's address is secret, so that the two can be kept apart.

use moothall_core::Secret;

use crate::source::{Source, SourceError, SrtAddress, SrtMode, srt_passphrase};

impl Source {
    /// Whether the encoder calls us, so that only a secret tells it from anybody else who finds the port.
    pub const fn is_pushed_to_us(&self) -> bool {
        matches!(self, Self::Srt(SrtAddress { mode: SrtMode::Listener, .. }))
    }

    /// The UDP port at which an encoder calls us.
    pub const fn listens_at(&self) -> Option<u16> {
        match self {
            Self::Srt(SrtAddress { mode: SrtMode::Listener, port, .. }) => Some(*port),
            Self::Srt(_) | Self::File(_) => None,
        }
    }

    /// Takes the secret out of the address.
    pub fn take_secret(&mut self) -> Option<Secret> {
        match self {
            Self::Srt(address) => address.passphrase.take().map(Secret::new),
            Self::File(_) => None,
        }
    }

    /// Puts a secret into the address, in place of the one it has.
    ///
    /// # Errors
    /// If the protocol cannot take it.
    pub fn with_secret(mut self, secret: &Secret) -> Result<Self, SourceError> {
        if let Self::Srt(address) = &mut self {
            address.passphrase = Some(srt_passphrase(secret.reveal().to_owned())?);
        }
        Ok(self)
    }

    /// The whole address but its secret, as it is read back: for keeping.
    pub fn to_text(&self) -> String {
        let Self::Srt(address) = self else { return self.to_string() };
        let mut text = address.uri();
        if let Some(latency_ms) = address.latency_ms {
            text += &format!("&latency={latency_ms}");
        }
        if let Some(stream_id) = &address.stream_id {
            text += &format!("&streamid={}", percent_encode(stream_id));
        }
        text
    }

    /// What is typed into the encoder that belongs to this source, secret and all. `host` stands for a
    /// wildcard address: the name by which the encoder reaches this machine.
    ///
    /// The latency is left out, since encoders do not agree on its unit; the larger of both ends counts.
    pub fn for_encoder(&self, host: &str) -> String {
        let Self::Srt(address) = self else { return self.to_string() };
        let (host, mode) = match address.mode {
            // The encoder is the other end.
            SrtMode::Listener if matches!(address.host.as_str(), "0.0.0.0" | "::") => (host, SrtMode::Caller),
            SrtMode::Listener => (address.host.as_str(), SrtMode::Caller),
            SrtMode::Caller => ("0.0.0.0", SrtMode::Listener),
        };
        let mut text = SrtAddress { mode, host: host.to_owned(), ..address.clone() }.uri();
        if let Some(passphrase) = &address.passphrase {
            text += &format!("&passphrase={}", percent_encode(passphrase));
        }
        if let Some(stream_id) = &address.stream_id {
            text += &format!("&streamid={}", percent_encode(stream_id));
        }
        text
    }
}

/// RFC 3986, section 2.1: everything but unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_and_its_secret_come_together_again() {
        let whole: Source =
            "srt://0.0.0.0:9710?passphrase=correct%20horse&latency=200&streamid=a%26b".parse().unwrap();
        let mut bare = whole.clone();
        let secret = bare.take_secret().unwrap();
        assert_eq!(secret.reveal(), "correct horse");
        assert_eq!(bare.to_text(), "srt://0.0.0.0:9710?mode=listener&latency=200&streamid=a%26b");
        assert_eq!(bare.take_secret(), None);
        let again: Source = bare.to_text().parse().unwrap();
        assert_eq!(again.with_secret(&secret), Ok(whole));
        let short = Secret::new("short");
        assert_eq!(bare.with_secret(&short), Err(SourceError::Passphrase { length: 5 }));
    }

    #[test]
    fn an_encoder_is_told_its_own_end() {
        let tell = |text: &str| text.parse::<Source>().unwrap().for_encoder("hall.example");
        assert_eq!(
            tell("srt://:9710?passphrase=correct%20horse&latency=200"),
            "srt://hall.example:9710?mode=caller&passphrase=correct%20horse"
        );
        assert_eq!(
            tell("srt://10.0.0.7:9710?mode=listener&streamid=hall"),
            "srt://10.0.0.7:9710?mode=caller&streamid=hall"
        );
        assert_eq!(tell("srt://encoder.example:9710"), "srt://0.0.0.0:9710?mode=listener");
    }

    proptest! {
        #[test]
        fn any_secret_is_read_back_from_what_the_encoder_is_told(secret in "[ -~]{10,79}", id in "\\PC{0,20}") {
            let source = format!("srt://127.0.0.1:9710?mode=listener&streamid={}", percent_encode(&id));
            let secret = Secret::new(secret);
            let source = source.parse::<Source>().unwrap().with_secret(&secret).unwrap();
            let mut encoder: Source = source.for_encoder("").parse().unwrap();
            prop_assert_eq!(encoder.take_secret(), Some(secret));
        }
    }
}
