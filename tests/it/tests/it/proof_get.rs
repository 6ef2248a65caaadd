//! `proof-get`: what the latest check of the books found.

use domain::access::PROOF_GET;
use testkit::World;

use crate::{door::call, invariant_check::check};

#[tokio::test]
async fn before_the_first_check_there_is_no_proof() {
    let world = World::new().await;
    let asked = world.pennco.desk.asks(&PROOF_GET);
    assert_eq!(call(&world, &PROOF_GET, &asked).await.said(), (404, "unknown"));
}

#[tokio::test]
async fn each_operator_reads_its_own_proof() {
    let world = World::new().await;
    check(&world, 0).await.unwrap();
    for office in [&world.pennco, &world.vishi] {
        let shown = call(&world, &PROOF_GET, &office.settlement.asks(&PROOF_GET)).await;
        assert_eq!((shown.status, shown.text("/operator")), (200, office.operator.as_str()), "{shown:?}");
    }
}
