//! The settlement of a lender's largest day: 100,000 entries in pages, in parts, and the same bytes again.

use domain::{DeliveryId, Timestamp, TransferId, access::ACCOUNT_GET, id::Sha256Hex};
use serde_json::{Value, json};
use testkit::{Calls, LEDGER, NOW_MILLIS, Operation, Reply, World};

use crate::{
    books,
    door::call,
    settlement_get,
    steps::{TODAY, close_day, collected, handed_over, inr, relay, waiting, work_off},
};

/// Entries of the day.
const ENTRIES: i64 = 100_000;
/// So far apart that they began ten hours ago.
const APART_MILLIS: i64 = 360;
/// What BatchWriteItem takes.
const MOST_WRITES: usize = 25;
/// DynamoDB ends a page at 1 MB, and a consistent read unit is 4 KB.
const UNITS_OF_A_PAGE: u32 = 256;
/// Bytes that an upload gathers before it sends a part, as in `shared/store/src/files.rs`.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// Bytes of rows that are gathered before they go to the upload, as in `shared/store/src/settlements.rs`.
const CHUNK_BYTES: usize = 256 * 1024;

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
        format!("{},{at},{transfer_id},{kind},{delivery_id},BF-N{n},{amount_minor},INR,,", n + 1)
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

/// What building asks of the tables, and how many pages it had read when it made each of its calls to the bucket.
async fn build(world: &World) -> (Calls, Vec<u64>) {
    world.table.reset_calls();
    let before = world.bucket.queries_before_calls().len();
    let writer = world.settlement_writer();
    let messages = waiting(world, "settlement.fifo");
    let failed =
        work_off("settlement.fifo", &messages[..1], async |m| settlement_build::handle(&writer, m).await).await;
    assert!(failed.is_empty());
    (world.table.calls(), world.bucket.queries_before_calls().split_off(before))
}

/// Every full part goes before a page is read that none of its rows are on: what waits meanwhile is a part, what was
/// gathered behind it, and the page in hand.
fn goes_as_it_is_read(file: &str, pages: u64, read_before: &[u64]) {
    let ends: Vec<usize> = file.match_indices('\n').map(|(at, _)| at + 1).collect();
    for (part, read) in (1..).zip(&read_before[..read_before.len() - 1]) {
        let rows = ends.partition_point(|end| *end < part * PART_BYTES + CHUNK_BYTES);
        let most = (u64::try_from(rows).unwrap() * pages).div_ceil(u64::try_from(ENTRIES).unwrap()) + 1;
        assert!(*read <= most && *read < pages, "part {part} goes when {read} of {pages} pages are read, not {most}");
    }
    assert!(read_before.is_sorted() && read_before.last() == Some(&pages), "the last part goes at the end");
}

/// Flat memory is not measured as the memory of this process, which holds table and bucket as well, but as what the
/// builder ever has in hand: a page of the table, ended by the table at 1 MB, and a part of the file. Both are constants,
/// here with 33 pages and 3 parts, and no page is read before the parts of those before it have gone. The other sides of
/// the entries are not written, since a settlement reads one account. It takes a minute and a half without optimisation;
/// fewer entries would show the same, but not for this many.
#[tokio::test]
async fn a_day_of_100_000_entries_is_read_in_pages_written_in_parts_and_built_again_to_the_same_bytes() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let lines: Vec<Line> = (0..ENTRIES).map(Line::of).collect();
    put(&world, &lines).await;
    let closed = close_day(&world, &pennco.settlement, "close", TODAY).await;
    let id = closed.text("/items/0/settlement_id");
    relay(&world).await;

    let (calls, read_before) = build(&world).await;
    let query = calls.of(Operation::Query);
    println!(
        "settlement-build: {calls}: {} calls, {} read units for {ENTRIES} entries",
        calls.total().count,
        calls.total().read_units
    );
    assert_eq!((calls.count(Operation::GetItem), calls.count(Operation::TransactWriteItems)), (2, 1));
    assert_eq!(calls.total().count, query.count + 3, "nothing is asked for entry by entry");
    let pages = u32::try_from(query.count).unwrap();
    let units = f64::from((pages - 1) * (UNITS_OF_A_PAGE - 1))..=f64::from(pages * (UNITS_OF_A_PAGE + 1));
    assert!(units.contains(&query.read_units), "all pages but the last are full, and none holds more: {calls}");

    let settled = settlement_get::get(&world, &pennco.settlement, id).await;
    let sum = |kind: &str| lines.iter().filter(|line| line.kind == kind).map(|line| line.amount_minor).sum::<i64>();
    let (collected, disbursed) = (sum("collection"), sum("disbursement"));
    let net = collected - disbursed;
    let totals = json!({ "count": ENTRIES, "collected": inr(collected), "disbursed": inr(disbursed),
                         "adjusted": inr(0), "net": inr(net), "late": { "count": 0, "net": inr(0) } });
    assert_eq!(settled.json["totals"], totals);
    let bytes = world.bucket.follow(settled.text("/file/url")).unwrap();
    let file = String::from_utf8(bytes).unwrap();
    let total = format!("TOTAL,{ENTRIES},{collected},{disbursed},{net},INR,0,0,0,");
    let rows = lines.iter().map(Line::row).chain([total]);
    assert!(file.lines().skip(1).eq(rows), "every entry once, in the order of the books, and the totals");
    assert_eq!(Sha256Hex::of(file.as_bytes()).as_str(), settled.text("/file/sha256"));

    let parts = file.len().div_ceil(PART_BYTES);
    assert_eq!(read_before.len(), parts + 2, "an upload is begun, sent in parts and completed");
    goes_as_it_is_read(&file, query.count, &read_before[1..=parts]);
    assert_eq!(world.bucket.largest_request(), PART_BYTES, "a part is the most that is held of {} bytes", file.len());
    println!("settlement-build: {pages} pages of at most 1 MB, {parts} parts of at most {PART_BYTES} bytes");
    println!("settlement-build: its calls to the bucket come behind so many pages: {read_before:?}");

    let entries = world.table.items(LEDGER).len();
    let (calls, _) = build(&world).await;
    println!("settlement-build again: {calls}");
    assert_eq!(calls.count(Operation::Query), 2 * query.count, "once to compare and once to write");
    assert_eq!(calls.count(Operation::TransactWriteItems), 0, "nothing is booked");
    assert_eq!(world.table.items(LEDGER).len(), entries);
    let again = settlement_get::get(&world, &pennco.settlement, id).await;
    assert!(world.bucket.follow(again.text("/file/url")).unwrap() == file.as_bytes(), "the same bytes");
    assert_eq!(
        (again.json["version"].clone(), again.text("/file/sha256")),
        (settled.json["version"].clone(), settled.text("/file/sha256"))
    );
    assert_eq!(books::account(&world, pennco, "partner_settlement.bfil").await, (-net, -net), "what is owed, once");
}

/// More entries than a statement as of a time adds up.
const TOO_MANY: i64 = 30_000;
/// The most queries of a megabyte that it takes, as in `shared/store/src/accounts.rs`.
const MOST_PAGES: u64 = 8;

/// The lender's control account as of a time, or of now, and how many queries it took.
async fn statement(world: &World, times: &[(&str, &str)]) -> (Reply, u64) {
    let asks = world.pennco.settlement.asks(&ACCOUNT_GET).path("account_id", "partner_control.bfil");
    let asks = times.iter().fold(asks, |asks, (name, value)| asks.query(name, value));
    world.table.reset_calls();
    let reply = call(world, &ACCOUNT_GET, &asks).await;
    (reply, world.table.calls().count(Operation::Query))
}

#[tokio::test]
async fn a_statement_as_of_a_time_adds_up_eight_megabytes_and_names_the_time_up_to_which_it_can() {
    let world = World::new().await;
    let lines: Vec<Line> = (0..TOO_MANY).map(Line::of).collect();
    put(&world, &lines).await;
    statement(&world, &[]).await;
    let now = world.now().to_string();
    for times in [&[("as_of", &*now)][..], &[("known_at", &*now)], &[("as_of", &*now), ("known_at", &*now)]] {
        let (refused, queries) = statement(&world, times).await;
        assert_eq!((refused.said(), queries), ((400, "account_too_long"), MOST_PAGES + 2), "{refused:?}");
        println!("account-get as of a time, {TOO_MANY} entries: {}", refused.body);
    }
    let (refused, _) = statement(&world, &[("as_of", &now)]).await;
    let hint = refused.text("/errors/0/hint");
    let shown = hint.strip_prefix("`known_at=").and_then(|rest| rest.split_once('`')).unwrap().0;
    let (known, queries) = statement(&world, &[("known_at", shown), ("as_of", &now)]).await;
    assert_eq!((known.status, queries), (200, MOST_PAGES + 2), "{known:?}");
    let until: Timestamp = shown.parse().unwrap();
    let taken: Vec<_> = lines.iter().filter(|line| line.at <= until).collect();
    let signed = |line: &&Line| if line.kind == "collection" { -line.amount_minor } else { line.amount_minor };
    assert_eq!(known.json["balance"], inr(taken.iter().map(signed).sum()));
    assert!(taken.len() > 20_000 && taken.len() < lines.len(), "{}", taken.len());
    println!("account-get as of a time: {} of {TOO_MANY} entries in {queries} queries", taken.len());
    let first = lines[0].at.to_string();
    let (early, queries) = statement(&world, &[("known_at", &first)]).await;
    assert_eq!((early.status, early.items().len(), queries), (200, 1, 3), "what is narrow costs little");
    let (of_now, queries) = statement(&world, &[]).await;
    assert_eq!((of_now.status, of_now.items().len(), queries), (200, 25, 2), "of now it is always shown");
}
