//! Every code that an answer can carry is explained, and every explained code can be carried.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Failed, Flaw, Refusal,
    problem::{Problem, retry_after_seconds},
};

use crate::{
    nothing,
    repository::{quoted, read, rust_files, table, template},
    source::{literal, names_behind, production},
};

/// What a page says of a code.
type Said = (u16, bool);

/// Every failure that is not a flaw, one of each.
fn samples() -> Vec<Failed> {
    let text = String::new;
    let transfer = || domain::TransferId::mint(domain::Timestamp::EPOCH, &[]);
    let mut samples: Vec<Failed> = [
        Refusal::IllegalTransition { status: text(), legal_moves: vec![] },
        Refusal::AlreadyExists { existing_id: text() },
        Refusal::InsufficientCash,
        Refusal::CashCapExceeded,
        Refusal::InsufficientFunds,
        Refusal::Exists { transfer_id: transfer() },
        Refusal::ExistsWithDifferentKind { transfer_id: transfer() },
        Refusal::ExistsWithDifferentAccounts { transfer_id: transfer() },
        Refusal::ExistsWithDifferentAmount { transfer_id: transfer() },
        Refusal::ExistsWithDifferentEffectiveAt { transfer_id: transfer() },
        Refusal::ExistsWithDifferentReason { transfer_id: transfer() },
        Refusal::ReversalOfReversal,
        Refusal::NotReversible { kind: text() },
        Refusal::AlreadyReversed { by: transfer() },
        Refusal::PeriodClosed { last_closed: text(), closed_until: text() },
        Refusal::AccountClosed { account_id: text() },
        Refusal::AccountNotEmpty { account_id: text() },
        Refusal::AccountNotClosable { account_id: text() },
        Refusal::ReservedForDelivery { delivery_id: text() },
        Refusal::ReservationExpired { expires_at: text() },
        Refusal::AmountExceedsReserved { reserved_minor: 0, currency: text() },
        Refusal::BankLineAlreadyMatched { existing_id: text() },
        Refusal::TransferAlreadyMatched { existing_id: text() },
        Refusal::LineAlreadyMatched { line: 0 },
        Refusal::LineRepeated { line: 0 },
        Refusal::LineNotMatched { line: 0 },
        Refusal::PaidByStatement { payout_id: text() },
        Refusal::PartnerStatement { partner_id: text() },
        Refusal::TooManyMembers { most: 0 },
        Refusal::CurrencyMixed { currencies: vec![] },
        Refusal::WrongDirection { line: 0 },
        Refusal::DifferenceNotStated { difference_minor: 0, currency: text() },
        Refusal::BusinessDayClosed { last_closed: text() },
        Refusal::BusinessDayOpen { today: text() },
        Refusal::BusinessDayTooEarly { earliest: text() },
        Refusal::NotABusinessDay { day: text(), name: text(), next_business_day: text() },
        Refusal::NothingOwed,
        Refusal::SettlementBuilding,
        Refusal::AlreadyAcknowledged { outcome: text(), by: text() },
        Refusal::PayoutOutstanding { existing_id: text(), payout_status: text() },
        Refusal::AmountDiffers { expected_minor: 0, currency: text() },
        Refusal::AmountExceedsDue { due_minor: 0, currency: text() },
        Refusal::AgentNotInRegion { region: text() },
        Refusal::ApprovalPending { approval_id: text() },
        Refusal::OwnApproval,
        Refusal::FreshLogin,
        Refusal::AlreadyDecided,
        Refusal::ApprovalExpired { expires_at: text() },
        Refusal::OwnRights,
        Refusal::LastAdmin,
        Refusal::LoginTaken,
        Refusal::TicketSpent,
        Refusal::TotpEnrolled,
        Refusal::TotpMismatch,
    ]
    .into_iter()
    .map(Failed::from)
    .collect();
    samples.extend([
        Failed::Invalid(vec![]),
        Failed::Unauthenticated { code: "unauthenticated" },
        Failed::Unauthenticated { code: "invalid_credentials" },
        Failed::Unauthenticated { code: "totp_required" },
        Failed::Unauthenticated { code: "proof_required" },
        Failed::Forbidden,
        Failed::Unknown,
        Failed::TooLarge { limit_bytes: 0 },
        Failed::UnsupportedMediaType,
        Failed::KeyReused { pointers: vec![] },
        Failed::Moved,
        Failed::InProgress,
        Failed::OutOfScope { scope: text() },
        Failed::CrossSite,
        Failed::VersionNotNamed,
        Failed::VersionPassed,
        Failed::Limited(domain::throttle::Allowance::default()),
        Failed::Later("".into()),
        Failed::fault(""),
    ]);
    samples
}

/// Codes of flaws, wherever one is made.
fn flaw_codes() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for path in rust_files(&["shared/domain/src", "shared/store/src", "shared/edge/src"]) {
        let source = production(&path);
        let second = source.calls("Flaw::new").into_iter().filter_map(|arguments| arguments.into_iter().nth(1));
        codes.extend(second.filter_map(|code| literal(&code).map(str::to_owned)));
        // The HTTP door has a shorthand of its own for the key's header.
        let first = source.calls("flaw").into_iter().filter_map(|arguments| arguments.into_iter().next());
        codes.extend(first.filter_map(|code| literal(&code).map(str::to_owned)));
    }
    // A batch of which no point is kept is refused with the verdicts for codes.
    let track = production("shared/domain/src/track.rs");
    codes.extend(track.code.lines().filter(|line| line.contains("Self::")).filter_map(worded));
    codes.insert("duplicate".to_owned());
    // A statement of which no line is kept is refused with the flaws of its lines.
    let statement = production("shared/domain/src/statement.rs");
    codes.extend(statement.code.lines().filter(|line| line.contains("Self::")).filter_map(worded));
    codes
}

/// The word of an arm such as `Self::Future => "future",`.
fn worded(line: &str) -> Option<String> {
    let words = line.split_once("=> \"")?.1.split_once('"')?.0;
    Some(words.to_owned())
}

/// Codes of `docs/FAILURES.md` that name a problem, with status and whether the answer is kept.
fn explained_problems() -> BTreeMap<String, Said> {
    let page = read("docs/FAILURES.md");
    let rows = table(&page, &["code", "status", "class", "kept"]);
    rows.iter().flat_map(|row| codes_with(&row[0], &row[1], &row[3])).collect()
}

fn codes_with(codes: &str, status: &str, kept: &str) -> Vec<(String, Said)> {
    let said = (status.parse().unwrap_or_else(|_| panic!("`{status}` is no status")), kept == "yes");
    quoted(codes).into_iter().map(|code| (code.to_owned(), said)).collect()
}

/// Codes of `docs/FAILURES.md` that stand in `errors[]` alone.
fn explained_flaws() -> BTreeSet<String> {
    let page = read("docs/FAILURES.md");
    table(&page, &["code in `errors[]`"]).iter().flat_map(|row| quoted(&row[0])).map(str::to_owned).collect()
}

#[test]
fn every_problem_is_explained_with_its_status_and_whether_it_is_kept() {
    let explained = explained_problems();
    let mut findings = vec![];
    for failed in samples() {
        let problem = Problem::of(&failed, "", "");
        let kept = matches!(failed, Failed::Refused(_));
        match explained.get(&problem.code) {
            Some(said) if *said == (problem.status, kept) => {}
            said => findings.push(format!(
                "docs/FAILURES.md must say of `{}`: {}, kept {}; it says {said:?}",
                problem.code,
                problem.status,
                if kept { "yes" } else { "no" }
            )),
        }
    }
    nothing(&findings);
}

#[test]
fn every_failure_class_and_every_refusal_was_asked() {
    let refusals = production("shared/domain/src/refusal.rs");
    let refusals: BTreeSet<String> = refusals.code.lines().filter_map(worded).collect();
    let asked: BTreeSet<String> = samples().iter().map(|failed| Problem::of(failed, "", "").code).collect();
    let missing: Vec<_> = refusals.difference(&asked).collect();
    assert!(missing.is_empty(), "tests/tidy asks for no sample of {missing:?}: add it to `samples`");
    let classes = production("shared/domain/src/problem.rs");
    let page = read("docs/FAILURES.md");
    let named: BTreeSet<&str> = quoted(&page).into_iter().collect();
    let classes: BTreeSet<&str> = names_behind(&classes.code, "Failed::")
        .into_iter()
        .filter(|name| name.starts_with(char::is_uppercase))
        .collect();
    let findings: Vec<String> = classes
        .into_iter()
        .filter(|class| !named.contains(class))
        .map(|class| format!("docs/FAILURES.md does not say what becomes of the class `{class}`"))
        .collect();
    nothing(&findings);
}

#[test]
fn every_code_in_errors_is_explained_and_no_other() {
    let problems = explained_problems();
    let flaws = explained_flaws();
    let made = flaw_codes();
    let explained = |code: &String| problems.contains_key(code) || flaws.contains(code);
    let mut findings: Vec<String> = made
        .iter()
        .filter(|code| !explained(code))
        .map(|code| format!("docs/FAILURES.md does not explain `{code}`, which the code puts into errors[]"))
        .collect();
    let asked: BTreeSet<String> = samples().iter().map(|failed| Problem::of(failed, "", "").code).collect();
    let carried = |code: &&String| made.contains(*code) || asked.contains(*code);
    findings.extend(
        problems
            .keys()
            .chain(&flaws)
            .filter(|code| !carried(code))
            .map(|code| format!("docs/FAILURES.md explains `{code}`, which nothing answers")),
    );
    nothing(&findings);
}

#[test]
fn a_malformed_request_is_400_and_is_named_by_its_first_flaw() {
    let mut findings = vec![];
    for (code, said) in explained_problems().iter().filter(|(_, said)| said.0 == 400) {
        let code: &'static str = code.clone().leak();
        let problem = Problem::of(&Failed::malformed(Flaw::new("", code, "")), "", "");
        if (problem.status, false) != *said || problem.code != code {
            findings.push(format!("docs/FAILURES.md says {said:?} of `{code}`, and it is {}", problem.status));
        }
    }
    nothing(&findings);
}

#[test]
fn the_page_of_the_api_and_the_page_of_failures_say_the_same() {
    let page = read("docs/API.md");
    let rows = table(&page, &["status", "code", "when", "kept"]);
    let promised: BTreeMap<String, Said> = rows.iter().flat_map(|row| codes_with(&row[1], &row[0], &row[3])).collect();
    let explained = explained_problems();
    let mut findings = vec![];
    for code in explained.keys().chain(promised.keys()).collect::<BTreeSet<_>>() {
        if promised.get(code) != explained.get(code) {
            let (api, failures) = (promised.get(code), explained.get(code));
            findings.push(format!("`{code}`: docs/API.md says {api:?}, docs/FAILURES.md {failures:?}"));
        }
    }
    nothing(&findings);
}

#[test]
fn what_the_page_calls_retryable_is_what_a_client_is_told() {
    let page = read("docs/FAILURES.md");
    let rows = table(&page, &["code", "status", "class", "kept", "again"]);
    let said = |code: &str| rows.iter().find(|row| quoted(&row[0]).contains(&code)).map(|row| row[4].clone());
    let mut findings = vec![];
    for failed in samples() {
        let problem = Problem::of(&failed, "", "");
        let again = match (problem.retryable, retry_after_seconds(&failed)) {
            (true, Some(_)) => "after `Retry-After`",
            (true, None) => "yes",
            (false, _) => "no",
        };
        if said(&problem.code).as_deref() != Some(again) {
            findings.push(format!("docs/FAILURES.md: `again` of `{}` must be: {again}", problem.code));
        }
    }
    nothing(&findings);
}

#[test]
fn the_gateways_own_answers_are_problems_of_the_same_codes() {
    let responses = template("infra/gateway-responses.yml");
    let explained = explained_problems();
    let mut findings = vec![];
    for (kind, response) in crate::repository::members(&responses) {
        let text = response["ResponseTemplates"]["application/json"].as_str().unwrap_or_default();
        let text = text.replace("$context.requestId", "id");
        let Ok(problem) = serde_json::from_str::<serde_json::Value>(&text) else {
            findings.push(format!("{kind} in infra/gateway-responses.yml is not JSON"));
            continue;
        };
        let status: u16 = response["StatusCode"].as_str().and_then(|status| status.parse().ok()).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default();
        let same_kind = problem["type"] == format!("https://milepost.dev/problems/{code}").as_str();
        if problem["status"] != status || explained.get(code).map(|said| said.0) != Some(status) || !same_kind {
            findings
                .push(format!("{kind} in infra/gateway-responses.yml: status, code and type do not belong together"));
        }
    }
    nothing(&findings);
}
