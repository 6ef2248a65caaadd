//! The walls between operators: what belongs to another must look exactly like what does not exist.

use serde_json::json;

use crate::{
    caller::{Caller, escaped},
    close::Requested,
    findings::Rule,
    plan::Kind,
    problem::without_its_place,
    progress::Progress,
    rounds::Rounds,
    run::Run,
    shapes::{DeliveryItem, Page, paise},
    team::{House, Team},
    wire::{Answer, Ask},
};

/// An id of the same make that nobody has: a few letters of its random part are other ones.
pub(crate) fn unlike(id: &str) -> String {
    let from = id.len().saturating_sub(9);
    id.char_indices()
        .map(|(at, letter)| match letter {
            _ if at < from || at + 2 > id.len() => letter,
            '0' => 'z',
            _ => '0',
        })
        .collect()
}

/// Asks for another's thing and for one that does not exist: both must be 404, in the same words.
pub(crate) fn as_unknown(run: &Run, caller: &Caller, rule: Rule, id: &str, ask: impl Fn(&str) -> Ask) -> bool {
    let Some(theirs) = alike(run, caller, rule, id, &unlike(id), ask) else { return false };
    let right = (theirs.status, theirs.code().as_str()) == (404, "unknown");
    if !right {
        run.findings.add(
            rule,
            &format!("{} as {}", id, caller.username),
            &format!("must be 404 unknown, is {}", theirs.brief()),
        );
    }
    right
}

/// Asks the same of two names: the answers must not differ. Gives the first.
fn alike(run: &Run, caller: &Caller, rule: Rule, id: &str, unknown: &str, ask: impl Fn(&str) -> Ask) -> Option<Answer> {
    let told = |id: &str| caller.ask(&run.wire, &ask(id)).ok().map(|heard| heard.answer);
    let (theirs, nobodys) = (told(id)?, told(unknown)?);
    if without_its_place(&theirs, id) != without_its_place(&nobodys, unknown) {
        let endpoint = ask(id).endpoint;
        let what = format!("{endpoint} tells {id} ({}) from {unknown} ({})", theirs.brief(), nobodys.brief());
        run.findings.add(rule, &caller.username, &what);
        return None;
    }
    Some(theirs)
}

/// Every operator's people try their neighbour's ids in every route that takes one.
pub(crate) fn probe(run: &Run, team: &Team, rounds: &Rounds, closing: &[Requested], progress: &Progress) {
    let stretch = progress.stretch("walls", team.houses.len());
    for (at, house) in team.houses.iter().enumerate() {
        let next = (at + 1) % team.houses.len();
        if let Some(neighbour) = team.houses.get(next).filter(|_| next != at) {
            let settlements =
                closing.get(next).map(|requested| requested.settlement_ids.as_slice()).unwrap_or_default();
            over_the_wall(run, team, rounds, (at, house), (next, neighbour), settlements);
            borrowed_cursor(run, house, neighbour);
        }
        between_partners(run, house, rounds, at);
        stretch.step();
    }
}

fn over_the_wall(
    run: &Run,
    team: &Team,
    rounds: &Rounds,
    (at, house): (usize, &House),
    (next, neighbour): (usize, &House),
    settlements: &[String],
) {
    let key = || run.next_key();
    let agent_of = |house: &House| team.agents.iter().find(|agent| agent.who.operator == house.operator);
    let (Some(ours), Some(theirs)) = (agent_of(house), agent_of(neighbour)) else { return };
    if let Some(visit) = rounds.visits_of(next).next() {
        let id = visit.delivery_id.as_str();
        for caller in [&house.desk, &house.settlement, &house.admin, ours] {
            as_unknown(run, caller, Rule::V11, id, |id| Ask::get("delivery-get", &format!("/deliveries/{id}")));
        }
        as_unknown(run, &house.admin, Rule::V11, id, |id| {
            let body = json!({"agent_id": ours.who.subject});
            Ask::post("delivery-assign", &format!("/deliveries/{id}/assign"), &body).key(&key())
        });
    }
    if let Some(id) = rounds.visits_of(next).find_map(|visit| visit.disbursement_id.as_deref()) {
        as_unknown(run, &house.settlement, Rule::V11, id, |id| {
            Ask::get("disbursement-get", &format!("/disbursements/{id}"))
        });
        as_unknown(run, &house.settlement, Rule::V11, id, |id| {
            let body = json!({"bank_reference": run.next_bank_reference(), "amount": paise(100), "value_date": run.today.to_string()});
            Ask::post("disbursement-reconcile", &format!("/disbursements/{id}/reconcile"), &body).key(&key())
        });
    }
    if let Some(id) = settlements.first() {
        as_unknown(run, &house.settlement, Rule::V11, id, |id| {
            Ask::get("settlement-get", &format!("/settlements/{id}"))
        });
    }
    let id = theirs.who.subject.as_str();
    as_unknown(run, &house.admin, Rule::V11, id, |id| Ask::get("account-get", &format!("/accounts/agent_cash.{id}")));
    as_unknown(run, ours, Rule::V11, id, |id| {
        let point = json!({"captured_at": crate::clock::stamp(crate::clock::now()), "lat": 18.5, "lon": 73.8, "accuracy_metres": 8});
        Ask::post("location-record", &format!("/agents/{id}/location"), &json!({"points": [point]}))
    });
    alike(run, &house.admin, Rule::V11, id, &unlike(id), |id| {
        Ask::get("delivery-list", &format!("/deliveries?agent_id={id}&due={}", run.today))
    });
    if let Some(own) = rounds.visits_of(at).next() {
        alike(run, &house.admin, Rule::V11, id, &unlike(id), |id| {
            Ask::post("delivery-assign", &format!("{}/assign", own.path()), &json!({"agent_id": id})).key(&key())
        });
    }
    alike(run, &house.admin, Rule::V11, id, &unlike(id), |id| {
        Ask::get("device-list", &format!("/devices?agent_id={id}"))
    });
    let phone = theirs.login().held().device_id.clone();
    if let Some(id) = phone.as_deref() {
        as_unknown(run, &house.admin, Rule::V11, id, |id| {
            Ask::post("device-revoke", &format!("/devices/{id}/revoke"), &json!({})).key(&key())
        });
    }
    alike(run, &house.admin, Rule::V11, &neighbour.operator, "nobody", |operator| {
        Ask::get("account-get", &format!("/accounts/vault.{operator}"))
    });
}

/// A cursor of one operator is worthless to another.
fn borrowed_cursor(run: &Run, house: &House, neighbour: &House) {
    for region in &neighbour.regions {
        let path = format!("/deliveries?region={region}&status=confirmed&limit=1");
        let Ok(heard) = neighbour.admin.ask(&run.wire, &Ask::get("delivery-list", &path)) else { return };
        let Some(cursor) = heard.answer.read::<Page<DeliveryItem>>().ok().and_then(|page| page.next_cursor) else {
            continue;
        };
        let borrowed = Ask::get("delivery-list", &format!("{path}&cursor={}", escaped(&cursor)));
        let Ok(heard) = house.admin.ask(&run.wire, &borrowed) else { return };
        if (heard.answer.status, heard.answer.code().as_str()) != (400, "invalid_cursor") {
            let what =
                format!("a cursor of {} must be 400 invalid_cursor, is {}", neighbour.operator, heard.answer.brief());
            run.findings.add(Rule::V11, &house.admin.username, &what);
        }
        return;
    }
}

/// Partners of one operator do not see each other either.
fn between_partners(run: &Run, house: &House, rounds: &Rounds, operator: usize) {
    for kind in [Kind::Collection, Kind::Disbursement] {
        let Some(visit) = rounds.visits_of(operator).find(|visit| visit.stop.kind == kind) else { continue };
        let Some((_, other)) = house.partners.iter().enumerate().find(|(at, _)| *at != visit.stop.partner) else {
            continue;
        };
        as_unknown(run, other, Rule::Api, &visit.delivery_id, |id| {
            Ask::get("delivery-get", &format!("/deliveries/{id}"))
        });
        if let Some(id) = &visit.disbursement_id {
            as_unknown(run, other, Rule::Api, id, |id| Ask::get("disbursement-get", &format!("/disbursements/{id}")));
        }
    }
    if let (Some(one), Some(name)) = (house.partners.first(), run.options.partners.get(1)) {
        alike(run, one, Rule::Api, name, "nobody", |name| {
            Ask::get("account-get", &format!("/accounts/partner_control.{name}"))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_id_is_of_the_same_make() {
        let id = "dlv_01jd3z9m8n7p6q5r4s3t2v1w0x";
        let other = unlike(id);
        assert_eq!((other.len(), other.get(..21), other.get(29..)), (id.len(), id.get(..21), id.get(29..)));
        assert_ne!(other, id);
        assert_ne!(unlike("dlv_01jd3z9m8n7p6q5r00000000x"), "dlv_01jd3z9m8n7p6q5r00000000x");
    }
}
