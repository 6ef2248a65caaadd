//! Field activity: events counted per region and hour, each event once however often it is delivered.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::{
    Event, Failed, OperatorName, Timestamp,
    activity::{self, Activity},
};

use crate::{
    commit::cancellation,
    keys,
    table::{Query, Table, unreachable_table},
};

/// What may be done with counts.
#[derive(Clone)]
pub struct Activities {
    table: Table,
}

/// The consumer's name in its memory of events.
const CONSUMER: &str = "activity";
/// How long an event is remembered, in seconds: 30 days, twice what a queue keeps a message.
const REMEMBERED_SECONDS: i64 = 30 * 86_400;

impl Activities {
    /// Counts in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Counts an event, once: its memory and the count are one transaction. Whether it was new.
    ///
    /// # Errors
    /// [`Failed::InProgress`] while others count in the same place, [`Failed::Later`] when the table does not answer.
    pub async fn count(&self, event: &Event) -> Result<bool, Failed> {
        let seen = keys::seen(&event.operator, CONSUMER, &event.event_id);
        let remember = Put::builder()
            .table_name(&self.table.names.records)
            .item("pk", AttributeValue::S(seen.pk))
            .item("sk", AttributeValue::S(seen.sk))
            .item("expires", AttributeValue::N(event.at.plus_seconds(REMEMBERED_SECONDS).as_seconds().to_string()))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(Failed::fault)?;
        let (day, hour, region) = activity::bucket(event);
        let place = keys::activity(&event.operator, day, &hour, &region);
        let add = Update::builder()
            .table_name(&self.table.names.records)
            .key("pk", AttributeValue::S(place.pk))
            .key("sk", AttributeValue::S(place.sk))
            .update_expression("ADD #happened :one")
            .expression_attribute_names("#happened", event.happened.as_str())
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .map_err(Failed::fault)?;
        let sent = self
            .table
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(remember).build())
            .transact_items(TransactWriteItem::builder().update(add).build())
            .send()
            .await;
        let Err(error) = sent else { return Ok(true) };
        let codes: Vec<_> = cancellation(&error).into_iter().flatten().filter_map(|reason| reason.code()).collect();
        if codes.contains(&"ConditionalCheckFailed") {
            return Ok(false);
        }
        if codes.contains(&"TransactionConflict") {
            return Err(Failed::InProgress);
        }
        Err(unreachable_table(error))
    }

    /// Counts between two moments, by hour and region: one query a day, seven days at most.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a range that is none.
    pub async fn between(
        &self,
        operator: &OperatorName,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Activity>, Failed> {
        let mut found = Vec::new();
        for day in activity::days(from, to)? {
            let query = Query::of(&self.table.names.records, keys::activity_day(operator, day));
            let mut pages = self.table.pages(query);
            while let Some(items) = pages.next().await? {
                for item in items {
                    let Some((hour, region)) = item.text("sk").and_then(|sk| sk.split_once('#')) else { continue };
                    let counts: BTreeMap<String, u64> =
                        item.numbers().map(|(name, count)| (name.to_owned(), count.unsigned_abs())).collect();
                    let total = counts.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
                    found.push(Activity { region: region.to_owned(), hour: hour.to_owned(), counts, total });
                }
            }
        }
        let (from, to) = (from.hour(), to.hour());
        found.retain(|activity| activity.hour >= from && activity.hour <= to);
        Ok(found)
    }
}
