use serde::{Deserialize, Serialize};

/// Something that is wrong in a chamber.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    NoSource,
    /// A picture without any sound track.
    NoSound,
    Silence,
    OneSided {
        silent: Side,
    },
    Clipping,
    BlackPicture,
    FrozenPicture,
    LowBitrate {
        kbps: i64,
    },
    LostPackets {
        percent: f64,
    },
    /// The source's times are ahead of the clock, or behind it.
    Drift {
        ms: i64,
    },
    DiskLow {
        left_bytes: i64,
    },
    /// Recordings are copied to the object store more slowly than they grow.
    UploadBacklog {
        waiting_bytes: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Left,
    Right,
}

impl Side {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

impl Finding {
    /// For programs. Of a meeting, one finding of each name can be open.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoSource => "no_source",
            Self::NoSound => "no_sound",
            Self::Silence => "silence",
            Self::OneSided { silent: Side::Left } => "left_silent",
            Self::OneSided { silent: Side::Right } => "right_silent",
            Self::Clipping => "clipping",
            Self::BlackPicture => "black_picture",
            Self::FrozenPicture => "frozen_picture",
            Self::LowBitrate { .. } => "low_bitrate",
            Self::LostPackets { .. } => "lost_packets",
            Self::Drift { .. } => "drift",
            Self::DiskLow { .. } => "disk_low",
            Self::UploadBacklog { .. } => "upload_backlog",
        }
    }

    /// For a heading.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::NoSource => "Nothing comes from the encoder",
            Self::NoSound => "No sound comes",
            Self::Silence => "Silence",
            Self::OneSided { silent: Side::Left } => "Left channel silent",
            Self::OneSided { silent: Side::Right } => "Right channel silent",
            Self::Clipping => "Sound distorted",
            Self::BlackPicture => "Picture black",
            Self::FrozenPicture => "Picture frozen",
            Self::LowBitrate { .. } => "Bitrate too low",
            Self::LostPackets { .. } => "Packets lost",
            Self::Drift { .. } => "Clock adrift",
            Self::DiskLow { .. } => "Disk nearly full",
            Self::UploadBacklog { .. } => "Copying is behind",
        }
    }

    /// What has been wrong for so many seconds, and what to do next: a sentence for a technician.
    pub fn sentence(&self, lasted_s: i64) -> String {
        let lasted = lasting(lasted_s);
        match self {
            Self::NoSource => format!(
                "Nothing has come from the encoder for {lasted}: check that it is on and sending, that it has this room's address and key, and its network cable."
            ),
            Self::NoSound => format!(
                "The encoder has sent a picture without any sound for {lasted}: switch on its audio input, and set it to AAC."
            ),
            Self::Silence => format!(
                "There has been silence for {lasted}: check that the microphones are on, and the cable from the mixing desk to the encoder."
            ),
            Self::OneSided { silent } => format!(
                "The {} channel has been silent for {lasted} while the {} one is not: check the cable from the mixing desk.",
                silent.as_str(),
                silent.other().as_str()
            ),
            Self::Clipping => format!(
                "The sound has been too loud and distorted for {lasted}: turn down the output of the mixing desk, or the encoder's input, by about 6 dB."
            ),
            Self::BlackPicture => format!(
                "The picture has been black for {lasted}: check that the camera is on, that its lens is uncovered, and its cable to the encoder."
            ),
            Self::FrozenPicture => format!(
                "The picture has not changed for {lasted}: unless a slide is being shown, look at the camera's own screen; if the picture moves there, restart the encoder."
            ),
            Self::LowBitrate { kbps } => format!(
                "The picture has come with no more than {kbps} kbit/s for {lasted}, too little to make anybody out: raise the encoder's video bitrate, and check that nothing else fills its network."
            ),
            Self::LostPackets { percent } => format!(
                "{percent:.1} % of the encoder's packets have been lost for {lasted}: connect it by cable rather than Wi-Fi, lower its bitrate, or raise its SRT latency."
            ),
            Self::Drift { ms } if *ms > 0 => format!(
                "The encoder's clock has been {:.1} s ahead of ours for {lasted}: set the encoder's time from the network, and restart its stream in the next break.",
                *ms as f64 / 1_000.0
            ),
            Self::Drift { ms } => format!(
                "Sound and picture have come {:.1} s late for {lasted}: the encoder or its network cannot keep up; lower its bitrate, and restart its stream in the next break.",
                ms.abs() as f64 / 1_000.0
            ),
            Self::DiskLow { left_bytes } => format!(
                "Only {} are left on the disk for recordings: make room on it now, for once it is full, memory holds what is recorded, and not for long.",
                gibibytes(*left_bytes)
            ),
            Self::UploadBacklog { waiting_bytes } => format!(
                "{} of recordings have waited for {lasted} to be copied to the object store: the list of rooms says what is in the way; nothing is lost, but until then they are on this disk only.",
                gibibytes(*waiting_bytes)
            ),
        }
    }
}

/// `45 s`, `12 min`, `3 h 5 min`.
pub(super) fn lasting(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

pub(super) fn gibibytes(bytes: i64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1_u32 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_says_what_is_wrong_and_what_to_do() {
        assert_eq!(
            Finding::OneSided { silent: Side::Left }.sentence(30),
            "The left channel has been silent for 30 s while the right one is not: check the cable from the mixing desk."
        );
        let full = Finding::DiskLow { left_bytes: 3 << 30 }.sentence(0);
        assert!(full.starts_with("Only 3.0 GiB are left"), "{full}");
        assert_eq!([lasting(45), lasting(721), lasting(11_100)], ["45 s", "12 min", "3 h 5 min"]);
    }
}
