//! The binary as a partner runs it: files in, a sentence and an exit status out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what a test takes for granted fails the test when it is not so"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use domain::{
    CommitId, OperatorName, Timestamp,
    seal::{Hash, Inclusion, Leaf, Proven, ProvenStatus, Seal, Sealed, hour_of, leaf_hash, sealed_from, write_leaves},
    seal_key::{SealSecret, SealSigner},
};
use serde_json::{Value, json};

fn signer(byte: u8) -> SealSigner {
    SealSecret::of(&[byte; 32], Timestamp::EPOCH).unwrap().signer().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_240_800_000).plus_seconds(seconds)
}

/// The leaves of an hour, with their texts.
fn leaves(hour: Timestamp, count: u8) -> Vec<(String, String)> {
    let leaf = |n: u8| {
        let id = CommitId::mint(hour.plus_seconds(i64::from(n)), &[&[n]]);
        let leaf = Leaf::of_commit(id.clone(), format!("commit#{n}"), json!({ "body": n, "owner_sk": id }));
        (leaf.text().unwrap(), leaf.key().to_owned())
    };
    (0..count).map(leaf).collect()
}

fn hashed(leaves: &[(String, String)]) -> Vec<(Hash, String)> {
    leaves.iter().map(|(text, key)| (leaf_hash(text.as_bytes()), key.clone())).collect()
}

/// A chain of hours with 0, 1, 2 … leaves, and a proof of the third leaf of the sixth.
struct Case {
    folder: PathBuf,
    proven: Proven,
}

impl Case {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("pennco")).unwrap();
        let (signer, operator): (_, OperatorName) = (signer(7), "pennco".parse().unwrap());
        let mut seals: Vec<Sealed> = vec![];
        for n in 0..8_u8 {
            let hour = hour_of(at(i64::from(n) * 3_600));
            let leaves = hashed(&leaves(hour, n));
            let before = seals.last().map(|sealed| &sealed.seal);
            let kid = &signer.public().kid;
            let seal = Seal::behind(before, &operator, hour, &leaves, sealed_from(hour), kid).unwrap();
            if n > 0 {
                let file = folder.join(format!("pennco/{n:010}.{}.leaves", seal.root));
                fs::write(file, write_leaves(&leaves)).unwrap();
            }
            seals.push(signer.sign(seal).unwrap());
            let text = serde_json::to_string(seals.last().unwrap()).unwrap();
            fs::write(folder.join(format!("pennco/{n:010}.json")), text).unwrap();
        }
        let sealed = &seals[5];
        let texts = leaves(sealed.seal.hour, 5);
        let hashes: Vec<Hash> = hashed(&texts).into_iter().map(|(hash, _)| hash).collect();
        let proven = Proven {
            commit_id: CommitId::mint(sealed.seal.hour.plus_seconds(2), &[&[2]]),
            status: ProvenStatus::Sealed,
            sealed_from: sealed.seal.sealed_at,
            items: vec![Inclusion::at(texts[2].0.clone(), 2, &hashes, sealed).unwrap()],
            key: Some(signer.public().clone()),
            head: seals.last().cloned(),
        };
        fs::write(folder.join("key.json"), serde_json::to_string(signer.public()).unwrap()).unwrap();
        Self { folder, proven }
    }

    /// Runs the verifier in the folder: exit status, and what it said.
    fn verify(&self, arguments: &[&str]) -> (i32, String) {
        let ran =
            Command::new(env!("CARGO_BIN_EXE_verify")).args(arguments).current_dir(&self.folder).output().unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        (ran.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn proof(&self, proof: &Value, more: &[&str]) -> (i32, String) {
        fs::write(self.folder.join("proof.json"), proof.to_string()).unwrap();
        self.verify(&[&["proof", "--key", "key.json"], more, &["proof.json"]].concat())
    }
}

#[test]
fn a_proof_holds_alone_and_in_its_chain() {
    let case = Case::new("holds");
    let proof = serde_json::to_value(&case.proven).unwrap();
    let (status, said) = case.proof(&proof, &[]);
    assert!(status == 0 && said.starts_with("holds: 1 record of commit cmt_"), "{said}");
    let (status, said) = case.proof(&proof, &["--chain", "pennco"]);
    assert!(status == 0 && said.contains("one of a chain of 8"), "{said}");
    println!("{said}");
}

#[test]
fn a_proof_that_was_tampered_with_is_refused_wherever_it_was() {
    let case = Case::new("tampered");
    let good = serde_json::to_value(&case.proven).unwrap();
    let other = serde_json::to_value(signer(8).public()).unwrap();
    let places: [(&str, Value); 16] = [
        ("/commit_id", json!(CommitId::mint(at(0), &[b"other"]))),
        ("/status", json!("waiting")),
        ("/items", json!([])),
        ("/items/0/leaf", json!(case.proven.items[0].leaf.replace("\"body\":2", "\"body\":3"))),
        ("/items/0/leaf", json!("{}")),
        ("/items/0/index", json!(3)),
        ("/items/0/index", json!(99)),
        ("/items/0/path/0", json!("0".repeat(64))),
        ("/items/0/path", json!([])),
        ("/items/0/sealed/seal/root", json!("0".repeat(64))),
        ("/items/0/sealed/seal/leaf_count", json!(6)),
        ("/items/0/sealed/seal/hour", json!(at(0))),
        ("/items/0/sealed/seal/kid", other["kid"].clone()),
        ("/items/0/sealed/signature", good["head"]["signature"].clone()),
        ("/head", Value::Null),
        ("/head/seal/sequence", json!(9)),
    ];
    for (pointer, value) in places {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        let (status, said) = case.proof(&bad, &[]);
        assert!(status == 1 && said.starts_with("DOES NOT HOLD: proof.json: "), "{pointer}: {status} {said}");
    }
    // Its own key is not believed, whatever it says.
    let mut own = good;
    own["key"] = other.clone();
    assert_eq!(case.proof(&own, &[]).0, 0);
    fs::write(case.folder.join("key.json"), other.to_string()).unwrap();
    assert_eq!(case.proof(&own, &[]).0, 1);
}

#[test]
fn a_chain_holds_from_its_genesis_and_what_was_done_to_it_is_named_by_file() {
    let run = |case: &Case| case.verify(&["chain", "--key", "key.json", "pennco"]);
    let whole = Case::new("chain");
    let (status, said) = run(&whole);
    assert!(status == 0 && said.starts_with("holds: 8 seals of pennco, "), "{said}");
    println!("{said}");
    let newest = said.trim().rsplit_once(' ').unwrap().1.to_owned();
    let known = |hash: &str| whole.verify(&["chain", "--key", "key.json", "--contains", hash, "pennco"]);
    assert_eq!((known(&newest).0, known(&"0".repeat(64)).0), (0, 1));
    let seal = |n: u8| format!("pennco/{n:010}.json");
    type Deed = fn(&Path);
    let deeds: [(&str, String, Deed); 4] = [
        ("a changed seal", seal(3), |folder| {
            let path = folder.join("pennco/0000000003.json");
            let text = fs::read_to_string(&path).unwrap().replace("\"leaf_count\":3", "\"leaf_count\":4");
            fs::write(path, text).unwrap();
        }),
        ("a lost seal", seal(5), |folder| fs::remove_file(folder.join("pennco/0000000004.json")).unwrap()),
        ("a lost genesis", seal(1), |folder| fs::remove_file(folder.join("pennco/0000000000.json")).unwrap()),
        ("a changed leaf", "pennco/0000000002.".to_owned(), |folder| {
            let files = fs::read_dir(folder.join("pennco")).unwrap().map(|entry| entry.unwrap().path());
            let file = files
                .into_iter()
                .find(|path| path.to_str().unwrap().contains("0000000002.") && path.extension().unwrap() == "leaves");
            let file = file.unwrap();
            let text = fs::read_to_string(&file).unwrap();
            let (first, rest) = text.split_at(1);
            fs::write(file, format!("{}{rest}", if first == "0" { "1" } else { "0" })).unwrap();
        }),
    ];
    for (what, named, deed) in deeds {
        let case = Case::new("chain-broken");
        deed(&case.folder);
        let (status, said) = run(&case);
        assert!(status == 1 && said.starts_with(&format!("DOES NOT HOLD: {named}")), "{what}: {status} {said}");
    }
}

#[test]
fn what_cannot_be_verified_is_neither_good_nor_bad() {
    let case = Case::new("unreadable");
    for arguments in [
        &["proof", "--key", "nowhere.json", "proof.json"][..],
        &["proof", "--key", "key.json", "nowhere.json"],
        &["proof", "proof.json"],
        &["chain", "--key", "key.json", "key.json"],
        &["chain", "--key", "pennco/0000000000.json", "pennco"],
        &["nonsense"],
    ] {
        let (status, said) = case.verify(arguments);
        assert_eq!(status, 2, "{arguments:?}: {said}");
    }
    let (status, said) = case.verify(&["--help"]);
    assert!(status == 0 && said.contains("Exit status:") && said.contains("verify chain --key"), "{said}");
}
