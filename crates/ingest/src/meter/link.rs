use gst::{glib, prelude::*};
use moothall_core::health::Link;

/// Makes of an SRT source's totals what came since it was last asked.
#[derive(Default)]
pub(super) struct Counter {
    received: i64,
    lost: i64,
}

impl Counter {
    /// None of sources that do not count packets, or that nobody has called yet.
    pub(super) fn count(&mut self, source: &gst::Element) -> Option<Link> {
        source.find_property("stats")?;
        let stats = source.property_value("stats").get::<gst::Structure>().ok()?;
        // A listener has them by caller, of which there is one at a time.
        let caller = match stats.get::<glib::ValueArray>("callers") {
            Ok(callers) => callers.last()?.get::<gst::Structure>().ok()?,
            Err(_) => stats,
        };
        let received = caller.get::<i64>("packets-received").ok()?;
        let lost = i64::from(caller.get::<i32>("packets-received-lost").ok()?);
        let before = std::mem::replace(self, Self { received, lost });
        // Another connection counts anew.
        let before = if received < before.received || lost < before.lost { Self::default() } else { before };
        Some(Link {
            received_packets: received - before.received,
            lost_packets: lost - before.lost,
            round_trip_ms: caller.get::<f64>("rtt-ms").unwrap_or(0.0),
        })
    }
}
