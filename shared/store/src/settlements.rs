//! Settlements: days closed once, entries folded, files written, what is owed booked.

use domain::{
    Command, Day, Event, Failed, OperatorName, PartnerName, Refusal, SettlementId, Timestamp, TransferId,
    access::Unseen,
    day_close::DayClose,
    event::Happened,
    late::{ClosedDays, When},
    ledger::{Account, Entry},
    operator::Operator,
    settlement::{Calendar, ClosedDay, Settlement, SettlementStatus, Slot, StoredFile, Totals},
    settlement_file::SettlementFile,
    settlement_format::{SettlementFormat, SettlementFormats},
};

use crate::{
    answer::{Answer, Page},
    commit::Accepted,
    cursor::{CursorKey, PageRequest},
    day_closes,
    files::{Files, Upload},
    keys, payouts,
    table::{Direction, Item, Lost, Pages, Query, Range, Table, between_times},
};

/// What may be done with settlements.
#[derive(Clone)]
pub struct Settlements {
    table: Table,
    cursors: CursorKey,
}

/// Settlements and the bucket their files go to.
#[derive(Clone)]
pub struct SettlementWriter {
    table: Table,
    files: Files,
}

/// Which settlements a list shows.
#[derive(Debug, Clone)]
pub struct SettlementFilter {
    /// A partner's own, or all of the operator.
    pub partner_id: Option<PartnerName>,
    /// Of one day, or of all.
    pub business_day: Option<Day>,
}

pub(crate) fn item(operator: &OperatorName, settlement: &Settlement) -> Result<Item, Failed> {
    let key = keys::settlement(operator, &settlement.settlement_id);
    let worklist = keys::worklist_settlement(settlement.business_day, &settlement.partner_id);
    Ok(Item::of(&key, settlement)?
        .in_index(keys::WORKLIST, keys::worklist_of_settlements(operator), worklist)
        .in_index(
            keys::OWNER,
            keys::owner_of_settlements(operator, &settlement.partner_id),
            settlement.business_day.to_string(),
        ))
}

/// The entries that belong to a settlement, page by page: the partner's control account from the last cut to this one.
pub(crate) fn entries<'a>(table: &'a Table, operator: &OperatorName, settlement: &Settlement) -> Pages<'a> {
    let control = Account::PartnerControl(settlement.partner_id.clone());
    let range = between_times(settlement.opened_at, settlement.cut_at);
    table.pages(Query { range, ..Query::of(&table.names.ledger, keys::ledger(operator, &control)) })
}

impl Settlements {
    /// Settlements in these tables.
    #[must_use]
    pub fn new(table: Table, cursors: CursorKey) -> Self {
        Self { table, cursors }
    }

    /// Which days of an operator are closed, and its rules.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is no such operator.
    pub async fn calendar(&self, operator: &OperatorName) -> Result<(Operator, Calendar), Failed> {
        // In this order: a change of the operator moves the calendar on, and a day is closed on the calendar that was read.
        let calendar = self.table.find(&keys::calendar(operator)).await?.map(Item::read).transpose()?;
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        Ok((known, calendar.unwrap_or_else(|| Calendar::new(operator.clone()))))
    }

    /// Every operator.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn operators(&self) -> Result<Vec<OperatorName>, Failed> {
        crate::directory::Directory::new(self.table.clone()).operators().await
    }

    /// Closes a day: the calendar moves on and each partner's settlement begins, in one transaction. Of two that close
    /// the same day one wins, the other finds it closed.
    ///
    /// # Errors
    /// As a commit.
    pub async fn close(
        &self,
        command: &Command,
        operator: &Operator,
        before: &Calendar,
        decided: Result<Slot, Refusal>,
    ) -> Result<Answer<ClosedDay>, Failed> {
        let accepted = decided.map_err(Failed::from).and_then(|slot| {
            let place = keys::calendar(&operator.operator);
            let calendar = Item::of(&place, &slot.after)?;
            let mut writes = vec![if before.version == 0 {
                self.table.create(calendar, Lost::Moved)?
            } else {
                self.table.replace(Item::of(&place, before)?, calendar)?
            }];
            let mut items = Vec::with_capacity(operator.partners.len());
            let mut events = Vec::with_capacity(operator.partners.len().saturating_add(1));
            events.push(Event::of(command, Happened::DayClosed, &slot.business_day.to_string(), None));
            for partner in &operator.partners {
                let format = operator.settlement_format(partner)?;
                let settlement = slot.settlement(partner, operator.currency, format);
                writes.push(self.table.create(item(&operator.operator, &settlement)?, Lost::Moved)?);
                let id = settlement.settlement_id.as_str();
                let event = Event::of(command, Happened::SettlementRequested, id, None);
                events.push(event.in_group(partner.as_str()));
                items.push(settlement);
            }
            let ids = items.iter().map(|settlement| settlement.settlement_id.clone()).collect();
            let day_close = day_closes::item(&slot.day_close(before, ids))?;
            writes.push(self.table.create(day_close, Lost::Moved)?);
            Ok(Accepted {
                status: 202,
                subject: slot.business_day.to_string(),
                events,
                writes,
                answer: ClosedDay {
                    business_day: slot.business_day,
                    opened_at: slot.opened_at,
                    cut_at: slot.cut_at,
                    items,
                },
            })
        });
        self.table.commit(command, accepted).await
    }

    /// Closes every day of an operator that is due by now, oldest first. A day that somebody else closes meanwhile is
    /// closed: that is what was wanted; if not, the next tick closes it.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn close_due(
        &self,
        job: &str,
        name: &OperatorName,
        now: Timestamp,
        request_id: &str,
    ) -> Result<(), Failed> {
        let (operator, mut calendar) = self.calendar(name).await?;
        let days = operator.business_days();
        for day in calendar.due(now, &days) {
            let command = Command::of_job(name.clone(), job, &day.to_string(), now, request_id.to_owned());
            let decided = calendar.close(day, now, &days);
            let after = decided.as_ref().map(|slot| slot.after.clone()).ok();
            match self.close(&command, &operator, &calendar, decided).await {
                Ok(_) => {}
                Err(Failed::Moved | Failed::InProgress) => return Ok(()),
                Err(failed) => return Err(failed),
            }
            let Some(after) = after else { return Ok(()) };
            calendar = after;
        }
        Ok(())
    }

    /// A settlement.
    ///
    /// # Errors
    /// [`Failed::Unknown`] when there is none.
    pub async fn get(
        &self,
        operator: &OperatorName,
        settlement_id: &SettlementId,
    ) -> Result<Unseen<Settlement>, Failed> {
        self.table.get(&keys::settlement(operator, settlement_id)).await.map(Unseen::new)
    }

    /// A page of settlements, newest day first: one query, and one batch read of what it found.
    ///
    /// # Errors
    /// [`Failed::Malformed`] for a cursor that was not made for this list.
    pub async fn list(
        &self,
        operator: &OperatorName,
        filter: &SettlementFilter,
        page: &PageRequest,
    ) -> Result<Page<Settlement>, Failed> {
        let (index, partition) = match &filter.partner_id {
            Some(partner) => (keys::OWNER, keys::owner_of_settlements(operator, partner)),
            None => (keys::WORKLIST, keys::worklist_of_settlements(operator)),
        };
        let range = filter.business_day.map_or(Range::All, |day| Range::Prefix(day.to_string()));
        let scope = format!("{operator} {filter:?}");
        let query = Query {
            range,
            direction: Direction::NewestFirst,
            limit: Some(page.limit),
            after: self.cursors.open(&scope, page.cursor.as_deref())?,
            ..Query::of_index(&self.table.names.records, index, partition)
        };
        let (rows, last) = self.table.query(query).await?;
        let items = self.table.whole(&rows).await?;
        Ok(Page { items, next_cursor: self.cursors.seal(&scope, last)? })
    }
}

/// Bytes of rows that are gathered before they go to the upload.
const CHUNK_BYTES: usize = 256 * 1024;

impl SettlementWriter {
    /// Settlements of these tables with files in this bucket.
    #[must_use]
    pub fn new(table: Table, files: Files) -> Self {
        Self { table, files }
    }

    /// Folds a settlement's entries into its file and books what is owed: the file first, always the same bytes at the
    /// same place; then the booking, once. A settlement that is booked is only ever rebuilt to the very same file.
    ///
    /// # Errors
    /// [`Failed::Later`] when something behind does not answer; building again is safe. [`Failed::Fault`] when a settled
    /// day would be rebuilt to another file; the one that is there stays.
    pub async fn build(&self, event: &Event, request_id: &str) -> Result<Answer<Settlement>, Failed> {
        let operator = &event.operator;
        let settlement_id: SettlementId = event.subject.parse().map_err(Failed::fault)?;
        let before: Settlement = self.table.get(&keys::settlement(operator, &settlement_id)).await?;
        let format = SettlementFormats::shipped()?.version(&before.format)?;
        let key = before.file_key(operator, &format);
        let is_settled = before.status == SettlementStatus::Settled;
        if is_settled {
            let (_, measured) = self.write(operator, &before, &format, self.files.measure(&key)).await?;
            if before.file.as_ref() != Some(&measured) {
                return Err(Failed::fault(
                    "a settled day would be rebuilt to another file: entries appeared behind its cut",
                ));
            }
        }
        let upload = self.files.upload(&key, format.content_type());
        let (totals, stored) = self.write(operator, &before, &format, upload).await?;
        if is_settled {
            return Answer::ok(&before);
        }
        let command = Command::of_job(
            operator.clone(),
            "settlement-build",
            settlement_id.as_str(),
            event.at,
            request_id.to_owned(),
        );
        let transfer_id = TransferId::mint(before.cut_at, &command.seed());
        let (settled, transfer) = before.settle(transfer_id, totals, stored)?;
        let known: Operator = self.table.get(&keys::operator(operator)).await?;
        let (settled, payout) = settled.with_payout(
            operator,
            known.rail(&before.partner_id),
            &known.clock()?,
            event.at,
            &command.principal,
        );
        let mut writes = vec![self.table.replace(item(operator, &before)?, item(operator, &settled)?)?];
        if let Some(transfer) = &transfer {
            writes.extend(self.table.book(&command, transfer, before.cut_at)?);
        }
        let mut events = vec![Event::of(&command, Happened::SettlementSettled, settlement_id.as_str(), None)];
        if let Some(payout) = &payout {
            let (write, instructed) = payouts::instructed(&self.table, &command, payout)?;
            writes.push(write);
            events.push(instructed);
        }
        let accepted = Accepted { status: 200, subject: settlement_id.to_string(), events, writes, answer: settled };
        self.table.commit(&command, Ok(accepted)).await
    }

    /// Writes the file of a settlement, entry by entry.
    async fn write(
        &self,
        operator: &OperatorName,
        settlement: &Settlement,
        format: &SettlementFormat,
        mut upload: Upload<'_>,
    ) -> Result<(Totals, StoredFile), Failed> {
        let mut file = SettlementFile::new(operator, settlement, format)?;
        let mut days = ClosedDays::behind(settlement.business_day, settlement.opened_at);
        let mut pages = entries(&self.table, operator, settlement);
        while let Some(entries) = pages.next().await? {
            for entry in entries {
                let entry: Entry = entry.read()?;
                let late_for = match file.tells_late() {
                    true => self.late_for(operator, &mut days, entry.effective_at).await?,
                    false => None,
                };
                file.push(&entry, late_for)?;
                if file.waiting() >= CHUNK_BYTES {
                    upload.push(&file.take()).await?;
                }
            }
        }
        let totals = file.close()?;
        upload.push(&file.take()).await?;
        Ok((totals, upload.finish().await?))
    }

    /// The closed day on which something happened that is late, followed back one day after the other.
    async fn late_for(
        &self,
        operator: &OperatorName,
        days: &mut ClosedDays,
        effective_at: Timestamp,
    ) -> Result<Option<Day>, Failed> {
        loop {
            match days.day_of(effective_at) {
                When::InTime => return Ok(None),
                When::Late(day) => return Ok(Some(day)),
                When::Before(day) => {
                    let kept = self.table.find(&keys::day_close(operator, day)).await?;
                    days.learn(day, kept.map(Item::read::<DayClose>).transpose()?.as_ref());
                }
            }
        }
    }
}
