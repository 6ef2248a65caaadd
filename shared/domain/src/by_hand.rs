//! Matching bank lines by hand, and taking a match apart: what may go together, and what has to be said for it.
//!
//! A person may tie together what the rules of [`crate::matching`] would not: another day, another amount. What nobody
//! may do is settle a payment twice, or with a line that has settled something else, or take back that a payout is paid.
//!
//! What a bank books that is nobody's payment (its fee, a partner's funds, cash that was paid in) is booked by a transfer, and
//! the line is matched with that: nothing is ever waved through.

use std::{collections::BTreeSet, ops::RangeInclusive};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Command, Currency, Day, Delivery, DisbursementId, Failed, Flaw, Money, PayoutId, Refusal, StatementId, TransferId,
    disbursement::{Instruction, MATCHING_RULES, StatementMatch},
    ledger::{Account, Posted, TransferKind},
    matching::{Candidate, Criterion, MatchKind},
    payout::{Clock, Payout},
    reconciliation::{
        Booking, KeptLine, LineMatch, LineStatus, MOST_MEMBERS, ReceivedStatement, Rule, StatementStatus, TakenApart,
        said,
    },
};

/// Lines and payments, lines and booked transfers, or a line and a payout, that somebody says belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewMatch {
    /// Lines of the statement by their positions, each once.
    #[garde(length(min = 1, max = 100))]
    pub lines: Vec<u32>,
    /// The payments that they settle, each once. One line settles several, or several lines one.
    #[garde(length(max = 100))]
    #[serde(default)]
    pub disbursement_ids: Vec<DisbursementId>,
    /// The booked transfers that they bear out instead, each once and together exactly: what these moved on the bank account
    /// is what the lines are of. One line bears out several, or several lines one.
    #[garde(length(max = 100))]
    #[serde(default)]
    pub transfer_ids: Vec<TransferId>,
    /// The payout that one line bears out instead, exactly.
    #[garde(skip)]
    #[serde(default)]
    pub payout_id: Option<PayoutId>,
    /// The lines less the payments in minor units, both negative: needed when they do not add up, and then exact.
    #[garde(skip)]
    #[serde(default)]
    pub difference_minor: Option<i64>,
    /// Why, for whoever asks later.
    #[garde(length(chars, min = 1, max = 500))]
    pub reason: String,
}

/// Which match is to be taken apart, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewUnmatch {
    /// Any line of the match by its position in the statement.
    #[garde(skip)]
    pub line: u32,
    /// Why, for whoever asks later.
    #[garde(length(chars, min = 1, max = 500))]
    pub reason: String,
}

/// What was matched or taken apart, as it stands afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedLines {
    /// The statement.
    pub statement_id: StatementId,
    /// The lines, in order.
    pub lines: Vec<KeptLine>,
    /// The payments, in order of their ids.
    pub disbursement_ids: Vec<DisbursementId>,
    /// The transfers, in order of their ids.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub transfer_ids: Vec<TransferId>,
    /// The payout.
    pub payout_id: Option<PayoutId>,
}

/// What a match names, each once and in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Lines by their positions.
    pub lines: BTreeSet<u32>,
    /// Payments.
    pub disbursement_ids: BTreeSet<DisbursementId>,
    /// Transfers.
    pub transfer_ids: BTreeSet<TransferId>,
    /// The payout.
    pub payout_id: Option<PayoutId>,
}

/// What a command by hand is decided on: what it names and is there.
#[derive(Debug, Clone)]
pub struct Members {
    /// The statement.
    pub statement: ReceivedStatement,
    /// Lines of it, in order.
    pub lines: Vec<KeptLine>,
    /// Payments with their visits, in order of their ids.
    pub payments: Vec<(Instruction, Delivery)>,
    /// Transfers, in order of their ids; to take a match apart they need not be read.
    pub transfers: Vec<Posted>,
    /// A payout with what its clock runs by.
    pub payout: Option<(Payout, Clock)>,
}

/// What a command by hand changes: each thing as it was and as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ByHand {
    /// The statement.
    pub statement_id: StatementId,
    /// The lines, in order.
    pub lines: Vec<(KeptLine, KeptLine)>,
    /// The payments, in order of their ids: the first holds the names of the lines while they are matched.
    pub payments: Vec<(Instruction, Instruction)>,
    /// The transfers, in order of their ids, of which the first holds the names likewise. None of them changes.
    pub transfer_ids: Vec<TransferId>,
    /// The payout, which holds the name of the line instead.
    pub payout: Option<(Payout, Payout)>,
}

impl ByHand {
    /// The change as it is answered.
    #[must_use]
    pub fn shown(&self) -> ChangedLines {
        ChangedLines {
            statement_id: self.statement_id.clone(),
            lines: self.lines.iter().map(|(_, after)| after.clone()).collect(),
            disbursement_ids: self.payments.iter().map(|(_, after)| after.disbursement_id.clone()).collect(),
            transfer_ids: self.transfer_ids.clone(),
            payout_id: self.payout.as_ref().map(|(_, after)| after.payout_id.clone()),
        }
    }
}

impl ReceivedStatement {
    /// Passes when its lines can be matched by hand: until it is matched the job may still book any of them.
    fn must_be_matched(&self) -> Result<(), Refusal> {
        if let Some(partner_id) = &self.partner_id {
            return Err(Refusal::PartnerStatement { partner_id: partner_id.to_string() });
        }
        let legal_moves = match self.status {
            StatementStatus::Received => vec![StatementStatus::Matching.as_str().to_owned()],
            StatementStatus::Matching => vec![StatementStatus::Matched.as_str().to_owned()],
            StatementStatus::Matched => return Ok(()),
        };
        Err(Refusal::IllegalTransition { status: self.status.as_str().to_owned(), legal_moves })
    }
}

impl NewMatch {
    /// What to load to decide on it: nothing where it is refused without.
    #[must_use]
    pub fn named(&self, statement: &ReceivedStatement) -> Named {
        if statement.must_be_matched().is_err() || self.kind().is_err() {
            return Named::default();
        }
        Named {
            lines: self.lines.iter().copied().collect(),
            disbursement_ids: self.disbursement_ids.iter().cloned().collect(),
            transfer_ids: self.transfer_ids.iter().cloned().collect(),
            payout_id: self.payout_id.clone(),
        }
    }

    /// How many belong to how many.
    fn kind(&self) -> Result<MatchKind, Failed> {
        let mut flaws = repeated("/lines", &self.lines, "a line is named once");
        flaws.extend(repeated("/disbursement_ids", &self.disbursement_ids, "a payment is named once"));
        flaws.extend(repeated("/transfer_ids", &self.transfer_ids, "a transfer is named once"));
        if self.payout_id.is_some() {
            let is_there = [
                ("/disbursement_ids", !self.disbursement_ids.is_empty()),
                ("/transfer_ids", !self.transfer_ids.is_empty()),
                ("/difference_minor", self.difference_minor.is_some()),
                ("/lines", self.lines.len() > 1),
            ];
            flaws.extend(not_allowed(is_there, "a payout is borne out by one line, alone and exactly"));
            return if flaws.is_empty() { Ok(MatchKind::OneToOne) } else { Err(Failed::Invalid(flaws)) };
        }
        let (pointer, others) = if self.transfer_ids.is_empty() {
            ("/disbursement_ids", self.disbursement_ids.len())
        } else {
            let is_there = [
                ("/disbursement_ids", !self.disbursement_ids.is_empty()),
                ("/difference_minor", self.difference_minor.is_some()),
            ];
            flaws.extend(not_allowed(is_there, "transfers are borne out alone and exactly"));
            ("/transfer_ids", self.transfer_ids.len())
        };
        let kind = match (self.lines.len(), others) {
            (_, 0) => {
                flaws.push(Flaw::new(pointer, "required", "a match names payments, transfers or a payout"));
                None
            }
            (1, 1) => Some(MatchKind::OneToOne),
            (1, _) => Some(MatchKind::OneToMany),
            (_, 1) => Some(MatchKind::ManyToOne),
            _ => {
                let detail = "several lines belong to one payment or transfer, or one line to several";
                let flaw = Flaw::new(pointer, "many_to_many", detail);
                flaws.push(flaw.with_hint("match them in parts, each with its own reason"));
                None
            }
        };
        let kind = kind.filter(|_| flaws.is_empty()).ok_or(Failed::Invalid(flaws))?;
        if self.lines.len().saturating_add(others) > MOST_MEMBERS {
            return Err(Refusal::TooManyMembers { most: MOST_MEMBERS as u64 }.into());
        }
        Ok(kind)
    }
}

/// What is there beside something that stands alone.
fn not_allowed<const N: usize>(is_there: [(&'static str, bool); N], detail: &str) -> impl Iterator<Item = Flaw> {
    let there = is_there.into_iter().filter(|(_, is_there)| *is_there);
    there.map(move |(pointer, _)| Flaw::new(pointer, "not_allowed", detail))
}

/// Members that are named again.
fn repeated<T: Ord>(pointer: &str, members: &[T], detail: &str) -> Vec<Flaw> {
    let mut seen = BTreeSet::new();
    let again = members.iter().enumerate().filter(|(_, member)| !seen.insert(*member));
    again.map(|(index, _)| Flaw::new(format!("{pointer}/{index}"), "repeated_member", detail)).collect()
}

impl KeptLine {
    /// Passes when the line can be matched by hand.
    fn must_be_free(&self) -> Result<(), Refusal> {
        match self.status {
            LineStatus::Matched => Err(Refusal::LineAlreadyMatched { line: self.line }),
            LineStatus::Repeated => Err(Refusal::LineRepeated { line: self.line }),
            // What repeats a line of its own statement has that line's name.
            LineStatus::Unmatched if self.why == Some(Criterion::Duplicate) => {
                Err(Refusal::LineRepeated { line: self.line })
            }
            LineStatus::Unmatched => Ok(()),
        }
    }
}

impl Members {
    /// The lines and payments, matched because somebody said so. Days, references and who is nearest say nothing here;
    /// what does not add up must be said, and between lines and transfers all adds up.
    ///
    /// # Errors
    /// [`Failed::Invalid`] for members that are not there or not one to many, [`Refusal::IllegalTransition`] for
    /// a statement that is not matched yet and a payment that does not wait for its bank line, and a refusal by name for
    /// each other reason.
    pub fn matched(&self, command: &Command, new: &NewMatch) -> Result<ByHand, Failed> {
        self.statement.must_be_matched()?;
        let kind = new.kind()?;
        self.must_be_there(new)?;
        self.lines.iter().try_for_each(KeptLine::must_be_free)?;
        let difference_minor = self.difference(new)?;
        let disbursement_ids: Vec<DisbursementId> =
            self.payments.iter().map(|(payment, _)| payment.disbursement_id.clone()).collect();
        let matched = LineMatch {
            lines: self.lines.iter().map(|line| line.line).collect(),
            disbursement_ids: disbursement_ids.clone(),
            payout_id: new.payout_id.clone(),
            transfer_ids: self.transfers.iter().map(|transfer| transfer.transfer_id.clone()).collect(),
            kind,
            rule: Rule::Manual,
            difference_minor,
            reason: Some(new.reason.clone()),
            by: Some(command.principal.clone()),
        };
        let lines: Vec<KeptLine> = self.lines.iter().map(|line| line.matched_by_hand(&matched, command)).collect();
        let said = said(&self.statement.statement_id, &lines, &matched, command.at)?;
        let (payout_id, by_share) = (new.payout_id.clone(), kind == MatchKind::OneToMany);
        let booking = Booking { lines, disbursement_ids, payout_id, said, by_share };
        let payments = self.payments.iter().map(|(before, visit)| Ok((before.clone(), booking.settle(before, visit)?)));
        let payments = payments.collect::<Result<_, Failed>>()?;
        let payout = self.payout.as_ref().map(|(before, clock)| {
            before
                .must_be_shown_by(&self.lines, clock.days.today(before.instructed_at)..=clock.days.today(command.at))?;
            Ok::<_, Failed>((before.clone(), booking.bear_out(before, clock, command)?))
        });
        let payout = payout.transpose()?;
        let is_within = difference_minor.unsigned_abs() <= MATCHING_RULES.tolerance_minor.unsigned_abs();
        if !new.difference_minor.map_or(is_within, |stated| stated == difference_minor) {
            let currency = booking.said.amount.currency.to_string();
            return Err(Refusal::DifferenceNotStated { difference_minor, currency }.into());
        }
        Ok(ByHand {
            statement_id: self.statement.statement_id.clone(),
            lines: self.lines.iter().cloned().zip(booking.lines).collect(),
            payments,
            transfer_ids: matched.transfer_ids,
            payout,
        })
    }

    /// The match that a line is in, taken apart: its lines settle nothing, its payments wait for their bank line again.
    ///
    /// # Errors
    /// [`Refusal::LineNotMatched`] for a line that settles nothing, [`Refusal::PaidByStatement`] for a match that made a
    /// payout paid, [`Failed::Moved`] when the members were changed while they were read.
    pub fn taken_apart(&self, command: &Command, new: &NewUnmatch) -> Result<ByHand, Failed> {
        self.statement.must_be_matched()?;
        let line = self
            .lines
            .iter()
            .find(|line| line.line == new.line)
            .ok_or_else(|| Failed::invalid(no_such_line("/line")))?;
        let Some(matched) = &line.matched else { return Err(Refusal::LineNotMatched { line: line.line }.into()) };
        let is_it = |of: &StatementMatch| of.statement_id == self.statement.statement_id && of.lines == matched.lines;
        let settled_by_it = |payment: &Instruction| payment.settled_by().is_some_and(is_it);
        let payout = self.payout.as_ref().map(|(payout, _)| payout);
        let is_whole = self.lines.len() == matched.lines.len()
            && self.lines.iter().all(|line| line.matched.as_ref() == Some(matched))
            && self.payments.len() == matched.disbursement_ids.len()
            && self.payments.iter().all(|(payment, _)| settled_by_it(payment))
            && payout.map(|payout| &payout.payout_id) == matched.payout_id.as_ref()
            && payout.is_none_or(|payout| payout.statement.as_ref().is_some_and(is_it));
        if !is_whole {
            return Err(Failed::Moved);
        }
        let lines = self.lines.iter().map(|line| (line.clone(), line.taken_apart(matched, command, new)));
        let payments =
            self.payments.iter().map(|(before, visit)| Ok((before.clone(), before.unsettle(visit, command.at)?)));
        Ok(ByHand {
            statement_id: self.statement.statement_id.clone(),
            lines: lines.collect(),
            payments: payments.collect::<Result<_, Failed>>()?,
            transfer_ids: matched.transfer_ids.clone(),
            payout: payout.map(|before| Ok::<_, Failed>((before.clone(), before.waits_again()?))).transpose()?,
        })
    }

    fn must_be_there(&self, new: &NewMatch) -> Result<(), Failed> {
        let mut flaws = vec![];
        for (index, line) in new.lines.iter().enumerate() {
            if !self.lines.iter().any(|found| found.line == *line) {
                flaws.push(no_such_line(format!("/lines/{index}")));
            }
        }
        for (index, id) in new.disbursement_ids.iter().enumerate() {
            if !self.payments.iter().any(|(found, _)| found.disbursement_id == *id) {
                let pointer = format!("/disbursement_ids/{index}");
                flaws.push(Flaw::new(pointer, "unknown_disbursement", "the operator has no such payment"));
            }
        }
        for (index, id) in new.transfer_ids.iter().enumerate() {
            let pointer = format!("/transfer_ids/{index}");
            flaws.extend(match self.transfers.iter().find(|found| found.transfer_id == *id) {
                None => Some(Flaw::new(pointer, "unknown_transfer", "the operator has no such transfer")),
                Some(found) if found.kind == TransferKind::Payout => {
                    let flaw = Flaw::new(pointer, "invalid_value", "this transfer is a payout's");
                    Some(flaw.with_hint("name the payout instead, in payout_id"))
                }
                Some(found) if bank_entries(found).next().is_none() => {
                    Some(Flaw::new(pointer, "invalid_value", "this transfer moved nothing on the bank account"))
                }
                Some(_) => None,
            });
        }
        if new.payout_id.is_some() && self.payout.is_none() {
            flaws.push(Flaw::new("/payout_id", "unknown_payout", "the operator has no such payout"));
        }
        if flaws.is_empty() { Ok(()) } else { Err(Failed::Invalid(flaws)) }
    }

    /// The lines less the payments or the payout, in minor units: both leave the account. Lines are just what transfers
    /// moved on it, either way.
    fn difference(&self, new: &NewMatch) -> Result<i64, Failed> {
        let lines = self.lines.iter().map(|line| line.amount);
        let payments = self.payments.iter().map(|(payment, _)| payment.amount);
        let payouts = self.payout.iter().map(|(payout, _)| payout.amount);
        let mut amounts: Vec<Money> = lines.chain(payments).chain(payouts).collect();
        for moved in self.transfers.iter().flat_map(bank_entries) {
            amounts.push(moved.negated().map_err(Failed::fault)?);
        }
        let currencies: BTreeSet<Currency> = amounts.iter().map(|amount| amount.currency).collect();
        if currencies.len() > 1 {
            let currencies = currencies.iter().map(ToString::to_string).collect();
            return Err(Refusal::CurrencyMixed { currencies }.into());
        }
        let is_credit = |line: &&KeptLine| line.amount.amount_minor > 0;
        if let Some(line) = self.lines.iter().find(is_credit).filter(|_| self.transfers.is_empty()) {
            return Err(Refusal::WrongDirection { line: line.line }.into());
        }
        let beyond = || Flaw::new("/lines", "statement_too_large", "the lines add up to more than can be counted");
        let sum = |of: &[Money]| of.iter().try_fold(0_i64, |sum, amount| sum.checked_add(amount.amount_minor));
        let (of_lines, of_payments) = amounts.split_at_checked(new.lines.len()).unwrap_or_default();
        let (of_lines, of_payments) = (sum(of_lines), sum(of_payments));
        // What has no opposite has no amount to be said of a payment either.
        let of_lines = of_lines.filter(|sum| sum.checked_abs().is_some());
        let difference = of_lines.zip(of_payments).and_then(|(lines, payments)| lines.checked_add(payments));
        let difference = difference.ok_or_else(|| Failed::invalid(beyond()))?;
        if difference != 0 && !self.transfers.is_empty() {
            let detail = format!("the lines are {difference} more than what the transfers moved on the bank account");
            let flaw = Flaw::new("/transfer_ids", "invalid_value", detail);
            return Err(Failed::invalid(flaw.with_hint("book what differs by a transfer, and name it as well")));
        }
        Ok(difference)
    }
}

impl Payout {
    /// Passes when lines that somebody says bear it out can: of exactly its amount, of a day since there is a payout, and
    /// not of one that is still to come, for what is owed for a delay is counted up to it.
    fn must_be_shown_by(&self, lines: &[KeptLine], days: RangeInclusive<Day>) -> Result<(), Failed> {
        let mut flaws = vec![];
        for line in lines {
            if line.amount.negated().ok() != Some(self.amount) {
                let (shown, owed) = (line.amount.amount_minor, self.amount.amount_minor);
                let detail = format!("the line is of {shown}, the payout of {owed}: what it books is its whole amount");
                flaws.push(Flaw::new("/payout_id", "invalid_value", detail));
            }
            if !days.contains(&line.value_date) {
                let (line, booked) = (line.line, line.value_date);
                let detail = format!("line {line} is booked for {booked}, not from {} to {}", days.start(), days.end());
                flaws.push(Flaw::new("/lines/0", "invalid_value", detail));
            }
        }
        if flaws.is_empty() { Ok(()) } else { Err(Failed::Invalid(flaws)) }
    }
}

/// What a transfer moved on the operator's bank account: each entry, with its sign.
fn bank_entries(transfer: &Posted) -> impl Iterator<Item = Money> {
    let of_bank = transfer.entries.iter().filter(|posting| matches!(posting.account, Account::Bank(_)));
    of_bank.map(|posting| posting.amount)
}

fn no_such_line(pointer: impl Into<String>) -> Flaw {
    Flaw::new(pointer, "unknown_line", "the statement has no such line")
}

impl KeptLine {
    fn matched_by_hand(&self, matched: &LineMatch, command: &Command) -> Self {
        Self {
            status: LineStatus::Matched,
            matched: Some(matched.clone()),
            why: None,
            nearest: vec![],
            edit: None,
            taken_apart: None,
            ..self.changed(command)
        }
    }

    fn taken_apart(&self, matched: &LineMatch, command: &Command, new: &NewUnmatch) -> Self {
        let why = Criterion::TakenApart;
        let candidate = |id: String| Candidate { id, failed: why, amount_off_minor: 0, days_off: 0 };
        let payments = matched.disbursement_ids.iter().map(ToString::to_string);
        let transfers = matched.transfer_ids.iter().map(ToString::to_string);
        let ids = payments.chain(transfers).chain(matched.payout_id.iter().map(ToString::to_string));
        let (reason, by) = (new.reason.clone(), command.principal.clone());
        Self {
            status: LineStatus::Unmatched,
            matched: None,
            runner_up: None,
            why: Some(why),
            nearest: ids.take(3).map(candidate).collect(),
            edit: None,
            taken_apart: Some(TakenApart { reason, by, at: command.at }),
            ..self.changed(command)
        }
    }

    fn changed(&self, command: &Command) -> Self {
        let version = self.version.saturating_add(1);
        Self { updated_at: self.updated_at.max(command.at), version, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Timestamp,
        delivery::{Borrower, Conclusion, DeliveryStatus},
        disbursement::{DisbursementStatus, NewDisbursement},
        id::Sha256Hex,
        reconciliation::ReceivedStatement,
        settlement::StoredFile,
        statement::StatementFormat,
    };

    const LINES: u32 = 4;
    const PAYMENTS: usize = 4;

    fn at() -> Timestamp {
        "2026-11-21T09:00:00Z".parse().unwrap()
    }

    fn command(key: &str) -> Command {
        Command::of_job("pennco".parse().unwrap(), "usr_desk", key, at(), "r".to_owned())
    }

    fn statement(status: StatementStatus) -> ReceivedStatement {
        let sha256 = Sha256Hex::of(b"");
        ReceivedStatement {
            statement_id: StatementId::mint(at(), &[b"s"]),
            format: StatementFormat::Csv,
            account: "hdfc".into(),
            partner_id: None,
            file: StoredFile { key: "k".into(), sha256, bytes: 0, url: None, expires_in: None },
            first_day: date(2026, 11, 21),
            last_day: date(2026, 11, 21),
            lines: LINES,
            duplicates: 0,
            not_booked: 0,
            totals: vec![],
            opening: None,
            closing: None,
            status,
            plan: None,
            result: None,
            received_by: "usr_desk".into(),
            received_at: at(),
            version: 3,
        }
    }

    fn line(number: u32, amount_minor: i64) -> KeptLine {
        KeptLine {
            statement_id: StatementId::mint(at(), &[b"s"]),
            partner_id: None,
            line: number,
            bank_reference: format!("UTR{number}"),
            part: None,
            amount: Money::new(amount_minor, Currency::Inr),
            value_date: date(2026, 11, 21),
            narrative: String::new(),
            end_to_end: None,
            status: LineStatus::Unmatched,
            matched: None,
            runner_up: None,
            why: Some(Criterion::Absent),
            nearest: vec![],
            edit: None,
            matched_before_to: None,
            taken_apart: None,
            updated_at: at(),
            version: 1,
        }
    }

    /// A payment whose cash the borrower has.
    fn payment(number: usize, amount_minor: i64) -> (Instruction, Delivery) {
        let new = NewDisbursement {
            reference: format!("BF-D-{number}"),
            region: "pune-north".parse().unwrap(),
            borrower: Borrower { name: "Asha".into(), phone: "+919800000001".into(), address: "Wagholi".into() },
            amount: Money::new(amount_minor, Currency::Inr),
            due: date(2026, 11, 21),
        };
        let (payment, visit) = Instruction::plan(&command(&format!("{number}")), &new, "bfil".parse().unwrap());
        let conclusion = Conclusion {
            amount: Some(visit.amount),
            transfer_id: None,
            reason: None,
            occurred_at: at(),
            received_at: at(),
            position: None,
            proof_sha256: None,
        };
        (payment, Delivery { status: DeliveryStatus::Confirmed, conclusion: Some(conclusion), ..visit })
    }

    /// A world of some lines and payments.
    #[derive(Debug, Clone)]
    struct World {
        lines: Vec<KeptLine>,
        payments: Vec<(Instruction, Delivery)>,
    }

    impl World {
        fn new(lines: &[i64], payments: &[i64]) -> Self {
            let lines = (1..).zip(lines).map(|(number, minor)| line(number, *minor)).collect();
            let payments = (0..).zip(payments).map(|(number, minor)| payment(number, *minor)).collect();
            Self { lines, payments }
        }

        fn id(&self, payment: usize) -> DisbursementId {
            self.payments[payment].0.disbursement_id.clone()
        }

        fn new_match(&self, lines: &[u32], payments: &[usize], difference_minor: Option<i64>) -> NewMatch {
            let disbursement_ids = payments.iter().map(|payment| self.id(*payment)).collect();
            NewMatch {
                lines: lines.to_vec(),
                disbursement_ids,
                transfer_ids: vec![],
                payout_id: None,
                difference_minor,
                reason: "seen".into(),
            }
        }

        /// What the store would load.
        fn members(&self, lines: &BTreeSet<u32>, ids: &BTreeSet<DisbursementId>) -> Members {
            let of =
                |id: &DisbursementId| self.payments.iter().find(|(payment, _)| payment.disbursement_id == *id).cloned();
            Members {
                statement: statement(StatementStatus::Matched),
                lines: self.lines.iter().filter(|line| lines.contains(&line.line)).cloned().collect(),
                payments: ids.iter().filter_map(of).collect(),
                transfers: vec![],
                payout: None,
            }
        }

        fn matched(&self, new: &NewMatch) -> Result<ByHand, Failed> {
            let named = new.named(&statement(StatementStatus::Matched));
            self.members(&named.lines, &named.disbursement_ids).matched(&command("m"), new)
        }

        fn taken_apart(&self, number: u32) -> Result<ByHand, Failed> {
            let matched = self.lines.iter().find(|line| line.line == number).and_then(|line| line.matched.clone());
            let (lines, ids) = matched.map_or((vec![number], vec![]), |of| (of.lines, of.disbursement_ids));
            let members = self.members(&lines.into_iter().collect(), &ids.into_iter().collect());
            members.taken_apart(&command("u"), &NewUnmatch { line: number, reason: "wrong".into() })
        }

        fn apply(&mut self, change: &ByHand) {
            for (before, after) in &change.lines {
                let line = self.lines.iter_mut().find(|line| line.line == before.line).unwrap();
                assert_eq!((&*line, after.version), (before, before.version + 1));
                *line = after.clone();
            }
            for (before, after) in &change.payments {
                let of = |(payment, _): &&mut (Instruction, _)| payment.disbursement_id == before.disbursement_id;
                let (payment, visit) = self.payments.iter_mut().find(of).unwrap();
                assert_eq!((&*payment, after.version), (before, before.version + 1));
                assert!(before.legal_moves(visit).contains(&after.status(visit)), "{before:?}");
                *payment = after.clone();
            }
        }

        /// Every payment is settled by one match at most, every match is whole, and says by how much it is off.
        fn holds(&self) {
            let mut settled = BTreeSet::new();
            let mut matches: Vec<&LineMatch> = vec![];
            for line in &self.lines {
                assert_eq!(line.matched.is_some(), line.status == LineStatus::Matched);
                assert_eq!(line.why.is_some(), line.status == LineStatus::Unmatched);
                let Some(matched) = &line.matched else { continue };
                assert!(matched.lines.contains(&line.line));
                if matched.lines[0] == line.line {
                    matches.push(matched);
                }
            }
            for matched in matches {
                let lines = self.lines.iter().filter(|line| matched.lines.contains(&line.line));
                assert!(lines.clone().all(|line| line.matched.as_ref() == Some(matched)));
                let shown: i64 = lines.map(|line| line.amount.amount_minor).sum();
                let mut paid = 0;
                for id in &matched.disbursement_ids {
                    assert!(settled.insert(id.clone()), "a payment is settled once");
                    let (payment, _) = self.payments.iter().find(|(one, _)| one.disbursement_id == *id).unwrap();
                    assert_eq!(payment.settled_by().map(|of| &of.lines), Some(&matched.lines));
                    paid += payment.amount.amount_minor;
                }
                assert_eq!(shown + paid, matched.difference_minor);
            }
            for (payment, visit) in &self.payments {
                let is_settled = payment.status(visit) == DisbursementStatus::Reconciled;
                assert_eq!(is_settled, settled.contains(&payment.disbursement_id));
                assert!(is_settled || payment.status(visit) == DisbursementStatus::HandedOver);
            }
        }
    }

    fn refusal(decided: Result<ByHand, Failed>) -> &'static str {
        match decided {
            Err(Failed::Refused(refusal)) => refusal.code(),
            other => panic!("{other:?}"),
        }
    }

    fn flaw(decided: Result<ByHand, Failed>) -> (String, &'static str) {
        match decided {
            Err(Failed::Invalid(flaws)) => (flaws[0].pointer.clone(), flaws[0].code),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_adds_up_needs_nothing_but_a_reason_and_what_does_not_is_said_exactly() {
        let world = World::new(&[-300, -100, -200], &[300, 301]);
        assert!(world.matched(&world.new_match(&[1], &[0], None)).is_ok());
        assert!(world.matched(&world.new_match(&[2, 3], &[0], Some(0))).is_ok());
        for stated in [None, Some(0), Some(-1), Some(2)] {
            let decided = world.matched(&world.new_match(&[1], &[1], stated));
            assert_eq!(refusal(decided), "difference_not_stated", "{stated:?}");
        }
        let change = world.matched(&world.new_match(&[1], &[1], Some(1))).unwrap();
        let matched = change.lines[0].1.matched.clone().unwrap();
        assert_eq!((matched.difference_minor, matched.reason.as_deref()), (1, Some("seen")));
        assert_eq!(matched.by.as_deref(), Some("usr_desk"));
        let said = change.payments[0].1.reconciliation.clone().unwrap();
        assert_eq!((said.amount.amount_minor, said.statement.unwrap().by.as_deref()), (300, Some("usr_desk")));
    }

    #[test]
    fn one_line_settles_several_payments_each_with_its_own_amount() {
        let world = World::new(&[-601], &[300, 301]);
        let change = world.matched(&world.new_match(&[1], &[1, 0], None)).unwrap();
        for (before, after) in &change.payments {
            assert_eq!(after.reconciliation.as_ref().unwrap().amount, before.amount);
        }
        let in_order: Vec<DisbursementId> = BTreeSet::from([world.id(0), world.id(1)]).into_iter().collect();
        assert_eq!(change.lines[0].1.matched.as_ref().unwrap().disbursement_ids, in_order);
    }

    #[test]
    fn every_other_reason_has_a_name() {
        let mut world = World::new(&[-300, 300, -5, -7], &[300, 400]);
        world.lines[2].amount.currency = Currency::Npr;
        world.lines[3].why = Some(Criterion::Duplicate);
        assert_eq!(refusal(world.matched(&world.new_match(&[2], &[0], Some(600)))), "wrong_direction");
        assert_eq!(refusal(world.matched(&world.new_match(&[3], &[0], None))), "currency_mixed");
        assert_eq!(refusal(world.matched(&world.new_match(&[4], &[0], None))), "line_repeated");
        world.lines[3] = KeptLine { status: LineStatus::Repeated, why: None, ..world.lines[3].clone() };
        assert_eq!(refusal(world.matched(&world.new_match(&[4], &[0], None))), "line_repeated");
        let many: Vec<u32> = (1..=32).collect();
        assert_eq!(refusal(world.matched(&world.new_match(&many, &[0], None))), "too_many_members");
        let flawed = |lines: &[u32], payments: &[usize]| flaw(world.matched(&world.new_match(lines, payments, None)));
        assert_eq!(flawed(&[1, 9], &[0]), ("/lines/1".to_owned(), "unknown_line"));
        assert_eq!(flawed(&[1, 1], &[0]), ("/lines/1".to_owned(), "repeated_member"));
        assert_eq!(flawed(&[1], &[0, 0]), ("/disbursement_ids/1".to_owned(), "repeated_member"));
        assert_eq!(flawed(&[1, 2], &[0, 1]), ("/disbursement_ids".to_owned(), "many_to_many"));
        let mut unknown = world.new_match(&[1], &[0], None);
        unknown.disbursement_ids = vec![DisbursementId::mint(at(), &[b"x"])];
        assert_eq!(flaw(world.matched(&unknown)), ("/disbursement_ids/0".to_owned(), "unknown_disbursement"));
        let change = world.matched(&world.new_match(&[1], &[0], None)).unwrap();
        world.apply(&change);
        assert_eq!(refusal(world.matched(&world.new_match(&[1], &[1], Some(100)))), "line_already_matched");
        assert_eq!(refusal(world.taken_apart(2)), "line_not_matched");
    }

    #[test]
    fn amounts_at_the_end_of_64_bits_are_no_fault() {
        let world = World::new(&[i64::MIN, i64::MIN + 1, -1], &[300]);
        for lines in [&[1][..], &[1, 3]] {
            assert_eq!(flaw(world.matched(&world.new_match(lines, &[0], None))).1, "statement_too_large");
        }
        assert_eq!(refusal(world.matched(&world.new_match(&[2], &[0], None))), "difference_not_stated");
    }

    #[test]
    fn before_a_statement_is_matched_its_lines_are_the_jobs() {
        let world = World::new(&[-300], &[300]);
        for status in [StatementStatus::Received, StatementStatus::Matching] {
            let new = world.new_match(&[1], &[0], None);
            assert_eq!(new.named(&statement(status)), Named::default(), "nothing is loaded");
            let members = Members { statement: statement(status), ..world.members(&[].into(), &[].into()) };
            assert_eq!(refusal(members.matched(&command("m"), &new)), "illegal_transition");
            let apart = NewUnmatch { line: 1, reason: "wrong".into() };
            assert_eq!(refusal(members.taken_apart(&command("u"), &apart)), "illegal_transition");
        }
    }

    #[test]
    fn a_match_of_which_a_part_has_moved_is_read_again() {
        let mut world = World::new(&[-100, -200], &[300]);
        let change = world.matched(&world.new_match(&[1, 2], &[0], None)).unwrap();
        world.apply(&change);
        let whole = world.clone();
        world.lines[1].matched = None;
        assert!(matches!(world.taken_apart(1), Err(Failed::Moved)));
        let payment = |payments: Vec<(Instruction, Delivery)>| World { payments, ..whole.clone() };
        let unsettled = whole.payments.iter().map(|(one, visit)| (one.unsettle(visit, at()).unwrap(), visit.clone()));
        assert!(matches!(payment(unsettled.collect()).taken_apart(1), Err(Failed::Moved)));
        assert!(matches!(payment(vec![]).taken_apart(1), Err(Failed::Moved)));
    }

    #[derive(Debug, Clone)]
    enum Try {
        Match { lines: Vec<u32>, payments: Vec<usize>, is_stated: bool },
        TakeApart(u32),
    }

    fn tries() -> impl Strategy<Value = Vec<Try>> {
        let numbers: Vec<u32> = (1..=LINES).collect();
        let of_match = (
            prop::sample::subsequence(numbers, 1..=3),
            prop::sample::subsequence((0..PAYMENTS).collect::<Vec<_>>(), 1..=3),
            prop::bool::weighted(0.8),
        );
        let one = prop_oneof![
            3 => of_match.prop_map(|(lines, payments, is_stated)| Try::Match { lines, payments, is_stated }),
            2 => (1..=LINES).prop_map(Try::TakeApart),
        ];
        prop::collection::vec(one, 1..40)
    }

    proptest! {
        #[test]
        fn whatever_is_matched_and_taken_apart_a_line_settles_once_and_a_payment_is_settled_once(
            tries in tries(),
            lines in prop::collection::vec(-4_i64..=-1, LINES as usize),
            payments in prop::collection::vec(1_i64..=4, PAYMENTS),
        ) {
            let mut world = World::new(&lines, &payments);
            for one in tries {
                let change = match one {
                    Try::Match { lines: of, payments: to, is_stated } => {
                        let shown: i64 = of.iter().map(|line| world.lines[*line as usize - 1].amount.amount_minor).sum();
                        let paid: i64 = to.iter().map(|at| world.payments[*at].0.amount.amount_minor).sum();
                        let off = shown + paid;
                        let decided = world.matched(&world.new_match(&of, &to, is_stated.then_some(off)));
                        if decided.is_ok() {
                            prop_assert!(is_stated || off == 0);
                            prop_assert!(of.iter().all(|line| world.lines[*line as usize - 1].matched.is_none()));
                        }
                        decided
                    }
                    Try::TakeApart(number) => {
                        let is_matched = world.lines[number as usize - 1].matched.is_some();
                        let decided = world.taken_apart(number);
                        prop_assert_eq!(decided.is_ok(), is_matched);
                        decided
                    }
                };
                if let Ok(change) = change {
                    world.apply(&change);
                }
                world.holds();
            }
        }
    }
}
