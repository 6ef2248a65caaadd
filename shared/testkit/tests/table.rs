//! What the embedded table promises to those who test against it.
#![expect(clippy::disallowed_methods, reason = "here the table itself is tested, with and without conditions")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput},
    types::{
        AttributeValue, ConditionCheck, Get, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure,
        TransactGetItem, TransactWriteItem,
    },
};
use testkit::{Calls, EmbeddedTable, Fault, INDEXES, LEDGER, Operation, RECORDS, TRACKS};

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

type Item = HashMap<String, AttributeValue>;

fn item(name: &str) -> Item {
    HashMap::from([("pk".to_owned(), s(name)), ("sk".to_owned(), s("state"))])
}

fn item_of(name: &str, bytes: usize) -> Item {
    let mut item = item(name);
    item.insert("filler".to_owned(), s("x".repeat(bytes)));
    item
}

async fn put(client: &Client, table: &str, item: Item) {
    client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
}

async fn get(client: &Client, name: &str) -> Option<Item> {
    client.get_item().table_name(RECORDS).set_key(Some(item(name))).consistent_read(true).send().await.unwrap().item
}

async fn count_up(client: &Client, name: &str) -> Result<(), Option<String>> {
    let update = client
        .update_item()
        .table_name(RECORDS)
        .set_key(Some(item(name)))
        .update_expression("ADD hits :one")
        .expression_attribute_values(":one", n(1));
    update.send().await.map(drop).map_err(|error| error.code().map(str::to_owned))
}

async fn hits(table: &EmbeddedTable, name: &str) -> i64 {
    let found = get(&table.client(), name).await.unwrap_or_default();
    found.get("hits").map_or(0, |hits| hits.as_n().unwrap().parse().unwrap())
}

fn create(item: Item) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(RECORDS)
        .set_item(Some(item))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build();
    TransactWriteItem::builder().put(put.unwrap()).build()
}

async fn transact(
    client: &Client,
    writes: Vec<TransactWriteItem>,
) -> Result<TransactWriteItemsOutput, TransactWriteItemsError> {
    let sent = client.transact_write_items().set_transact_items(Some(writes)).send().await;
    sent.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
}

fn measured(table: &EmbeddedTable) -> (f64, f64, f64) {
    let total = table.calls().total();
    table.reset_calls();
    (total.read_units, total.write_units, total.index_write_units)
}

#[tokio::test]
async fn a_cancelled_transaction_names_the_failing_write_and_shows_the_item_in_its_way() {
    let table = EmbeddedTable::new();
    let client = table.client();
    let mut taken = item("taken");
    taken.insert("holder".to_owned(), s("dlv_1"));
    put(&client, RECORDS, taken.clone()).await;

    let error = transact(&client, vec![create(item("free")), create(item("taken"))]).await.unwrap_err();

    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
    let [first, second] = cancelled.cancellation_reasons() else { panic!("{cancelled:?}") };
    assert_eq!((first.code(), first.item()), (Some("None"), None));
    assert_eq!((second.code(), second.item()), (Some("ConditionalCheckFailed"), Some(&taken)));
    assert_eq!(get(&client, "free").await, None, "nothing of a cancelled transaction is kept");
}

#[tokio::test]
async fn a_refused_single_write_is_a_conditional_check_failure() {
    let table = EmbeddedTable::new();
    let client = table.client();
    put(&client, RECORDS, item("a")).await;

    let again = client.put_item().table_name(RECORDS).set_item(Some(item("a")));
    let error = again.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err().into_service_error();

    assert!(error.is_conditional_check_failed_exception(), "{error:?}");
}

#[tokio::test]
async fn what_aws_refuses_reaches_the_caller_under_its_aws_name() {
    let table = EmbeddedTable::new();
    let client = table.client();

    let no_table = client.get_item().table_name("other").set_key(Some(item("a"))).send().await.unwrap_err();
    let no_key = client.put_item().table_name(RECORDS).item("pk", s("a")).send().await.unwrap_err();
    let not_served = client.list_tables().send().await.unwrap_err();

    assert_eq!(no_table.code(), Some("ResourceNotFoundException"));
    assert_eq!(no_key.code(), Some("ValidationException"));
    assert_eq!(not_served.code(), Some("UnknownOperationException"));
}

#[tokio::test]
async fn each_table_is_its_own() {
    let (one, other) = (EmbeddedTable::new(), EmbeddedTable::new());
    for table in [RECORDS, LEDGER, TRACKS] {
        put(&one.client(), table, item("a")).await;
    }
    for table in [RECORDS, LEDGER, TRACKS] {
        assert_eq!((one.items(table).len(), other.items(table).len()), (1, 0));
    }
}

#[tokio::test]
async fn all_items_are_shown_even_if_they_are_many_pages() {
    let table = EmbeddedTable::new();
    let client = table.client();
    for at in 0..8 {
        put(&client, LEDGER, item_of(&format!("big{at}"), 300_000)).await;
    }
    table.crash_before(1);
    assert_eq!(table.items(LEDGER).len(), 8);
    assert_eq!(table.calls().total().count, 8, "looking is not a call");
}

#[tokio::test]
async fn an_index_holds_the_listed_attributes_and_no_others() {
    let table = EmbeddedTable::new();
    let client = table.client();
    let mut whole = item("a");
    let keys = ["worklist_pk", "worklist_sk", "owner_pk", "owner_sk", "secret"];
    for name in INDEXES.iter().flat_map(|(_, held)| held.iter()).chain(&keys) {
        whole.insert((*name).to_owned(), s("v"));
    }
    put(&client, RECORDS, whole).await;

    for (index, held) in INDEXES {
        let query = client.query().table_name(RECORDS).index_name(index);
        let query = query.key_condition_expression(format!("{index}_pk = :pk"));
        let found = query.expression_attribute_values(":pk", s("v")).send().await.unwrap().items.unwrap();
        assert_eq!(found.len(), 1);
        let names: BTreeSet<String> = found.into_iter().flat_map(Item::into_keys).collect();
        let keys = ["pk".to_owned(), "sk".to_owned(), format!("{index}_pk"), format!("{index}_sk")];
        assert_eq!(names, held.iter().map(|name| (*name).to_owned()).chain(keys).collect());
    }
}

#[test]
fn the_indexes_are_those_that_are_deployed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/data.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let deployed: Vec<(&str, Vec<&str>)> = template
        .split("- IndexName: ")
        .skip(1)
        .map(|index| {
            let (_, held) = index.split_once("NonKeyAttributes:\n").unwrap();
            let held = held.lines().map_while(|line| line.trim_start().strip_prefix("- ")).collect();
            (index.lines().next().unwrap(), held)
        })
        .collect();
    assert_eq!(deployed, INDEXES.map(|(index, held)| (index, held.to_vec())));
}

#[tokio::test]
async fn of_many_who_write_at_once_none_is_lost_and_some_meet() {
    let table = EmbeddedTable::new();
    put(&table.client(), RECORDS, item("counter")).await;
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let client = table.client();
            tokio::spawn(async move {
                let seen = get(&client, "counter").await.unwrap().get("version").cloned().unwrap_or_else(|| n(0));
                let next: i64 = seen.as_n().unwrap().parse::<i64>().unwrap() + 1;
                let mut item = item("counter");
                item.insert("version".to_owned(), n(next));
                let put = client.put_item().table_name(RECORDS).set_item(Some(item));
                let put = put.condition_expression("attribute_not_exists(version) OR version = :seen");
                put.expression_attribute_values(":seen", seen).send().await.is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += i64::from(task.await.unwrap());
    }
    let version = get(&table.client(), "counter").await.unwrap()["version"].clone();
    assert_eq!(version, n(won));
    assert!(won < 32, "tasks that run at the same time must be able to overtake each other");
}

#[test]
fn threads_may_share_the_tables() {
    let table = EmbeddedTable::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..20 {
                        count_up(&table.client(), "counter").await.unwrap();
                    }
                });
            });
        }
    });
    assert_eq!(table.calls().count(Operation::UpdateItem), 160);
    assert_eq!(table.items(RECORDS)[0]["hits"]["N"], "160");
}

#[tokio::test]
async fn the_sdk_outlasts_two_throttled_attempts_but_not_three() {
    let table = EmbeddedTable::new();
    let op = Operation::UpdateItem;

    table.inject(Fault::Throttle { op, times: 2 });
    assert_eq!(count_up(&table.client(), "a").await, Ok(()));
    assert_eq!(table.calls().count(op), 3);

    table.inject(Fault::Throttle { op, times: 3 });
    let refused = count_up(&table.client(), "a").await;
    assert_eq!(refused, Err(Some("ProvisionedThroughputExceededException".to_owned())));
    assert_eq!(hits(&table, "a").await, 1);
}

#[tokio::test]
async fn faults_never_run_out_of_the_sdks_patience() {
    let table = EmbeddedTable::new();
    for _ in 0..150 {
        table.inject(Fault::FailBefore { op: Operation::UpdateItem, times: 2 });
        assert_eq!(count_up(&table.client(), "a").await, Ok(()));
    }
}

#[tokio::test]
async fn a_fault_hits_its_own_operation_only() {
    let table = EmbeddedTable::new();
    table.inject(Fault::FailBefore { op: Operation::TransactWriteItems, times: 3 });
    assert_eq!(count_up(&table.client(), "a").await, Ok(()));
    assert_eq!(table.calls().count(Operation::UpdateItem), 1);
}

#[tokio::test]
async fn a_call_that_fails_before_is_not_applied_and_one_whose_answer_is_lost_is() {
    let table = EmbeddedTable::new();
    let op = Operation::UpdateItem;

    table.inject(Fault::FailBefore { op, times: 3 });
    assert_eq!(count_up(&table.client(), "a").await, Err(None));
    assert_eq!(hits(&table, "a").await, 0);

    table.inject(Fault::LoseAnswer { op, times: 3 });
    assert_eq!(count_up(&table.client(), "a").await, Err(None));
    assert_eq!(hits(&table, "a").await, 3, "each attempt of the SDK is applied");
}

#[tokio::test]
async fn a_lost_answer_is_a_timeout_and_a_broken_connection_is_not() {
    let table = EmbeddedTable::new();
    let op = Operation::GetItem;
    for (fault, timeout) in [(Fault::LoseAnswer { op, times: 3 }, true), (Fault::FailBefore { op, times: 3 }, false)] {
        table.inject(fault);
        let client = table.client();
        let error = client.get_item().table_name(RECORDS).set_key(Some(item("a"))).send().await.unwrap_err();
        let aws_sdk_dynamodb::error::SdkError::DispatchFailure(failure) = error else { panic!("{error:?}") };
        assert_eq!((failure.is_timeout(), failure.is_io()), (timeout, !timeout));
    }
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_repeated_under_its_token_and_applied_once() {
    let table = EmbeddedTable::new();
    let client = table.client();
    table.inject(Fault::LoseAnswer { op: Operation::TransactWriteItems, times: 1 });

    transact(&client, vec![create(item("a"))]).await.unwrap();

    let usage = table.calls().of(Operation::TransactWriteItems);
    assert_eq!(usage.count, 2);
    assert_eq!((usage.write_units, usage.read_units), (2.0, 2.0), "the repetition is billed as a read");
}

#[tokio::test]
async fn a_conflict_cancels_the_transaction_once_and_is_not_repeated_by_the_sdk() {
    let table = EmbeddedTable::new();
    let client = table.client();
    table.inject(Fault::TransactionConflict { times: 1 });

    let error = transact(&client, vec![create(item("a")), create(item("b"))]).await.unwrap_err();

    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { panic!("{error:?}") };
    let codes: Vec<_> = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(codes, ["TransactionConflict", "None"]);
    assert_eq!(table.calls().count(Operation::TransactWriteItems), 1);
    assert!(table.items(RECORDS).is_empty());
    transact(&client, vec![create(item("a")), create(item("b"))]).await.unwrap();
}

#[tokio::test]
async fn a_batch_may_leave_keys_unprocessed() {
    let table = EmbeddedTable::new();
    let client = table.client();
    for name in ["a", "b", "c"] {
        put(&client, RECORDS, item(name)).await;
    }
    let keys = ["a", "b", "c"].map(item).to_vec();
    let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().unwrap();
    table.inject(Fault::Unprocessed { times: 1 });

    let first = client.batch_get_item().request_items(RECORDS, keys).send().await.unwrap();
    let rest = first.unprocessed_keys.clone();
    let second = client.batch_get_item().set_request_items(rest).send().await.unwrap();

    assert_eq!(first.responses.unwrap()[RECORDS].len(), 2);
    assert_eq!(first.unprocessed_keys.unwrap()[RECORDS].keys(), [item("c")]);
    assert_eq!(second.responses.unwrap()[RECORDS], [item("c")]);
}

#[tokio::test]
async fn a_crash_at_each_call_leaves_what_was_applied_until_then() {
    async fn work(client: &Client) -> Result<(), Option<String>> {
        for name in ["a", "b", "c"] {
            count_up(client, name).await?;
        }
        Ok(())
    }
    for n in 1..=3 {
        for applied in [false, true] {
            let table = EmbeddedTable::new();
            let crash = if applied { EmbeddedTable::crash_after } else { EmbeddedTable::crash_before };
            crash(&table, n);

            assert!(work(&table.client()).await.is_err());
            assert!(table.has_crashed());
            assert!(work(&table.client()).await.is_err(), "dead until it recovers");
            assert_eq!(table.items(RECORDS).len(), (n - u32::from(!applied)) as usize);

            table.recover();
            assert_eq!(work(&table.client()).await, Ok(()));
            assert_eq!(table.items(RECORDS).len(), 3);
        }
    }
    let table = EmbeddedTable::new();
    table.crash_after(4);
    assert_eq!(work(&table.client()).await, Ok(()));
    assert!(!table.has_crashed(), "the work has three crash points");
}

#[tokio::test]
async fn writes_are_measured_by_kilobyte_and_twice_in_transactions() {
    let table = EmbeddedTable::new();
    let client = table.client();

    put(&client, LEDGER, item_of("small", 10)).await;
    assert_eq!(measured(&table), (0.0, 1.0, 0.0));
    put(&client, LEDGER, item_of("large", 1500)).await;
    assert_eq!(measured(&table), (0.0, 2.0, 0.0));
    put(&client, LEDGER, item("large")).await;
    assert_eq!(measured(&table), (0.0, 2.0, 0.0), "the larger of before and after counts");

    transact(&client, vec![create(item_of("a", 10)), create(item_of("b", 2500))]).await.unwrap();
    assert_eq!(measured(&table), (0.0, 8.0, 0.0));

    let check = ConditionCheck::builder().table_name(RECORDS).set_key(Some(item("a")));
    let check = check.condition_expression("attribute_exists(pk)").build().unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    transact(&client, vec![check, create(item("c"))]).await.unwrap();
    assert_eq!(measured(&table), (0.0, 4.0, 0.0), "a check costs as much as a write");
}

#[tokio::test]
async fn writes_to_indexes_are_measured_apart() {
    let table = EmbeddedTable::new();
    let client = table.client();
    let listed = |status: &str, filler: usize| {
        let mut item = item_of("a", filler);
        item.insert("worklist_pk".to_owned(), s(status));
        item.insert("worklist_sk".to_owned(), s("1"));
        item
    };

    put(&client, RECORDS, listed("pending", 3000)).await;
    assert_eq!(measured(&table), (0.0, 3.0, 1.0), "the index holds the small projection, not the item");
    put(&client, RECORDS, listed("assigned", 3000)).await;
    assert_eq!(measured(&table), (0.0, 3.0, 2.0), "a new index key is a removal and a write");
    put(&client, RECORDS, listed("assigned", 3001)).await;
    assert_eq!(measured(&table), (0.0, 3.0, 0.0), "what is not projected does not touch the index");

    let mut fresh = listed("assigned", 10);
    fresh.insert("pk".to_owned(), s("b"));
    transact(&client, vec![create(fresh)]).await.unwrap();
    assert_eq!(measured(&table), (0.0, 2.0, 1.0), "a transaction doubles the table's part and not the index's");
}

#[tokio::test]
async fn reads_are_measured_by_four_kilobytes_half_if_eventual_and_twice_in_transactions() {
    let table = EmbeddedTable::new();
    let client = table.client();
    put(&client, RECORDS, item_of("small", 10)).await;
    put(&client, RECORDS, item_of("large", 5000)).await;
    table.reset_calls();
    let read = |name: &str, consistent: bool| {
        client.get_item().table_name(RECORDS).set_key(Some(item(name))).consistent_read(consistent).send()
    };

    for (name, consistent, units) in [
        ("small", false, 0.5),
        ("small", true, 1.0),
        ("large", false, 1.0),
        ("large", true, 2.0),
        ("missing", false, 0.5),
    ] {
        read(name, consistent).await.unwrap();
        assert_eq!(measured(&table), (units, 0.0, 0.0), "{name}, consistent: {consistent}");
    }

    let gets = ["small", "large"].map(|name| {
        let get = Get::builder().table_name(RECORDS).set_key(Some(item(name))).build().unwrap();
        TransactGetItem::builder().get(get).build()
    });
    let answer = client.transact_get_items().set_transact_items(Some(gets.to_vec())).send().await.unwrap();
    assert_eq!(answer.responses().iter().filter(|response| response.item.is_some()).count(), 2);
    assert_eq!(measured(&table), (6.0, 0.0, 0.0));

    let query = client.query().table_name(RECORDS).key_condition_expression("pk = :pk");
    query.expression_attribute_values(":pk", s("large")).consistent_read(true).send().await.unwrap();
    assert_eq!(measured(&table), (2.0, 0.0, 0.0));

    let keys = KeysAndAttributes::builder().set_keys(Some(vec![item("small"), item("large")])).build().unwrap();
    client.batch_get_item().request_items(RECORDS, keys).send().await.unwrap();
    assert_eq!(measured(&table), (1.5, 0.0, 0.0));
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_can_be_printed() {
    let table = EmbeddedTable::new();
    let client = table.client();
    get(&client, "a").await;
    count_up(&client, "a").await.unwrap();
    count_up(&client, "a").await.unwrap();

    assert_eq!(table.calls().to_string(), "GetItem 1, UpdateItem 2: 1 read, 2 write, 0 index write units");
    let counts: Vec<_> = table.calls().operations().map(|(operation, usage)| (operation, usage.count)).collect();
    assert_eq!(counts, [(Operation::GetItem, 1), (Operation::UpdateItem, 2)]);
    table.reset_calls();
    assert_eq!(table.calls(), Calls::default());
}

#[tokio::test]
async fn capacity_is_in_the_answer_only_if_it_was_asked_for() {
    let table = EmbeddedTable::new();
    let read = table.client().get_item().table_name(RECORDS).set_key(Some(item("a")));

    let unasked = read.clone().send().await.unwrap();
    let asked = read.return_consumed_capacity("TOTAL".into()).send().await.unwrap();

    assert!(unasked.consumed_capacity.is_none());
    assert_eq!(asked.consumed_capacity.unwrap().capacity_units, Some(0.5));
}
