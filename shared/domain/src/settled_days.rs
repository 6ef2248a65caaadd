//! The closed days of the last weeks and their settlements, as the records have them: what should be there, and is not.
//!
//! Whom a day was closed for is what its own row says, not whom the operator works for today: a partner that was taken on
//! since has no settlement of the days before, and needs none.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Day, Money, OperatorName, PartnerName, SettlementId, Timestamp, TransferId,
    day_close::DayClose,
    ledger::{Account, Entry, Posted, TransferKind},
    settlement::{Settlement, SettlementStatus, Totals},
    settlement_file::Tally,
    settlement_format::{SettlementFormat, SettlementFormats},
};

/// Closed days and their settlements. A row that is there and cannot be read as what it should be is there as nothing.
#[derive(Debug, Clone)]
pub struct SettledDays {
    /// Whose days.
    pub operator: OperatorName,
    /// The first day that is looked at.
    pub first: Day,
    /// The last day that was closed.
    pub last: Day,
    /// The rows of the days.
    pub days: BTreeMap<Day, Option<DayClose>>,
    /// The rows of settlements: those of the days, and whatever else is listed between them.
    pub settlements: BTreeMap<SettlementId, Option<Settlement>>,
}

impl SettledDays {
    /// A closed day, if its row can be read.
    #[must_use]
    pub fn closed(&self, day: Day) -> Option<&DayClose> {
        self.days.get(&day)?.as_ref()
    }

    /// Every day that something says was closed, oldest first: the calendar of the last, each day of the one before it,
    /// a settlement of its own.
    #[must_use]
    pub fn named(&self) -> BTreeSet<Day> {
        let before = self.days.values().flatten().filter_map(|day| day.previous);
        let settled = self.settlements.values().flatten().filter(|settled| self.is_itself(settled));
        let settled = settled.map(|settled| settled.business_day);
        let named = self.days.keys().copied().chain(before).chain(settled).chain([self.last]);
        named.filter(|day| (self.first..=self.last).contains(day)).collect()
    }

    /// The settlements that a day was closed with, and of which there is no row.
    pub fn lacking_of<'a>(&'a self, day: &'a DayClose) -> impl Iterator<Item = &'a SettlementId> {
        day.settlements.iter().filter(|settlement_id| !self.settlements.contains_key(settlement_id))
    }

    /// With whom a settlement is of which nothing but the id is left: the id is made of that, and tells for one of these
    /// partners. The id itself for any other.
    #[must_use]
    pub fn who(&self, settlement_id: &SettlementId, day: Day, partners: &[PartnerName]) -> String {
        let is_its = |partner: &&PartnerName| {
            self.closed(day)
                .is_some_and(|closed| Settlement::id_of(&self.operator, partner, day, closed.cut_at) == *settlement_id)
        };
        partners.iter().find(is_its).map_or_else(|| settlement_id.to_string(), ToString::to_string)
    }

    /// With whom these days were settled.
    pub fn partners(&self) -> impl Iterator<Item = &PartnerName> {
        let settled = self.settlements.values().flatten().filter(|settled| self.is_itself(settled));
        settled.map(|settled| &settled.partner_id)
    }

    /// The transfers that settlements say they were booked with.
    pub fn bookings(&self) -> impl Iterator<Item = &TransferId> {
        self.settlements.values().flatten().filter_map(|settled| settled.transfer_id.as_ref())
    }

    /// Whether a settlement is of the day and with the partner that its id was made for.
    fn is_itself(&self, settled: &Settlement) -> bool {
        let made_for = Settlement::id_of(&self.operator, &settled.partner_id, settled.business_day, settled.cut_at);
        made_for == settled.settlement_id
    }

    /// What a settlement should be and what it is, when it is none of those that its day was closed with, or not from the
    /// day's beginning to its cut.
    #[must_use]
    pub fn misplaced(&self, settled: &Settlement) -> Option<(String, String)> {
        let Settlement { settlement_id, partner_id, business_day, opened_at, cut_at, .. } = settled;
        if !self.is_itself(settled) {
            let found = format!("{business_day} with {partner_id}, cut at {cut_at}");
            return Some(("of the day and with the partner that its id was made for".to_owned(), found));
        }
        let day = self.closed(*business_day)?;
        if !day.settlements.contains(settlement_id) {
            let expected = format!("one of the settlements that {business_day} was closed with");
            return Some((expected, "another".to_owned()));
        }
        let is_whole = (*opened_at, *cut_at) == (day.opened_at, day.cut_at);
        (!is_whole)
            .then(|| (format!("from {} to {}", day.opened_at, day.cut_at), format!("from {opened_at} to {cut_at}")))
    }
}

/// Settled days as the entries of partners' accounts tell them, which are read for the books anyway.
#[derive(Debug, Default)]
pub struct Recounts {
    days: BTreeMap<PartnerName, Vec<Recount>>,
    /// What settled a day, by the transfer and the account.
    booked: BTreeMap<(TransferId, Account), Money>,
}

/// The lines of a settlement, counted again; no count when they cannot be added up.
#[derive(Debug)]
struct Recount {
    settlement_id: SettlementId,
    opened_at: Timestamp,
    cut_at: Timestamp,
    /// The day that counts for what happened before this one began; none where there was none.
    late_for: Option<Day>,
    tally: Option<Tally>,
}

impl Recounts {
    /// Counts for the settlements that are settled; nothing is counted yet.
    #[must_use]
    pub fn of(weeks: &SettledDays, formats: &SettlementFormats) -> Self {
        let mut days: BTreeMap<PartnerName, Vec<Recount>> = BTreeMap::new();
        for settled in weeks.settlements.values().flatten().filter(|one| one.status == SettlementStatus::Settled) {
            let tells_late = formats.known(&settled.format).is_some_and(SettlementFormat::tells_late);
            days.entry(settled.partner_id.clone()).or_default().push(Recount {
                settlement_id: settled.settlement_id.clone(),
                opened_at: settled.opened_at,
                cut_at: settled.cut_at,
                late_for: weeks.closed(settled.business_day).and_then(|day| day.previous),
                tally: Some(Tally::new(settled.currency, tells_late)),
            });
        }
        Self { days, booked: BTreeMap::new() }
    }

    /// Reads an entry of an account.
    pub fn entry(&mut self, account: &Account, entry: &Entry) {
        let (Account::PartnerControl(partner) | Account::PartnerSettlement(partner)) = account else { return };
        if entry.kind == TransferKind::Settlement {
            self.booked.insert((entry.transfer_id.clone(), account.clone()), entry.amount);
            return;
        }
        if matches!(account, Account::PartnerSettlement(_)) {
            return;
        }
        for day in self.days.get_mut(partner).into_iter().flatten() {
            if (day.opened_at..day.cut_at).contains(&entry.at) {
                let late_for = day.late_for.filter(|_| entry.effective_at < day.opened_at);
                day.tally = day.tally.take().and_then(|mut tally| tally.push(entry, late_for).is_ok().then_some(tally));
            }
        }
    }

    /// What a settled day should be and what it is, when its totals are not those of its entries, it was not booked with
    /// them, or its file is not where it belongs.
    #[must_use]
    pub fn fault(
        &self,
        weeks: &SettledDays,
        settled: &Settlement,
        formats: &SettlementFormats,
        booked: &BTreeMap<TransferId, Posted>,
    ) -> Option<(String, String)> {
        let (Some(totals), Some(file)) = (settled.totals, &settled.file) else {
            return Some(("settled with totals and a file".to_owned(), "settled without".to_owned()));
        };
        // Without the row of its day nobody knows whether anything could be late; the day is named.
        let is_known = weeks.closed(settled.business_day).is_some();
        let as_known = |totals: Totals| if is_known { totals } else { Totals { late: None, ..totals } };
        let of_entries = self.totals(settled);
        if of_entries.map(as_known) != Some(as_known(totals)) {
            let expected = of_entries.map_or_else(|| "what can be added up".to_owned(), |totals| named(&totals));
            return Some((format!("the sum of its entries, {expected}"), named(&totals)));
        }
        if let Some(fault) = self.misbooked(settled, totals.net, booked) {
            return Some(fault);
        }
        let place = formats.known(&settled.format).map(|format| settled.file_key(&weeks.operator, format));
        match place {
            None => Some((
                "a file in a format that there is".to_owned(),
                format!("{} {}", settled.format.name, settled.format.version),
            )),
            Some(place) => (place != file.key).then(|| (format!("a file at {place}"), format!("one at {}", file.key))),
        }
    }

    fn totals(&self, settled: &Settlement) -> Option<Totals> {
        let of_partner = self.days.get(&settled.partner_id)?;
        let day = of_partner.iter().find(|day| day.settlement_id == settled.settlement_id)?;
        day.tally.as_ref()?.totals().ok()
    }

    /// What the transfer of a settlement should be and what it is, whole and side by side.
    fn misbooked(
        &self,
        settled: &Settlement,
        net: Money,
        booked: &BTreeMap<TransferId, Posted>,
    ) -> Option<(String, String)> {
        let none = || "none".to_owned();
        let Some(transfer_id) = &settled.transfer_id else {
            return (net.amount_minor != 0).then(|| (format!("booked with a transfer of {}", told(net)), none()));
        };
        let Ok(Some(transfer)) = settled.booking(transfer_id.clone(), net) else {
            return Some(("no transfer, for nothing is owed".to_owned(), transfer_id.to_string()));
        };
        let posted = booked.get(transfer_id);
        if posted != posted.map(|posted| transfer.posted(settled.cut_at, &posted.by)).as_ref() || posted.is_none() {
            let found = posted.map_or_else(none, |_| "another transfer there".to_owned());
            return Some((format!("booked with a transfer of {}, {transfer_id}", told(net)), found));
        }
        for side in transfer.postings() {
            let entry = self.booked.get(&(transfer_id.clone(), side.account.clone()));
            if entry != Some(&side.amount) {
                let found = entry.map_or_else(none, |amount| format!("an entry of {}", told(*amount)));
                let expected = format!("an entry of {} in {}, of {transfer_id}", told(side.amount), side.account);
                return Some((expected, found));
            }
        }
        None
    }
}

/// Totals as a breach names them.
fn named(totals: &Totals) -> String {
    let Totals { count, collected, disbursed, adjusted, net, late } = totals;
    let late = late.map_or_else(String::new, |late| format!(", {} late of {}", late.count, told(late.net)));
    let [collected, disbursed, adjusted, net] = [collected, disbursed, adjusted, net].map(|amount| told(*amount));
    format!("{count} entries: {collected} collected, {disbursed} disbursed, {adjusted} adjusted, {net} net{late}")
}

/// An amount as a breach names it.
fn told(amount: Money) -> String {
    format!("{} {} minor units", amount.amount_minor, amount.currency)
}

/// What a closed day should say and what it says, when it does not follow the one that lies before it.
#[must_use]
pub fn gap(before: &DayClose, day: &DayClose) -> Option<(String, String)> {
    if day.previous != Some(before.business_day) {
        let found = day.previous.map_or_else(|| "behind none".to_owned(), |previous| format!("behind {previous}"));
        return Some((format!("behind {}", before.business_day), found));
    }
    (before.cut_at != day.opened_at).then(|| {
        let expected = format!("begins at {}, where {} was cut", before.cut_at, before.business_day);
        (expected, format!("begins at {}", day.opened_at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Currency,
        calendar::BusinessDays,
        id::Sha256Hex,
        ledger::Subject,
        proof::{Check, Invariant, Proof},
        settlement::{Calendar, StoredFile},
    };

    type Change = Box<dyn Fn(&mut Settlement)>;

    /// Closed days, the entries of their partners' accounts, and the transfers that settled them.
    struct Books {
        weeks: SettledDays,
        entries: Vec<(Account, Entry)>,
        booked: BTreeMap<TransferId, Posted>,
    }

    fn now() -> Timestamp {
        "2026-11-21T06:30:00Z".parse().unwrap()
    }

    fn partners(names: &[&str]) -> Vec<PartnerName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn day(day: i8) -> Day {
        jiff::civil::date(2026, 11, day)
    }

    fn inr(amount_minor: i64) -> Money {
        Money::new(amount_minor, Currency::Inr)
    }

    /// What happens on each day with each partner: 70 are collected, 30 of them on an earlier day, and 100 paid.
    fn lines(settled: &Settlement) -> Vec<Entry> {
        let collected = (TransferKind::Collection, settled.opened_at);
        let late = (TransferKind::Collection, settled.opened_at.plus_seconds(-60));
        let paid = (TransferKind::Disbursement, settled.opened_at);
        let lines = [(0_u8, -40, collected), (1, -30, late), (2, 100, paid)];
        let entry = |(n, minor, (kind, effective_at)): (u8, i64, (TransferKind, Timestamp))| Entry {
            transfer_id: TransferId::mint(now(), &[settled.settlement_id.as_str().as_bytes(), &[n]]),
            kind,
            at: settled.opened_at.plus_seconds(i64::from(n)),
            effective_at,
            amount: inr(minor),
            subject: Subject::default(),
        };
        lines.map(entry).into()
    }

    /// Four days that follow each other around a holiday; the last two are closed for a second partner as well.
    fn four_days() -> Books {
        let mut calendar = Calendar {
            last_cut_at: "2026-11-09T20:30:00Z".parse().unwrap(),
            ..Calendar::new("pennco".parse().unwrap())
        };
        let weeks = SettledDays {
            operator: "pennco".parse().unwrap(),
            first: jiff::civil::date(2026, 10, 10),
            last: day(14),
            days: BTreeMap::new(),
            settlements: BTreeMap::new(),
        };
        let mut books = Books { weeks, entries: vec![], booked: BTreeMap::new() };
        let rules = serde_json::json!({ "holidays": [{ "day": "2026-11-11", "name": "Diwali" }] });
        let days = BusinessDays::new(serde_json::from_value(rules).unwrap(), jiff::tz::TimeZone::UTC);
        let formats = SettlementFormats::shipped().unwrap();
        let format = formats.newest("milepost").unwrap();
        for count in [1, 1, 2, 2] {
            let closed = calendar.last_closed.unwrap_or(day(9));
            let slot = calendar.close(days.after(closed).unwrap(), now(), &days).unwrap();
            let mut ids = vec![];
            for partner in &partners(&["bfil", "lnt-finance"])[..count] {
                let open = slot.settlement(partner, Currency::Inr, format.format().clone());
                ids.push(open.settlement_id.clone());
                let mut tally = Tally::new(Currency::Inr, true);
                let control = Account::PartnerControl(partner.clone());
                for entry in lines(&open) {
                    let late_for = calendar.last_closed.filter(|_| entry.effective_at < open.opened_at);
                    tally.push(&entry, late_for).unwrap();
                    books.entries.push((control.clone(), entry));
                }
                let key = open.file_key(&books.weeks.operator, format);
                let file = StoredFile { key, sha256: Sha256Hex::of(b"file"), bytes: 4, url: None, expires_in: None };
                let transfer_id = TransferId::mint(open.cut_at, &[open.settlement_id.as_str().as_bytes()]);
                let (settled, transfer) = open.settle(transfer_id.clone(), tally.totals().unwrap(), file).unwrap();
                let posted = transfer.unwrap().posted(open.cut_at, "settlement-build");
                let sides = posted.statement_entries().map(|(account, entry)| (account.clone(), entry));
                books.entries.extend(sides);
                books.booked.insert(transfer_id, posted);
                books.weeks.settlements.insert(settled.settlement_id.clone(), Some(settled));
            }
            books.weeks.days.insert(slot.business_day, Some(slot.day_close(&calendar, ids)));
            calendar = slot.after;
        }
        assert_eq!(calendar.last_closed, Some(books.weeks.last));
        books
    }

    /// Checks books, of which the check before said this; files are as they were written.
    fn checked(books: &Books, before: Option<Proof>) -> (Proof, Vec<SettlementId>) {
        let mut check = Check::begin("pennco".parse().unwrap(), before, now());
        let formats = SettlementFormats::shipped().unwrap();
        check.recount(&books.weeks, &formats);
        books.entries.iter().for_each(|(account, entry)| check.entry(account, entry, now()));
        check.days(&books.weeks, &partners(&["bfil", "lnt-finance", "spandana"]), &formats, &books.booked);
        let files = check.files();
        files.iter().for_each(|(id, file)| check.file(id, file, Some((Sha256Hex::of(b"file"), 4))));
        (check.finish(), files.into_iter().map(|(settlement_id, _)| settlement_id).collect())
    }

    fn found(books: &Books) -> Vec<String> {
        let breaches = checked(books, None).0.breaches;
        let of_days = breaches.into_iter().filter(|breach| breach.invariant == Invariant::V9);
        of_days.map(|breach| breach.subject).collect()
    }

    fn id_of(books: &Books, number: i8, partner: &str) -> SettlementId {
        let cut_at = books.weeks.closed(day(number)).unwrap().cut_at;
        Settlement::id_of(&books.weeks.operator, &partner.parse().unwrap(), day(number), cut_at)
    }

    fn settled<'a>(books: &'a mut Books, settlement_id: &SettlementId) -> &'a mut Settlement {
        books.weeks.settlements.get_mut(settlement_id).unwrap().as_mut().unwrap()
    }

    #[test]
    fn a_day_is_settled_with_those_that_it_was_closed_for_and_needs_no_others() {
        assert_eq!(found(&four_days()), [""; 0], "a holiday, and partners that came later");
        for (number, partner) in [(10, "bfil"), (13, "lnt-finance"), (14, "bfil")] {
            let mut books = four_days();
            books.weeks.settlements.remove(&id_of(&books, number, partner)).unwrap();
            assert_eq!(found(&books), [format!("2026-11-{number} {partner}")]);
        }
        let mut books = four_days();
        let spoiled = id_of(&books, 12, "bfil");
        books.weeks.settlements.insert(spoiled.clone(), None);
        assert_eq!(found(&books), [spoiled.to_string()]);
    }

    #[test]
    fn a_day_whose_row_is_gone_or_spoiled_is_named_whichever_it_is() {
        for number in [10, 12, 13, 14] {
            let mut books = four_days();
            books.weeks.days.insert(day(number), None);
            assert_eq!(found(&books), [format!("2026-11-{number}")], "spoiled");
            books.weeks.days.remove(&day(number));
            assert_eq!(found(&books), [format!("2026-11-{number}")], "its settlements name it");
            books.weeks.settlements.retain(|_, settled| settled.as_ref().unwrap().business_day != day(number));
            assert_eq!(found(&books), [format!("2026-11-{number}")], "the day behind it names it, or the calendar");
        }
    }

    #[test]
    fn a_day_that_does_not_follow_the_one_before_it_is_named() {
        let mut books = four_days();
        let closed = books.weeks.days.get_mut(&day(13)).unwrap().as_mut().unwrap();
        closed.previous = Some(day(10));
        assert_eq!(found(&books), ["2026-11-13"]);
        let mut books = four_days();
        let closed = books.weeks.days.get_mut(&day(12)).unwrap().as_mut().unwrap();
        closed.opened_at = closed.opened_at.plus_seconds(1);
        let own = id_of(&books, 12, "bfil").to_string();
        assert_eq!(found(&books), ["2026-11-12".to_owned(), own], "its settlement begins before it");
    }

    #[test]
    fn a_settlement_that_is_not_what_its_day_was_closed_with_is_named() {
        let changes: [fn(&mut Settlement); 4] = [
            |settled| settled.partner_id = "spandana".parse().unwrap(),
            |settled| settled.business_day = day(11),
            |settled| settled.opened_at = settled.opened_at.plus_seconds(1),
            |settled| settled.cut_at = settled.cut_at.plus_seconds(1),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut books = four_days();
            let own = id_of(&books, 13, "bfil");
            change(settled(&mut books, &own));
            assert_eq!(found(&books), [own.to_string()], "change {n}");
        }
        let mut books = four_days();
        let (own, other) = (id_of(&books, 12, "bfil"), id_of(&books, 12, "lnt-finance"));
        let partner_id = "lnt-finance".parse().unwrap();
        let more = Settlement { settlement_id: other.clone(), partner_id, ..settled(&mut books, &own).clone() };
        books.weeks.settlements.insert(other.clone(), Some(more));
        assert_eq!(found(&books), [other.to_string()], "one more than the day was closed with");
    }

    #[test]
    fn a_settlement_that_says_anything_else_than_its_entries_and_its_transfer_is_named() {
        let add = |amount: &mut Money| amount.amount_minor += 1;
        let of_totals = |change: fn(&mut Totals)| {
            Box::new(move |settled: &mut Settlement| change(settled.totals.as_mut().unwrap())) as Change
        };
        let changes: Vec<Change> = vec![
            of_totals(|totals| totals.count += 1),
            of_totals(|totals| totals.late = None),
            of_totals(|totals| totals.late.as_mut().unwrap().count += 1),
            Box::new(move |settled| add(&mut settled.totals.as_mut().unwrap().collected)),
            Box::new(move |settled| add(&mut settled.totals.as_mut().unwrap().disbursed)),
            Box::new(move |settled| add(&mut settled.totals.as_mut().unwrap().adjusted)),
            Box::new(move |settled| add(&mut settled.totals.as_mut().unwrap().net)),
            Box::new(move |settled| add(&mut settled.totals.as_mut().unwrap().late.as_mut().unwrap().net)),
            Box::new(|settled| settled.totals = None),
            Box::new(|settled| settled.transfer_id = None),
            Box::new(|settled| settled.transfer_id = Some(TransferId::mint(now(), &[b"another"]))),
            Box::new(|settled| settled.file = None),
            Box::new(|settled| settled.file.as_mut().unwrap().key.push('x')),
            Box::new(|settled| settled.file.as_mut().unwrap().bytes += 1),
            Box::new(|settled| settled.file.as_mut().unwrap().sha256 = Sha256Hex::of(b"another")),
            Box::new(|settled| settled.format.version = 99),
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut books = four_days();
            let own = id_of(&books, 14, "lnt-finance");
            change(settled(&mut books, &own));
            assert_eq!(found(&books), [own.to_string()], "change {n}");
        }
    }

    #[test]
    fn a_transfer_or_an_entry_that_tells_otherwise_than_its_settlement_names_it() {
        let own = id_of(&four_days(), 13, "bfil");
        let transfer_id = settled(&mut four_days(), &own).transfer_id.clone().unwrap();
        let mut books = four_days();
        books.booked.remove(&transfer_id).unwrap();
        assert_eq!(found(&books), [own.to_string()], "no transfer");
        let changes: [fn(&mut Posted); 4] = [
            |posted| posted.kind = TransferKind::Adjustment,
            |posted| posted.at = posted.at.plus_seconds(1),
            |posted| posted.entries[0].amount.amount_minor += 1,
            |posted| posted.subject.reference = None,
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut books = four_days();
            change(books.booked.get_mut(&transfer_id).unwrap());
            assert_eq!(found(&books), [own.to_string()], "change {n}");
        }
        let slot = settled(&mut four_days(), &own).clone();
        let is_its = |(account, entry): &(Account, Entry)| {
            entry.transfer_id == transfer_id
                || (*account == Account::PartnerControl(slot.partner_id.clone())
                    && (slot.opened_at..slot.cut_at).contains(&entry.at)
                    && entry.kind != TransferKind::Settlement)
        };
        let places: Vec<usize> =
            four_days().entries.iter().enumerate().filter(|(_, one)| is_its(one)).map(|(place, _)| place).collect();
        assert_eq!(places.len(), 5, "three lines, and two sides of what settled them");
        for place in places {
            let mut books = four_days();
            books.entries[place].1.amount.amount_minor += 1;
            assert_eq!(found(&books), [own.to_string()], "entry {place} changed");
            let gone = books.entries.remove(place);
            assert_eq!(found(&books), [own.to_string()], "entry {place} gone: {gone:?}");
        }
    }

    #[test]
    fn the_files_of_the_newest_day_are_read_each_time_and_those_of_one_older_day_in_turn() {
        let books = four_days();
        let newest = [id_of(&books, 14, "bfil"), id_of(&books, 14, "lnt-finance")];
        let older = [
            vec![id_of(&books, 10, "bfil")],
            vec![id_of(&books, 12, "bfil")],
            vec![id_of(&books, 13, "bfil"), id_of(&books, 13, "lnt-finance")],
        ];
        let mut before = None;
        for of_day in older.iter().chain(&older) {
            let (proof, files) = checked(&books, before);
            assert!(proof.breaches.iter().all(|breach| breach.invariant != Invariant::V9), "{proof:?}");
            let wanted: BTreeSet<_> = newest.iter().chain(of_day).cloned().collect();
            assert_eq!((files.len(), files.into_iter().collect::<BTreeSet<_>>()), (wanted.len(), wanted));
            assert_eq!((proof.settled.days, proof.settled.settlements), (4, 6));
            before = Some(proof);
        }
    }
}
