//! Somebody is taken on: a mail brings a ticket, and the ticket sets a password, once.

use serde_json::{Value, json};

use crate::{
    api::Answer,
    patience::until,
    stage::{OPERATOR, Stage},
};

const LOGIN: &str = "night-desk";
const ADDRESS: &str = "night-desk@salesco.example";
/// What the newcomer chooses.
const CHOSEN: &str = "a lantern for the late shift";

/// The invitation arrives, its ticket sets a password, and is spent then.
pub(crate) fn set_a_password_once(stage: &Stage) {
    stage.api.must_stay_secret(CHOSEN);
    let admin = stage.person("admin", OPERATOR);
    let new =
        json!({"login": LOGIN, "name": "The night desk", "email": ADDRESS, "role": "staff", "regions": ["hassan"]});
    let taken_on = admin.post("/api/v1/users", "night-desk", &new).must_be(201);
    assert_eq!(taken_on["status"], "invited", "{taken_on}");

    let is_theirs = |mail: &crate::post::Mail| mail.to == [ADDRESS];
    let mail = until("the invitation arrives", || stage.post.mails().into_iter().find(is_theirs));
    assert_eq!(mail.subject, "Your Milepost login");
    let ticket = mail.ticket(OPERATOR).unwrap_or_else(|| panic!("no ticket in {mail:?}"));
    stage.api.must_stay_secret(&ticket);

    let set = set_password(stage, &ticket).must_be(200);
    assert_eq!((&set["login"], &set["status"]), (&json!(LOGIN), &json!("active")), "{set}");
    set_password(stage, &ticket).must_be_problem(422, "ticket_spent");
    let newcomer = stage.api.sign_in(&format!("{LOGIN}@{OPERATOR}"), CHOSEN);
    let session: Value = newcomer.get("/api/v1/auth/session").must_be(200);
    assert_eq!(
        (&session["principal"]["role"], &session["principal"]["regions"]),
        (&json!("staff"), &json!(["hassan"]))
    );
    newcomer.get("/api/v1/agents?region=hassan").must_be(200);
    newcomer.get("/api/v1/agents?region=mysuru").must_be_problem(404, "unknown");
}

fn set_password(stage: &Stage, ticket: &str) -> Answer {
    let body = json!({"ticket": ticket, "password": CHOSEN}).to_string();
    stage.api.send("POST", "/api/v1/auth/password", &[], Some(&body))
}
