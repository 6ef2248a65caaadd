//! Bad requests of every sort: each is refused by its name, as problem+json, and none makes the server fail.

use serde_json::{Value, json};

use crate::{
    caller::Caller,
    crew,
    findings::Rule,
    progress::Progress,
    rounds::Rounds,
    run::Run,
    shapes::paise,
    team::{House, Team},
    wire::{Ask, Heard},
};

/// One bad request and the answers that are right for it; no code means any.
struct Bad {
    name: &'static str,
    ask: Ask,
    right: Vec<(u16, &'static str)>,
}

/// The token goes along as it is; nothing is renewed on a 401 here.
pub(crate) fn fire(run: &Run, team: &Team, rounds: &Rounds, progress: &Progress) {
    let Some(house) = team.houses.first() else { return };
    let Some(agent) = team.agents.iter().find(|agent| agent.who.operator == house.operator) else { return };
    let Some(partner) = house.partners.first() else { return };
    let Some(delivery) = rounds.visits_of(0).next().map(|visit| visit.delivery_id.clone()) else { return };
    let payout = rounds.visits_of(0).find_map(|visit| visit.disbursement_id.clone()).unwrap_or_default();
    let tokens = Tokens {
        desk: house.desk.token(&run.wire),
        settlement: house.settlement.token(&run.wire),
        partner: partner.token(&run.wire),
        agent: agent.token(&run.wire),
    };
    let mut battery = doors(run, house, &tokens);
    battery.extend(logins(run, house, agent, &tokens));
    battery.extend(bodies(run, &tokens, agent.region()));
    battery.extend(values(run, &tokens, agent.region(), &delivery, &payout));
    battery.extend(queries(run, &tokens, &delivery, agent.region()));
    battery.extend(points(run, &tokens, &agent.who.subject));

    // A wrong password is reported for whoever has it and for nobody's name, where there is an operator to report it to.
    for _ in ["the wrong password", "nobody's name"] {
        run.tally.event(&house.operator, "session.refused");
    }
    let stretch = progress.stretch("bad requests", battery.len());
    crew::each(run.options.concurrency, &battery, |bad| {
        try_one(run, bad);
        stretch.step();
    });
}

struct Tokens {
    desk: String,
    settlement: String,
    partner: String,
    agent: String,
}

fn try_one(run: &Run, bad: &Bad) {
    let subject = format!("{} ({})", bad.ask.endpoint, bad.name);
    match run.wire.patiently(&bad.ask) {
        Ok(Heard { answer, .. }) => {
            let fits =
                |(status, code): &(u16, &str)| answer.status == *status && (code.is_empty() || answer.code() == *code);
            let right = bad.right.iter().any(fits);
            if !right {
                let rule = if answer.status >= 500 { Rule::V10 } else { Rule::Api };
                run.findings.add(rule, &subject, &format!("must be one of {:?}, is {}", bad.right, answer.brief()));
            }
            run.findings.refused("a bad request", right);
        }
        Err(broken) => run.findings.add(Rule::V10, &subject, &broken.to_string()),
    }
}

fn bad(name: &'static str, ask: Ask, right: &[(u16, &'static str)]) -> Bad {
    Bad { name, ask, right: right.to_vec() }
}

/// At the door: no token, a forged one, the wrong role, the wrong password, no such route.
fn doors(run: &Run, house: &House, tokens: &Tokens) -> Vec<Bad> {
    let list = || Ask::get("delivery-list", "/deliveries?region=x&status=pending");
    let log_in = |body: Value| Ask::post("token-issue", "/auth/token", &body);
    let forged = |token: &str| {
        // The signature's first letter is another one; the last may carry bits that do not count.
        let (kept, signature) = token.rsplit_once('.').unwrap_or((token, ""));
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{kept}.{first}{}", signature.get(1..).unwrap_or_default())
    };
    let unauthenticated = &[(401, "unauthenticated")];
    let day = json!({"business_day": run.today.to_string()});
    vec![
        bad("no token", list(), unauthenticated),
        bad("a word for a token", list().bearer("nonsense"), unauthenticated),
        bad("three words for a token", list().bearer("a.b.c"), unauthenticated),
        bad("a forged token", list().bearer(&forged(&tokens.desk)), unauthenticated),
        bad("an unsigned token", list().bearer("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0."), unauthenticated),
        bad(
            "the wrong password",
            log_in(json!({"grant_type": "password", "username": house.admin.username, "password": "wrong"})),
            &[(401, "invalid_credentials")],
        ),
        bad(
            "nobody's name",
            log_in(
                json!({"grant_type": "password", "username": format!("nobody@{}", house.operator), "password": "wrong"}),
            ),
            &[(401, "invalid_credentials")],
        ),
        bad(
            "nobody's operator",
            log_in(json!({"grant_type": "password", "username": "desk@nowhere", "password": "wrong"})),
            &[(401, "invalid_credentials")],
        ),
        bad(
            "a made-up refresh token",
            log_in(json!({"grant_type": "refresh_token", "refresh_token": "nonsense"})),
            &[(401, "invalid_credentials")],
        ),
        bad("an unknown grant", log_in(json!({"grant_type": "magic"})), &[(400, ""), (422, "invalid")]),
        bad("an empty login", log_in(json!({})), &[(400, "")]),
        bad(
            "an agent closes the day",
            Ask::post("settlement-create", "/settlements", &day).key(&run.next_key()).bearer(&tokens.agent),
            &[(403, "forbidden")],
        ),
        bad(
            "an agent asks for everybody",
            Ask::get("agent-list", "/agents?region=x").bearer(&tokens.agent),
            &[(403, "forbidden")],
        ),
        bad(
            "the desk instructs a payout",
            Ask::post("disbursement-create", "/disbursements", &json!({})).key(&run.next_key()).bearer(&tokens.desk),
            &[(403, "forbidden"), (400, "")],
        ),
        bad(
            "a partner asks for activity",
            Ask::get("activity-get", "/activity?from=a&to=b").bearer(&tokens.partner),
            &[(403, "forbidden")],
        ),
        bad("no such route", Ask::get("gateway", "/nowhere").bearer(&tokens.desk), &[(403, ""), (404, "")]),
    ]
}

/// Where codes, phones and tickets stand in for passwords.
fn logins(run: &Run, house: &House, agent: &Caller, tokens: &Tokens) -> Vec<Bad> {
    let log_in = |body: Value| Ask::post("token-issue", "/auth/token", &body);
    let credentials = &[(401, "invalid_credentials")];
    vec![
        bad(
            "a code for who has no number",
            Ask::post("otp-request", "/auth/otp", &json!({"username": house.desk.username})),
            &[(422, "invalid")],
        ),
        bad(
            "a password for a number",
            log_in(json!({"grant_type": "password", "username": agent.username, "password": "a long password"})),
            credentials,
        ),
        bad(
            "a code without a challenge",
            log_in(json!({"grant_type": "otp", "username": agent.username})),
            credentials,
        ),
        bad(
            "a program that nobody let in",
            log_in(json!({"grant_type": "client_credentials", "client_id": "nonsense", "client_secret": "sec_x"})),
            credentials,
        ),
        bad(
            "a made-up ticket",
            Ask::post(
                "password-set",
                "/auth/password",
                &json!({"ticket": format!("{}.nonsense", house.operator), "password": "nine lives of a ledger"}),
            ),
            &[(422, "ticket_spent")],
        ),
        bad(
            "an agent asks who is there",
            Ask::get("user-list", "/users?limit=1").bearer(&tokens.agent),
            &[(403, "forbidden")],
        ),
        bad(
            "the desk lets a program in",
            Ask::post("client-create", "/clients", &json!({})).key(&run.next_key()).bearer(&tokens.desk),
            &[(403, "forbidden")],
        ),
    ]
}

/// Bodies that are not the JSON they must be.
fn bodies(run: &Run, tokens: &Tokens, region: &str) -> Vec<Bad> {
    let good = || collection(run, region);
    let create = |body: Vec<u8>| {
        Ask::post_bytes("delivery-create", "/deliveries", body).key(&run.next_key()).bearer(&tokens.partner)
    };
    let with = |name: &str, value: Value| {
        let mut body = good();
        if let Some(members) = body.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
        create(body.to_string().into_bytes())
    };
    let twice = good().to_string().replacen('{', "{\"region\":\"twice\",", 1).into_bytes();
    let without = || {
        let mut body = good();
        body.as_object_mut().map(|members| members.remove("amount"));
        body.to_string().into_bytes()
    };
    let deep = format!("{{\"kind\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000)).into_bytes();
    let large = json!({"reference": "x".repeat(1_100_000)}).to_string().into_bytes();
    let malformed = &[(400, "malformed_json")];
    vec![
        bad("no JSON", create(b"{\"kind\":".to_vec()), malformed),
        bad("an empty body", create(Vec::new()), malformed),
        // The gateway may have put replacement characters before the function reads it.
        bad("not UTF-8", create(b"{\"kind\":\"\xff\xfe\"}".to_vec()), &[(400, ""), (422, "invalid")]),
        bad("a lone surrogate", create(br#"{"kind":"\ud800"}"#.to_vec()), &[(400, "")]),
        bad("nested without end", create(deep), &[(400, "")]),
        bad("null", create(b"null".to_vec()), &[(400, "")]),
        bad("a list", create(b"[]".to_vec()), &[(400, "")]),
        bad("two bodies", create(b"{} {}".to_vec()), &[(400, "")]),
        bad("a member twice", create(twice), &[(400, "duplicate_key")]),
        bad("an unknown member", with("colour", json!("red")), &[(400, "unknown_field")]),
        bad("a missing member", create(without()), &[(400, "missing_field")]),
        bad("a number for a text", with("reference", json!(7)), &[(400, "wrong_type")]),
        bad(
            "a fraction of a paisa",
            with("amount", json!({"amount_minor": 100.5, "currency": "INR"})),
            &[(400, "wrong_type")],
        ),
        bad(
            "a text for an amount",
            with("amount", json!({"amount_minor": "100", "currency": "INR"})),
            &[(400, "wrong_type")],
        ),
        bad("over one megabyte", create(large), &[(413, "body_too_large")]),
        bad(
            "not called JSON",
            Ask { content_type: "text/plain", ..create(good().to_string().into_bytes()) },
            &[(415, "unsupported_media_type")],
        ),
        bad(
            "no idempotency key",
            Ask { key: None, ..create(good().to_string().into_bytes()) },
            &[(400, "missing_idempotency_key")],
        ),
        bad(
            "too long a key",
            Ask { key: Some("k".repeat(256)), ..create(good().to_string().into_bytes()) },
            &[(400, "invalid_idempotency_key")],
        ),
    ]
}

/// Values that no rule allows.
fn values(run: &Run, tokens: &Tokens, region: &str, delivery: &str, payout: &str) -> Vec<Bad> {
    let key = || run.next_key();
    let create = |pointer: &str, value: Value| {
        let mut body = collection(run, region);
        if let Some(place) = body.pointer_mut(pointer) {
            *place = value;
        }
        Ask::post("delivery-create", "/deliveries", &body).key(&key()).bearer(&tokens.partner)
    };
    let confirm = |body: Value| {
        Ask::post("delivery-confirm", &format!("/deliveries/{delivery}/confirm"), &body)
            .key(&key())
            .bearer(&tokens.agent)
    };
    let reconcile = |body: Value| {
        Ask::post("disbursement-reconcile", &format!("/disbursements/{payout}/reconcile"), &body)
            .key(&key())
            .bearer(&tokens.settlement)
    };
    let export = |body: Value| Ask::post("export-create", "/exports", &body).key(&key()).bearer(&tokens.settlement);
    let refused = &[(422, "invalid"), (400, "")];
    let today = run.today.to_string();
    let line = |reference: &str| json!({"bank_reference": reference, "amount": paise(1), "value_date": today});
    // A small day may have no payout to feed a line to.
    let mut battery: Vec<Bad> = [("a short bank line", "A1"), ("a bank line with spaces", "HDFC 2026 1121 1")]
        .into_iter()
        .filter(|_| !payout.is_empty())
        .map(|(name, reference)| bad(name, reconcile(line(reference)), refused))
        .collect();
    battery.extend([
        bad("an amount of nothing", create("/amount/amount_minor", json!(0)), &[(422, "invalid")]),
        bad("a negative amount", create("/amount/amount_minor", json!(-100)), refused),
        bad("more than any amount", create("/amount/amount_minor", json!(100_000_001)), &[(422, "invalid")]),
        bad("more than any number", create("/amount/amount_minor", json!(1e300)), refused),
        bad("a currency nobody has", create("/amount/currency", json!("QQQ")), refused),
        bad("a day that never was", create("/due", json!("2026-02-30")), refused),
        bad("a region of capitals", create("/region", json!("PUNE NORTH")), refused),
        bad("an empty reference", create("/reference", json!("")), refused),
        bad("an endless reference", create("/reference", json!("r".repeat(10_000))), refused),
        bad("a phone of letters", create("/borrower/phone", json!("call me")), refused),
        bad("a nameless borrower", create("/borrower/name", json!("")), refused),
        bad("a payout without an instruction", create("/kind", json!("disbursement")), &[(422, "invalid")]),
        bad("an unknown kind", create("/kind", json!("gift")), refused),
        bad("an unknown outcome", confirm(json!({"outcome": "maybe"})), refused),
        bad(
            "a failure without a reason",
            confirm(json!({"outcome": "failed", "occurred_at": crate::clock::stamp(run.began)})),
            refused,
        ),
        bad("an unknown export", export(json!({"kind": "secrets", "day": today})), refused),
        bad("an export of no day", export(json!({"kind": "tracks", "day": "yesterday"})), refused),
    ]);
    battery
}

/// Queries and ids that are not allowed.
fn queries(run: &Run, tokens: &Tokens, delivery: &str, region: &str) -> Vec<Bad> {
    let desk = |endpoint, path: &str| Ask::get(endpoint, path).bearer(&tokens.desk);
    let list = |query: &str| {
        desk("delivery-list", &format!("/deliveries?{}", query.replace("region=a", &format!("region={region}"))))
    };
    let (hour, later) = crate::clock::hours_around(run.began, 24 * 30);
    vec![
        bad("an unknown filter", list("region=a&status=pending&colour=red"), &[(400, "unknown_filter")]),
        bad("a filter without its index", list("status=pending"), &[(400, "unindexed_filter")]),
        bad("no filter at all", list("limit=5"), &[(400, "unindexed_filter")]),
        bad("a limit of nothing", list("region=a&status=pending&limit=0"), &[(400, "invalid_filter")]),
        bad("too high a limit", list("region=a&status=pending&limit=101"), &[(400, "invalid_filter")]),
        bad("a limit of letters", list("region=a&status=pending&limit=many"), &[(400, "invalid_filter")]),
        bad("an unknown status", list("region=a&status=lost"), &[(400, "invalid_filter")]),
        bad("a made-up cursor", list("region=a&status=pending&cursor=nonsense"), &[(400, "invalid_cursor")]),
        bad(
            "an id of the wrong make",
            desk("delivery-get", "/deliveries/dlv_1"),
            &[(404, "unknown"), (400, ""), (422, "")],
        ),
        bad(
            "an id of another kind",
            desk("delivery-get", &format!("/deliveries/{}", delivery.replacen("dlv", "stl", 1))),
            &[(404, "unknown"), (400, ""), (422, "")],
        ),
        bad(
            "a query nobody reads",
            desk("delivery-get", &format!("/deliveries/{delivery}?verbose=1")),
            &[(400, "unknown_filter")],
        ),
        bad(
            "an account of no kind",
            desk("account-get", "/accounts/slush.fund"),
            &[(404, "unknown"), (400, ""), (422, "")],
        ),
        bad(
            "a month of activity",
            desk("activity-get", &format!("/activity?from={hour}&to={later}")),
            &[(400, ""), (422, "invalid")],
        ),
        bad("activity of no time", desk("activity-get", "/activity?from=now&to=then"), &[(400, ""), (422, "invalid")]),
        bad("activity without a query", desk("activity-get", "/activity"), &[(400, ""), (422, "invalid")]),
    ]
}

/// Location batches that are no batches.
fn points(run: &Run, tokens: &Tokens, agent_id: &str) -> Vec<Bad> {
    let at = crate::clock::stamp(run.began);
    let point = |lat: Value| json!({"captured_at": at, "lat": lat, "lon": 73.8, "accuracy_metres": 8});
    let send = |points: Value| {
        Ask::post("location-record", &format!("/agents/{agent_id}/location"), &json!({"points": points}))
            .bearer(&tokens.agent)
    };
    let refused = &[(422, "invalid"), (400, "")];
    vec![
        bad("no points", send(json!([])), refused),
        bad("201 points", send(Value::Array(vec![point(json!(18.5)); 201])), refused),
        bad("a latitude of letters", send(json!([point(json!("north"))])), &[(400, "wrong_type")]),
        bad(
            "a point of no time",
            send(json!([{"lat": 18.5, "lon": 73.8, "accuracy_metres": 8}])),
            &[(400, "missing_field")],
        ),
    ]
}

fn collection(run: &Run, region: &str) -> Value {
    json!({
        "kind": "collection", "reference": run.next_key(), "region": region,
        "borrower": {"name": "Asha Kale", "phone": "+919800000001", "address": "1 Peth Road"},
        "amount": paise(100_000), "due": run.today.to_string(),
    })
}
