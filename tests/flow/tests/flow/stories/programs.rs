//! A partner's system: let in by an admin, limited to what it was given.

use serde_json::json;

use crate::{
    patience::today,
    person::Person,
    stage::{OPERATOR, Stage},
    visits::{BORROWER, PARTNER},
};

/// With its secret it calls what its scopes name, and nothing else.
pub(crate) fn call_what_their_scopes_name(stage: &Stage) {
    let admin = stage.person("admin", OPERATOR);
    let new = json!({
        "name": "bfil ERP", "role": "partner", "partner_id": PARTNER,
        "scopes": ["disbursement:write", "session:read"],
    });
    let first = admin.post("/api/v1/clients", "bfil-erp", &new);
    let created = first.must_be(201);
    let again = admin.post("/api/v1/clients", "bfil-erp", &new);
    assert_eq!((again.replayed, &again.body), (true, &first.body), "a repeat shows the secret, too");
    let client_id = created["client"]["oauth_client_id"].as_str().expect("an id");
    let secret = created["client_secret"].as_str().expect("a secret");

    let wrong = format!("{secret}x");
    stage.api.sign_in_program(client_id, &wrong).must_be_problem(401, "invalid_credentials");
    let granted = stage.api.sign_in_program(client_id, secret).must_be(200);
    assert!(granted["refresh_token"].is_null(), "a program asks with its secret");
    let program = Person::of(&stage.api, &granted, None);
    assert_eq!(program.subject, PARTNER);

    let [name, phone, address] = BORROWER;
    let instruction = json!({
        "reference": "by-a-program", "region": "hassan", "due": today().to_string(),
        "borrower": {"name": name, "phone": phone, "address": address},
        "amount": {"amount_minor": 45_000, "currency": "INR"},
    });
    let instructed = program.post("/api/v1/disbursements", "by-a-program", &instruction).must_be(201);
    assert_eq!(instructed["partner_id"], PARTNER, "{instructed}");
    let session = program.get("/api/v1/auth/session").must_be(200);
    assert_eq!(session["client_id"], created["client"]["client_id"], "{session}");

    let disbursement = format!("/api/v1/disbursements/{}", instructed["disbursement_id"].as_str().expect("an id"));
    program.get(&disbursement).must_be_problem(403, "insufficient_scope");
    program.get("/api/v1/settlements?limit=1").must_be_problem(403, "insufficient_scope");
    program.get("/api/v1/users?limit=1").must_be_problem(403, "forbidden");
}
