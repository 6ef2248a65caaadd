//! Refreshes on a line that drops: whatever is lost and however many ask at once, a phone stays logged in, and one
//! token has one successor.

use std::{collections::BTreeSet, io};

use crate::{
    caller::Caller,
    crew,
    findings::Rule,
    login::{self, Denied, Granted, Login},
    meter::Count,
    patchy,
    plan::{Exchange, Fate},
    run::Run,
    shapes::Session,
    wire::Ask,
};

/// Exchanges the phone's refresh token on whatever line there is; the phone keeps what it hears last, and that works.
pub(crate) fn renew(run: &Run, agent: &Caller, exchange: Exchange) {
    {
        let mut login = agent.login();
        login.settle();
        run.meter.refreshes.one();
        let heard = match exchange {
            Exchange::On(fate) => on_the_line(run, &mut login, fate),
            Exchange::AtOnce(copies) => at_once(run, &login, copies),
        };
        take(run, agent, &mut login, exchange, heard);
    }
    must_work(run, agent);
}

/// One after the other, as the line lets them through; each try is signed anew.
fn on_the_line(run: &Run, login: &mut Login, fate: Fate) -> Vec<Result<Granted, Denied>> {
    let (wire, meter) = (&run.wire, &run.meter);
    let ask = login.exchange(&wire.base);
    match fate {
        Fate::Clean | Fate::Twice | Fate::Together => {}
        Fate::Unsent => meter.lost_before.one(),
        Fate::Half => count(run, &patchy::half(wire, &ask), &[&meter.lost_before]),
        Fate::Unheard => count(run, &patchy::unheard(wire, &ask), &[&meter.lost_after, &meter.refreshes_lost]),
        Fate::Unread => count(run, &patchy::unread(wire, &ask), &[&meter.lost_after, &meter.refreshes_lost]),
    }
    let times = if matches!(fate, Fate::Twice | Fate::Together) { 2 } else { 1 };
    let heard = (0..times).map(|_| login::grant(wire, &login.exchange(&wire.base))).collect();
    if fate == Fate::Unheard {
        login.was_unheard();
    }
    heard
}

/// What the line did, unless it broke by itself.
fn count<T>(run: &Run, done: &io::Result<T>, counts: &[&Count]) {
    match done {
        Ok(_) => counts.iter().for_each(|count| count.one()),
        Err(_) => run.meter.breaks.one(),
    }
}

/// Many at the same moment.
fn at_once(run: &Run, login: &Login, copies: usize) -> Vec<Result<Granted, Denied>> {
    let asks: Vec<Ask> = (0..copies).map(|_| login.exchange(&run.wire.base)).collect();
    crew::each(u32::try_from(copies).unwrap_or(1), &asks, |ask| login::grant(&run.wire, ask))
}

/// What was heard for one token must be one successor, for the same agent on the same phone.
fn take(run: &Run, agent: &Caller, login: &mut Login, exchange: Exchange, heard: Vec<Result<Granted, Denied>>) {
    let wrong = |what: &str| run.findings.add(Rule::V15, &agent.username, what);
    let used = login.held().refresh.clone();
    let (granted, denied): (Vec<_>, Vec<_>) = heard.into_iter().partition(Result::is_ok);
    let granted: Vec<Granted> = granted.into_iter().flatten().collect();
    let denied: Vec<Denied> = denied.into_iter().filter_map(Result::err).collect();
    let successors: BTreeSet<&str> = granted.iter().filter_map(|granted| granted.refresh.as_deref()).collect();
    if successors.len() > 1 {
        wrong(&format!("one refresh token got {} successors ({exchange:?})", successors.len()));
    }
    if granted.iter().any(|granted| granted.refresh.is_none() || granted.refresh == used) {
        wrong(&format!("a refresh token was not exchanged for a new one ({exchange:?})"));
    }
    let same_phone = |granted: &Granted| granted.device_id == login.held().device_id;
    if !granted.iter().all(|granted| agent.is(&granted.who) && same_phone(granted)) {
        wrong("a refresh gave tokens of somebody else, or of another phone");
    }
    if matches!(exchange, Exchange::AtOnce(_)) {
        run.meter.refreshes_at_once.one();
        if successors.len() == 1 && denied.is_empty() {
            run.meter.one_successor.one();
        }
    }
    // Any of them may have a twin under way, not only the one that is kept.
    if granted.iter().any(|granted| granted.broke_before) || denied.iter().any(Denied::may_have_been_granted) {
        login.was_unheard();
    }
    match (granted.into_iter().next_back(), denied.first()) {
        (Some(last), None) => login.keep(last),
        (Some(last), Some(denied)) => {
            wrong(&format!("of refreshes with one token some are granted and one is not: {denied} ({exchange:?})"));
            login.keep(last);
        }
        (None, Some(denied)) => login.was_ended(&run.wire, &agent.username, denied),
        (None, None) => {}
    }
}

/// The newest access token is good, for the same agent on the same phone.
fn must_work(run: &Run, caller: &Caller) {
    let (access, device_id) = {
        let login = caller.login();
        (login.held().access.clone(), login.held().device_id.clone())
    };
    let Ok(heard) = run.wire.patiently(&Ask::get("session-get", "/auth/session").bearer(&access)) else {
        return run.findings.add(Rule::V1, &caller.username, "session-get: no answer");
    };
    match (heard.answer.status, heard.answer.read::<Session>()) {
        (200, Ok(session)) if caller.is(&session.principal) && session.device_id == device_id => {}
        (200, Ok(_)) => run.findings.add(Rule::V15, &caller.username, "a token says it is for somebody else"),
        (200, Err(wrong)) => run.findings.add(Rule::Api, "session-get", &format!("unexpected shape: {wrong}")),
        _ => {
            let what = format!("a token fresh from a refresh is answered {}", heard.answer.brief());
            run.findings.add(Rule::V15, &caller.username, &what);
        }
    }
}

/// In the evening everybody is still logged in.
pub(crate) fn must_still_be_in(run: &Run, everybody: &[&Caller]) {
    crew::each(run.options.concurrency, everybody, |caller| {
        let is_in = caller.login().renew(&run.wire, &caller.username);
        if is_in {
            must_work(run, caller);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        double::{Double, Reply},
        enrol,
        login::Means,
        phone::{Phone, nonce_of, tests::read},
    };

    /// What a server does with refresh tokens, which are numbers here.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Server {
        /// The one before the latest gives the latest again.
        Right,
        /// Each use gives another one.
        Forgetful,
        /// The one before the latest ends the login.
        Strict,
    }

    fn token(refresh: u64) -> Reply {
        let token = json!({
            "access_token": format!("access-{refresh}"), "expires_in": 600, "refresh_token": refresh.to_string(),
            "device_id": "dev_1", "principal": {"operator": "pennco", "role": "agent", "subject": "agt_1"},
        });
        Reply::json(200, &token.to_string())
    }

    fn serving(server: Server) -> Double {
        let latest = Mutex::new(1_u64);
        Double::answering(move |request, _| {
            if request.head.contains("/auth/session ") {
                let session = json!({
                    "principal": {"operator": "pennco", "role": "agent", "subject": "agt_1"}, "device_id": "dev_1",
                });
                return Reply::json(200, &session.to_string());
            }
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let used = body["refresh_token"].as_str().unwrap_or("1").to_owned();
            let proven = request.header("dpop").and_then(read).is_some_and(|(claims, _)| {
                claims["nonce"] == nonce_of(&used) && claims["htu"].as_str().unwrap().ends_with("/api/v1/auth/token")
            });
            if !proven {
                return Reply::problem(401, "proof_required");
            }
            let used: u64 = used.parse().unwrap();
            let mut latest = latest.lock().unwrap_or_else(PoisonError::into_inner);
            if used == *latest || server == Server::Forgetful {
                *latest += 1;
                token(*latest)
            } else if used + 1 == *latest && server == Server::Right {
                token(*latest)
            } else {
                Reply::problem(401, "invalid_credentials")
            }
        })
    }

    fn agent(run: &Run) -> Caller {
        let means = enrol::means(run, Phone::new("phone").unwrap().into());
        assert!(matches!(means, Means::Phone { .. }));
        let first = Double::answering(|_, _| token(1));
        let granted = login::grant(&Run::towards(&first.url()).wire, &login::by_password("a@pennco", "p")).unwrap();
        Caller::new("+919800000001@pennco", means, granted)
    }

    const EVERY: [Exchange; 8] = [
        Exchange::On(Fate::Clean),
        Exchange::On(Fate::Twice),
        Exchange::On(Fate::Unsent),
        Exchange::On(Fate::Half),
        Exchange::On(Fate::Unread),
        Exchange::AtOnce(2),
        Exchange::AtOnce(16),
        Exchange::On(Fate::Unheard),
    ];

    #[test]
    fn whatever_the_line_does_the_phone_stays_logged_in() {
        let double = serving(Server::Right);
        let run = Run::towards(&double.url());
        let agent = agent(&run);
        for exchange in EVERY {
            renew(&run, &agent, exchange);
            assert_eq!(run.findings.violations(), [], "{exchange:?}");
        }
        let meter = &run.meter;
        assert_eq!((meter.refreshes.get(), meter.refreshes_lost.get()), (8, 2));
        assert_eq!((meter.refreshes_at_once.get(), meter.one_successor.get()), (2, 2));
        assert_eq!(meter.logged_out.get(), 0);
    }

    #[test]
    fn a_token_with_several_successors_is_found_out() {
        for exchange in [Exchange::On(Fate::Twice), Exchange::AtOnce(2), Exchange::AtOnce(16)] {
            let double = serving(Server::Forgetful);
            let run = Run::towards(&double.url());
            renew(&run, &agent(&run), exchange);
            let told = run.findings.violations();
            assert!(told.iter().any(|(rule, what)| *rule == Rule::V15 && what.contains("successors")), "{told:?}");
            assert_eq!(run.meter.one_successor.get(), 0);
        }
    }

    #[test]
    fn a_phone_that_a_lost_answer_logs_out_is_counted() {
        let double = serving(Server::Strict);
        let run = Run::towards(&double.url());
        renew(&run, &agent(&run), Exchange::On(Fate::Unread));
        assert_eq!(run.meter.logged_out.get(), 1);
        let told = run.findings.violations();
        assert!(told.iter().any(|(rule, what)| *rule == Rule::V15 && what.contains("logged out wrongly")), "{told:?}");
    }
}
