//! Steps of logging in, each through its door: how tests get a phone, a cookie or a program's token.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::BASE64URL_NOPAD;
use domain::access::{CLIENT_CREATE, OTP_REQUEST, SESSION_CREATE, TOKEN_ISSUE};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{NOW_MILLIS, Office, PASSWORD, Person, Reply, RestRequest, World, asks};

use crate::{
    door::call,
    steps::{command, relay, waiting, work_off},
};

/// An agent's phone: a key that never leaves it.
pub(crate) struct Phone(Ed25519KeyPair);

impl Phone {
    /// A phone whose key comes from a number.
    pub(crate) fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap())
    }

    /// Its public key.
    pub(crate) fn jwk(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(self.0.public_key().as_ref()) })
    }

    /// A proof with this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let head = format!("{}.{}", part(header), part(claims));
        let signature = BASE64URL_NOPAD.encode(self.0.sign(head.as_bytes()).as_ref());
        format!("{head}.{signature}")
    }

    /// A proof for the token endpoint with this nonce.
    pub(crate) fn proof(&self, nonce: &str) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk() });
        let htu = format!("https://milepost.example/local{}", TOKEN_ISSUE.template);
        // The phone's clock is hours off, as phones' clocks are.
        let claims = json!({ "htm": "POST", "htu": htu, "iat": 1_700_000_000, "jti": nonce, "nonce": nonce });
        self.sign(&header, &claims)
    }

    /// A request for the next tokens of a login that this phone has.
    pub(crate) fn refreshes(&self, refresh_token: &str) -> RestRequest {
        let nonce = BASE64URL_NOPAD.encode(&Sha256::digest(refresh_token.as_bytes()));
        asks(&TOKEN_ISSUE).header("DPoP", &self.proof(&nonce)).json(&refresh(refresh_token))
    }
}

/// A request's body for the next tokens.
pub(crate) fn refresh(refresh_token: &str) -> Value {
    json!({ "grant_type": "refresh_token", "refresh_token": refresh_token })
}

/// A request's body for a name and a password.
pub(crate) fn password(username: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "username": username, "password": password })
}

/// Asks the token endpoint, so many seconds from now.
pub(crate) async fn ask(world: &World, seconds: i64, body: &Value) -> Reply {
    call(world, &TOKEN_ISSUE, &asks(&TOKEN_ISSUE).json(body).at(NOW_MILLIS + seconds * 1000)).await
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
    let asked = call(world, &OTP_REQUEST, &asks(&OTP_REQUEST).json(&json!({ "username": username }))).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    deliver(world).await;
    let sms = world.post.sms().last().cloned().unwrap();
    (asked.text("/challenge_id").to_owned(), sms.text[..6].to_owned())
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
    let body = json!({ "username": username, "password": PASSWORD });
    let opened = call(world, &SESSION_CREATE, &asks(&SESSION_CREATE).json(&body)).await;
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
