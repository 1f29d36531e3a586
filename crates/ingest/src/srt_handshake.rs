//! The handshake packets of SRT, as far as they must be understood to see which room an encoder calls:
//! draft-sharabayko-srt-01, sections 3.2.1 and 4.3.1.

/// Packet header and handshake, without extensions.
const BYTES: usize = 64;
/// A control packet of type 0.
const CONTROL_HANDSHAKE: u32 = 0x8000_0000;
const DESTINATION: usize = 12;
const VERSION: usize = 16;
const FIELDS: usize = 20;
const KIND: usize = 36;
const SOCKET_ID: usize = 40;
const COOKIE: usize = 44;

const INDUCTION: u32 = 1;
const CONCLUSION: u32 = u32::MAX;
/// Kinds from here on are refusals.
const REFUSAL: u32 = 1_000;
const NEWEST_REFUSAL: u32 = 10_000;
/// The draft's table 7, and libsrt's access-control.md: 1000 are added to a code that a listener chooses,
/// which is 1000 and the status that HTTP would give.
pub(crate) const NOT_FOUND: u32 = REFUSAL + 1_404;
pub(crate) const CONFLICT: u32 = REFUSAL + 1_409;

/// A listener's answer to an induction says so that it speaks version 5.
const MAGIC: u32 = 0x4A17;
const STREAM_ID_EXTENSION: u16 = 5;
/// The longest that the draft allows.
const MOST_STREAM_ID_BYTES: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Who is there? Answered with a cookie, so that only who can be reached goes on.
    Induction,
    Conclusion,
    Refusal,
    Other,
}

/// A packet that is a handshake.
#[derive(Clone, Copy)]
pub(crate) struct Handshake<'a>(&'a [u8]);

impl<'a> Handshake<'a> {
    pub(crate) fn read(packet: &'a [u8]) -> Option<Self> {
        let handshake = Self(packet);
        (packet.len() >= BYTES && handshake.word(0) == CONTROL_HANDSHAKE).then_some(handshake)
    }

    fn word(&self, at: usize) -> u32 {
        let word = self.0.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_be_bytes(word.unwrap_or_default())
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.word(KIND) {
            INDUCTION => Phase::Induction,
            CONCLUSION => Phase::Conclusion,
            REFUSAL..NEWEST_REFUSAL => Phase::Refusal,
            _ => Phase::Other,
        }
    }

    /// By which the sender knows its end of the connection.
    pub(crate) fn socket_id(&self) -> u32 {
        self.word(SOCKET_ID)
    }

    pub(crate) fn cookie(&self) -> u32 {
        self.word(COOKIE)
    }

    /// What the caller says it wants, if it says so. Its letters come in words of four, each back to front.
    pub(crate) fn stream_id(&self) -> Option<String> {
        let mut rest = self.0.get(BYTES..)?;
        while let [kind_high, kind_low, words_high, words_low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*words_high, *words_low])) * 4;
            let content = after.get(..length)?;
            if u16::from_be_bytes([*kind_high, *kind_low]) == STREAM_ID_EXTENSION {
                let bytes = content.get(..length.min(MOST_STREAM_ID_BYTES))?.as_chunks::<4>().0;
                let text = bytes.iter().flat_map(|word| word.iter().rev()).copied().collect();
                let text = String::from_utf8(text).ok()?;
                return Some(text.trim_end_matches('\0').to_owned());
            }
            rest = after.get(length..)?;
        }
        None
    }

    /// What a listener answers to an induction.
    pub(crate) fn answer(&self, cookie: u32) -> Vec<u8> {
        self.changed(&[
            (DESTINATION, self.socket_id()),
            (VERSION, 5),
            (FIELDS, MAGIC),
            (KIND, INDUCTION),
            (COOKIE, cookie),
        ])
    }

    pub(crate) fn refuse(&self, code: u32) -> Vec<u8> {
        self.changed(&[(DESTINATION, self.socket_id()), (VERSION, 5), (FIELDS, 0), (KIND, code)])
    }

    /// What the sender of this conclusion would have asked before.
    pub(crate) fn as_induction(&self) -> Vec<u8> {
        // Version 4 and datagrams (2): how every caller begins.
        self.changed(&[(DESTINATION, 0), (VERSION, 4), (FIELDS, 2), (KIND, INDUCTION), (COOKIE, 0)])
    }

    /// The same, for the listener whose cookie this is.
    pub(crate) fn with_cookie(&self, cookie: u32) -> Vec<u8> {
        let mut packet = self.0.to_vec();
        packet[COOKIE..COOKIE + 4].copy_from_slice(&cookie.to_be_bytes());
        packet
    }

    /// Without extensions, and with other words at these places.
    fn changed(&self, words: &[(usize, u32)]) -> Vec<u8> {
        let mut packet = self.0[..BYTES].to_vec();
        for (at, word) in words {
            packet[*at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A conclusion as libsrt sends it: an extension that we do not need, then the stream id.
    fn conclusion(stream_id: &str) -> Vec<u8> {
        let mut packet = vec![0; BYTES];
        packet[0] = 0x80;
        packet[KIND..KIND + 4].fill(0xFF);
        packet[SOCKET_ID + 3] = 7;
        packet.extend([0, 1, 0, 3].into_iter().chain([9; 12]));
        let mut text = stream_id.as_bytes().to_vec();
        text.resize(text.len().next_multiple_of(4), 0);
        packet.extend([0, 5, 0, (text.len() / 4) as u8]);
        packet.extend(text.chunks(4).flat_map(|word| word.iter().rev()));
        packet
    }

    #[test]
    fn a_refusal_and_an_answer_go_to_who_asked() {
        let packet = conclusion("chamber");
        let handshake = Handshake::read(&packet).unwrap();
        assert_eq!((handshake.phase(), handshake.socket_id()), (Phase::Conclusion, 7));
        let refused = handshake.refuse(NOT_FOUND);
        let refused = Handshake::read(&refused).unwrap();
        assert_eq!((refused.phase(), refused.word(DESTINATION)), (Phase::Refusal, 7));
        let induction = handshake.as_induction();
        let induction = Handshake::read(&induction).unwrap();
        assert_eq!((induction.phase(), induction.stream_id()), (Phase::Induction, None));
        assert_eq!(Handshake::read(&induction.answer(99)).unwrap().cookie(), 99);
        let known = handshake.with_cookie(5);
        let known = Handshake::read(&known).unwrap();
        assert_eq!((known.cookie(), known.stream_id().as_deref()), (5, Some("chamber")));
    }

    proptest! {
        #[test]
        fn a_stream_id_is_read_as_it_was_sent(text in "[^\\x00]{0,60}") {
            prop_assert_eq!(Handshake::read(&conclusion(&text)).unwrap().stream_id(), Some(text));
        }

        #[test]
        fn no_packet_is_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = bytes;
            if let Some(head) = bytes.get_mut(..4) {
                head.copy_from_slice(&CONTROL_HANDSHAKE.to_be_bytes());
            }
            if let Some(handshake) = Handshake::read(&bytes) {
                handshake.stream_id();
                prop_assert_eq!(handshake.answer(1).len(), BYTES);
            }
        }
    }
}
