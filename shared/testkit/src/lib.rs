//! What the tests run against instead of AWS: an embedded DynamoDB behind the real SDK, and the events that start a function.
//!
//! * [`EmbeddedTable`]: the three tables in memory, with a ready SDK client, counted calls, faults and crash points.
//! * [`EmbeddedBucket`], [`EmbeddedQueues`]: the parts of S3 and SQS that files and messages are sent with.
//! * [`EmbeddedPost`]: SMS, mail and secrets.
//! * [`Counters`]: what functions count for CloudWatch.
//! * [`World`]: two operators with everybody in them, and a token for each.
//! * [`RestRequest`]: what API Gateway hands to a function for an HTTP request.
//! * [`QueueMessage`]: what SQS hands to a function.
//! * [`StreamRecord`]: what a DynamoDB stream hands to a function.
//!
//! Only tests depend on this crate.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test double that cannot do its part has failed the test"
)]

mod bucket;
mod calls;
mod counters;
mod faults;
mod gateway;
mod post;
mod queue;
mod queues;
mod stream;
mod table;
mod world;

pub use bucket::{BUCKET, EmbeddedBucket};
pub use calls::{Calls, Operation, Usage};
pub use counters::Counters;
pub use faults::Fault;
pub use gateway::{RestRequest, STAGE};
pub use post::{EmbeddedPost, SentPost};
pub use queue::{QueueMessage, queue_event};
pub use queues::{EmbeddedQueues, SentMessage};
pub use stream::{StreamRecord, dynamo_json, stream_event};
pub use table::{EmbeddedTable, INDEXES, LEDGER, RECORDS, TRACKS};
pub use world::{
    CASH_CAP_MINOR, FLOAT_MINOR, KID, Office, PARTNERS, PASSWORD, PEPPER, Person, REGIONS, Reply, World, asks, realm,
    signer,
};

/// The moment at which tests take place: 2026-11-21T06:30:00Z, noon in India.
pub const NOW_MILLIS: i64 = 1_795_242_600_000;

/// The region that clients sign for and events come from.
pub const REGION: &str = "ap-south-1";

/// The account that events come from.
pub const ACCOUNT: &str = "000000000000";
