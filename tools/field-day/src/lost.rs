//! Phones that are lost and tokens that are copied: the desk revokes the one, the other betray themselves, and neither
//! lets anybody in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    caller::Caller,
    clock, command, crew,
    enrol::{self, Hands},
    findings::Rule,
    login::{self, Login},
    phone::Phone,
    plan::{Fate, Plan},
    run::Run,
    shapes::Device,
    team::{House, Team},
    wire::Ask,
};

/// A revocation must be everywhere by then.
const REVOKED_EVERYWHERE: Duration = Duration::from_secs(60);

/// An access token that must soon be refused everywhere.
#[derive(Debug)]
pub(crate) struct Revoked {
    username: String,
    access: String,
    since: Instant,
    mistake: &'static str,
}

/// An agent loses the phone. What somebody can do with a copied token alone comes to nothing; the desk revokes the
/// phone, whose refresh is refused at once; and the agent gets another one.
pub(crate) fn lose(run: &Run, house: &House, agent: &Caller) -> Option<Revoked> {
    let username = agent.username.as_str();
    let device_id = agent.login().held().device_id.clone();
    let Some(device_id) = device_id else {
        run.findings.add(Rule::Api, username, "a login with a phone names no device_id");
        return None;
    };
    must_be_listed(run, house, agent, &device_id);
    {
        let login = agent.login();
        copied(run, username, &login);
    }
    agent.refresh(&run.wire);

    let path = format!("/devices/{device_id}/revoke");
    let told = command::send(run, &house.desk, "device-revoke", &path, &json!({}), Fate::Twice)?;
    let since = clock::tick();
    let revoked = told.answer.read::<Device>().is_ok_and(|device| device.status == "revoked");
    if told.answer.status != 200 || !revoked {
        run.findings.add(Rule::V1, username, &format!("device-revoke must be 200 revoked, is {}", told.answer.brief()));
        return None;
    }
    run.tally.event(&house.operator, "device.revoked");
    let mut login = agent.login();
    let found = login.exchange(&run.wire.base);
    login::must_be_refused(run, username, "a refresh on a revoked phone", &found, "invalid_credentials");
    let access = login.held().access.clone();

    match on_the_next_phone(run, username) {
        Ok(next) if next.held().device_id.as_deref() == Some(device_id.as_str()) => {
            run.findings.add(Rule::V15, username, "another phone is taken for the revoked one");
            *login = next;
        }
        Ok(next) => *login = next,
        Err(why) => run.findings.add(Rule::V1, username, &format!("cannot log in on another phone: {why}")),
    }
    Some(Revoked { username: username.to_owned(), access, since, mistake: "a token of a revoked phone" })
}

fn on_the_next_phone(run: &Run, username: &str) -> Result<Login, String> {
    let phone = Arc::new(Phone::new("The next phone").map_err(|stopped| stopped.to_string())?);
    let granted = enrol::let_in(run, username, &phone, Hands::Careful).map_err(|denied| denied.to_string())?;
    Ok(Login::new(enrol::means(run, phone), granted))
}

/// The desk sees the phone by the name that its owner gave it.
fn must_be_listed(run: &Run, house: &House, agent: &Caller, device_id: &str) {
    let path = format!("/devices?agent_id={}&limit=100", agent.who.subject);
    let listed: Vec<Device> = house.desk.list(run, "device-list", &path);
    let name = agent.login().phone().map(|phone| phone.name.clone()).unwrap_or_default();
    let is_it = |device: &&Device| device.device_id == device_id;
    match listed.iter().find(is_it) {
        Some(device) if (device.status.as_str(), device.name.as_str()) == ("active", name.as_str()) => {}
        Some(device) => {
            let what = format!("the desk sees the phone as {:?}, {}", device.name, device.status);
            run.findings.add(Rule::V1, &agent.username, &what);
        }
        None => run.findings.add(Rule::V1, &agent.username, "the desk does not see the phone"),
    }
}

/// A copy of the refresh token, without the phone and with a phone of another's.
fn copied(run: &Run, username: &str, login: &Login) {
    let Some(token) = login.held().refresh.as_deref() else { return };
    let bare = login::by_refresh(&run.wire.base, token, None);
    login::must_be_refused(run, username, "a copied refresh token without the phone", &bare, "proof_required");
    if let Ok(another) = Phone::new("another's phone") {
        let foreign = login::by_refresh(&run.wire.base, token, Some(&another));
        let mistake = "a copied refresh token on another phone";
        login::must_be_refused(run, username, mistake, &foreign, "invalid_credentials");
    }
}

/// In the evening a used-up refresh token comes back on each phone that was bought last: two have the login, so it
/// ends, and nobody works with it any more.
pub(crate) fn come_back(run: &Run, team: &Team, plan: &Plan) -> Vec<Revoked> {
    let losers: Vec<&Caller> = plan
        .officers
        .iter()
        .zip(&team.agents)
        .filter(|(officer, _)| officer.loses_phone)
        .map(|(_, agent)| agent)
        .collect();
    crew::each(run.options.concurrency, &losers, |agent| one_comes_back(run, agent)).into_iter().flatten().collect()
}

fn one_comes_back(run: &Run, agent: &Caller) -> Option<Revoked> {
    let (wire, username) = (&run.wire, agent.username.as_str());
    let mut login = agent.login();
    login.settle();
    let used_up = login.exchange(&wire.base);
    if !login.renew(wire, username) || !login.renew(wire, username) {
        return None;
    }
    let latest = login.exchange(&wire.base);
    let since = clock::tick();
    if login::must_be_refused(run, username, "a used-up refresh token", &used_up, "invalid_credentials") {
        run.tally.event(&agent.who.operator, "session.stolen");
    }
    login::must_be_refused(run, username, "the latest token of a stolen login", &latest, "invalid_credentials");
    let access = login.held().access.clone();
    Some(Revoked { username: username.to_owned(), access, since, mistake: "an access token of a stolen login" })
}

/// Waits until each token is refused, by a function that reads and by one that lists.
pub(crate) fn must_be_refused_everywhere(run: &Run, revoked: &[Revoked]) {
    crew::each(run.options.concurrency, revoked, |revoked| {
        let list = format!("/deliveries?due={}&limit=1", run.today);
        let all = [("session-get", "/auth/session"), ("delivery-list", list.as_str())].into_iter();
        let refused = all.map(|(endpoint, path)| until_refused(run, revoked, endpoint, path)).collect::<Vec<_>>();
        run.findings.refused(revoked.mistake, refused.into_iter().all(|refused| refused));
    });
}

fn until_refused(run: &Run, revoked: &Revoked, endpoint: &'static str, path: &str) -> bool {
    loop {
        // What is asked after the bound must be refused; before it, a function may not have heard yet.
        let is_due = revoked.since.elapsed() >= REVOKED_EVERYWHERE;
        let answer = run.wire.patiently(&Ask::get(endpoint, path).bearer(&revoked.access)).map(|heard| heard.answer);
        let told = match answer {
            Ok(answer) if (answer.status, answer.code().as_str()) == (401, "unauthenticated") => return true,
            Ok(answer) => answer.brief(),
            Err(broken) => broken.to_string(),
        };
        if is_due {
            let what = format!("{} must be refused by {endpoint} after 60 s, is {told}", revoked.mistake);
            run.findings.add(Rule::V15, &revoked.username, &what);
            return false;
        }
        clock::pause(1_000);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use serde_json::Value;

    use super::*;
    use crate::{
        double::{Double, Reply, Request},
        phone::{nonce_of, tests::read},
    };

    /// A server with one agent, whose phones are named by their keys.
    #[derive(Default)]
    struct Server {
        revoked: Option<String>,
        codes: usize,
        generation: u64,
        /// A revoked phone is as good as any other.
        is_careless: bool,
    }

    impl Server {
        fn running(self) -> Double {
            let server = Mutex::new(self);
            Double::answering(move |request, _| {
                server.lock().unwrap_or_else(PoisonError::into_inner).answer(request).unwrap_or_else(|code| {
                    let status = if code == "unauthenticated" || code == "unknown" { 404 } else { 401 };
                    Reply::problem(status, code)
                })
            })
        }

        fn answer(&mut self, request: &Request) -> Result<Reply, &'static str> {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let place = request.head.split(' ').nth(1).unwrap_or_default();
            if place.starts_with("/stage?phoneNumber") {
                let sms = vec![json!({"Message": "123456 is your Milepost code."}); self.codes];
                return Ok(Reply::json(200, &json!({"sms_messages": {"+919800000001": sms}}).to_string()));
            }
            match place.strip_prefix("/stage/api/v1").unwrap_or_default() {
                "/auth/otp" => {
                    self.codes += 1;
                    Ok(Reply::json(202, r#"{"challenge_id":"otp_1"}"#))
                }
                "/auth/token" => self.token(request, &body),
                path if path.starts_with("/devices?agent_id=agt_1") => {
                    let key = request.header("authorization").unwrap_or_default().to_owned();
                    assert_eq!(key, "Bearer desk", "the desk asks");
                    Ok(Reply::json(200, r#"{"items":[{"device_id":"first","name":"Phone","status":"active"}]}"#))
                }
                "/devices/first/revoke" => {
                    let again = self.revoked.replace("first".to_owned()).is_some();
                    let reply = Reply::json(200, r#"{"device_id":"first","name":"Phone","status":"revoked"}"#);
                    Ok(if again { reply.header("Idempotent-Replayed", "true") } else { reply })
                }
                _ => Err("unknown"),
            }
        }

        fn token(&mut self, request: &Request, body: &Value) -> Result<Reply, &'static str> {
            let refresh = body["refresh_token"].as_str().unwrap_or_default();
            let (claims, key) = request.header("dpop").and_then(read).ok_or("proof_required")?;
            let wanted = if refresh.is_empty() { "otp_1".to_owned() } else { nonce_of(refresh) };
            if claims["nonce"] != wanted.as_str() {
                return Err("proof_required");
            }
            let device = if refresh.is_empty() { key.clone() } else { refresh.split('.').next().unwrap().to_owned() };
            let is_first = refresh.starts_with("first");
            let is_foreign = refresh.split('.').nth(2).is_some_and(|bound| bound != key);
            if is_foreign || (is_first && self.revoked.is_some() && !self.is_careless) {
                return Err("invalid_credentials");
            }
            self.generation += 1;
            Ok(token(&device, self.generation, &key))
        }
    }

    fn token(device: &str, generation: u64, key: &str) -> Reply {
        let token = json!({
            "access_token": format!("access-{generation}"), "expires_in": 600, "device_id": device,
            "refresh_token": format!("{device}.{generation}.{key}"),
            "principal": {"operator": "pennco", "role": "agent", "subject": "agt_1", "regions": ["pune-north"]},
        });
        Reply::json(200, &token.to_string())
    }

    /// Somebody who got their tokens elsewhere.
    fn somebody(username: &str, means: Option<login::Means>, token: Reply) -> Caller {
        let door = Double::answering(move |_, _| token.clone());
        let granted = login::grant(&Run::towards(&door.url()).wire, &login::by_password(username, "p")).unwrap();
        Caller::new(username, means.unwrap_or(login::Means::Password("p".to_owned())), granted)
    }

    fn house() -> House {
        let desk = r#"{"access_token":"desk","expires_in":600,"refresh_token":"r",
            "principal":{"operator":"pennco","role":"staff","subject":"usr_1"}}"#;
        let person = || somebody("desk@pennco", None, Reply::json(200, desk));
        House {
            operator: "pennco".to_owned(),
            desk: person(),
            settlement: person(),
            admin: person(),
            partners: Vec::new(),
            regions: Vec::new(),
        }
    }

    fn agent_with_a_phone(run: &Run) -> Caller {
        let phone = Phone::new("Phone").unwrap();
        let (_, key) = read(&phone.proof("a", "b")).unwrap();
        let means = enrol::means(run, phone.into());
        somebody("+919800000001@pennco", Some(means), token("first", 1, &key))
    }

    #[test]
    fn a_lost_phone_lets_nobody_in_and_its_owner_goes_on_with_another() {
        let server = Server::default().running();
        let run = Run::with_inbox(&server.url(), &server.url());
        let agent = agent_with_a_phone(&run);
        let revoked = lose(&run, &house(), &agent).unwrap();
        assert_eq!(run.findings.violations(), []);
        assert_eq!(run.findings.refusals().len(), 3);
        assert!(run.findings.refusals().values().all(|planted| planted.refused == planted.planted));
        let next = agent.login().held().device_id.clone();
        assert!(next.is_some_and(|next| next != "first"));
        assert_ne!(revoked.access, agent.login().held().access);
        let counted = ["device.revoked", "device.enrolled", "otp.requested"].map(|event| run.tally.of("pennco", event));
        assert_eq!(counted, [1, 1, 1]);
    }

    #[test]
    fn a_server_that_refreshes_a_revoked_phone_is_found_out() {
        let server = Server { is_careless: true, ..Server::default() }.running();
        let run = Run::with_inbox(&server.url(), &server.url());
        lose(&run, &house(), &agent_with_a_phone(&run));
        let told = run.findings.violations();
        assert!(told.iter().any(|(rule, what)| *rule == Rule::V15 && what.contains("on a revoked phone")), "{told:?}");
    }

    fn revoked(since: Instant) -> Revoked {
        Revoked {
            username: "+919800000001@pennco".to_owned(),
            access: "a".to_owned(),
            since,
            mistake: "a token of a revoked phone",
        }
    }

    #[test]
    fn a_revoked_token_may_be_good_for_a_minute_and_no_longer() {
        let soon = Double::answering(|_, count| match count {
            0 => Reply::json(200, "{}"),
            _ => Reply::problem(401, "unauthenticated"),
        });
        let run = Run::towards(&soon.url());
        must_be_refused_everywhere(&run, &[revoked(clock::tick())]);
        assert_eq!(run.findings.violations(), []);

        let never = Double::answering(|_, _| Reply::json(200, "{}"));
        let run = Run::towards(&never.url());
        let long_ago = clock::tick().checked_sub(REVOKED_EVERYWHERE).unwrap();
        must_be_refused_everywhere(&run, &[revoked(long_ago)]);
        assert_eq!(run.findings.violations().len(), 2);
        assert_eq!(run.findings.refusals().values().map(|planted| planted.refused).sum::<u64>(), 0);
    }

    #[test]
    fn a_stolen_login_that_goes_on_is_found_out() {
        let server = Server { is_careless: true, ..Server::default() }.running();
        let run = Run::with_inbox(&server.url(), &server.url());
        one_comes_back(&run, &agent_with_a_phone(&run)).unwrap();
        let told = run.findings.violations();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|(rule, _)| *rule == Rule::V15), "{told:?}");
        assert_eq!(run.tally.of("pennco", "session.stolen"), 0);
    }
}
