//! Throttles: token buckets in the records, exact however many functions take from one at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Failed, OperatorName, Timestamp,
    throttle::{Allowance, Rate, micros},
};

use crate::{
    keys::{self, Key},
    table::Table,
};

/// A bucket goes from idle to busy once in a race; each further try means that it was idle again in between.
const MOST_TRIES: usize = 5;

/// Buckets that one process remembers before it forgets them all.
const MOST_REMEMBERED: usize = 10_000;

/// What may be done with buckets.
#[derive(Clone)]
pub struct Throttle {
    table: Table,
    /// How each bucket looked when this process last saw it: the first guess of the next update. A wrong guess costs
    /// another update and decides nothing.
    seen: Arc<Mutex<HashMap<String, Vec<i64>>>>,
}

/// Whose bucket it is.
#[derive(Debug, Clone)]
pub enum Bucket<'a> {
    /// An address, before anybody is known.
    Address(&'a str),
    /// Something of an operator's: a caller, a login, a number.
    Of(&'a OperatorName, String),
}

impl Bucket<'_> {
    fn key(&self) -> Key {
        match self {
            Bucket::Address(address) => keys::bucket_of_address(address),
            Bucket::Of(operator, who) => keys::bucket(operator, who),
        }
    }
}

impl Throttle {
    /// Buckets in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, seen: Arc::default() }
    }

    fn guess(&self, key: &Key, rates: usize) -> Vec<i64> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&key.pk).filter(|seen| seen.len() == rates).cloned().unwrap_or_else(|| vec![0; rates])
    }

    fn remember(&self, key: &Key, full_at: &[i64]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_REMEMBERED {
            seen.clear();
        }
        seen.insert(key.pk.clone(), full_at.to_vec());
    }

    /// Takes one request out of a bucket, at all its rates or at none. One conditional update: a second one only when the
    /// bucket is not as this process saw it last, idle or in use. Nothing is refused on what is remembered.
    ///
    /// # Errors
    /// [`Failed::Limited`] when a rate lets no more through, with what is left and how long to wait.
    pub async fn take(&self, bucket: &Bucket<'_>, rates: &[Rate], now: Timestamp) -> Result<Allowance, Failed> {
        let now = micros(now);
        let key = bucket.key();
        let mut full_at = self.guess(&key, rates.len());
        for _ in 0..MOST_TRIES {
            let change = Change::of(rates, &full_at, now);
            match self.table.update_or_see(key.clone(), &change.update, &change.condition, change.values).await? {
                Ok(()) => {
                    self.remember(&key, &change.full_at);
                    return Ok(Allowance::of(rates, &change.full_at, now));
                }
                Err(there) => full_at = rates.iter().map(|rate| there.number(rate.name).unwrap_or(0)).collect(),
            }
            self.remember(&key, &full_at);
            let is_over = |(rate, full_at): (&Rate, &i64)| rate.is_over(*full_at, now);
            if rates.iter().zip(&full_at).any(is_over) {
                return Err(Failed::Limited(Allowance::of(rates, &full_at, now)));
            }
        }
        Err(Failed::InProgress)
    }
}

/// An update that takes one request out of a bucket, given how it looks.
struct Change {
    update: String,
    condition: String,
    values: HashMap<String, AttributeValue>,
    full_at: Vec<i64>,
}

impl Change {
    /// An idle rate starts from now; one in use is moved on by a share, whatever others do at the same moment.
    fn of(rates: &[Rate], full_at: &[i64], now: i64) -> Self {
        let (mut sets, mut conditions, mut after) = (vec![], vec![], vec![]);
        let mut values = HashMap::new();
        let number = |number: i64| AttributeValue::N(number.to_string());
        values.insert(":now".to_owned(), number(now));
        for (index, (rate, full_at)) in rates.iter().zip(full_at).enumerate() {
            let (name, share) = (rate.name, rate.share_micros());
            if rate.is_idle(*full_at, now) {
                sets.push(format!("{name} = :first{index}"));
                values.insert(format!(":first{index}"), number(now.saturating_add(share)));
                values.insert(format!(":far{index}"), number(now.saturating_add(rate.horizon_micros())));
                conditions.push(format!("(attribute_not_exists({name}) OR {name} < :now OR {name} > :far{index})"));
                after.push(now.saturating_add(share));
            } else {
                sets.push(format!("{name} = {name} + :share{index}"));
                values.insert(format!(":share{index}"), number(share));
                values.insert(format!(":last{index}"), number(now.saturating_add(rate.tolerance_micros())));
                conditions.push(format!("({name} BETWEEN :now AND :last{index})"));
                after.push(full_at.saturating_add(share));
            }
        }
        let latest = after.iter().max().copied().unwrap_or(now).checked_div(1_000_000).unwrap_or(0);
        sets.push("expires = :expires".to_owned());
        values.insert(":expires".to_owned(), number(latest.saturating_add(1)));
        Self { update: format!("SET {}", sets.join(", ")), condition: conditions.join(" AND "), values, full_at: after }
    }
}
