//! Walls between operators, and the gateway's own words: what a stranger hears is what anybody hears about nothing.

use serde_json::{Value, json};

use crate::{
    api::Answer,
    patience::today,
    person::Person,
    stage::{NEIGHBOUR, OPERATOR, Stage},
    visits::{BORROWER, PARTNER, Round},
};

/// Where the neighbour's agent works.
const NEIGHBOURS_REGION: &str = "warangal";

/// Somebody else's things are as unknown as things that do not exist, to the last byte but the call's own names.
pub(crate) fn between_operators(stage: &Stage) {
    let round = Round::in_hassan(stage);
    let visit = round.visit("walled", 60_000);
    let partner = stage.person(PARTNER, OPERATOR);
    let [name, phone, address] = BORROWER;
    let instruction = json!({
        "reference": "walled", "region": round.region, "due": today().to_string(),
        "borrower": {"name": name, "phone": phone, "address": address},
        "amount": {"amount_minor": 50_000, "currency": "INR"},
    });
    let instructed = partner.post("/api/v1/disbursements", "walled", &instruction).must_be(201);
    let export = json!({"kind": "deliveries", "day": today().to_string()});
    let exported = round.desk.post("/api/v1/exports", "walled", &export).must_be(202);
    let of = |login| stage.person(login, NEIGHBOUR);
    let (desk, agent, settlement, lender) =
        (of("desk"), stage.agent(NEIGHBOUR, NEIGHBOURS_REGION), of("settlement"), of(PARTNER));

    let id = |thing: &Value, name: &str| thing[name].as_str().expect("an id").to_owned();
    let delivery = visit.delivery_id.as_str();
    let disbursement = id(&instructed, "disbursement_id");
    let transfer = json!({"bank_reference": "HDFCN52026112112", "amount": instruction["amount"], "value_date": today().to_string()});
    let assign = json!({"agent_id": agent.subject});

    must_be_unknown(delivery, |id| desk.get(&format!("/api/v1/deliveries/{id}")));
    must_be_unknown(delivery, |id| lender.get(&format!("/api/v1/deliveries/{id}")));
    must_be_unknown(delivery, |id| agent.post(&format!("/api/v1/deliveries/{id}/confirm"), "walls", &visit.report));
    must_be_unknown(delivery, |id| desk.post(&format!("/api/v1/deliveries/{id}/assign"), "walls", &assign));
    must_be_unknown(&disbursement, |id| lender.get(&format!("/api/v1/disbursements/{id}")));
    must_be_unknown(&disbursement, |id| {
        settlement.post(&format!("/api/v1/disbursements/{id}/reconcile"), "walls", &transfer)
    });
    must_be_unknown(&id(&exported, "export_id"), |id| desk.get(&format!("/api/v1/exports/{id}")));
    must_be_unknown(&round.agent.subject, |id| settlement.get(&format!("/api/v1/accounts/agent_cash.{id}")));
    let neighbours_list = desk.get(&format!("/api/v1/deliveries?region={}&status=assigned", round.region));
    assert!(!neighbours_list.body.contains(delivery), "{neighbours_list:?}");
    assert_eq!(round.status(&visit), "assigned", "nothing has come through the wall");
}

/// Asks for the thing and for one that does not exist: the same status and body, but for what names the call.
#[track_caller]
fn must_be_unknown(id: &str, ask: impl Fn(&str) -> Answer) {
    // The same length and shape, another id: its last characters are turned round.
    let (head, tail) = id.split_at(id.len() - 6);
    let nobody: String = head.chars().chain(tail.chars().rev()).collect();
    assert_ne!(id, nobody, "another id to compare with");
    let answers = [id, &nobody].map(|id| {
        let mut problem = ask(id).must_be_problem(404, "unknown");
        let members = problem.as_object_mut().expect("a problem is an object");
        assert!(members.remove("request_id").is_some() && members.remove("instance").is_some());
        problem
    });
    assert_eq!(answers[0], answers[1], "a stranger learns that {id} exists");
}

/// A path or method that there is none of is answered by the gateway, as a problem like any other.
pub(crate) fn of_the_gateway(stage: &Stage) {
    let desk = stage.person("desk", OPERATOR);
    must_be_a_problem(&desk.get("/api/v1/no-such-thing"));
    must_be_a_problem(&desk.get("/"));
    must_be_a_problem(&desk.api.send("DELETE", "/api/v1/deliveries", &[], None));
    must_be_a_problem(&desk.post("/api/v1/agents", "no-such-method", &json!({})));
}

#[track_caller]
fn must_be_a_problem(answer: &Answer) {
    let problem = answer.must_be_problem(404, "unknown");
    assert!(answer.is_of_the_gateway(), "{answer:?}");
    assert_eq!(problem["status"], 404, "{answer:?}");
    assert_eq!(problem["request_id"], answer.request_id, "{answer:?}");
}

/// Bad input that travels: through the real gateway, in the real encoding.
pub(crate) fn against_bad_input(stage: &Stage) {
    let desk = stage.person("desk", OPERATOR);
    let agent = stage.agent(OPERATOR, "hassan");
    let post = |person: &Person, path: &str, body: &str| {
        let bearer = format!("Bearer {}", person.token());
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "bad-input")];
        person.api.send("POST", path, &headers, Some(body))
    };
    let large = format!("{{\"kind\": \"{}\"}}", "x".repeat(1 << 20));
    post(&desk, "/api/v1/deliveries", &large).must_be_problem(413, "body_too_large");
    post(&desk, "/api/v1/deliveries", "{\"kind\": ").must_be_problem(400, "malformed_json");
    post(&desk, "/api/v1/deliveries", "{\"kind\": \"collection\", \"kind\": 1}").must_be_problem(400, "duplicate_key");
    let point =
        json!({"captured_at": crate::patience::now().to_string(), "lat": 13.0, "lon": 76.1, "accuracy_metres": 9.5});
    let points = json!({"points": vec![point; 201]}).to_string();
    post(&agent, &format!("/api/v1/agents/{}/location", agent.subject), &points).must_be_problem(422, "invalid");

    let token = agent.token();
    let body = token.split('.').nth(1).expect("a token has three parts");
    let header = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
    for forged in [format!("{header}.{body}."), format!("{token}x"), "nothing".to_owned()] {
        let bearer = format!("Bearer {forged}");
        let answer = desk.api.send("GET", "/api/v1/deliveries", &[("authorization", &bearer)], None);
        answer.must_be_problem(401, "unauthenticated");
    }
}
