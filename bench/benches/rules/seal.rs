//! An hour of history as it is sealed and proven: leaves written and hashed, their root, a path from one of them, its check.

use std::hint::black_box;

use domain::{
    CommitId,
    seal::{Hash, Leaf, audit_path, leaf_hash, root_from, root_of},
};
use gungraun::{library_benchmark, library_benchmark_group};

use crate::{kept, now};

/// A confirmation's commit record as it lies in its table, of the size that one has.
const RECORD: &str = r#"{
    "at": 1795242600000, "route": "delivery-confirm", "role": "agent", "principal": "agt_06gzd0v6k5c2x1q9e3t7r8m4np",
    "key": "01JD6Z0V6K5C2X1Q9E3T7R8M4N", "request_id": "6b1f2a54-7c0e-4d5a-9a53-0d1a4c9c1f10", "status": 200,
    "fingerprint": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
    "leaves": "/amount/amount_minor=6b86b273\n/amount/currency=0fb2b4c9\n/occurred_at=1a2b3c4d\n/outcome=a2f4c9d1\n/position/accuracy_metres=88d4266f\n/position/lat=5feceb66\n/position/lon=4e074085\n/proof_sha256=ef2d127d\n{delivery_id}=4b227777",
    "answer": "{\"delivery_id\":\"dlv_06gzd0v6k5c2x1q9e3t7r8m4np\",\"status\":\"confirmed\",\"kind\":\"collection\",\"amount\":{\"amount_minor\":135000,\"currency\":\"INR\"},\"transfer_id\":\"trf_06gzd0v6k5c2x1q9e3t7r8m4np\",\"occurred_at\":\"2026-11-21T06:29:41Z\",\"received_at\":\"2026-11-21T06:30:00Z\",\"reason\":null}",
    "events": "[{\"type\":\"delivery.confirmed\",\"version\":1,\"delivery_id\":\"dlv_06gzd0v6k5c2x1q9e3t7r8m4np\",\"region\":\"pune-north\",\"kind\":\"collection\",\"amount\":{\"amount_minor\":135000,\"currency\":\"INR\"}}]",
    "transfers": "trf_06gzd0v6k5c2x1q9e3t7r8m4np", "expires": 1829802600
}"#;

fn commit() -> &'static Leaf {
    let commit_id = CommitId::mint(now(), &[b"commit"]);
    let key = format!("commit#delivery-confirm#{commit_id}");
    kept(Leaf::of_commit(commit_id, key, serde_json::from_str(RECORD).unwrap()))
}

#[library_benchmark]
#[bench::commit(commit())]
fn hash_leaf(leaf: &Leaf) -> Hash {
    leaf_hash(black_box(leaf).text().unwrap().as_bytes())
}

fn leaves(count: u32) -> &'static Vec<Hash> {
    kept((0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect())
}

#[library_benchmark]
#[bench::leaves_1000(leaves(1_000))]
#[bench::leaves_10000(leaves(10_000))]
fn root(leaves: &[Hash]) -> Hash {
    root_of(black_box(leaves))
}

/// Which leaf is proven: one from the middle, so that its path is of full length.
const PROVEN: usize = 5_003;

#[library_benchmark]
#[bench::leaves_10000(leaves(10_000))]
fn prove(leaves: &[Hash]) -> Option<Vec<Hash>> {
    audit_path(black_box(leaves), PROVEN)
}

/// The leaf that is proven, and its path.
type Proof = (Hash, Vec<Hash>);

fn proof(count: u32) -> &'static Proof {
    let leaves = leaves(count);
    let path = audit_path(leaves, PROVEN).unwrap();
    assert_eq!(root_from(leaves[PROVEN], PROVEN as u64, u64::from(count), &path), Some(root_of(leaves)));
    kept((leaves[PROVEN], path))
}

#[library_benchmark]
#[bench::leaves_10000(proof(10_000))]
fn verify(proof: &Proof) -> Option<Hash> {
    let (leaf, path) = black_box(proof);
    root_from(*leaf, PROVEN as u64, 10_000, path)
}

library_benchmark_group!(name = seals, benchmarks = [hash_leaf, root, prove, verify]);
