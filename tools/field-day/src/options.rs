//! What the person who starts the day can choose.

use std::path::PathBuf;

use clap::Parser;

/// Simulates one working day of field agents against a running Milepost and checks, over the public API only, that
/// nothing was lost, doubled, mixed up or miscounted. Ends with 0 if there is no violation, 1 if there is one, 2 if the
/// day could not be run.
#[derive(Debug, Clone, Parser)]
#[command(name = "field-day", version)]
pub struct Options {
    /// Where the API hangs: the address above /api/v1, plain http
    #[arg(long, value_name = "URL", env = "MILEPOST_URL")]
    pub url: String,

    /// Where sent SMS can be read; a local emulator keeps them [default: /_ministack/sns/sms-messages beside the API]
    #[arg(long, value_name = "URL", env = "MILEPOST_SMS_INBOX")]
    pub sms_inbox: Option<String>,

    /// How many agents work, spread in turn over the operators
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub agents: u32,

    /// How many borrowers each agent visits
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub stops: u32,

    /// The same seed is the same day: visits, amounts, dropped lines, planted mistakes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The operators, as they were seeded
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "pennco,vishi,salesco")]
    pub operators: Vec<String>,

    /// The partners of each operator, as they were seeded
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "bfil,lnt-finance,green-light,spandana,samasta"
    )]
    pub partners: Vec<String>,

    /// The password of every seeded login that has one; agents log in with a code by SMS
    #[arg(
        long,
        value_name = "WORD",
        env = "MILEPOST_PASSWORD",
        hide_env_values = true,
        default_value = "milepost-local"
    )]
    pub password: String,

    /// Where the report page goes: one HTML file that needs nothing else
    #[arg(long, value_name = "PATH", default_value = "target/field-day.html")]
    pub report: PathBuf,

    /// Where the same report goes as JSON, if wanted
    #[arg(long, value_name = "PATH")]
    pub json: Option<PathBuf>,

    /// How many requests are under way at most
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub concurrency: u32,

    /// How many times faster than life the twelve working hours pass (1800: in 24 seconds)
    #[arg(long, value_name = "TIMES", default_value_t = 1_800, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub speed: u32,

    /// How long to wait for settlements, exports and counts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub patience: u32,
}
