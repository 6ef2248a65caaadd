//! The settlement of a lender's largest day: 100,000 entries in pages, in parts, and the same bytes again.

use domain::{DeliveryId, Timestamp, TransferId, id::Sha256Hex};
use serde_json::{Value, json};
use testkit::{Calls, LEDGER, NOW_MILLIS, Operation, World};

use crate::{
    settlement_get,
    steps::{TODAY, close_day, collected, handed_over, inr, relay, waiting, work_off},
};

/// Entries of the day.
const ENTRIES: i64 = 100_000;
/// So far apart that they began ten hours ago.
const APART_MILLIS: i64 = 360;
/// What BatchWriteItem takes.
const MOST_WRITES: usize = 25;
/// Bytes that a strongly consistent read unit reads at most.
const UNIT_BYTES: u64 = 4 * 1024;
/// Bytes at which DynamoDB ends a page.
const PAGE_BYTES: u64 = 1024 * 1024;
/// Bytes that an upload gathers before it sends a part, as in `shared/store/src/files.rs`.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// An entry of the day.
struct Line {
    n: i64,
    at: Timestamp,
    transfer_id: TransferId,
    delivery_id: DeliveryId,
    kind: &'static str,
    amount_minor: i64,
}

impl Line {
    fn of(n: i64) -> Self {
        let at = Timestamp::from_millis(NOW_MILLIS - (ENTRIES - n) * APART_MILLIS);
        let seed = n.to_be_bytes();
        Self {
            n,
            at,
            transfer_id: TransferId::mint(at, &[&seed]),
            delivery_id: DeliveryId::mint(at, &[&seed]),
            kind: if n % 4 == 0 { "disbursement" } else { "collection" },
            amount_minor: 100 + n * 7 % 150_000,
        }
    }

    /// As it stands in the file.
    fn row(&self) -> String {
        let Self { n, at, transfer_id, delivery_id, kind, amount_minor } = self;
        format!("{},{at},{transfer_id},{kind},{delivery_id},BF-N{n},{amount_minor},INR", n + 1)
    }
}

/// An entry that a report of the other operator's agent has booked, as it lies in the table: what every entry looks like.
struct Pattern {
    item: String,
    at: String,
    transfer_id: String,
    delivery_id: String,
    reference: &'static str,
    amount: String,
}

impl Pattern {
    fn of(items: &[Value], reference: &'static str) -> Self {
        let is_it =
            |item: &&Value| item["pk"]["S"] == "vishi#partner_control.bfil" && item["reference"]["S"] == reference;
        let item = items.iter().find(is_it).unwrap();
        let text = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
        Self {
            item: item.to_string(),
            at: text("at"),
            transfer_id: text("transfer_id"),
            delivery_id: text("delivery_id"),
            reference,
            amount: item["amount"]["M"]["amount_minor"].to_string(),
        }
    }

    /// The same item of the first operator with the values of a line, in its key as elsewhere.
    fn with(&self, line: &Line) -> String {
        let amount_minor = if line.kind == "collection" { -line.amount_minor } else { line.amount_minor };
        self.item
            .replace("vishi#", "pennco#")
            .replace(&self.at, &line.at.to_string())
            .replace(&self.transfer_id, line.transfer_id.as_str())
            .replace(&self.delivery_id, line.delivery_id.as_str())
            .replace(self.reference, &format!("BF-N{}", line.n))
            .replace(&self.amount, &json!({ "N": amount_minor.to_string() }).to_string())
    }
}

/// Puts the day's entries into the partner's control account.
async fn put(world: &World, lines: &[Line]) {
    collected(world, &world.vishi, "BF-COLLECTED", 150_000).await;
    handed_over(world, &world.vishi, "BF-HANDED-OVER", 70_000).await;
    let booked = world.table.items(LEDGER);
    let (collection, disbursement) = (Pattern::of(&booked, "BF-COLLECTED"), Pattern::of(&booked, "BF-HANDED-OVER"));
    let client = world.table.client();
    for batch in lines.chunks(MOST_WRITES) {
        let write = |line: &Line| {
            let pattern = if line.kind == "collection" { &collection } else { &disbursement };
            format!(r#"{{"PutRequest":{{"Item":{}}}}}"#, pattern.with(line))
        };
        let writes: Vec<String> = batch.iter().map(write).collect();
        let body = format!(r#"{{"RequestItems":{{"{LEDGER}":[{}]}}}}"#, writes.join(","));
        let sent = client.batch_write_item().customize();
        let sent = sent.mutate_request(move |request| *request.body_mut() = body.as_str().into()).send().await.unwrap();
        assert!(sent.unprocessed_items.is_none_or(|left| left.is_empty()));
    }
}

#[tokio::test]
async fn a_day_of_100_000_entries_is_read_in_pages_written_in_parts_and_built_again_to_the_same_bytes() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let lines: Vec<Line> = (0..ENTRIES).map(Line::of).collect();
    let t = std::time::Instant::now();
    put(&world, &lines).await;
    println!("put {:?}", t.elapsed());
    let closed = close_day(&world, &pennco.settlement, "close", TODAY).await;
    let id = closed.text("/items/0/settlement_id");
    relay(&world).await;
    let writer = world.settlement_writer();
    let messages = waiting(&world, "settlement.fifo");
    world.table.reset_calls();
    let t = std::time::Instant::now();
    let failed =
        work_off("settlement.fifo", &messages[..1], async |m| settlement_build::handle(&writer, m).await).await;
    println!("build {:?}", t.elapsed());
    assert!(failed.is_empty());
    println!("{}", world.table.calls());
    let t = std::time::Instant::now();
    let failed =
        work_off("settlement.fifo", &messages[..1], async |m| settlement_build::handle(&writer, m).await).await;
    println!("build {:?}", t.elapsed());
    println!("{} {}", world.table.calls(), world.bucket.largest_request());
    assert!(failed.is_empty());
}
