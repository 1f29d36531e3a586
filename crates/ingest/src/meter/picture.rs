use moothall_core::health::Look;

use super::decoder::Decoder;

/// The picture is seen as so many parts across and down.
const ACROSS: usize = 16;
const DOWN: usize = 9;
/// Of so many pixels one is looked at, either way.
const STEP: usize = 4;

/// Sees how bright key frames are, and what changed from one to the next.
#[derive(Default)]
pub(super) struct Looker {
    before: Option<Parts>,
}

/// Mean luma of each part.
type Parts = [f64; ACROSS * DOWN];

impl Looker {
    /// None where it cannot be decoded.
    pub(super) fn look(&mut self, buffer: gst::Buffer, caps: &gst::Caps) -> Option<Look> {
        let parts = match decode(buffer, caps) {
            Ok(parts) => parts?,
            Err(error) => {
                tracing::debug!(%error, "a key frame cannot be measured");
                return None;
            }
        };
        let before = self.before.replace(parts);
        let change = before.map(|before| {
            let changes = parts.iter().zip(&before).map(|(now, before)| (now - before).abs());
            changes.fold(0.0, f64::max)
        });
        let luma = parts.iter().sum::<f64>() / parts.len() as f64;
        Some(Look { luma, change })
    }
}

/// A decoder of its own for each: one that waits for the frames between would hold this one back.
fn decode(buffer: gst::Buffer, caps: &gst::Caps) -> Result<Option<Parts>, gst::glib::BoolError> {
    // With several threads it would hold several frames back.
    let element = gst::ElementFactory::make("avdec_h264").property("max-threads", 1).build()?;
    let decoder = Decoder::new(element, caps)?;
    decoder.push(buffer).map_err(|error| gst::glib::bool_error!("{error}"))?;
    decoder.end();
    let (decoded, form) = decoder.take();
    Ok(decoded.first().zip(form).and_then(|(picture, form)| parts(picture, &form)))
}

/// Of a picture whose luma has eight bits and comes first, row by row.
fn parts(picture: &gst::BufferRef, caps: &gst::CapsRef) -> Option<Parts> {
    let structure = caps.structure(0)?;
    let number = |name: &str| structure.get::<i32>(name).ok().and_then(|number| usize::try_from(number).ok());
    let (width, height) = (number("width")?, number("height")?);
    if !matches!(structure.get::<&str>("format").ok()?, "I420" | "Y42B" | "Y444" | "NV12" | "GRAY8") {
        return None;
    }
    let data = picture.map_readable().ok()?;
    let stride = width.next_multiple_of(4);
    let (mut sums, mut counts) = ([0_u64; ACROSS * DOWN], [0_u64; ACROSS * DOWN]);
    for (y, row) in data.chunks_exact(stride).take(height).enumerate().step_by(STEP) {
        for (x, luma) in row[..width].iter().enumerate().step_by(STEP) {
            let part = y * DOWN / height * ACROSS + x * ACROSS / width;
            sums[part] += u64::from(*luma);
            counts[part] += 1;
        }
    }
    Some(std::array::from_fn(|part| sums[part] as f64 / counts[part].max(1) as f64))
}
