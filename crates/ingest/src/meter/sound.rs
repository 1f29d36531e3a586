use moothall_core::health::{Level, SILENT_DBFS};

use super::decoder::Decoder;

/// What an encoder makes of a sample at full scale may come out a little below it.
const FULL_SCALE: f32 = 0.99;

/// Hears how loud it is, channel by channel.
#[derive(Default)]
pub(super) struct Ear {
    decoder: Option<(gst::Caps, Decoder)>,
    channels: Vec<Channel>,
}

#[derive(Default, Clone)]
struct Channel {
    peak: f32,
    power: f64,
    samples: u32,
    clipped: u32,
}

impl Ear {
    pub(super) fn hear(&mut self, buffer: gst::Buffer, caps: &gst::Caps) {
        let known = self.decoder.take().filter(|(known, _)| known == caps);
        let decoder = known.map(|(_, decoder)| decoder).or_else(|| decoder(caps));
        let Some(decoder) = decoder else { return };
        // One that refuses a frame is made anew for the next.
        if decoder.push(buffer).is_err() {
            return;
        }
        let (decoded, form) = decoder.take();
        let channels = form.and_then(|form| form.structure(0)?.get::<i32>("channels").ok()).unwrap_or(0);
        for buffer in decoded {
            if let Ok(data) = buffer.map_readable() {
                self.weigh(data.as_slice(), usize::try_from(channels).unwrap_or(0));
            }
        }
        self.decoder = Some((caps.clone(), decoder));
    }

    /// Interleaved samples.
    fn weigh(&mut self, data: &[u8], channels: usize) {
        if channels == 0 {
            return;
        }
        self.channels.resize(channels, Channel::default());
        for frame in data.as_chunks::<4>().0.chunks_exact(channels) {
            for (channel, sample) in self.channels.iter_mut().zip(frame) {
                let sample = f32::from_le_bytes(*sample);
                channel.peak = channel.peak.max(sample.abs());
                channel.power += f64::from(sample * sample);
                channel.samples += 1;
                channel.clipped += u32::from(sample.abs() >= FULL_SCALE);
            }
        }
    }

    /// How loud it was since this was last asked; empty where nothing was heard.
    pub(super) fn levels(&mut self) -> Vec<Level> {
        let heard = std::mem::take(&mut self.channels).into_iter().filter(|channel| channel.samples > 0);
        heard.map(|channel| channel.level()).collect()
    }
}

impl Channel {
    fn level(&self) -> Level {
        let samples = f64::from(self.samples);
        let rms = (self.power / samples).sqrt();
        Level {
            peak_dbfs: dbfs(f64::from(self.peak)),
            rms_dbfs: dbfs(rms),
            clipped_per_mille: f64::from(self.clipped) * 1_000.0 / samples,
        }
    }
}

fn decoder(caps: &gst::Caps) -> Option<Decoder> {
    let element = gst::ElementFactory::make("avdec_aac").build();
    let made = element.and_then(|element| Decoder::new(element, caps));
    made.inspect_err(|error| tracing::warn!(%error, "the sound cannot be measured")).ok()
}

fn dbfs(amplitude: f64) -> f64 {
    (20.0 * amplitude.log10()).max(SILENT_DBFS)
}
