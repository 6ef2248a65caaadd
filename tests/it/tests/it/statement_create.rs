//! `statement-create`: the settlement desk hands in a bank's statement of an account.

use domain::{access::STATEMENT_CREATE, id::Sha256Hex};
use serde_json::{Value, json};
use testkit::{Reply, World};

use crate::{
    door::call,
    steps::{bank_row, command, hand_in, kept, statement},
};

async fn sends(world: &World, body: &Value) -> Reply {
    hand_in(world, &world.pennco.settlement, "k1", body).await
}

/// The code and the detail of each flaw of a refused statement, which leaves nothing behind.
async fn flaws(world: &World, body: &Value) -> Vec<(String, String)> {
    let before = kept(world);
    let reply = sends(world, body).await;
    assert_eq!(reply.said(), (422, "invalid"), "{reply:?}");
    assert!(world.bucket.keys().is_empty());
    assert_eq!(kept(world), before, "nothing is kept of it");
    let text = |flaw: &Value, name: &str| flaw[name].as_str().unwrap_or_default().to_owned();
    let errors = reply.json["errors"].as_array().cloned().unwrap_or_default();
    assert!(errors.iter().all(|flaw| flaw["pointer"] == "/content"), "{reply:?}");
    errors.iter().map(|flaw| (text(flaw, "code"), text(flaw, "detail"))).collect()
}

#[tokio::test]
async fn a_statement_is_kept_as_the_bank_made_it_with_its_control_totals() {
    let world = World::new().await;
    let rows = [
        bank_row("UTR0000000001", "-1500.00", "BF-D-1"),
        bank_row("UTR0000000002", "-0.50", ""),
        bank_row("UTR0000000003", "20.00", ""),
        bank_row("UTR0000000001", "-1500.00", "BF-D-1"),
    ];
    let body = statement(&rows);
    let taken = sends(&world, &body).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    let content = body["content"].as_str().unwrap().as_bytes();
    assert_eq!(taken.text("/file/sha256"), Sha256Hex::of(content).as_str());
    assert_eq!(world.bucket.object(taken.text("/file/key")).unwrap(), content);
    assert_eq!((&taken.json["lines"], &taken.json["duplicates"]), (&json!(4), &json!(1)));
    let total = json!({ "currency": "INR", "lines": 4, "credits_minor": 2_000, "debits_minor": -300_050 });
    assert_eq!(taken.json["totals"], json!([total]));
    assert_eq!((taken.text("/first_day"), taken.text("/last_day")), ("2026-11-21", "2026-11-21"));
    assert_eq!((taken.text("/status"), taken.text("/account")), ("received", "hdfc-current"));
}

#[tokio::test]
async fn the_same_file_is_the_same_statement_whoever_sends_it_again() {
    let world = World::new().await;
    let body = statement(&[bank_row("UTR0000000001", "-1500.00", "BF-D-1")]);
    let first = sends(&world, &body).await;
    let replayed = sends(&world, &body).await;
    assert_eq!((replayed.is_replay(), &replayed.body), (true, &first.body));
    let again = hand_in(&world, &world.pennco.settlement, "k2", &body).await;
    assert_eq!(again.said(), (409, "already_exists"));
    assert!(again.body.contains(first.text("/statement_id")), "{again:?}");
    let others = hand_in(&world, &world.vishi.settlement, "k1", &body).await;
    assert_eq!(others.status, 202, "another operator knows nothing of it");
}

#[tokio::test]
async fn every_line_that_cannot_be_read_is_named_and_nothing_is_taken() {
    let world = World::new().await;
    let rows = [
        bank_row("UTR0000000001", "-1500.00", "BF-D-1"),
        bank_row("UTR0000000002", "-1500.005", "BF-D-2"),
        "UTR0000000003,2026-11-21,-15".to_owned(),
        "UTR0000000004,2026-11-31,-15.00,INR,,".to_owned(),
        "UTR0000000005,2026-11-21,-15.00,USD,,".to_owned(),
    ];
    let found = flaws(&world, &statement(&rows)).await;
    let codes: Vec<(&str, bool)> = found
        .iter()
        .zip(["line 2: ", "line 3: ", "line 4: ", "line 5: "])
        .map(|((code, detail), line)| (code.as_str(), detail.starts_with(line)))
        .collect();
    let wanted = ["invalid_amount", "wrong_cell_count", "invalid_date", "invalid_currency"];
    assert_eq!(codes, wanted.map(|code| (code, true)), "{found:?}");
}

/// Elements in each other, each with a namespace of its own.
fn nested_namespaces(count: usize) -> String {
    (0..count).map(|n| format!("<a xmlns:p{n}='u'>")).chain((0..count).map(|_| "</a>".to_owned())).collect()
}

fn attributes(count: usize) -> String {
    (0..count).map(|n| format!(" a{n}=''")).collect()
}

#[tokio::test]
async fn a_file_that_is_no_whole_statement_is_refused_by_name() {
    let world = World::new().await;
    let of = |format: &str, content: &str| json!({ "format": format, "account": "hdfc", "content": content });
    let header = "bank_reference,value_date,amount,currency\n";
    for (format, content, code) in [
        ("csv", String::new(), "statement_empty"),
        ("csv", header.to_owned(), "statement_empty"),
        ("csv", "a,b\n1,2\n".to_owned(), "statement_format"),
        ("csv", format!("{header}U1,2026-11-21,-1.00,INR\nU2,2016-11-21,-1.00,INR\n"), "statement_span"),
        ("csv", format!("{header}\"UTR0000000001,2026-11-21,-15.00,INR\n"), "statement_truncated"),
        ("csv", format!("{header}UTR\u{FFFD}1,2026-11-21,-15.00,INR\n"), "statement_encoding"),
        ("camt053", "<Document>".to_owned(), "statement_truncated"),
        ("camt053", "<Document/>".to_owned(), "statement_format"),
        ("camt053", nested_namespaces(3_000), "statement_format"),
        ("camt053", format!("<Document{}/>", attributes(20_000)), "statement_format"),
    ] {
        let found = flaws(&world, &of(format, &content)).await;
        assert_eq!(found.first().map(|flaw| flaw.0.as_str()), Some(code), "{format} {content:?}: {found:?}");
    }
}

#[tokio::test]
async fn a_csv_whose_last_amount_may_be_cut_is_refused_and_the_whole_one_is_taken() {
    let world = World::new().await;
    let of = |content: &str| json!({ "format": "csv", "account": "hdfc", "content": content });
    let header = "bank_reference,value_date,currency,amount\n";
    let whole = format!("{header}UTR0000000001,2026-11-21,INR,-20.00\nUTR0000000002,2026-11-21,INR,-1500.00\n");
    for left in ["-1500.00", "-1500.0", "-1500", "-15", "-1", "-", ""] {
        let cut = &whole[..whole.len() - "-1500.00\n".len()];
        let found = flaws(&world, &of(&format!("{cut}{left}"))).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, "statement_truncated", "{left:?}: {found:?}");
        assert!(found[0].1.contains("line 3 of the file"), "{left:?}: {found:?}");
    }
    let cut = sends(&world, &of(whole.trim_end())).await;
    assert!(cut.text("/errors/0/hint").starts_with("fetch the file again"), "{cut:?}");
    let taken = sends(&world, &of(&whole)).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    assert_eq!(taken.json["totals"][0]["debits_minor"], -152_000);
}

#[tokio::test]
async fn bytes_in_another_encoding_are_refused_with_their_offset_and_those_in_base64_are_kept_as_they_are() {
    let world = World::new().await;
    let of = |bytes: &[u8]| {
        let content = data_encoding::BASE64.encode(bytes);
        json!({ "format": "csv", "account": "hdfc", "content": content, "encoding": "base64" })
    };
    let header = "bank_reference,value_date,amount,currency,narrative\n";
    let latin = [header.as_bytes(), b"UTR0000000001,2026-11-21,-15.00,INR,caf\xE9\n"].concat();
    let found = flaws(&world, &of(&latin)).await;
    assert_eq!(found[0].0, "statement_encoding");
    assert!(found[0].1.contains(&format!("offset {}", latin.len() - 2)), "{found:?}");
    let no_base64 = json!({ "format": "csv", "account": "hdfc", "content": "%%%", "encoding": "base64" });
    assert_eq!(flaws(&world, &no_base64).await[0].0, "statement_encoding");
    let marked = [b"\xEF\xBB\xBF", header.as_bytes(), "UTR0000000001,2026-11-21,-15.00,INR,café\n".as_bytes()].concat();
    let taken = sends(&world, &of(&marked)).await;
    assert_eq!(taken.status, 202, "{taken:?}");
    assert_eq!(world.bucket.object(taken.text("/file/key")).unwrap(), marked);
}

#[tokio::test]
async fn only_an_account_of_letters_and_digits_is_one() {
    let world = World::new().await;
    for account in ["", "a b", "a/b", &"x".repeat(35)] {
        let mut body = statement(&[bank_row("UTR0000000001", "-1500.00", "")]);
        body["account"] = json!(account);
        let reply = sends(&world, &body).await;
        assert_eq!((reply.said(), reply.text("/errors/0/pointer")), ((422, "invalid"), "/account"), "{account:?}");
    }
}

#[tokio::test]
async fn a_statement_beyond_the_cap_is_too_large() {
    let world = World::new().await;
    let body = json!({ "format": "csv", "account": "hdfc", "content": "x".repeat(1_000_001) });
    let request = command(&world.pennco.settlement, &STATEMENT_CREATE, "k1", &body);
    assert_eq!(call(&world, &STATEMENT_CREATE, &request).await.status, 413);
    assert!(world.bucket.keys().is_empty());
}
