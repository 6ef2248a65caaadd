//! The visits of the day as they really came to be, and how one looks at them.

use crate::{
    caller::Caller,
    clock,
    findings::Rule,
    plan::{Kind, Stop},
    run::Run,
    shapes::{Delivery, Disbursement},
    wire::Ask,
};

/// How a visit ended at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Confirmed { amount_minor: i64, transfer_id: String },
    Failed,
}

/// A visit that exists on the server.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) stop: Stop,
    /// Place in the plan's officers.
    pub(crate) officer: usize,
    /// Place in the list of operators.
    pub(crate) operator: usize,
    pub(crate) region: String,
    pub(crate) reference: String,
    pub(crate) delivery_id: String,
    pub(crate) disbursement_id: Option<String>,
    pub(crate) assigned: bool,
    pub(crate) end: Option<End>,
    /// Where the payout must stand after the bank's statement.
    pub(crate) payout: Option<&'static str>,
}

impl Visit {
    pub(crate) fn path(&self) -> String {
        format!("/deliveries/{}", self.delivery_id)
    }

    /// The state it must be in.
    pub(crate) fn status(&self) -> &'static str {
        match (&self.end, self.assigned) {
            (Some(End::Confirmed { .. }), _) => "confirmed",
            (Some(End::Failed), _) => "failed",
            (None, true) => "assigned",
            (None, false) => "pending",
        }
    }

    /// The state its payout must be in, if it is one.
    pub(crate) fn payout_status(&self) -> &'static str {
        match (self.payout, &self.end, self.assigned) {
            (Some(after_bank), _, _) => after_bank,
            (None, Some(End::Confirmed { .. }), _) => "handed_over",
            (None, Some(End::Failed), _) => "exception",
            (None, None, true) => "reserved",
            (None, None, false) => "approved",
        }
    }

    /// What the agent's cash changed by.
    pub(crate) fn cash_minor(&self) -> i64 {
        match (&self.end, self.stop.kind) {
            (Some(End::Confirmed { amount_minor, .. }), Kind::Collection) => *amount_minor,
            (Some(End::Confirmed { amount_minor, .. }), Kind::Disbursement) => -amount_minor,
            (Some(End::Failed) | None, Kind::Collection | Kind::Disbursement) => 0,
        }
    }
}

/// All visits of the day, and what the agents' phones know.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    pub(crate) officers: Vec<Round>,
}

/// One agent's visits and purse.
#[derive(Debug, Default)]
pub(crate) struct Round {
    pub(crate) visits: Vec<Visit>,
    /// What the agent must have in hand, as far as this client knows.
    pub(crate) cash_minor: i64,
    pub(crate) cap_minor: i64,
    /// The newest moment the server took a position of.
    pub(crate) newest_position: Option<jiff::Timestamp>,
    /// Moments of the points taken, by UTC day: batches may overlap, and an export shows each moment once.
    pub(crate) points: std::collections::BTreeMap<jiff::civil::Date, std::collections::BTreeSet<i64>>,
}

impl Rounds {
    pub(crate) fn visits(&self) -> impl Iterator<Item = &Visit> {
        self.officers.iter().flat_map(|round| &round.visits)
    }

    pub(crate) fn visits_of(&self, operator: usize) -> impl Iterator<Item = &Visit> {
        self.visits().filter(move |visit| visit.operator == operator)
    }
}

/// Reads a visit first-hand, notes what was seen, and holds the ETag to the version.
pub(crate) fn look(run: &Run, caller: &Caller, delivery_id: &str) -> Option<Delivery> {
    let asked = clock::tick();
    let heard = caller.ask(&run.wire, &Ask::get("delivery-get", &format!("/deliveries/{delivery_id}")));
    let answer = match heard {
        Ok(heard) if heard.answer.status == 200 => heard.answer,
        Ok(heard) => {
            run.findings.add(
                Rule::V1,
                delivery_id,
                &format!("{} cannot read it: {}", caller.username, heard.answer.brief()),
            );
            return None;
        }
        Err(broken) => {
            run.findings.add(Rule::V1, delivery_id, &broken.to_string());
            return None;
        }
    };
    let delivery: Delivery = match answer.read() {
        Ok(delivery) => delivery,
        Err(wrong) => {
            run.findings.add(Rule::Api, "delivery-get", &format!("unexpected shape: {wrong}"));
            return None;
        }
    };
    run.sightings.saw(delivery_id, &delivery.status, delivery.version, asked);
    let tag = format!("\"{}\"", delivery.version);
    if answer.etag.as_deref() != Some(tag.as_str()) {
        let is = answer.etag.as_deref().unwrap_or("missing");
        run.findings.add(Rule::Api, "delivery-get", &format!("ETag must be the quoted version ({tag}), is {is}"));
    }
    Some(delivery)
}

/// Reads a payout first-hand and notes what was seen.
pub(crate) fn look_payout(run: &Run, caller: &Caller, disbursement_id: &str) -> Option<Disbursement> {
    let asked = clock::tick();
    let payout: Disbursement = caller.get(run, "disbursement-get", &format!("/disbursements/{disbursement_id}"))?;
    run.sightings.saw(disbursement_id, &payout.status, payout.version, asked);
    Some(payout)
}

/// A refusal must have changed nothing: the visit is still as it must be, in the version it was in.
pub(crate) fn unchanged(run: &Run, caller: &Caller, visit: &Visit, version: Option<u64>) -> bool {
    let Some(delivery) = look(run, caller, &visit.delivery_id) else { return false };
    let same = delivery.status == visit.status() && version.is_none_or(|version| version == delivery.version);
    if !same {
        let must = version.map_or_else(String::new, |version| format!(" in version {version}"));
        let what = format!(
            "changed by a refused command: {} in version {}, must be {}{must}",
            delivery.status,
            delivery.version,
            visit.status()
        );
        run.findings.add(Rule::V2, &visit.delivery_id, &what);
    }
    same
}
