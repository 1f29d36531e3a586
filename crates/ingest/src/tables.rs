//! The tables of an MPEG transport stream (ISO/IEC 13818-1, sections 2.4.3 and 2.4.4) over a line that loses
//! packets.
//!
//! Packets are counted, and `tsdemux` takes every jump in the count of a table for other streams in the place of
//! those it has: one lost datagram would end the connection. So what has the count of a table is counted anew.
//! A table that really is another one has another version or checksum, by which it is known.

use std::collections::HashMap;

const PACKET_BYTES: usize = 188;
const SYNC: u8 = 0x47;
/// The table that says in which packets the others are.
const ASSOCIATION: u16 = 0;
const COUNT: u8 = 0x0f;
const HAS_PAYLOAD: u8 = 0x10;
const HAS_ADAPTATION: u8 = 0x20;

/// The tables of one connection.
#[derive(Default)]
pub(crate) struct Tables {
    /// The last count of each table by the number of its packets (PID).
    counts: HashMap<u16, u8>,
}

impl Tables {
    /// Counts the tables in whole packets on; bytes that are none stay as they are.
    pub(crate) fn count_on(&mut self, bytes: &mut [u8]) {
        self.counts.entry(ASSOCIATION).or_insert(COUNT);
        for packet in bytes.as_chunks_mut::<PACKET_BYTES>().0 {
            let [SYNC, high, low, flags, ..] = *packet else { return };
            let number = u16::from_be_bytes([high & 0x1f, low]);
            if flags & HAS_PAYLOAD == 0 {
                continue;
            }
            if number == ASSOCIATION {
                for map in program_maps(packet) {
                    self.counts.entry(map).or_insert(COUNT);
                }
            }
            if let Some(count) = self.counts.get_mut(&number) {
                *count = count.wrapping_add(1) & COUNT;
                packet[3] = flags & !COUNT | *count;
            }
        }
    }
}

/// The numbers of the packets that a table of associations names, if it begins and ends in this packet.
fn program_maps(packet: &[u8; PACKET_BYTES]) -> Vec<u16> {
    let named = || {
        let payload = match packet[3] & HAS_ADAPTATION {
            0 => packet.get(4..)?,
            _ => packet.get(5 + usize::from(packet[4])..)?,
        };
        let section = payload.get(1 + usize::from(*payload.first()?)..)?;
        let length = usize::from(u16::from_be_bytes([*section.get(1)? & 0x0f, *section.get(2)?]));
        // Behind the head of eight bytes, and before the checksum of four.
        section.get(8..(3 + length).checked_sub(4)?)
    };
    let entries = named().unwrap_or_default().as_chunks::<4>().0;
    // Program number nought is none, but where the network is told of.
    let programs = entries.iter().filter(|[a, b, ..]| (*a, *b) != (0, 0));
    programs.map(|[_, _, high, low]| u16::from_be_bytes([high & 0x1f, *low])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A packet with its number, its count and what it begins with.
    fn packet(number: u16, count: u8, payload: &[u8]) -> [u8; PACKET_BYTES] {
        let mut packet = [0xff; PACKET_BYTES];
        let [high, low] = number.to_be_bytes();
        packet[..4].copy_from_slice(&[SYNC, 0x40 | high, low, HAS_PAYLOAD | count]);
        packet[4..4 + payload.len()].copy_from_slice(payload);
        packet
    }

    /// The tables' first packets lie at 0x1000.
    const ASSOCIATIONS: [u8; 21] =
        [0, 0, 0xb0, 0x11, 0, 1, 0xc1, 0, 0, 0, 0, 0xe0, 0x10, 0, 1, 0xf0, 0, 1, 2, 3, 4];

    #[test]
    fn tables_are_counted_on_and_media_is_not() {
        let mut tables = Tables::default();
        let mut counts = |packets: &[[u8; PACKET_BYTES]]| {
            let mut bytes = packets.concat();
            tables.count_on(&mut bytes);
            bytes.chunks(PACKET_BYTES).map(|packet| packet[3] & COUNT).collect::<Vec<_>>()
        };
        let table = |count| packet(0x1000, count, &[0, 2]);
        let media = |count| packet(0x100, count, &[7]);
        assert_eq!(counts(&[packet(0, 5, &ASSOCIATIONS), table(5), media(5)]), [0, 0, 5]);
        // Some are lost here.
        assert_eq!(counts(&[media(9), packet(0, 9, &ASSOCIATIONS), table(2), media(11)]), [9, 1, 1, 11]);
        assert_eq!(counts(&[packet(0x10, 3, &[0])]), [3], "where the network is told of");
    }

    proptest! {
        #[test]
        fn whatever_comes_keeps_its_length_and_all_but_counts(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
            let mut counted = bytes.clone();
            Tables::default().count_on(&mut counted);
            prop_assert_eq!(counted.len(), bytes.len());
            for (index, (before, after)) in bytes.iter().zip(&counted).enumerate() {
                prop_assert!(before == after || (index % PACKET_BYTES == 3 && (before ^ after) & !COUNT == 0));
            }
        }
    }
}
