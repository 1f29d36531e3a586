use moothall_core::health::{Level, SILENT_DBFS};

use super::decoder::Decoder;

/// Encoders turn what stands at full scale down, so that it is not cut off: FFmpeg's to 0.95.
const FULL_SCALE: f32 = 0.94;

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
        let form = form.as_ref().and_then(|form| form.structure(0));
        let channels = form.and_then(|form| form.get::<i32>("channels").ok()).unwrap_or(0);
        self.channels.resize(usize::try_from(channels).unwrap_or(0), Channel::default());
        let is_interleaved = form.is_some_and(|form| form.get::<&str>("layout") == Ok("interleaved"));
        for buffer in decoded {
            if let Ok(data) = buffer.map_readable() {
                self.weigh(data.as_slice(), is_interleaved);
            }
        }
        self.decoder = Some((caps.clone(), decoder));
    }

    /// Of interleaved samples those of a channel are apart; else they stand together.
    fn weigh(&mut self, data: &[u8], is_interleaved: bool) {
        let samples = data.as_chunks::<4>().0;
        let channels = self.channels.len();
        let of_each = samples.len().checked_div(channels).unwrap_or(0);
        for (number, channel) in self.channels.iter_mut().enumerate() {
            let (first, step) = if is_interleaved { (number, channels) } else { (number * of_each, 1) };
            for sample in samples.iter().skip(first).step_by(step).take(of_each) {
                let sample = f32::from_le_bytes(*sample);
                channel.peak = channel.peak.max(sample.abs());
                channel.power += f64::from(sample * sample);
                channel.clipped += u32::from(sample.abs() >= FULL_SCALE);
            }
            channel.samples += of_each as u32;
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
