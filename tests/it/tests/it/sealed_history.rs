//! Whatever somebody changes in the sealed history of a day, row by row, seal by seal, the check names it.
//!
//! Most of the mutations are held against the seals in memory, by what `invariant-check` is made of; some of the same are
//! made in the tables as well, and the check that reads these must name the same.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    CommitId, OperatorName, Timestamp,
    access::{DELIVERY_ASSIGN, DELIVERY_CREATE, DISBURSEMENT_CREATE, Route, TRANSFER_CREATE},
    proof::{Check, Invariant, Proof},
    seal::{HOUR_SECONDS, Hash, Seal, Sealed, read_leaves},
    seal_key::{KEY_BYTES, SealKey, SealSecret},
};
use serde_json::{Value, json};
use store::{Item, Rows, leaves_of};
use testkit::{LEDGER, NOW_MILLIS, Person, RECORDS, Reply, RestRequest, World};

use crate::{
    door::call,
    invariant_check::{a_day, delete, leaf_of, place, sealed_rows},
    ledger_seal::{OVER, seal, seal_keys},
    steps::{collected, collection, command, confirmed, held, hold, instruction, relay, report, reversal, transfer},
};

/// Mutations of rows, and of seals with their copies and files.
const OF_ROWS: usize = 8_000;
const OF_SEALS: usize = 2_000;
/// One of so many of rows is made in the tables, too: a check that reads them takes a second or two.
const THROUGH_THE_DOOR: usize = 700;
/// Hours of the day behind the first in which something happens.
const HOURS: i64 = 5;

/// Attributes that are not sealed, and why. Keys are: what lies elsewhere is gone here and new there.
const NOT_SEALED: [(&str, &str); 2] = [
    ("worklist_pk", "a commit's place in the outbox, which it leaves when its events are relayed"),
    ("worklist_sk", "since when it is there, which it leaves as well"),
];

/// What DynamoDB takes only as a text, and not empty: keys of an index.
const INDEX_KEYS: [&str; 2] = ["owner_pk", "owner_sk"];

/// Numbers that look random and are the same each time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % end
    }

    fn one_of<T: Clone>(&mut self, these: &[T]) -> T {
        these[self.below(these.len())].clone()
    }
}

/// An hour of work at its time: a collection, a payment, money moved by hand and taken back, money held, and a command that
/// is refused.
async fn an_hour(world: &World, hour: i64) {
    let at = Timestamp::from_millis(NOW_MILLIS).plus_seconds(hour * HOUR_SECONDS);
    let pennco = &world.pennco;
    let with_token = |person: &Person| {
        let id = format!("token of {} at {at}", person.subject());
        Person { token: world.signer.access(&person.caller, &id, at).unwrap(), ..person.clone() }
    };
    let [agent, desk, settlement, partner] =
        [&pennco.agents[0], &pennco.desk, &pennco.settlement, &pennco.partners[0]].map(with_token);
    let send = async |route: &'static Route, request: RestRequest, status: u16| -> Reply {
        let reply = call(world, route, &request.at(at.as_millis())).await;
        assert_eq!(reply.status, status, "{reply:?}");
        reply
    };
    let name = |what: &str| format!("{what}-{hour}");
    let plan = command(&desk, &DELIVERY_CREATE, &name("plan"), &collection(&name("BF-H"), 20_000 + hour));
    let collected = send(&DELIVERY_CREATE, plan, 201).await.text("/delivery_id").to_owned();
    let take = command(&partner, &DISBURSEMENT_CREATE, &name("take"), &instruction(&name("BF-HD"), 30_000 + hour));
    let paid = send(&DISBURSEMENT_CREATE, take, 201).await.text("/delivery_id").to_owned();
    for (visit, minor) in [(collected, 20_000 + hour), (paid, 30_000 + hour)] {
        let body = json!({ "agent_id": agent.subject() });
        let assign = command(&desk, &DELIVERY_ASSIGN, &format!("assign-{visit}"), &body).path("delivery_id", &visit);
        send(&DELIVERY_ASSIGN, assign, 200).await;
        let key = format!("confirm-{visit}");
        send(&domain::access::DELIVERY_CONFIRM, report(&agent, &visit, &key, &confirmed(minor)), 200).await;
        let again = report(&agent, &visit, &format!("again-{visit}"), &confirmed(minor));
        send(&domain::access::DELIVERY_CONFIRM, again, 409).await;
    }
    let body = transfer("budget", &format!("vault.{}", pennco.operator), "budget.sms", 500 + hour);
    let moved = send(&TRANSFER_CREATE, command(&settlement, &TRANSFER_CREATE, &name("move"), &body), 201).await;
    let back = reversal(&settlement, moved.text("/transfer_id"), &name("back"));
    send(&domain::access::TRANSFER_REVERSE, back, 201).await;
}

/// A row of the history: its table, itself, what its leaf is called, and what lies behind it.
struct Row {
    table: &'static str,
    image: Value,
    place: String,
    /// Places of what can only be found through it.
    led_to: BTreeSet<String>,
    /// The seal that it is a leaf of.
    seal: usize,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        self.image[name]["S"].as_str().unwrap_or_default()
    }

    fn key(&self) -> (String, String) {
        let (pk, sk) = place(&self.image);
        (pk.to_owned(), sk.to_owned())
    }

    /// The same in all but its content.
    fn with(&self, image: Value) -> Self {
        let (table, place, led_to, seal) = (self.table, leaf_of(&image), self.led_to.clone(), self.seal);
        Self { table, image, place, led_to, seal }
    }
}

/// Everything that a check of history reads.
struct Tables {
    commits: BTreeMap<(String, String), Item>,
    /// As the index has them: partition, place in it, key.
    index: BTreeSet<(String, String, (String, String))>,
    ledger: Rows,
    seals: BTreeMap<String, Value>,
    objects: BTreeMap<String, Vec<u8>>,
}

impl Tables {
    fn put(&mut self, row: &Row) {
        self.delete(row);
        let item = Item::of_image(row.image.clone()).unwrap();
        if row.table == LEDGER {
            self.ledger.insert(row.key(), item);
            return;
        }
        self.commits.insert(row.key(), item);
        if !row.text("owner_pk").is_empty() && !row.text("owner_sk").is_empty() {
            self.index.insert((row.text("owner_pk").to_owned(), row.text("owner_sk").to_owned(), row.key()));
        }
    }

    fn delete(&mut self, row: &Row) {
        self.ledger.remove(&row.key());
        if self.commits.remove(&row.key()).is_some() {
            self.index.retain(|(.., key)| *key != row.key());
        }
    }

    /// The leaves of an hour as they are now.
    fn leaves(&self, operator: &OperatorName, hour: Timestamp) -> Vec<(Hash, String)> {
        let partition = format!("{operator}#commits#{}", hour.utc_day());
        let last = Timestamp::from_millis(hour.plus_seconds(HOUR_SECONDS).as_millis() - 1);
        let (from, to) = (CommitId::prefix(hour), format!("{}~", CommitId::prefix(last)));
        let of_hour = self.index.iter().filter(|(pk, sk, _)| *pk == partition && (&from..=&to).contains(&sk));
        let commits: Vec<&Item> = of_hour.map(|(.., key)| &self.commits[key]).collect();
        leaves_of(operator, &commits, &self.ledger).unwrap()
    }

    /// The chain, as far as it can be read.
    fn chain(&self) -> Vec<Sealed> {
        self.seals.values().filter_map(|seal| serde_json::from_value(seal.clone()).ok()).collect()
    }
}

/// A day as it was sealed.
struct Day {
    operator: OperatorName,
    rows: Vec<Row>,
    tables: Tables,
    keys: Vec<SealKey>,
    seals: Vec<Sealed>,
    /// The copy of each, as it lies in the bucket.
    copies: Vec<Vec<u8>>,
    /// The leaves of each seal, of which each is what was sealed.
    leaves: Vec<Vec<(Hash, String)>>,
    /// A check that found nothing.
    before: Proof,
    at: Timestamp,
}

/// A seal as its row in the records has it.
fn seal_row(world: &World, sequence: usize) -> Value {
    let of_seals =
        |row: &Value| row["pk"]["S"] == "pennco#seals" && row["sk"]["S"] == format!("{sequence:010}").as_str();
    world.table.items(RECORDS).into_iter().find(of_seals).unwrap()
}

fn named(proof: &Proof) -> BTreeSet<String> {
    let of_history = proof.breaches.iter().filter(|breach| breach.invariant == Invariant::V13);
    of_history.map(|breach| breach.subject.clone()).collect()
}

impl Day {
    /// Hours of work, all of them sealed; the events of the last wait in the outbox.
    async fn passed() -> (World, Self) {
        let world = World::new().await;
        a_day(&world).await;
        let hand = format!("agent_cash.{}", world.pennco.agents[0].subject());
        assert_eq!(hold(&world, &world.pennco.settlement, "hold", &held(&hand, 100)).await.status, 201);
        for hour in 1..=HOURS {
            relay(&world).await;
            an_hour(&world, hour).await;
        }
        seal(&world, OVER + HOURS * HOUR_SECONDS).await.unwrap();
        let at = Timestamp::from_millis(NOW_MILLIS).plus_seconds(OVER + HOURS * HOUR_SECONDS + 300);
        let operator = world.pennco.operator.clone();
        let before = world.proof_writer().check(&operator, at).await.unwrap();
        assert_eq!(named(&before), BTreeSet::new(), "{before:?}");
        let objects: BTreeMap<String, Vec<u8>> =
            world.locked.keys().into_iter().map(|key| (key.clone(), world.locked.object(&key).unwrap())).collect();
        let of_seals = objects.iter().filter(|(key, _)| key.starts_with("pennco/") && key.ends_with(".json"));
        let seals: BTreeMap<String, Value> = of_seals
            .map(|(key, bytes)| {
                let sequence = key.trim_start_matches("pennco/").trim_end_matches(".json");
                (sequence.to_owned(), serde_json::from_slice(bytes).unwrap())
            })
            .collect();
        let tables = Tables { commits: BTreeMap::new(), index: BTreeSet::new(), ledger: Rows::new(), seals, objects };
        let (keys, seals) = (seal_keys(&world), tables.chain());
        let copies = (0..seals.len()).map(|n| tables.objects[&format!("{operator}/{n:010}.json")].clone()).collect();
        let mut day = Self { operator, rows: vec![], tables, keys, seals, copies, leaves: vec![], before, at };
        for (table, image, _) in sealed_rows(&world) {
            let place = leaf_of(&image);
            day.rows.push(Row { table, image, place, led_to: BTreeSet::new(), seal: 0 });
        }
        day.rows.iter().for_each(|row| day.tables.put(row));
        day.leaves = day.seals.iter().map(|sealed| day.tables.leaves(&day.operator, sealed.seal.hour)).collect();
        let sealed: BTreeMap<&str, usize> = day
            .leaves
            .iter()
            .enumerate()
            .flat_map(|(seal, leaves)| leaves.iter().map(move |(_, place)| (place.as_str(), seal)))
            .collect();
        assert_eq!(sealed.len(), day.rows.len(), "every row is a leaf of one seal");
        let behind: Vec<(BTreeSet<String>, usize)> = day
            .rows
            .iter()
            .map(|row| {
                let is_behind = |other: &&Row| match (row.table, place(&row.image).1) {
                    (RECORDS, _) => other.table == LEDGER && other.text("commit_id") == row.text("owner_sk"),
                    (_, "transfer") => {
                        place(&other.image).1 != "transfer" && other.text("transfer_id") == row.text("transfer_id")
                    }
                    _ => false,
                };
                let led_to = day.rows.iter().filter(is_behind).map(|row| row.place.clone()).collect();
                (led_to, sealed[row.place.as_str()])
            })
            .collect();
        for (row, (led_to, seal)) in day.rows.iter_mut().zip(behind) {
            (row.led_to, row.seal) = (led_to, seal);
        }
        (world, day)
    }

    /// What a check names, that reads what lies in memory. Of seals and hours that are as they were it knows that they hold
    /// and what their leaves are: the same rows come to the same.
    fn named(&self, touched: impl Fn(usize) -> bool) -> BTreeSet<String> {
        let mut check = Check::begin(self.operator.clone(), Some(self.before.clone()), self.at);
        let chain = self.tables.chain();
        for sealed in check.chain(&chain).into_iter().map(|place| &chain[place]) {
            let Seal { operator, sequence, hour, root, leaf_count, .. } = &sealed.seal;
            let copy = self.tables.objects.get(&format!("{operator}/{sequence:010}.json"));
            let is_as_sealed = |(one, own): &(&Sealed, &Vec<u8>)| *one == sealed && copy == Some(*own);
            if !self.seals.iter().zip(&self.copies).any(|one| is_as_sealed(&one)) {
                let copy: Option<Sealed> = copy.and_then(|bytes| serde_json::from_slice(bytes).ok());
                check.sealed(sealed, &self.keys, copy.as_ref());
            }
            let known = self.seals.iter().position(|seal| seal.seal.hour == *hour).filter(|place| !touched(*place));
            let found = known.map_or_else(|| self.tables.leaves(&self.operator, *hour), |n| self.leaves[n].clone());
            if !check.hour(sealed, &found) {
                let file = self.tables.objects.get(&format!("{operator}/{sequence:010}.{root}.leaves"));
                let file = file.and_then(|bytes| read_leaves(&String::from_utf8(bytes.clone()).ok()?));
                let file = if *leaf_count == 0 { Some(vec![]) } else { file };
                check.differs(sealed, file.as_deref(), &found);
            }
        }
        named(&check.finish())
    }
}

/// Another value than this: of the same type, or of another one.
fn another(dice: &mut Dice, value: &Value) -> Value {
    let (kind, inner) = value.as_object().unwrap().iter().next().unwrap();
    loop {
        let other = match (kind.as_str(), dice.below(6)) {
            ("S", 0) => json!({ "L": [value] }),
            ("S", 1) => dice.one_of(&[
                json!({ "N": "7" }),
                json!({ "BOOL": true }),
                json!({ "NULL": true }),
                json!({ "B": "AAEC" }),
                json!({ "SS": [inner.as_str().filter(|text| !text.is_empty()).unwrap_or("x")] }),
                json!({ "M": { "S": value } }),
            ]),
            ("S", _) => json!({ "S": another_text(dice, inner.as_str().unwrap()) }),
            ("N", 0) => json!({ "S": inner }),
            ("N", 1) => json!({ "NS": [inner] }),
            ("N", 2) => json!({ "N": format!("{}0", inner.as_str().unwrap()) }),
            ("N", by) => {
                let number: i64 = inner.as_str().unwrap().parse().unwrap();
                let other = [number + 1, number - 1, -number][by - 3];
                json!({ "N": other.to_string() })
            }
            ("M", _) => json!({ "M": another_map(dice, inner) }),
            ("L", _) => {
                let mut list = inner.as_array().unwrap().clone();
                let at = dice.below(list.len().max(1));
                match dice.below(3) {
                    0 => list.push(json!({ "S": "x" })),
                    1 if !list.is_empty() => drop(list.remove(at)),
                    _ if !list.is_empty() => list[at] = another(dice, &list[at]),
                    _ => {}
                }
                json!({ "L": list })
            }
            ("BOOL", _) => json!({ "BOOL": inner != &json!(true) }),
            _ => json!({ "S": "x" }),
        };
        // DynamoDB has one nought.
        if other != *value && other != json!({ "N": "00" }) && other != json!({ "N": "-0" }) {
            return other;
        }
    }
}

/// Another text: a letter more, one less, another one, two that change places.
fn another_text(dice: &mut Dice, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = dice.below(letters.len().max(1));
    match dice.below(4) {
        0 => letters.insert(at.min(letters.len()), 'x'),
        1 if letters.len() > 1 => drop(letters.remove(at)),
        2 if at + 1 < letters.len() && letters[at] != letters[at + 1] => letters.swap(at, at + 1),
        _ if letters.is_empty() => letters.push('x'),
        _ => letters[at] = if letters[at] == '7' { '8' } else { '7' },
    }
    letters.into_iter().collect()
}

/// A map of which one member is another, gone or new.
fn another_map(dice: &mut Dice, map: &Value) -> Value {
    let mut map = map.as_object().unwrap().clone();
    let names: Vec<String> = map.keys().cloned().collect();
    if names.is_empty() || dice.below(3) == 0 {
        map.insert(format!("x{}", dice.below(9)), json!({ "N": "1" }));
        return Value::Object(map);
    }
    let name = dice.one_of(&names);
    if dice.below(2) == 0 {
        map.remove(&name);
    } else {
        map[&name] = another(dice, &map[&name]);
    }
    Value::Object(map)
}

/// A mutation: what is put and what is taken away, what must be named, and what may be named with it, because it is found
/// through what was changed.
struct Mutation {
    kind: &'static str,
    put: Vec<Row>,
    gone: Vec<Row>,
    must: BTreeSet<String>,
    may: BTreeSet<String>,
}

const KINDS_OF_ROWS: [&str; 9] = [
    "value changed",
    "value of another row",
    "attribute removed",
    "attribute added",
    "row removed",
    "commit put in",
    "contents swapped",
    "key changed",
    "not sealed",
];

/// A mutation of some row; nothing where there is nothing to mutate so.
fn of_rows(dice: &mut Dice, rows: &[Row], kind: &'static str) -> Option<Mutation> {
    let row = &rows[dice.below(rows.len())];
    let attributes = row.image.as_object().unwrap();
    let is_sealed =
        |name: &&String| *name != "pk" && *name != "sk" && !NOT_SEALED.iter().any(|(other, _)| name.as_str() == *other);
    let names: Vec<String> = attributes.keys().filter(is_sealed).cloned().collect();
    let name = dice.one_of(&names);
    let is_text = INDEX_KEYS.contains(&name.as_str());
    let own = BTreeSet::from([row.place.clone()]);
    let changed = |image: Value| Mutation {
        kind,
        put: vec![row.with(image)],
        gone: vec![],
        must: own.clone(),
        may: row.led_to.clone(),
    };
    let mut image = row.image.clone();
    let is_alike = |other: &&Row| {
        other.table == row.table && (place(&other.image).1 == "transfer") == (place(&row.image).1 == "transfer")
    };
    let alike: Vec<&Row> = rows.iter().filter(is_alike).collect();
    let other = dice.one_of(&alike);
    Some(match kind {
        "value changed" => {
            let value = &image[&name];
            image[&name] = if is_text {
                json!({ "S": another_text(dice, value["S"].as_str().unwrap()) })
            } else {
                another(dice, value)
            };
            changed(image)
        }
        "value of another row" => {
            let value = other.image.get(&name).filter(|value| **value != image[&name])?;
            image[&name] = value.clone();
            let mut mutation = changed(image);
            mutation.may.extend(other.led_to.iter().chain([&other.place]).cloned());
            mutation
        }
        "attribute removed" => {
            image.as_object_mut().unwrap().remove(&name);
            changed(image)
        }
        "attribute added" => {
            let value = another(dice, &json!({ "S": "x" }));
            let name = format!("x{}", dice.below(1_000));
            image[name] = value;
            changed(image)
        }
        "row removed" => {
            Mutation { kind, put: vec![], gone: vec![row.with(image)], must: own, may: row.led_to.clone() }
        }
        "commit put in" => {
            if row.table == LEDGER {
                return None;
            }
            let pk = format!("{}x", place(&row.image).0);
            image["pk"] = json!({ "S": pk });
            let put = row.with(image);
            // What it names a second time is there a second time.
            Mutation {
                kind,
                must: BTreeSet::from([put.place.clone()]),
                may: row.led_to.clone(),
                put: vec![put],
                gone: vec![],
            }
        }
        "contents swapped" => {
            if row.place == other.place {
                return None;
            }
            let keyed = |content: &Row, key: &Row| {
                let mut image = content.image.clone();
                (image["pk"], image["sk"]) = (key.image["pk"].clone(), key.image["sk"].clone());
                key.with(image)
            };
            let must = BTreeSet::from([row.place.clone(), other.place.clone()]);
            let may = row.led_to.union(&other.led_to).cloned().collect();
            Mutation { kind, put: vec![keyed(row, other), keyed(other, row)], gone: vec![], must, may }
        }
        "key changed" => {
            let name = dice.one_of(&["pk", "sk"]);
            image[name] = json!({ "S": format!("{}x", row.image[name]["S"].as_str().unwrap()) });
            let put = row.with(image);
            let may = row.led_to.iter().chain([&put.place]).cloned().collect();
            Mutation { kind, put: vec![put], gone: vec![row.with(row.image.clone())], must: own, may }
        }
        "not sealed" => {
            let (name, why) = dice.one_of(&NOT_SEALED);
            let image = row.image.get(name).is_some().then(|| {
                image[name] = json!({ "S": another_text(dice, image[name]["S"].as_str().unwrap()) });
                image
            })?;
            assert!(!why.is_empty() && row.table == RECORDS);
            Mutation { must: BTreeSet::new(), may: BTreeSet::new(), ..changed(image) }
        }
        _ => panic!("{kind}"),
    })
}

const KINDS_OF_SEALS: [&str; 8] = [
    "field changed",
    "field changed with its copy",
    "signature changed",
    "signature changed with its copy",
    "copy changed or lost",
    "row removed or spoilt",
    "rows swapped",
    "leaves changed or lost with a row",
];

/// Mutates some seal of the day in memory, says what is named, and undoes it.
fn of_seals(dice: &mut Dice, day: &mut Day, kind: &'static str) {
    let at = dice.below(day.seals.len());
    let (sequence, other) = (format!("{at:010}"), dice.below(day.seals.len()));
    let (seals, objects) = (day.tables.seals.clone(), day.tables.objects.clone());
    let key = format!("pennco/{sequence}.json");
    let mut row = seals[&sequence].clone();
    let mut may = BTreeSet::from([format!("seal {at}"), format!("seal {}", at + 1)]);
    let mut undo = None;
    let mut shows_rows = false;
    match kind {
        "field changed" | "field changed with its copy" => {
            let names: Vec<String> = row["seal"].as_object().unwrap().keys().cloned().collect();
            let name = dice.one_of(&names);
            let value = &row["seal"][&name];
            let changed = match name.as_str() {
                "operator" => json!("vishi"),
                "sequence" | "leaf_count" => json!(value.as_u64().unwrap().abs_diff(1 + dice.below(3) as u64) + 40),
                "hour" | "sealed_at" => {
                    let seconds = [HOUR_SECONDS, -HOUR_SECONDS, 1, -86_400][dice.below(4)];
                    json!(value.as_str().unwrap().parse::<Timestamp>().unwrap().plus_seconds(seconds))
                }
                "root" | "before" => {
                    let mut text = value.as_str().unwrap().to_owned();
                    let digit = dice.below(64);
                    let flipped = if text.as_bytes()[digit] == b'7' { "8" } else { "7" };
                    text.replace_range(digit..=digit, flipped);
                    json!(text)
                }
                "kid" => json!(another_text(dice, value.as_str().unwrap())),
                _ => panic!("a seal has a field that nobody changes here: {name}"),
            };
            // An hour that is not its own has other rows, and all of them are not as they were sealed.
            shows_rows = name == "hour";
            row["seal"][&name] = changed;
            may.insert(format!("seal {}", row["seal"]["sequence"]));
        }
        "signature changed" | "signature changed with its copy" => {
            row["signature"] = json!(another_text(dice, row["signature"].as_str().unwrap()));
        }
        "copy changed or lost" => {
            if dice.below(2) == 0 {
                day.tables.objects.remove(&key);
            } else {
                let copy = day.tables.objects.get_mut(&key).unwrap();
                let bit = dice.below(copy.len());
                copy[bit] ^= 1;
            }
        }
        "row removed or spoilt" => {
            // It is also one seal less than there were.
            may.insert(format!("seal {}", day.seals.len() - 1));
            match dice.below(3) {
                0 => row = Value::Null,
                1 => row["seal"]["x"] = json!(1),
                _ => {
                    let names: Vec<String> = row["seal"].as_object().unwrap().keys().cloned().collect();
                    row["seal"].as_object_mut().unwrap().remove(&dice.one_of(&names));
                }
            }
        }
        "rows swapped" => {
            let other = if other == at { (at + 1) % day.seals.len() } else { other };
            row = day.tables.seals.insert(format!("{other:010}"), row).unwrap();
            may.extend([format!("seal {other}"), format!("seal {}", other + 1)]);
        }
        "leaves changed or lost with a row" => {
            let victim = dice.below(day.rows.len());
            let mut image = day.rows[victim].image.clone();
            image["x"] = json!({ "N": "1" });
            let sealed = &day.seals[day.rows[victim].seal].seal;
            let key = format!("pennco/{:010}.{}.leaves", sealed.sequence, sealed.root);
            if dice.below(2) == 0 {
                day.tables.objects.remove(&key);
            } else {
                let file = day.tables.objects.get_mut(&key).unwrap();
                // A hash: of a name the file says nothing that the root would show.
                file[0] = if file[0] == b'7' { b'8' } else { b'7' };
            }
            may = BTreeSet::from([format!("seal {}", sealed.sequence)]);
            undo = Some(victim);
            let changed = day.rows[victim].with(image);
            day.tables.put(&changed);
        }
        _ => panic!("{kind}"),
    }
    if kind.ends_with("with its copy") {
        day.tables.objects.insert(key, serde_json::to_vec(&row).unwrap());
    }
    day.tables.seals.insert(sequence, row.clone());
    let is_touched = |place: usize| undo.is_some_and(|victim: usize| day.rows[victim].seal == place);
    let found = day.named(is_touched);
    let seals_named: BTreeSet<String> = found.iter().filter(|one| one.starts_with("seal ")).cloned().collect();
    assert!(!seals_named.is_empty() && seals_named.is_subset(&may), "{kind} of seal {at}: {found:?}, not of {may:?}");
    assert!(shows_rows || seals_named == found, "{kind} of seal {at}: {found:?}");
    let is_unlinked = ["row removed or spoilt", "rows swapped", "leaves changed or lost with a row"].contains(&kind);
    let own = row["seal"]["sequence"].as_u64().map_or(at, |stated| usize::try_from(stated).unwrap());
    assert!(is_unlinked || found.contains(&format!("seal {own}")), "{kind} of seal {at}: {found:?}");
    (day.tables.seals, day.tables.objects) = (seals, objects);
    if let Some(victim) = undo {
        let row = day.rows[victim].with(day.rows[victim].image.clone());
        day.tables.put(&row);
    }
}

/// Makes a mutation in the tables, has it checked, and undoes it; what the check names.
async fn through_the_door(world: &World, day: &Day, mutation: &Mutation, proof: &Value) -> BTreeSet<String> {
    for row in &mutation.gone {
        delete(world, row.table, &row.image).await;
    }
    for row in &mutation.put {
        world.table.put(row.table, &row.image);
    }
    let found = world.proof_writer().check(&day.operator, day.at).await.unwrap();
    for row in &mutation.put {
        delete(world, row.table, &row.image).await;
    }
    for row in day.rows.iter().filter(|row| mutation.put.iter().chain(&mutation.gone).any(|one| one.key() == row.key()))
    {
        world.table.put(row.table, &row.image);
    }
    world.table.put(RECORDS, proof);
    named(&found)
}

#[tokio::test]
async fn eight_thousand_mutations_of_a_days_sealed_rows_are_each_named() {
    let (world, mut day) = Day::passed().await;
    assert_eq!(day.named(|_| true), BTreeSet::new(), "nobody has touched it");
    let proof = world.table.items(RECORDS).into_iter().find(|row| row["pk"]["S"] == "pennco#proof").unwrap();
    let mut dice = Dice(20_261_121);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut doors = 0;
    for n in 0.. {
        if counts.values().sum::<usize>() == OF_ROWS {
            break;
        }
        let Some(mutation) = of_rows(&mut dice, &day.rows, KINDS_OF_ROWS[n % KINDS_OF_ROWS.len()]) else { continue };
        let Mutation { kind, put, gone, must, may } = &mutation;
        gone.iter().for_each(|row| day.tables.delete(row));
        put.iter().for_each(|row| day.tables.put(row));
        let touched: BTreeSet<usize> = put.iter().chain(gone).map(|row| row.seal).collect();
        let filed: Vec<CommitId> = put.iter().filter_map(|row| row.text("owner_sk").parse().ok()).collect();
        let hours: Vec<Timestamp> = filed.iter().map(|id| domain::seal::hour_of(id.written_at())).collect();
        let found = day.named(|seal| touched.contains(&seal) || hours.contains(&day.seals[seal].seal.hour));
        let told =
            || format!("{kind} {must:?}: {found:?} by {:?}", put.iter().map(|row| &row.image).collect::<Vec<_>>());
        assert!(must.is_subset(&found), "not named: {}", told());
        // A commit that was filed anew is passed by others of its hour, which have moved.
        let is_refiled = put.iter().any(|row| {
            let before = day.rows.iter().find(|before| before.key() == row.key());
            before.is_some_and(|before| before.text("owner_sk") != row.text("owner_sk"))
        });
        let has_moved = |one: &String| {
            is_refiled && touched.iter().any(|seal| day.leaves[*seal].iter().any(|(_, place)| place == one))
        };
        let is_meant = |one: &String| must.contains(one) || may.contains(one) || has_moved(one);
        assert!(found.iter().all(is_meant), "named as well: {}", told());
        put.iter().for_each(|row| day.tables.delete(row));
        for row in &day.rows {
            if put.iter().chain(gone).any(|one| one.key() == row.key()) {
                day.tables.put(row);
            }
        }
        let count = counts.entry(kind).or_default();
        *count += 1;
        if n % THROUGH_THE_DOOR == n / THROUGH_THE_DOOR % KINDS_OF_ROWS.len() {
            assert_eq!(through_the_door(&world, &day, &mutation, &proof).await, found, "through the door: {}", told());
            doors += 1;
        }
    }
    assert_eq!(day.named(|_| true), BTreeSet::new(), "all of it is again as it was");
    assert!(counts.len() == KINDS_OF_ROWS.len() && counts.values().all(|times| *times > 20), "{counts:?}");
    let (rows, named) = (day.rows.len(), counts.values().sum::<usize>());
    println!(
        "mutations of {rows} sealed rows: {named} of {OF_ROWS} named, {doors} through the door as well, by kind: {counts:?}"
    );
}

#[tokio::test]
async fn two_thousand_mutations_of_a_days_seals_are_each_named() {
    let (_, mut day) = Day::passed().await;
    let mut dice = Dice(20_261_122);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for n in 0..OF_SEALS {
        let kind = KINDS_OF_SEALS[n % KINDS_OF_SEALS.len()];
        of_seals(&mut dice, &mut day, kind);
        *counts.entry(kind).or_default() += 1;
    }
    assert_eq!(day.named(|_| true), BTreeSet::new(), "all of it is again as it was");
    let (seals, named) = (day.seals.len(), counts.values().sum::<usize>());
    println!("mutations of {seals} seals: {named} of {OF_SEALS} named, by kind: {counts:?}");
}

#[tokio::test]
async fn a_seal_that_nobody_sealed_and_the_newest_one_changed_are_named_through_the_door() {
    let (world, day) = Day::passed().await;
    let newest = day.seals.last().unwrap();
    let last = day.seals.len() - 1;
    let row = seal_row(&world, last);
    for (name, to) in [("root", "7".repeat(64)), ("kid", "another".to_owned()), ("operator", "vishi".to_owned())] {
        let mut changed = row.clone();
        changed["seal"]["M"][name] = json!({ "S": to });
        world.table.put(RECORDS, &changed);
        let proof = world.proof_writer().check(&day.operator, day.at).await.unwrap();
        assert_eq!(named(&proof), BTreeSet::from([format!("seal {last}")]), "{name}");
    }
    let mut changed = row.clone();
    changed["signature"] = json!({ "S": day.seals[last - 1].signature });
    world.table.put(RECORDS, &changed);
    let proof = world.proof_writer().check(&day.operator, day.at).await.unwrap();
    assert_eq!(named(&proof), BTreeSet::from([format!("seal {last}")]), "another's signature");
    world.table.put(RECORDS, &row);
    // One more, of the same chain and with its copy, by a key that nobody knows.
    let forger = SealSecret::of(&[7; KEY_BYTES], day.at).unwrap().signer().unwrap();
    let hour = newest.seal.end();
    let seal = Seal::behind(Some(&newest.seal), &day.operator, hour, &[], day.at, &forger.public().kid).unwrap();
    let forged = serde_json::to_vec(&forger.sign(seal).unwrap()).unwrap();
    let mut next = row.clone();
    let mut seal = testkit::dynamo_json(&serde_json::from_slice(&forged).unwrap());
    next["sk"] = json!({ "S": format!("{:010}", last + 1) });
    for name in ["seal", "signature"] {
        next[name] = seal[name].take();
    }
    world.table.put(RECORDS, &next);
    world.locked.tamper(&format!("pennco/{:010}.json", last + 1), forged);
    let proof = world.proof_writer().check(&day.operator, day.at).await.unwrap();
    assert_eq!(named(&proof), BTreeSet::from([format!("seal {}", last + 1)]));
}

#[tokio::test]
async fn a_transfer_that_two_commits_name_keeps_no_hour_from_being_sealed_and_none_from_being_checked() {
    let world = World::new().await;
    collected(&world, &world.pennco, "BF-1", 5).await;
    let rows = sealed_rows(&world);
    let (_, commit, _) = rows.iter().find(|(_, row, _)| place(row).0.contains("#delivery-confirm#")).unwrap();
    let mut again = commit.clone();
    again["pk"] = json!({ "S": format!("{}x", place(commit).0) });
    world.table.put(RECORDS, &again);
    seal(&world, OVER).await.unwrap();
    let at = Timestamp::from_millis(NOW_MILLIS).plus_seconds(OVER + 300);
    let check = async || world.proof_writer().check(&world.pennco.operator, at).await.unwrap();
    assert_eq!(named(&check().await), BTreeSet::new(), "it is sealed as it was");
    delete(&world, RECORDS, &again).await;
    assert!(named(&check().await).contains(&leaf_of(&again)));
}

#[tokio::test]
async fn what_is_put_into_the_ledger_beside_its_commits_is_named_as_soon_as_it_adds_up_to_something() {
    let (world, day) = Day::passed().await;
    let entry = day.rows.iter().find(|row| row.table == LEDGER && place(&row.image).1 != "transfer").unwrap();
    let forged_id = domain::TransferId::mint(day.at, &[b"forged"]).to_string();
    let mut forged = entry.image.clone();
    forged["transfer_id"] = json!({ "S": forged_id });
    forged["sk"] =
        json!({ "S": entry.image["sk"]["S"].as_str().unwrap().replace(entry.text("transfer_id"), &forged_id) });
    world.table.put(LEDGER, &forged);
    let proof = world.proof_writer().check(&day.operator, day.at).await.unwrap();
    let subjects: BTreeSet<&str> = proof
        .breaches
        .iter()
        .filter(|breach| breach.invariant != Invariant::V7)
        .map(|breach| breach.subject.as_str())
        .collect();
    let account = place(&forged).0.split_once('#').unwrap().1;
    assert_eq!(subjects, BTreeSet::from([account, forged_id.as_str()]), "{proof:?}");
    assert_eq!(named(&proof), BTreeSet::new(), "no commit names it, so no seal does");
    // Two that come to nothing, in one account and of one transfer, change no balance; docs/ARCHITECTURE.md says so.
    let amount = forged["amount"]["M"]["amount_minor"]["N"].as_str().unwrap().parse::<i64>().unwrap();
    forged["amount"]["M"]["amount_minor"] = json!({ "N": (-amount).to_string() });
    forged["sk"] = json!({ "S": format!("{}x", place(&forged).1) });
    world.table.put(LEDGER, &forged);
    let proof = world.proof_writer().check(&day.operator, day.at).await.unwrap();
    assert!(proof.breaches.iter().all(|breach| breach.invariant == Invariant::V7), "{proof:?}");
}
