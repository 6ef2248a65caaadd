//! Every way we know of to forge a token, tried on every route that asks for one.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use domain::{
    SessionId, Timestamp,
    access::{AGENT_LIST, ROUTES},
    secret::RefreshToken,
};
use edge::token::{Realm, Signer, Use, generate_key_pair};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use store::PublicKey;
use testkit::{KID, NOW_MILLIS, Person, World, asks, realm, signer};

use crate::door::call;

/// A key that the stack believes, in the hands of the forger: what is refused under it is refused for its form alone.
struct Forger {
    key: Ed25519KeyPair,
    kid: &'static str,
}

impl Forger {
    async fn believed(world: &World) -> Self {
        let forger = Self { key: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(), kid: "k-forger" };
        let x = BASE64URL_NOPAD.encode(forger.key.public_key().as_ref());
        let key = PublicKey { kid: forger.kid.to_owned(), x, created_at: world.now(), retired_at: None };
        world.directory().publish(&key).await.unwrap();
        forger
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": self.kid })
    }

    /// A token of these very texts, signed.
    fn sign(&self, header: &str, claims: &str) -> String {
        let head = format!("{}.{}", encode(header), encode(claims));
        format!("{head}.{}", BASE64URL_NOPAD.encode(self.key.sign(head.as_bytes()).as_ref()))
    }
}

fn encode(text: &str) -> String {
    BASE64URL_NOPAD.encode(text.as_bytes())
}

fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

fn hmac(secret: &[u8], head: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
    mac.update(head.as_bytes());
    BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
}

/// The object with a member set, or taken away.
fn with(object: &Value, name: &str, value: Option<Value>) -> Value {
    let mut object = object.clone();
    match value {
        Some(value) => object[name] = value,
        None => drop(object.as_object_mut().unwrap().remove(name)),
    }
    object
}

/// An object with one member written twice.
fn doubled(object: &Value, name: &str, second: &Value) -> String {
    let text = object.to_string();
    format!("{},\"{name}\":{second}}}", &text[..text.len() - 1])
}

/// Spellings of a word in upper and lower case.
fn spellings(word: &str) -> Vec<String> {
    (0..1_u32 << word.len())
        .map(|bits| {
            let spell = |(n, letter): (usize, char)| {
                if bits >> n & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
            };
            word.chars().enumerate().map(spell).collect()
        })
        .collect()
}

/// Tokens that are none of ours, each with what is wrong with it.
fn without_our_key(world: &World, person: &Person) -> Vec<(String, String)> {
    let good = person.token.as_str();
    let now = world.now();
    let claims = claims_of(good).to_string();
    let typed = |alg: &str| json!({ "typ": "at+jwt", "alg": alg, "kid": KID });
    let access = |signer: &Signer| signer.access(&person.caller, "id", now).unwrap();
    let x = BASE64URL_NOPAD.decode(world.public_key.x.as_bytes()).unwrap();
    let mut forged: Vec<(String, String)> = Vec::new();
    let mut add = |wrong: &str, token: String| forged.push((wrong.to_owned(), token));
    for alg in spellings("none") {
        add(&format!("alg {alg}"), format!("{}.{}.", encode(&typed(&alg).to_string()), encode(&claims)));
    }
    for alg in ["HS256", "HS384", "HS512", "EdDSA"] {
        let head = format!("{}.{}", encode(&typed(alg).to_string()), encode(&claims));
        for (secret, what) in
            [(x.as_slice(), "bytes"), (world.public_key.x.as_bytes(), "text"), (b"".as_slice(), "nothing")]
        {
            add(&format!("{alg} by HMAC with the public key's {what}"), format!("{head}.{}", hmac(secret, &head)));
        }
    }
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    for alg in ["ES256", "ES384", "RS256", "PS256", "EdDSA", "ES256K"] {
        let head = format!("{}.{}", encode(&typed(alg).to_string()), encode(&claims));
        let signature = pair.sign(&SystemRandom::new(), head.as_bytes()).unwrap();
        add(
            &format!("{alg} signed on another curve"),
            format!("{head}.{}", BASE64URL_NOPAD.encode(signature.as_ref())),
        );
    }
    let (other, _) = generate_key_pair(KID, now).unwrap();
    let (unknown, _) = generate_key_pair("k2", now).unwrap();
    add("another key of the same name", access(&signer(&other)));
    add("a key that nobody published", access(&signer(&unknown)));
    for kid in [
        "",
        "../../etc/passwd",
        "/dev/null",
        "k1' OR '1'='1",
        "k1; DROP TABLE keys",
        "$(id)",
        "`id`",
        "k1\u{0}",
        "https://evil.example/key",
        "cursor",
        "key#k1",
        "K1",
    ] {
        let mut secret = generate_key_pair("x", now).unwrap().0;
        kid.clone_into(&mut secret.kid);
        add(&format!("kid {kid:?}"), access(&signer(&secret)));
    }
    let mut parts: Vec<&str> = good.split('.').collect();
    let admin = encode(&with(&claims_of(good), "role", Some(json!("admin"))).to_string());
    let elsewhere = encode(&with(&claims_of(good), "operator", Some(json!("vishi"))).to_string());
    for (what, other) in [("promoted", admin.as_str()), ("moved to another operator", elsewhere.as_str())] {
        let own = std::mem::replace(&mut parts[1], other);
        add(what, parts.join("."));
        parts[1] = own;
    }
    let (head, signature) = good.rsplit_once('.').unwrap();
    let zeros = BASE64URL_NOPAD.encode(&[0; 64]);
    add("without signature", head.to_owned());
    add("with an empty signature", format!("{head}."));
    add("a signature of zeros", format!("{head}.{zeros}"));
    add("a signature cut short", format!("{head}.{}", &signature[..signature.len() - 2]));
    add("a fourth part", format!("{good}.x"));
    add("a token cut short", good[..good.len() / 2].to_owned());
    add("longer than any", format!("{good}{}", "x".repeat(9_000)));
    // 64 bytes are 86 symbols of which the last has four bits to spare: four spellings, one of them ours.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth((alphabet.find(last).unwrap() + 1) % 64).unwrap();
    add("spare bits set", format!("{}{next}", &good[..good.len() - 1]));
    add("padded", format!("{good}=="));
    add("padded in the middle", format!("{}.{}", head.replace('.', "=."), signature));
    let standard = BASE64.encode(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap());
    add("in the other alphabet", format!("{head}.{}", standard.replace('_', "/")));
    add("a space in front", format!(" {good}"));
    add("no JWT", "token".to_owned());
    add("two dots", "..".to_owned());
    add("nothing", String::new());
    let session_id = SessionId::mint(now, &[b"s"]);
    let refresh = RefreshToken { operator: person.caller.operator.clone(), session_id, generation: 1 };
    add("a refresh token", world.pepper().refresh_token(&refresh));
    let signed = |intent, at: Timestamp| world.signer.sign(intent, &person.caller, "id", at).unwrap();
    add("the console's cookie", signed(Use::Console, now));
    add("expired", signed(Use::Access, now.plus_seconds(-661)));
    add("of the future", signed(Use::Access, now.plus_seconds(61)));
    forged
}

/// Tokens that are signed with a key that is believed, and are not written as ours are.
fn with_our_key(forger: &Forger, person: &Person) -> Vec<(String, String)> {
    let claims = claims_of(&person.token);
    let header = forger.header();
    let mut forged: Vec<(String, String)> = Vec::new();
    let mut add = |wrong: String, header: &str, claims: &str| forged.push((wrong, forger.sign(header, claims)));
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL_NOPAD.encode(forger.key.public_key().as_ref()) });
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!(["urn:unknown"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        add(format!("header {name} {value}"), &with(&header, name, Some(value)).to_string(), &claims.to_string());
    }
    for (name, value) in [
        ("typ", None),
        ("typ", Some(json!("JWT"))),
        ("typ", Some(json!("AT+JWT"))),
        ("typ", Some(json!("session+jwt"))),
        ("typ", Some(json!("dpop+jwt"))),
        ("typ", Some(json!(null))),
        ("kid", None),
        ("kid", Some(json!(["k-forger"]))),
        ("kid", Some(json!({ "x": 1 }))),
        ("alg", None),
        ("alg", Some(json!("eddsa"))),
        ("alg", Some(json!("Ed25519"))),
        ("alg", Some(json!(["EdDSA"]))),
    ] {
        add(format!("header {name} {value:?}"), &with(&header, name, value).to_string(), &claims.to_string());
    }
    for name in ["alg", "typ", "kid"] {
        let twice = doubled(&header, name, &header[name]);
        add(format!("header {name} twice"), &twice, &claims.to_string());
    }
    for name in ["sub", "role", "operator", "exp", "aud"] {
        let twice = doubled(&claims, name, &claims[name]);
        add(format!("claim {name} twice"), &header.to_string(), &twice);
    }
    let now = NOW_MILLIS / 1_000;
    for (name, value) in [
        ("aud", None),
        ("aud", Some(json!("console"))),
        ("aud", Some(json!(["milepost"]))),
        ("aud", Some(json!(["milepost", "console"]))),
        ("aud", Some(json!(""))),
        ("iss", None),
        ("iss", Some(json!("https://other.test"))),
        ("iss", Some(json!(["https://milepost.test"]))),
        ("exp", None),
        ("exp", Some(json!(now - 61))),
        ("exp", Some(json!("9999999999"))),
        ("exp", Some(json!(null))),
        ("exp", Some(json!(1e99))),
        ("nbf", None),
        ("nbf", Some(json!(now + 61))),
        ("iat", None),
        ("jti", None),
        ("sub", None),
        ("sub", Some(json!(7))),
        ("role", None),
        ("role", Some(json!("root"))),
        ("operator", None),
        ("operator", Some(json!("PENNCO"))),
        ("operator", Some(json!("pennco#x"))),
        ("regions", Some(json!("pune-north"))),
        ("admin", Some(json!(true))),
    ] {
        add(format!("claim {name} {value:?}"), &header.to_string(), &with(&claims, name, value).to_string());
    }
    add("claims that are a list".to_owned(), &header.to_string(), "[]");
    add("claims that are no JSON".to_owned(), &header.to_string(), "{");
    add("a header that is a list".to_owned(), "[]", &claims.to_string());
    forged
}

#[tokio::test]
async fn a_forged_token_opens_no_route() {
    let world = World::new().await;
    let forger = Forger::believed(&world).await;
    let (mut cases, mut reads) = (0, 0);
    for route in ROUTES.iter().filter(|route| !route.kind.is_open()) {
        let person = world.pennco.of(route.roles()[0]);
        let own = forger.sign(&forger.header().to_string(), &claims_of(&person.token).to_string());
        let mut forged = without_our_key(&world, person);
        forged.extend(with_our_key(&forger, person));
        for (wrong, token) in forged {
            for header in [("Authorization", format!("Bearer {token}")), ("Cookie", format!("__Host-session={token}"))]
            {
                // What is good for the cookie is forged as a bearer token, and the other way round.
                if header.0 == "Cookie" && (wrong.contains("session+jwt") || wrong == "the console's cookie") {
                    continue;
                }
                let request = asks(route).header(header.0, &header.1);
                let request = match route.template.split_once('{') {
                    Some((_, rest)) => request.path(rest.split_once('}').unwrap().0, "x"),
                    None => request,
                };
                world.table.reset_calls();
                let reply = call(&world, route, &request).await;
                assert_eq!(reply.said(), (401, "unauthenticated"), "{} {}: {wrong}", route.function, header.0);
                assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
                reads += world.table.calls().total().count;
                cases += 1;
            }
        }
        // The forger's key is believed: what was refused above was refused for its form.
        let request = asks(&AGENT_LIST).header("Authorization", &format!("Bearer {own}"));
        let reply = call(&world, &AGENT_LIST, &request).await;
        assert_ne!(reply.status, 401, "{}: {reply:?}", route.function);
    }
    assert!(reads <= 2, "an unknown key is a reason to read the keys once, not {reads} times");
    println!("forged tokens × routes: {cases} cases, 0 accepted, the keys read {reads} times");
}

#[tokio::test]
async fn credentials_that_are_no_bearer_token_open_nothing() {
    let world = World::new().await;
    let good = world.pennco.desk.token.as_str();
    let basic = BASE64.encode(b"desk@pennco:password");
    for headers in [
        vec![],
        vec![("Authorization", String::new())],
        vec![("Authorization", good.to_owned())],
        vec![("Authorization", format!("Basic {basic}"))],
        vec![("Authorization", format!("Token {good}"))],
        vec![("Authorization", format!("Bearer  {good}"))],
        vec![("Authorization", "Bearer ".to_owned())],
        vec![("Cookie", format!("session={good}"))],
        vec![("Cookie", "__Host-session=".to_owned())],
        vec![("X-Authorization", format!("Bearer {good}"))],
    ] {
        let request = asks(&AGENT_LIST).query("region", "pune-north");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        assert_eq!(call(&world, &AGENT_LIST, &request).await.said(), (401, "unauthenticated"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_token_of_another_audience_or_issuer_is_refused_although_our_key_signed_it() {
    let world = World::new().await;
    let (secret, public) = generate_key_pair("k-shared", world.now()).unwrap();
    world.directory().publish(&public).await.unwrap();
    let desk = &world.pennco.desk;
    for (realm, status) in [
        (realm(), 200),
        (Realm { audience: "console".into(), ..realm() }, 401),
        (Realm { issuer: "https://other.test".into(), ..realm() }, 401),
    ] {
        let token = Signer::new(&secret, realm).unwrap().access(&desk.caller, "id", world.now()).unwrap();
        let holder = Person { token, ..desk.clone() };
        let request = holder.asks(&AGENT_LIST).query("region", "pune-north");
        assert_eq!(call(&world, &AGENT_LIST, &request).await.status, status);
    }
}
