//! An agent's report from the door: read, checked, decided, with the transfer that books the cash and what tells a repeat.

use std::{collections::BTreeMap, hint::black_box};

use domain::{
    AgentId, Caller, Command, Currency, Delivery, DeliveryId, Money, Role,
    access::{Agent, DELIVERY_CONFIRM, Party},
    command::Fingerprint,
    delivery::{Concluded, DeliveryKind, DeliveryStatus, NewDelivery, Outcome},
};
use gungraun::{library_benchmark, library_benchmark_group};

use crate::{kept, now};

/// What a phone posts when cash was collected.
const REPORT: &str = r#"{
    "outcome": "confirmed",
    "amount": {"amount_minor": 135000, "currency": "INR"},
    "occurred_at": "2026-11-21T06:29:41Z",
    "position": {"lat": 18.5204303, "lon": 73.8567437, "accuracy_metres": 8.5},
    "proof_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
}"#;

/// What is planned.
const PLAN: &str = r#"{
    "kind": "collection",
    "reference": "BF-2026-000123",
    "region": "pune-north",
    "borrower": {"name": "Asha Pawar", "phone": "+919800000123", "address": "14 Market Road, Shirur"},
    "amount": {"amount_minor": 135000, "currency": "INR"},
    "due": "2026-11-21"
}"#;

/// A visit, its agent, the report and the command that it comes with.
struct Visit {
    delivery: Delivery,
    agent: Agent,
    outcome: Outcome,
    command: Command,
}

fn path(delivery_id: &DeliveryId) -> BTreeMap<String, String> {
    BTreeMap::from([("delivery_id".to_owned(), delivery_id.to_string())])
}

fn visit() -> &'static Visit {
    let (operator, region) = ("pennco".parse().unwrap(), "pune-north".parse().unwrap());
    let agent_id = AgentId::mint(now(), &[b"agent"]);
    let caller = Caller::new(operator, Role::Agent, agent_id.to_string(), vec![region]);
    let agent = Agent::of(caller.clone()).unwrap();
    let outcome: Outcome = serde_json::from_str(REPORT).unwrap();
    let plan: NewDelivery = serde_json::from_str(PLAN).unwrap();
    let command = |key: &str, fingerprint: Fingerprint| {
        let (request_id, instance) = ("00000000-0000-4000-8000-000000000001", "/api/v1/deliveries");
        let (key, request_id) = (key.to_owned(), request_id.to_owned());
        Command::of_request(&caller, &DELIVERY_CONFIRM, key, fingerprint, now(), request_id, instance.to_owned())
    };
    let planned = Delivery::plan(&command("plan", Fingerprint::of_text("plan")), &plan, "bfil".parse().unwrap());
    let delivery = planned.assign(&agent_id, &agent.caller.regions, now()).unwrap();
    assert_eq!((delivery.kind, delivery.status), (DeliveryKind::Collection, DeliveryStatus::Assigned));
    assert_eq!(outcome.amount, Some(Money::new(135_000, Currency::Inr)));
    let fingerprint = Fingerprint::of(&path(&delivery.delivery_id), &outcome).unwrap();
    let command = command("01JD6Z0V6K5C2X1Q9E3T7R8M4N", fingerprint);
    kept(Visit { delivery, agent, outcome, command })
}

#[library_benchmark]
#[bench::collected(kept(REPORT.to_owned()))]
fn read_report(body: &str) -> Outcome {
    serde_json::from_str(black_box(body)).unwrap()
}

fn asked() -> (&'static BTreeMap<String, String>, &'static Outcome) {
    let visit = visit();
    (kept(path(&visit.delivery.delivery_id)), &visit.outcome)
}

#[library_benchmark]
#[bench::collected(asked())]
fn fingerprint((path, outcome): (&BTreeMap<String, String>, &Outcome)) -> Fingerprint {
    Fingerprint::of(black_box(path), black_box(outcome)).unwrap()
}

#[library_benchmark]
#[bench::collected(visit())]
fn conclude(visit: &Visit) -> Concluded {
    let Visit { delivery, agent, outcome, command } = black_box(visit);
    delivery.conclude(agent, outcome, command).unwrap()
}

library_benchmark_group!(name = deliveries, benchmarks = [read_report, fingerprint, conclude]);
