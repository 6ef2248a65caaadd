//! An operator that is taken on when the stack has long been running: the only one with days that nobody has closed. Its
//! admin is invited by `cargo xtask operator`, and invites the rest over the API.

use serde_json::json;
use xtask::{operator::NewOperator, stack::Stack};

use crate::{
    patience::until,
    person::Person,
    stage::{PASSWORD, Stage},
};

/// Its name.
const NAME: &str = "latecomer";
/// Whose cash it moves.
pub(crate) const PARTNERS: [&str; 2] = ["bfil", "samasta"];

/// Takes it on; its settlement desk, logged in.
pub(crate) fn sign_up(stage: &Stage) -> Person {
    let Stack { port, .. } = stage.stack;
    let operator = NewOperator {
        name: NAME.to_owned(),
        regions: vec!["hubli".to_owned()],
        partners: PARTNERS.map(str::to_owned).into(),
        admin_email: Some(address("admin")),
        zone: "Asia/Kolkata".to_owned(),
        currency: "INR".to_owned(),
        calendar: None,
        approvals: vec![],
        cash_reservation: domain::reservation::CashReservation::default(),
        settlement_formats: vec![],
        payout_rails: vec![],
        holidays: vec![],
        change: false,
        by: None,
        reason: None,
        port,
        tables: vec![],
    };
    operator.take_on().unwrap_or_else(|failed| panic!("{NAME} is not taken on: {failed}"));
    let admin = come_in(stage, "admin");
    let desk = json!({"login": "settlement", "name": "The settlement desk", "email": address("settlement"), "role": "settlement"});
    admin.post("/api/v1/users", "settlement-desk", &desk).must_be(201);
    come_in(stage, "settlement")
}

fn address(login: &str) -> String {
    format!("{login}@{NAME}.example")
}

/// Somebody takes up their invitation and logs in.
fn come_in(stage: &Stage, login: &str) -> Person {
    let to = [address(login)];
    let is_theirs = |mail: &crate::post::Mail| mail.to == to;
    let mail = until("the invitation arrives", || stage.post.mails().into_iter().find(is_theirs));
    let ticket = mail.ticket(NAME).unwrap_or_else(|| panic!("no ticket in {mail:?}"));
    stage.api.must_stay_secret(&ticket);
    let body = json!({"ticket": ticket, "password": PASSWORD}).to_string();
    stage.api.send("POST", "/api/v1/auth/password", &[], Some(&body)).must_be(200);
    stage.api.sign_in(&format!("{login}@{NAME}"), PASSWORD)
}
