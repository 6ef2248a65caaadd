//! Alterations: rows that must stay as they were written, and what they were before somebody changed or removed them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Failed, Timestamp, alteration::Alteration};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    keys::{self, Key},
    table::{Item, Table},
};

/// How many digits a stream's sequence number has at most.
const SEQUENCE_DIGITS: usize = 40;

/// What may be done with alterations.
#[derive(Clone)]
pub struct Alterations {
    table: Table,
}

/// A change of a row, as a table's stream shows it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The table's name.
    pub table: String,
    /// The row before the change, in DynamoDB's own JSON.
    pub before: Value,
    /// The row after it; nothing when it was removed.
    pub after: Option<Value>,
    /// When it happened, in whole seconds.
    pub at: Timestamp,
    /// Its place among all changes of the row: digits, which grow.
    pub sequence: String,
}

/// A row that was altered, and where it lies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Altered {
    pub(crate) is_of_ledger: bool,
    pub(crate) pk: String,
    pub(crate) sk: String,
    pub(crate) alteration: Alteration,
}

impl Altered {
    pub(crate) fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: self.sk.clone() }
    }
}

impl Alterations {
    /// The alterations in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Keeps what a change altered; whether it altered anything. Of several changes of a row the first counts, in whichever
    /// order they are kept and how often: only it shows the row as it was written.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer, [`Failed::Fault`] when this is no row of an operator's.
    pub async fn keep(&self, seen: Seen) -> Result<bool, Failed> {
        let before = Item::of_image(seen.before)?;
        let after = seen.after.map(Item::of_image).transpose()?;
        let after = after.as_ref().map(Item::sealed_part).transpose()?;
        let Some(alteration) = Alteration::of(&before.sealed_part()?, after.as_ref(), seen.at) else {
            return Ok(false);
        };
        let Key { pk, sk } = before.key();
        let operator =
            keys::operator_of(&pk).ok_or_else(|| Failed::fault("the key of a row begins with its operator"))?;
        let altered = Altered { is_of_ledger: seen.table == self.table.names.ledger, pk, sk, alteration };
        let key = keys::alteration(&operator, &altered.key());
        let text = serde_json::to_string(&altered).map_err(Failed::fault)?;
        // As texts, numbers are in order when they are equally long.
        let sequence = format!("{:0>SEQUENCE_DIGITS$}", seen.sequence);
        let values = HashMap::from([
            (":altered".to_owned(), AttributeValue::S(text)),
            (":sequence".to_owned(), AttributeValue::S(sequence)),
        ]);
        let update = "SET altered = :altered, stream_sequence = :sequence";
        let condition = "attribute_not_exists(pk) OR stream_sequence > :sequence";
        self.table.update_if(key, update, condition, values).await?;
        Ok(true)
    }
}
