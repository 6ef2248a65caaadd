//! `disbursement-get`: one instruction and how far it has come.

use domain::access::DISBURSEMENT_GET;
use testkit::{Person, Reply, World};

use crate::{
    door::call,
    steps::{assign, bank_line, confirm, confirmed, failed, instruct, instruction, reconcile, reserved},
};

async fn get(world: &World, person: &Person, id: &str) -> Reply {
    call(world, &DISBURSEMENT_GET, &person.asks(&DISBURSEMENT_GET).path("disbursement_id", id)).await
}

#[tokio::test]
async fn an_instruction_shows_how_far_its_visit_and_its_bank_line_have_come() {
    let world = World::new().await;
    let (pennco, bfil) = (&world.pennco, &world.pennco.partners[0]);
    let taken = instruct(&world, bfil, "k1", &instruction("BF-D-1", 500)).await;
    let (id, visit) = (taken.text("/disbursement_id"), taken.text("/delivery_id"));
    let mut etags = vec![get(&world, bfil, id).await.header("etag").unwrap().to_owned()];
    let mut seen = async |status: &str| {
        let shown = get(&world, bfil, id).await;
        assert_eq!(shown.text("/status"), status);
        etags.push(shown.header("etag").unwrap().to_owned());
    };
    assign(&world, &pennco.desk, visit, &pennco.agents[0], "k2").await;
    seen("reserved").await;
    confirm(&world, &pennco.agents[0], visit, "k3", &confirmed(500)).await;
    seen("handed_over").await;
    reconcile(&world, &pennco.settlement, id, "k4", &bank_line("HDFCN52026112112", 501)).await;
    seen("exception").await;
    reconcile(&world, &pennco.settlement, id, "k5", &bank_line("HDFCN52026112112", 500)).await;
    seen("reconciled").await;
    assert!(
        etags.is_sorted() && etags.windows(2).all(|pair| pair[0] != pair[1]),
        "each change has its version: {etags:?}"
    );
}

#[tokio::test]
async fn an_instruction_whose_visit_failed_is_an_exception() {
    let world = World::new().await;
    let (id, visit) = reserved(&world, &world.pennco, "BF-D-1", 500).await;
    confirm(&world, &world.pennco.agents[0], &visit, "k1", &failed("borrower_absent")).await;
    assert_eq!(get(&world, &world.pennco.partners[0], &id).await.text("/status"), "exception");
}

#[tokio::test]
async fn an_instruction_is_seen_by_its_partner_its_desk_and_the_office() {
    let world = World::new().await;
    let pennco = &world.pennco;
    let (id, _) = reserved(&world, pennco, "BF-D-1", 500).await;
    for person in [&pennco.partners[0], &pennco.desk, &pennco.settlement, &pennco.admin] {
        assert_eq!(get(&world, person, &id).await.status, 200);
    }
    for person in [&pennco.partners[1], &world.vishi.partners[0], &world.vishi.admin] {
        assert_eq!(get(&world, person, &id).await.said(), (404, "unknown"));
    }
}
