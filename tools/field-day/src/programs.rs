//! Partners' systems: an admin lets them in, each calls what its scopes name and nothing else.

use serde_json::{Value, json};

use crate::{
    caller::Caller,
    command,
    findings::Rule,
    login,
    plan::Fate,
    run::Run,
    shapes::{NewProgram, Session},
    team::House,
    wire::Ask,
};

/// Everything that a partner's system does in a day.
const SCOPES: [&str; 7] = [
    "disbursement:write",
    "disbursement:read",
    "delivery:read",
    "delivery:write",
    "settlement:read",
    "account:read",
    "session:read",
];

/// Lets a partner's system in, which works for the partner from then on; and another one that only fetches files.
pub(crate) fn let_in(run: &Run, house: &House, partner: &str) -> Option<Caller> {
    let system = create(run, house, partner, "ERP", &SCOPES)?;
    let client_id = system.client.oauth_client_id.as_str();
    let wrong = login::by_secret(client_id, &format!("{}x", system.client_secret));
    if login::must_be_refused(run, client_id, "a program's wrong secret", &wrong, "invalid_credentials") {
        run.tally.event(&house.operator, "session.refused");
    }
    let program = log_in(run, &system)?;
    must_be_itself(run, &program, &system.client.client_id);
    if let Some(files) = create(run, house, partner, "files", &["settlement:read"]).and_then(|new| log_in(run, &new)) {
        keeps_within_its_scopes(run, &files);
    }
    Some(program)
}

fn create(run: &Run, house: &House, partner: &str, purpose: &str, scopes: &[&str]) -> Option<NewProgram> {
    let body =
        json!({"name": format!("{partner} {purpose}"), "role": "partner", "partner_id": partner, "scopes": scopes});
    let told = command::send(run, &house.admin, "client-create", "/clients", &body, Fate::Unread)?;
    if told.answer.status != 201 {
        let what = format!("must be 201, is {}", told.answer.brief());
        run.findings.add(Rule::V1, &format!("client-create as {}", house.admin.username), &what);
        return None;
    }
    run.tally.event(&house.operator, "client.created");
    let read = told.answer.read();
    read.inspect_err(|wrong| run.findings.add(Rule::Api, "client-create", &format!("unexpected shape: {wrong}"))).ok()
}

fn log_in(run: &Run, new: &NewProgram) -> Option<Caller> {
    let client_id = new.client.oauth_client_id.as_str();
    let program = Caller::of_program(&run.wire, client_id, &new.client_secret)
        .inspect_err(|denied| run.findings.add(Rule::V1, client_id, &format!("cannot log in: {denied}")))
        .ok()?;
    if program.login().held().refresh.is_some() {
        run.findings.add(Rule::Api, client_id, "a program gets a refresh token, which it has no use for");
    }
    Some(program)
}

fn must_be_itself(run: &Run, program: &Caller, client_id: &str) {
    let Some(session) = program.get::<Session>(run, "session-get", "/auth/session") else { return };
    if session.client_id.as_deref() != Some(client_id) || !program.is(&session.principal) {
        run.findings.add(Rule::Api, &program.username, "session-get names another program");
    }
}

/// What it was given scopes for works; what its role may do beyond them, and what its role may not do, does not.
fn keeps_within_its_scopes(run: &Run, program: &Caller) {
    program.get::<Value>(run, "settlement-list", "/settlements?limit=1");
    let instruct = Ask::post("disbursement-create", "/disbursements", &json!({})).key(&run.next_key());
    for (ask, mistake, code) in [
        (instruct, "a program beyond its scopes", "insufficient_scope"),
        (Ask::get("user-list", "/users?limit=1"), "a program beyond its role", "forbidden"),
    ] {
        let Ok(heard) = program.ask(&run.wire, &ask) else { continue };
        let right = (heard.answer.status, heard.answer.code().as_str()) == (403, code);
        if !right {
            let what = format!("{} must be 403 {code}, is {}", ask.endpoint, heard.answer.brief());
            run.findings.add(Rule::Api, &program.username, &what);
        }
        run.findings.refused(mistake, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double::{Double, Reply};

    const TOKEN: &str = r#"{"access_token":"a","expires_in":600,
        "principal":{"operator":"pennco","role":"partner","subject":"bfil"}}"#;

    fn violations_of(beyond: impl Fn(&str) -> Reply + Send + Sync + 'static) -> usize {
        let double = Double::answering(move |request, _| {
            if request.head.contains("/auth/token ") {
                return Reply::json(200, TOKEN);
            }
            if request.head.contains("/settlements?") {
                return Reply::json(200, r#"{"items":[]}"#);
            }
            beyond(if request.head.contains("/users?") { "forbidden" } else { "insufficient_scope" })
        });
        let run = Run::towards(&double.url());
        let program = Caller::of_program(&run.wire, "cli_1@pennco", "sec_1").unwrap();
        keeps_within_its_scopes(&run, &program);
        run.findings.violations().len()
    }

    #[test]
    fn a_program_that_is_held_to_its_scopes_is_no_finding() {
        assert_eq!(violations_of(|code| Reply::problem(403, code)), 0);
    }

    #[test]
    fn a_program_that_may_do_what_it_was_not_given_is_found_out() {
        assert_eq!(violations_of(|_| Reply::json(200, "{}")), 2);
        assert_eq!(violations_of(|_| Reply::problem(403, "forbidden")), 1);
    }
}
