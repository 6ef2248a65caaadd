//! Steps of logging in, each through its door: how tests get a phone, a cookie or a program's token.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use domain::access::{
    AGENT_LIST, CLIENT_CREATE, OTP_REQUEST, PASSWORD_RESET, PASSWORD_SET, SESSION_CREATE, SESSION_GET, TOKEN_ISSUE,
    TOTP_CONFIRM, TOTP_ENROL, USER_CREATE, USER_GET, USER_UPDATE,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{NOW_MILLIS, Office, Operation, PASSWORD, Person, RECORDS, Reply, RestRequest, World, asks};

use crate::{
    door::call,
    steps::{command, relay, waiting, work_off},
};

/// An agent's phone: a key that never leaves it.
pub(crate) enum Phone {
    /// A recent one.
    Ed25519(Ed25519KeyPair),
    /// Any other.
    P256(EcdsaKeyPair),
}

impl Phone {
    /// A phone whose key comes from a number.
    pub(crate) fn new(number: u8) -> Self {
        Self::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap())
    }

    /// A phone whose hardware has P-256 alone.
    pub(crate) fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// What it signs with.
    pub(crate) fn alg(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "EdDSA",
            Self::P256(_) => "ES256",
        }
    }

    /// Its public key.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match self {
            Self::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) }),
            Self::P256(pair) => {
                // An uncompressed point: a four, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
        }
    }

    /// A proof with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let head = format!("{}.{}", part(header), part(claims));
        let signature = match self {
            Self::Ed25519(pair) => BASE64URL_NOPAD.encode(pair.sign(head.as_bytes()).as_ref()),
            Self::P256(pair) => {
                BASE64URL_NOPAD.encode(pair.sign(&SystemRandom::new(), head.as_bytes()).unwrap().as_ref())
            }
        };
        format!("{head}.{signature}")
    }

    /// The header of its proofs.
    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() })
    }

    /// A proof for the token endpoint with this nonce.
    pub(crate) fn proof(&self, nonce: &str) -> String {
        self.sign(&self.header(), &proven(nonce))
    }

    /// A request for the next tokens of a login that this phone has.
    pub(crate) fn refreshes(&self, refresh_token: &str) -> RestRequest {
        let nonce = BASE64URL_NOPAD.encode(&Sha256::digest(refresh_token.as_bytes()));
        asks(&TOKEN_ISSUE).header("DPoP", &self.proof(&nonce)).json(&refresh(refresh_token))
    }
}

/// What a proof for the token endpoint says.
pub(crate) fn proven(nonce: &str) -> Value {
    let htu = format!("https://milepost.example/local{}", TOKEN_ISSUE.template);
    // The phone's clock is hours off, as phones' clocks are.
    json!({ "htm": "POST", "htu": htu, "iat": 1_700_000_000, "jti": nonce, "nonce": nonce })
}

/// A request's body for the next tokens.
pub(crate) fn refresh(refresh_token: &str) -> Value {
    json!({ "grant_type": "refresh_token", "refresh_token": refresh_token })
}

/// A request's body for a name and a password.
pub(crate) fn password(username: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "username": username, "password": password })
}

/// So many seconds from now, as a request's time of arrival.
pub(crate) fn moment(seconds: i64) -> i64 {
    NOW_MILLIS + seconds * 1000
}

/// Asks the token endpoint, so many seconds from now.
pub(crate) async fn ask(world: &World, seconds: i64, body: &Value) -> Reply {
    call(world, &TOKEN_ISSUE, &asks(&TOKEN_ISSUE).json(body).at(moment(seconds))).await
}

/// Logs somebody in with [`PASSWORD`], so many seconds from now.
pub(crate) async fn login(world: &World, seconds: i64, username: &str) -> Reply {
    let tokens = ask(world, seconds, &password(username, PASSWORD)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    tokens
}

/// Whether this token opens a door to its holder, so many seconds from now: the status of `session-get`.
pub(crate) async fn opens(world: &World, seconds: i64, tokens: &Reply) -> u16 {
    let bearer = format!("Bearer {}", tokens.text("/access_token"));
    let request = asks(&SESSION_GET).header("Authorization", &bearer).at(moment(seconds));
    call(world, &SESSION_GET, &request).await.status
}

/// Whether a request with this cookie is let in, so many seconds from now: the status of `session-get`.
pub(crate) async fn cookie_opens(world: &World, seconds: i64, cookie: &str) -> u16 {
    call(world, &SESSION_GET, &asks(&SESSION_GET).header("Cookie", cookie).at(moment(seconds))).await.status
}

/// The desk's list of agents with this token, so many seconds from now.
pub(crate) async fn agents_as(world: &World, seconds: i64, tokens: &Reply) -> Reply {
    let bearer = format!("Bearer {}", tokens.text("/access_token"));
    let request = asks(&AGENT_LIST).query("region", "pune-north").header("Authorization", &bearer);
    call(world, &AGENT_LIST, &request.at(moment(seconds))).await
}

/// An answer's body but for the id of its request: what must not differ.
pub(crate) fn bytes(reply: &Reply) -> (u16, String, Vec<String>) {
    let body = reply.body.replace(reply.text("/request_id"), "");
    (reply.status, body, reply.headers.keys().cloned().collect())
}

/// What a call asked of the table: each operation, and how often.
pub(crate) fn asked_of_the_table(world: &World) -> Vec<(Operation, u64)> {
    let calls = world.table.calls();
    calls.operations().map(|(operation, usage)| (operation, usage.count)).collect()
}

/// The events of every commit: what happened, and to whom.
pub(crate) fn events(world: &World) -> Vec<(String, String)> {
    let commits = world.table.items(RECORDS).into_iter().filter(|item| item["sk"]["S"] == "commit");
    let reports = commits.filter_map(|item| item["events"]["S"].as_str().map(str::to_owned));
    let reports = reports.flat_map(|text| serde_json::from_str::<Vec<Value>>(&text).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    reports.map(|report| (text(&report["type"]), text(&report["subject"]))).collect()
}

/// To whom something happened.
pub(crate) fn happened(world: &World, event: &str) -> Vec<String> {
    let found = events(world).into_iter().filter(|(happened, _)| happened == event);
    found.map(|(_, subject)| subject).collect()
}

/// Sends the messages that wait, as `message-send` does.
pub(crate) async fn deliver(world: &World) {
    relay(world).await;
    let messages = world.messages();
    let waiting = waiting(world, "message");
    let failed = work_off("message", &waiting, async |message| message_send::handle(&messages, message).await).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// Asks for a code and reads the SMS: the challenge and the code.
pub(crate) async fn code_for(world: &World, username: &str) -> (String, String) {
    code_at(world, 0, username).await
}

/// The same, so many seconds from now.
pub(crate) async fn code_at(world: &World, seconds: i64, username: &str) -> (String, String) {
    let before = world.post.sms();
    let asked = wish_for_code(world, seconds, username).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    deliver(world).await;
    // Everything that waited before was sent once more.
    let sms = world.post.sms().into_iter().find(|sms| !before.contains(sms)).unwrap();
    (asked.text("/challenge_id").to_owned(), sms.text[..6].to_owned())
}

/// Asks for a code, so many seconds from now.
pub(crate) async fn wish_for_code(world: &World, seconds: i64, username: &str) -> Reply {
    let request = asks(&OTP_REQUEST).json(&json!({ "username": username }));
    call(world, &OTP_REQUEST, &request.at(moment(seconds))).await
}

/// What a phone sends with a code.
pub(crate) fn with_code(phone: &Phone, username: &str, challenge_id: &str, code: &str) -> RestRequest {
    let body = json!({ "grant_type": "otp", "username": username, "challenge_id": challenge_id, "code": code,
                       "device_name": "a phone" });
    asks(&TOKEN_ISSUE).header("DPoP", &phone.proof(challenge_id)).json(&body)
}

/// Logs the first agent in with a phone: the answer of the token endpoint.
pub(crate) async fn phone_login(world: &World, office: &Office, phone: &Phone) -> Reply {
    let username = format!("+919800000001@{}", office.operator);
    let (challenge_id, code) = code_for(world, &username).await;
    let tokens = call(world, &TOKEN_ISSUE, &with_code(phone, &username, &challenge_id, &code)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    tokens
}

/// Somebody with the access token of an answer.
pub(crate) fn holder(person: &Person, tokens: &Reply) -> Person {
    Person { token: tokens.text("/access_token").to_owned(), ..person.clone() }
}

/// A login of the console: what the browser sends back, and the CSRF token.
pub(crate) async fn console(world: &World, username: &str) -> (String, String) {
    console_at(world, 0, username).await
}

/// The same, so many seconds from now.
pub(crate) async fn console_at(world: &World, seconds: i64, username: &str) -> (String, String) {
    let body = json!({ "username": username, "password": PASSWORD });
    let opened = call(world, &SESSION_CREATE, &asks(&SESSION_CREATE).json(&body).at(moment(seconds))).await;
    assert_eq!(opened.status, 201, "{opened:?}");
    let cookie = opened.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    (cookie, opened.text("/csrf_token").to_owned())
}

/// A program of the first lender with these scopes: its id and its secret.
pub(crate) async fn program(world: &World, office: &Office, scopes: &[&str]) -> (String, String) {
    let body = json!({ "name": "Core banking", "role": "partner", "partner_id": "bfil", "scopes": scopes });
    let made = call(world, &CLIENT_CREATE, &command(&office.admin, &CLIENT_CREATE, "program", &body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    (made.text("/client/oauth_client_id").to_owned(), made.text("/client_secret").to_owned())
}

/// A request's body for a program's token.
pub(crate) fn client_credentials(id: &str, secret: &str) -> Value {
    json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": secret })
}

/// The code that an authenticator app with this secret shows at a moment.
pub(crate) fn totp_code(secret: &str, at: domain::Timestamp) -> String {
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let totp = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 0, 30, secret).unwrap();
    totp.generate(u64::try_from(at.as_seconds()).unwrap())
}

/// Who logs in as this, as an admin sees them.
pub(crate) async fn user(world: &World, office: &Office, user_id: &str) -> Reply {
    let shown = call(world, &USER_GET, &office.admin.asks(&USER_GET).path("user_id", user_id)).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    shown
}

/// A change of somebody by the admin, so many seconds from now, at the version that is there.
pub(crate) async fn change(world: &World, office: &Office, seconds: i64, user_id: &str, change: &Value) -> Reply {
    let version = user(world, office, user_id).await.header("etag").unwrap().to_owned();
    let key = format!("change-{user_id}-{seconds}-{version}").replace('"', "");
    let request = command(&office.admin, &USER_UPDATE, &key, change).path("user_id", user_id);
    call(world, &USER_UPDATE, &request.header("If-Match", &version).at(moment(seconds))).await
}

/// Takes somebody on.
pub(crate) async fn take_on(world: &World, office: &Office, key: &str, body: &Value) -> Reply {
    let taken = call(world, &USER_CREATE, &command(&office.admin, &USER_CREATE, key, body)).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    taken
}

/// A clerk of the settlement desk to be taken on.
pub(crate) fn clerk(login: &str) -> Value {
    json!({ "login": login, "name": "A clerk", "email": format!("{login}@pennco.example"), "role": "settlement" })
}

/// An agent to be taken on.
pub(crate) fn new_agent(phone: &str) -> Value {
    json!({ "name": "Meena", "phone": phone, "role": "agent", "regions": ["pune-north"],
            "cash_cap": { "amount_minor": 10_000_000, "currency": "INR" } })
}

/// Asks for a ticket, so many seconds from now.
pub(crate) async fn wish_for_ticket(world: &World, seconds: i64, username: &str) -> Reply {
    let request = asks(&PASSWORD_RESET).json(&json!({ "username": username }));
    call(world, &PASSWORD_RESET, &request.at(moment(seconds))).await
}

/// Asks for a ticket and reads the mail.
pub(crate) async fn ticket_for(world: &World, username: &str) -> String {
    let before = world.post.mail();
    assert_eq!(wish_for_ticket(world, 0, username).await.status, 202);
    deliver(world).await;
    let mail = world.post.mail().into_iter().find(|mail| !before.contains(mail)).unwrap();
    ticket_in(&mail.text)
}

/// The ticket that stands in a mail, on a line of its own.
pub(crate) fn ticket_in(mail: &str) -> String {
    mail.split("\n\n").nth(2).unwrap().to_owned()
}

/// Sets a password with a ticket, so many seconds from now.
pub(crate) async fn set_password(world: &World, seconds: i64, ticket: &str, password: &str) -> Reply {
    let request = asks(&PASSWORD_SET).json(&json!({ "ticket": ticket, "password": password }));
    call(world, &PASSWORD_SET, &request.at(moment(seconds))).await
}

/// The six digits that an authenticator app shows for a secret, so many seconds from now.
pub(crate) fn totp_at(secret: &str, seconds: i64) -> String {
    totp_code(secret, domain::Timestamp::from_millis(moment(seconds)))
}

/// Asks for a second factor: its secret.
pub(crate) async fn enrol(world: &World, person: &Person) -> String {
    let shown = call(world, &TOTP_ENROL, &person.asks(&TOTP_ENROL)).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    shown.text("/secret").to_owned()
}

/// Shows a first code of a second factor.
pub(crate) async fn confirm(world: &World, person: &Person, code: &str) -> Reply {
    call(world, &TOTP_CONFIRM, &person.asks(&TOTP_CONFIRM).json(&json!({ "code": code }))).await
}

/// Somebody's second factor, from the app's first code on: its secret. The code of this half minute is used up.
pub(crate) async fn second_factor(world: &World, person: &Person) -> String {
    let secret = enrol(world, person).await;
    assert_eq!(confirm(world, person, &totp_at(&secret, 0)).await.status, 200);
    secret
}

/// A request's body for a name, a password and a code of the second factor.
pub(crate) fn with_totp(username: &str, code: &str) -> Value {
    json!({ "grant_type": "password", "username": username, "password": PASSWORD, "totp": code })
}
