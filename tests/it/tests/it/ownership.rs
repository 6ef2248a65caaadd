//! Role × route × ownership, all of it: what somebody may do with a thing follows from the table of access alone.

use domain::{
    Role,
    access::{AGENT_LIST, DELIVERY_CREATE, DELIVERY_LIST, DEVICE_LIST, EXPORT_CREATE, ROUTES, Reach, Route},
};
use serde_json::json;
use testkit::{NOW_MILLIS, Office, Person, Reply, World};

use crate::{
    door::call,
    every_route::{body, parameter, with_conditions_under},
    logins::{Phone, phone_login, program},
    steps::{
        TODAY, assign, assigned, bank_row, borrower, build_settlements, close_day, collection, command, hand_in,
        handed_over, inr, instruct, instruction, plan, reservation_of, statement, transfer_of, waiting_for_approval,
    },
};

/// A thing and whose it is.
#[derive(Debug, Default)]
struct Thing {
    id: String,
    is_foreign: bool,
    region: Option<&'static str>,
    owners: Vec<String>,
}

/// Every thing that a path can name, in every relation to everybody.
struct Things {
    accounts: Vec<Thing>,
    agents: Vec<Thing>,
    approvals: Vec<Thing>,
    clients: Vec<Thing>,
    days: Vec<Thing>,
    deliveries: Vec<Thing>,
    devices: Vec<Thing>,
    disbursements: Vec<Thing>,
    exports: Vec<Thing>,
    payouts: Vec<Thing>,
    reservations: Vec<Thing>,
    settlements: Vec<Thing>,
    statements: Vec<Thing>,
    transfers: Vec<Thing>,
    users: Vec<Thing>,
}

impl Things {
    fn named(&self, parameter: &str) -> &[Thing] {
        match parameter {
            "account_id" => &self.accounts,
            "agent_id" => &self.agents,
            "approval_id" => &self.approvals,
            "business_day" => &self.days,
            "client_id" => &self.clients,
            "delivery_id" => &self.deliveries,
            "device_id" => &self.devices,
            "disbursement_id" => &self.disbursements,
            "export_id" => &self.exports,
            "payout_id" => &self.payouts,
            "reservation_id" => &self.reservations,
            "settlement_id" => &self.settlements,
            "statement_id" => &self.statements,
            "transfer_id" => &self.transfers,
            "user_id" => &self.users,
            other => panic!("no things of the name {other}"),
        }
    }
}

fn thing(id: &str, region: Option<&'static str>, owners: &[&str]) -> Thing {
    let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
    Thing { id: id.to_owned(), is_foreign: false, region, owners }
}

fn foreign(id: &str) -> Thing {
    Thing { id: id.to_owned(), is_foreign: true, ..Thing::default() }
}

/// What a role must be able to see, given how far it reaches.
fn is_seen(person: &Person, reach: Reach, thing: &Thing) -> bool {
    match reach {
        Reach::None => false,
        _ if thing.is_foreign => false,
        Reach::Own => thing.owners.iter().any(|owner| owner == person.subject()),
        Reach::Region => {
            thing.region.is_some_and(|region| person.caller.regions.iter().any(|own| own.as_str() == region))
        }
        Reach::Operator => true,
    }
}

async fn planned_for(world: &World, office: &Office, partner: &str, region: &str, reference: &str) -> String {
    let mut new = collection(reference, 500);
    new["partner_id"] = json!(partner);
    new["region"] = json!(region);
    let reply = plan(world, &office.admin, &format!("plan-{reference}"), &new).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.text("/delivery_id").to_owned()
}

async fn export_of(world: &World, person: &Person) -> String {
    let request = command(person, &EXPORT_CREATE, "export", &json!({ "kind": "deliveries", "day": TODAY }));
    call(world, &EXPORT_CREATE, &request).await.text("/export_id").to_owned()
}

async fn settlements_of(world: &World, office: &Office, day: &str) -> Reply {
    let closed = close_day(world, &office.settlement, "close", day).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    closed
}

async fn everything(world: &World) -> Things {
    let (pennco, vishi) = (&world.pennco, &world.vishi);
    let [north, south] = &pennco.agents;
    let (north, south) = (north.subject(), south.subject());
    let (here, there) = (Some("pune-north"), Some("pune-south"));

    let own = assigned(world, pennco, "D-1", 500).await;
    let unassigned = planned_for(world, pennco, "lnt-finance", "pune-north", "D-2").await;
    let elsewhere = planned_for(world, pennco, "lnt-finance", "pune-south", "D-3").await;
    assert_eq!(assign(world, &pennco.admin, &elsewhere, &pennco.agents[1], "assign-D-3").await.status, 200);
    let theirs = assigned(world, vishi, "D-4", 500).await;
    let deliveries = vec![
        thing(&own, here, &[north, "bfil"]),
        thing(&unassigned, here, &["lnt-finance"]),
        thing(&elsewhere, there, &[south, "lnt-finance"]),
        foreign(&theirs),
    ];

    let paid = handed_over(world, pennco, "P-1", 500).await;
    let mut far = instruction("P-2", 500);
    far["region"] = json!("pune-south");
    let far = instruct(world, &pennco.partners[1], "P-2", &far).await;
    let disbursements = vec![
        thing(&paid, here, &["bfil"]),
        thing(far.text("/disbursement_id"), there, &["lnt-finance"]),
        foreign(&handed_over(world, vishi, "P-3", 500).await),
    ];

    let accounts = vec![
        thing(&format!("agent_cash.{north}"), None, &[north]),
        thing(&format!("agent_cash.{south}"), None, &[south]),
        thing("partner_control.bfil", None, &["bfil"]),
        thing("partner_settlement.lnt-finance", None, &["lnt-finance"]),
        thing("vault.pennco", None, &[]),
        foreign("vault.vishi"),
        foreign(&format!("agent_cash.{}", vishi.agents[0].subject())),
    ];
    let mut far = instruction("A-2", 10_000_000);
    far["region"] = json!("pune-south");
    let far = instruct(world, &pennco.partners[1], "A-2", &far).await;
    let approvals = vec![
        thing(&waiting_for_approval(world, &pennco.partners[0], "A-1", 10_000_000).await, here, &["bfil"]),
        thing(far.text("/approval_id"), there, &["lnt-finance"]),
        foreign(&waiting_for_approval(world, &vishi.partners[0], "A-3", 10_000_000).await),
    ];
    let agents = vec![thing(north, here, &[north]), thing(south, there, &[south]), foreign(vishi.agents[0].subject())];
    let ours = settlements_of(world, pennco, "2026-11-20").await;
    let theirs = settlements_of(world, vishi, "2026-11-19").await;
    // Everybody knows of a closed day; what they see of it is theirs.
    let days = vec![thing("2026-11-20", here, &[north, "bfil"]), foreign("2026-11-19")];
    assert!(build_settlements(world).await.is_empty());
    let settlements = ours
        .items()
        .iter()
        .map(|item| thing(item["settlement_id"].as_str().unwrap(), None, &[item["partner_id"].as_str().unwrap()]));
    let settlements = settlements.chain([foreign(theirs.text("/items/0/settlement_id"))]).collect();
    let exports = vec![
        thing(&export_of(world, &pennco.desk).await, None, &[pennco.desk.subject()]),
        thing(&export_of(world, &pennco.admin).await, None, &[pennco.admin.subject()]),
        foreign(&export_of(world, &vishi.desk).await),
    ];
    let phone = phone_login(world, pennco, &Phone::new(1)).await;
    let their_phone = phone_login(world, vishi, &Phone::new(1)).await;
    let devices = vec![thing(phone.text("/device_id"), here, &[north]), foreign(their_phone.text("/device_id"))];
    let id = |program: &(String, String)| program.0.split('@').next().unwrap().to_owned();
    let clients = vec![
        thing(&id(&program(world, pennco, &["settlement:read"]).await), None, &[]),
        foreign(&id(&program(world, vishi, &["settlement:read"]).await)),
    ];
    let reservations =
        vec![thing(&reservation_of(world, pennco).await, None, &[]), foreign(&reservation_of(world, vishi).await)];
    let transfers =
        vec![thing(&transfer_of(world, pennco).await, None, &[]), foreign(&transfer_of(world, vishi).await)];
    let rows = statement(&[bank_row("HDFCN52026112199", "-1500.00", "BF-D-9")]);
    let [ours, theirs] = [
        hand_in(world, &pennco.settlement, "statement", &rows).await,
        hand_in(world, &vishi.settlement, "statement", &rows).await,
    ];
    let statements = vec![thing(ours.text("/statement_id"), None, &[]), foreign(theirs.text("/statement_id"))];
    let payouts = vec![
        thing(&crate::payout_get::instructed(world, pennco, 700).await, None, &["bfil"]),
        foreign(&crate::payout_get::instructed(world, vishi, 700).await),
    ];
    let users = vec![
        thing(pennco.settlement.subject(), None, &[pennco.settlement.subject()]),
        foreign(vishi.settlement.subject()),
    ];
    Things {
        accounts,
        agents,
        approvals,
        clients,
        days,
        deliveries,
        devices,
        disbursements,
        exports,
        payouts,
        reservations,
        settlements,
        statements,
        transfers,
        users,
    }
}

#[tokio::test]
async fn whoever_calls_whatever_sees_what_the_table_says_and_nothing_else() {
    let (mut cases, mut seen) = (0, 0);
    for route in ROUTES.iter().copied().filter(|route| parameter(route).is_some()) {
        // What one route changes would be another's surprise.
        let world = World::new().await;
        let things = Box::pin(everything(&world)).await;
        let name = parameter(route).unwrap();
        for role in Role::ALL {
            let person = world.pennco.of(role);
            for thing in things.named(name) {
                let reply = ask(&world, route, person, name, thing).await;
                let context = format!("{} as {role:?} of {thing:?}: {reply:?}", route.function);
                if !route.admits(role) {
                    assert_eq!(reply.said(), (403, "forbidden"), "{context}");
                } else if is_seen(person, route.reach(role), thing) {
                    assert!(!matches!(reply.status, 401 | 403 | 404 | 429 | 500..), "{context}");
                    seen += 1;
                } else {
                    assert_eq!(reply.said(), (404, "unknown"), "{context}");
                }
                cases += 1;
            }
        }
    }
    println!("role × route × thing: {cases} cases, of which {seen} are seen");
}

async fn ask(world: &World, route: &'static Route, person: &Person, name: &str, thing: &Thing) -> Reply {
    // A key of its own for each thing: the same key for another one would be refused before it is looked at.
    let person_asks = person.asks(route).path(name, &thing.id);
    let request = with_conditions_under(route, person_asks, &format!("k-{}", thing.id));
    let body = match route.function {
        "delivery-assign" => Some(json!({ "agent_id": world.pennco.agents[0].subject() })),
        _ => body(route),
    };
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    // The settlement desk has closed a day a minute ahead; before that minute its bucket is empty.
    call(world, route, &request.at(NOW_MILLIS + 120_000)).await
}

#[tokio::test]
async fn whoever_names_a_region_gets_what_the_table_says_and_nothing_else() {
    let world = World::new().await;
    let mut cases = 0;
    for role in Role::ALL {
        let person = world.pennco.of(role);
        for region in ["pune-north", "pune-south"] {
            let works_there = |route: &Route| match route.reach(role) {
                Reach::None | Reach::Own => false,
                Reach::Region => region == "pune-north",
                Reach::Operator => true,
            };
            for route in [&AGENT_LIST, &DELIVERY_LIST] {
                let request = person.asks(route).query("region", region);
                let request =
                    if route.function == "delivery-list" { request.query("status", "pending") } else { request };
                let reply = call(&world, route, &request).await;
                let wanted = match route.reach(role) {
                    Reach::None => 403,
                    // An agent's list is by day, not by region.
                    Reach::Own => 400,
                    Reach::Region | Reach::Operator if works_there(route) => 200,
                    Reach::Region | Reach::Operator => 404,
                };
                assert_eq!(reply.status, wanted, "{} as {role:?} in {region}: {reply:?}", route.function);
                cases += 1;
            }
            let mut new = collection(&format!("{role:?}-{region}"), 500);
            new["region"] = json!(region);
            new["borrower"] = borrower();
            new["amount"] = inr(500);
            if role == Role::Partner {
                new.as_object_mut().unwrap().remove("partner_id");
            }
            let reply = plan(&world, person, &format!("k-{region}"), &new).await;
            let wanted = match DELIVERY_CREATE.reach(role) {
                Reach::None => 403,
                // A lender plans visits for itself, wherever its borrowers live.
                Reach::Own => 201,
                Reach::Region | Reach::Operator if works_there(&DELIVERY_CREATE) => 201,
                Reach::Region | Reach::Operator => 422,
            };
            assert_eq!(reply.status, wanted, "delivery-create as {role:?} in {region}: {reply:?}");
            cases += 1;
        }
    }
    println!("role × region: {cases} cases");
}

#[tokio::test]
async fn an_agents_phones_are_listed_for_whom_the_table_says_and_for_nobody_else() {
    let world = World::new().await;
    let pennco = &world.pennco;
    phone_login(&world, pennco, &Phone::new(1)).await;
    let north = pennco.agents[0].subject();
    for (person, wanted) in [
        (&pennco.agents[0], Some(1)),
        (&pennco.agents[1], None),
        (&pennco.desk, Some(1)),
        (&pennco.admin, Some(1)),
        (&world.vishi.desk, Some(0)),
        (&world.vishi.admin, Some(0)),
    ] {
        let reply = call(&world, &DEVICE_LIST, &person.asks(&DEVICE_LIST).query("agent_id", north)).await;
        match wanted {
            Some(count) => assert_eq!((reply.status, reply.items().len()), (200, count), "{reply:?}"),
            None => assert_eq!(reply.said(), (404, "unknown")),
        }
    }
}
