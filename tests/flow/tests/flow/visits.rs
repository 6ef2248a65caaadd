//! Visits, from the desk's plan to the door, and what the books say of them.

use serde_json::{Value, json};

use crate::{
    api::Answer,
    patience::{now, today, until},
    person::Person,
    stage::{OPERATOR, Stage},
};

/// Somebody whose name, phone and address must not be found in any log.
pub(crate) const BORROWER: [&str; 3] = ["Sunanda Chikkanna", "+919845012345", "14 Temple Street"];
/// Whose cash the stories move.
pub(crate) const PARTNER: &str = "bfil";

/// One region's people: its agent, its desk, and who may read the books.
pub(crate) struct Round {
    pub(crate) region: &'static str,
    pub(crate) agent: Person,
    pub(crate) desk: Person,
    pub(crate) books: Person,
}

/// A visit that the agent is on the way to.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) delivery_id: String,
    pub(crate) amount_minor: i64,
    /// What the agent reports, the same however often.
    pub(crate) report: Value,
}

/// What an agent and the partner have, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Balances {
    pub(crate) cash: i64,
    pub(crate) control: i64,
}

impl Balances {
    /// The same after so much was collected.
    pub(crate) fn after(self, collected: i64) -> Self {
        Self { cash: self.cash + collected, control: self.control - collected }
    }
}

impl Round {
    /// A round in Hassan, where most stories take place.
    pub(crate) fn in_hassan(stage: &Stage) -> Self {
        Self::of(stage, "hassan")
    }

    /// A round in Mysuru, where events are left behind.
    pub(crate) fn in_mysuru(stage: &Stage) -> Self {
        Self::of(stage, "mysuru")
    }

    fn of(stage: &Stage, region: &'static str) -> Self {
        let person = |login| stage.person(login, OPERATOR);
        Self { region, agent: stage.agent(OPERATOR, region), desk: person("desk"), books: person("settlement") }
    }

    /// A collection, planned and assigned.
    pub(crate) fn visit(&self, reference: &str, amount_minor: i64) -> Visit {
        let [name, phone, address] = BORROWER;
        let amount = json!({"amount_minor": amount_minor, "currency": "INR"});
        let new = json!({
            "kind": "collection", "partner_id": PARTNER, "reference": reference, "region": self.region,
            "borrower": {"name": name, "phone": phone, "address": address},
            "amount": amount, "due": today().to_string(),
        });
        let planned = self.desk.post("/api/v1/deliveries", &format!("plan-{reference}"), &new).must_be(201);
        let delivery_id = planned["delivery_id"].as_str().expect("an id").to_owned();
        let assign = json!({"agent_id": self.agent.subject});
        let path = format!("/api/v1/deliveries/{delivery_id}/assign");
        self.desk.post(&path, &format!("assign-{reference}"), &assign).must_be(200);
        let report = json!({
            "outcome": "confirmed", "amount": amount, "occurred_at": now().to_string(),
            "position": {"lat": 13.0, "lon": 76.1, "accuracy_metres": 9.5}, "proof_sha256": "c0ffee00".repeat(8),
        });
        Visit { delivery_id, amount_minor, report }
    }

    /// The agent reports from the door.
    pub(crate) fn confirm(&self, visit: &Visit, key: &str) -> Answer {
        let path = format!("/api/v1/deliveries/{}/confirm", visit.delivery_id);
        self.agent.post(&path, key, &visit.report)
    }

    /// Where the visit stands.
    pub(crate) fn status(&self, visit: &Visit) -> String {
        let delivery = self.desk.get(&format!("/api/v1/deliveries/{}", visit.delivery_id)).must_be(200);
        delivery["status"].as_str().expect("a status").to_owned()
    }

    fn accounts(&self) -> [String; 2] {
        [format!("agent_cash.{}", self.agent.subject), format!("partner_control.{PARTNER}")]
    }

    /// What the agent and the partner have.
    pub(crate) fn balances(&self) -> Balances {
        let [cash, control] = self.accounts().map(|account| {
            let account = self.books.get(&format!("/api/v1/accounts/{account}?limit=1")).must_be(200);
            account["balance"]["amount_minor"].as_i64().expect("a balance")
        });
        Balances { cash, control }
    }

    /// What is booked for a visit in the agent's and in the partner's account: amounts, one an entry.
    pub(crate) fn booked(&self, visit: &Visit) -> [Vec<i64>; 2] {
        self.accounts().map(|account| {
            let entries = self.books.list(&format!("/api/v1/accounts/{account}?limit=100"));
            let of_visit = entries.iter().filter(|entry| entry["delivery_id"] == visit.delivery_id.as_str());
            of_visit.map(|entry| entry["amount"]["amount_minor"].as_i64().expect("an amount")).collect()
        })
    }

    /// Fails unless the visit is confirmed and its cash booked, once.
    #[track_caller]
    pub(crate) fn must_be_booked_once(&self, visit: &Visit, before: Balances) {
        assert_eq!(self.status(visit), "confirmed");
        assert_eq!(self.booked(visit), [vec![visit.amount_minor], vec![-visit.amount_minor]], "entries of the visit");
        assert_eq!(self.balances(), before.after(visit.amount_minor), "balances");
    }

    /// Fails unless the visit is still to come and nothing is booked.
    #[track_caller]
    pub(crate) fn must_be_untouched(&self, visit: &Visit, before: Balances) {
        assert_eq!(self.status(visit), "assigned");
        assert_eq!(self.booked(visit), [Vec::<i64>::new(), vec![]], "entries of the visit");
        assert_eq!(self.balances(), before, "balances");
    }

    /// How many events of a kind are counted in the region.
    pub(crate) fn counted(&self, event: &str) -> u64 {
        // A day before and after: the stories may go on past midnight.
        let (from, to) = (now() - jiff::Span::new().hours(24), now() + jiff::Span::new().hours(24));
        let activity = self.desk.get(&format!("/api/v1/activity?from={from:.0}&to={to:.0}")).must_be(200);
        let places = activity["items"].as_array().expect("items").iter();
        let here = places.filter(|place| place["region"] == self.region);
        here.filter_map(|place| place["counts"][event].as_u64()).sum()
    }

    /// How many visits of the region are confirmed.
    pub(crate) fn confirmed(&self) -> u64 {
        let path = format!("/api/v1/deliveries?region={}&status=confirmed&limit=100", self.region);
        u64::try_from(self.desk.list(&path).len()).expect("a count")
    }

    /// Waits until every confirmed visit of the region is counted; how many there are.
    #[track_caller]
    pub(crate) fn until_all_are_counted(&self) -> u64 {
        until("every confirmed visit is counted, once", || {
            let confirmed = self.confirmed();
            (self.counted("delivery.confirmed") == confirmed).then_some(confirmed)
        })
    }
}
