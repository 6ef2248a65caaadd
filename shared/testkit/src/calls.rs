//! What a test may ask about the calls that were made: how many of each operation, and the capacity they consumed.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::Value;

/// A DynamoDB operation that the embedded table serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// One item by its key.
    GetItem,
    /// One item, whole.
    PutItem,
    /// Some attributes of one item.
    UpdateItem,
    /// One item, gone.
    DeleteItem,
    /// Items of one partition key.
    Query,
    /// All items.
    Scan,
    /// Up to 100 items by their keys.
    BatchGetItem,
    /// Up to 25 items, without conditions.
    BatchWriteItem,
    /// Up to 100 items by their keys, of one moment.
    TransactGetItems,
    /// Up to 100 conditional writes, all or none.
    TransactWriteItems,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 10] = [
        Self::GetItem,
        Self::PutItem,
        Self::UpdateItem,
        Self::DeleteItem,
        Self::Query,
        Self::Scan,
        Self::BatchGetItem,
        Self::BatchWriteItem,
        Self::TransactGetItems,
        Self::TransactWriteItems,
    ];

    /// What AWS calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GetItem => "GetItem",
            Self::PutItem => "PutItem",
            Self::UpdateItem => "UpdateItem",
            Self::DeleteItem => "DeleteItem",
            Self::Query => "Query",
            Self::Scan => "Scan",
            Self::BatchGetItem => "BatchGetItem",
            Self::BatchWriteItem => "BatchWriteItem",
            Self::TransactGetItems => "TransactGetItems",
            Self::TransactWriteItems => "TransactWriteItems",
        }
    }

    /// Whether it only reads.
    #[must_use]
    pub const fn reads(self) -> bool {
        matches!(self, Self::GetItem | Self::Query | Self::Scan | Self::BatchGetItem | Self::TransactGetItems)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|operation| operation.name() == name).ok_or(())
    }
}

/// What calls cost. Units are multiples of one half, so their sums are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// How often it was called, failed and repeated attempts included.
    pub count: u64,
    /// Read units. Calls that are refused report none, here as on AWS.
    pub read_units: f64,
    /// Write units of the tables themselves. Calls that are refused report none, here as on AWS, which bills them all the same.
    pub write_units: f64,
    /// Write units of the indexes; a transaction does not double them.
    pub index_write_units: f64,
}

impl Usage {
    #[expect(clippy::float_arithmetic, reason = "capacity units are halves, which binary floats hold exactly")]
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
        self.index_write_units += other.index_write_units;
    }
}

/// The calls since the last reset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls(BTreeMap<Operation, Usage>);

impl Calls {
    /// How often an operation was called.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.of(operation).count
    }

    /// What one operation cost.
    #[must_use]
    pub fn of(&self, operation: Operation) -> Usage {
        self.0.get(&operation).copied().unwrap_or_default()
    }

    /// What all operations together cost.
    #[must_use]
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.0.values().for_each(|usage| total.add(*usage));
        total
    }

    /// Operations that were called, in the order of [`Operation`].
    pub fn operations(&self) -> impl Iterator<Item = (Operation, Usage)> {
        self.0.iter().map(|(operation, usage)| (*operation, *usage))
    }

    pub(crate) fn called(&mut self, operation: Operation) {
        self.0.entry(operation).or_default().count += 1;
    }

    /// Books the `ConsumedCapacity` of an answer: one entry, or one a table.
    pub(crate) fn consumed(&mut self, operation: Operation, capacity: &Value) {
        let usage = self.0.entry(operation).or_default();
        let tables = capacity.as_array().map_or(std::slice::from_ref(capacity), Vec::as_slice);
        tables.iter().for_each(|table| usage.add(consumed_of(operation, table)));
    }
}

fn consumed_of(operation: Operation, capacity: &Value) -> Usage {
    let units = |value: &Value| value["CapacityUnits"].as_f64().unwrap_or_default();
    // A transaction that is repeated under its own token is billed as a read of what it wrote.
    if operation.reads() || capacity["ReadCapacityUnits"].is_number() {
        return Usage { read_units: units(capacity), ..Usage::default() };
    }
    let indexes = ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"].map(|kind| {
        let indexes = capacity[kind].as_object();
        indexes.map_or(0.0, |indexes| indexes.values().map(units).sum())
    });
    Usage { write_units: units(&capacity["Table"]), index_write_units: indexes.iter().sum(), ..Usage::default() }
}

/// `GetItem 1, TransactWriteItems 1: 0.5 read, 4 write, 2 index write units`
impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (operation, usage)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{operation} {}", usage.count)?;
        }
        let Usage { read_units, write_units, index_write_units, .. } = self.total();
        write!(f, ": {read_units} read, {write_units} write, {index_write_units} index write units")
    }
}
