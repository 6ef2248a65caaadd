//! Location batches: one item for each UTC day that a batch touches, one write unit a kilobyte.

use std::collections::BTreeSet;

use domain::{
    AgentId, BatchId, Day, Failed, OperatorName, Timestamp,
    track::{Packed, Point, each_moment_once},
};

use crate::{
    keys,
    table::{Item, Query, Table},
};

/// What may be done with tracks.
#[derive(Clone)]
pub struct Tracks {
    table: Table,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedBatch {
    /// Its id.
    pub batch_id: BatchId,
    /// Whether any of it was kept now; otherwise the very same batch came before.
    pub is_new: bool,
}

/// How long a track is kept, in seconds: 90 days.
const KEPT_SECONDS: i64 = 90 * 86_400;

impl Tracks {
    /// Tracks in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// Keeps a batch of points, oldest first: one conditional put for each UTC day that it touches.
    /// The same points again are the same items, so a batch that was kept in part is made whole when it comes again.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn record(
        &self,
        operator: &OperatorName,
        agent_id: &AgentId,
        kept: &[Point],
        at: Timestamp,
    ) -> Result<RecordedBatch, Failed> {
        let batch_id = Packed::of(kept).batch_id(operator, agent_id.as_str());
        let mut is_new = false;
        for of_a_day in kept.chunk_by(|one, next| one.captured_at.utc_day() == next.captured_at.utc_day()) {
            let first = of_a_day.first().map_or(at, |point| point.captured_at);
            let item = Item::at(&keys::batch(operator, agent_id, first, &batch_id))
                .with_bytes("points", Packed::of(of_a_day).as_bytes())
                .with_number("expires", at.as_seconds().saturating_add(KEPT_SECONDS));
            is_new |= self.table.put_if(&self.table.names.tracks, item, "attribute_not_exists(pk)").await?;
        }
        Ok(RecordedBatch { batch_id, is_new })
    }

    /// An agent's points of a UTC day, each moment once, oldest first.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a batch is not packed points.
    pub async fn day(&self, operator: &OperatorName, agent_id: &AgentId, day: Day) -> Result<Vec<Point>, Failed> {
        let mut seen = BTreeSet::new();
        let mut points = Vec::new();
        let query = Query::of(&self.table.names.tracks, keys::track_day(operator, agent_id, day));
        let mut pages = self.table.pages(query);
        while let Some(items) = pages.next().await? {
            for item in items {
                let packed = Packed::from_bytes(item.bytes("points").unwrap_or_default().to_vec());
                points.extend(each_moment_once(packed.points().map_err(Failed::fault)?, &mut seen));
            }
        }
        points.sort_by_key(|point| point.captured_at);
        Ok(points)
    }
}

/// A batch as the stream of the tracks table reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackBatch {
    /// Whose tenant.
    pub operator: OperatorName,
    /// Whose track.
    pub agent_id: AgentId,
    /// Its newest point.
    pub newest: Point,
}

impl TrackBatch {
    /// Reads a batch from its key and its packed points.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it is none.
    pub fn of(pk: &str, packed: &Packed) -> Result<Self, Failed> {
        let mut parts = pk.split('#');
        let (Some(operator), Some(agent), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failed::fault("the key of a batch names operator, agent and day"));
        };
        let points = packed.points().map_err(Failed::fault)?;
        let newest = points.into_iter().max_by_key(|point| point.captured_at);
        Ok(Self {
            operator: operator.parse().map_err(Failed::fault)?,
            agent_id: agent.parse().map_err(Failed::fault)?,
            newest: newest.ok_or_else(|| Failed::fault("a batch without points"))?,
        })
    }
}
