//! Metrics: one line of CloudWatch's embedded metric format each, from which CloudWatch makes the metric.

use std::{io, sync::OnceLock};

use metrics::{counter, gauge};
use metrics_cloudwatch_embedded::{Builder, Collector};

/// The collector of this process; none when another one is installed, as in tests.
fn collector() -> Option<&'static Collector> {
    static COLLECTOR: OnceLock<Option<&'static Collector>> = OnceLock::new();
    *COLLECTOR.get_or_init(|| Builder::new().cloudwatch_namespace("Milepost").init().ok())
}

fn flush() {
    if let Some(collector) = collector()
        && let Err(error) = collector.flush(io::stdout())
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "a metric was not written");
    }
}

/// Counts something that a function found or did.
pub fn count(function: &'static str, name: &'static str, how_many: u64) {
    collector();
    counter!(name, "function" => function).increment(how_many);
    flush();
}

/// Says how long something took or has waited, in seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds beyond 2^53 are not waited for")]
pub fn seconds(function: &'static str, name: &'static str, how_long: u64) {
    collector();
    gauge!(name, "function" => function).set(how_long as f64);
    flush();
}
