//! The books as anybody with a token can read them: every account of an operator, added up again entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    caller::escaped,
    crew,
    findings::Rule,
    run::Run,
    shapes::{AccountPage, AgentItem, Entry, Money},
    team::House,
    wire::Ask,
};

/// One account, read to its last page.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) balance: Money,
    pub(crate) entries: Vec<Entry>,
    /// The agent's cash cap; other accounts have none.
    pub(crate) cap_minor: Option<i64>,
}

/// All accounts of one operator.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) operator: String,
    pub(crate) accounts: Vec<Account>,
    pub(crate) agents: Vec<AgentItem>,
}

/// A fault in the books, by rule, account or transfer, and words.
pub(crate) type Fault = (Rule, String, String);

impl Books {
    /// Reads every account: the cash of every agent in every region, the partners' two, the vault.
    pub(crate) fn read(run: &Run, house: &House) -> Self {
        let agents: Vec<AgentItem> = house
            .regions
            .iter()
            .flat_map(|region| house.settlement.list(run, "agent-list", &format!("/agents?region={region}&limit=100")))
            .collect();
        let mut wanted: Vec<(String, Option<i64>)> = agents
            .iter()
            .map(|agent| (format!("agent_cash.{}", agent.agent_id), Some(agent.cash_cap.amount_minor)))
            .collect();
        let partners = run.options.partners.iter();
        wanted.extend(
            partners
                .flat_map(|name| [format!("partner_control.{name}"), format!("partner_settlement.{name}")])
                .map(|id| (id, None)),
        );
        wanted.push((format!("vault.{}", house.operator), None));
        let accounts =
            crew::each(run.options.concurrency, &wanted, |(id, cap_minor)| read_account(run, house, id, *cap_minor))
                .into_iter()
                .flatten()
                .collect();
        Self { operator: house.operator.clone(), accounts, agents }
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }

    /// The sum of all balances, by currency: zero, if the books are right.
    pub(crate) fn trial_balance(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for account in &self.accounts {
            *sums.entry(account.balance.currency.clone()).or_default() += account.balance.amount_minor;
        }
        sums
    }

    pub(crate) fn entries(&self) -> usize {
        self.accounts.iter().map(|account| account.entries.len()).sum()
    }

    /// V2, V4 and V5 over everything read.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.accounts.iter().flat_map(Account::faults).collect();
        let mut transfers: BTreeMap<&str, BTreeMap<&str, i64>> = BTreeMap::new();
        let mut sides: BTreeMap<&str, usize> = BTreeMap::new();
        let mut visits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for entry in self.accounts.iter().flat_map(|account| &account.entries) {
            let sums = transfers.entry(&entry.transfer_id).or_default();
            *sums.entry(&entry.amount.currency).or_default() += entry.amount.amount_minor;
            *sides.entry(&entry.transfer_id).or_default() += 1;
            if let Some(delivery_id) = &entry.delivery_id {
                visits.entry(delivery_id).or_default().insert(&entry.transfer_id);
            }
        }
        for (transfer_id, sums) in transfers {
            if sums.values().any(|sum| *sum != 0) || sides.get(transfer_id).is_none_or(|sides| *sides < 2) {
                faults.push((
                    Rule::V4,
                    transfer_id.to_owned(),
                    format!("its entries sum to {sums:?}, must be zero over two or more"),
                ));
            }
        }
        for (delivery_id, transfers) in visits.into_iter().filter(|(_, transfers)| transfers.len() > 1) {
            faults.push((
                Rule::V2,
                delivery_id.to_owned(),
                format!("{} transfers for one visit: {transfers:?}", transfers.len()),
            ));
        }
        for (currency, sum) in self.trial_balance().into_iter().filter(|(_, sum)| *sum != 0) {
            faults.push((Rule::V4, self.operator.clone(), format!("trial balance {sum} {currency}, must be zero")));
        }
        faults
    }
}

impl Account {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut fault = |rule, what: String| faults.push((rule, self.id.clone(), what));
        let mut fold = 0_i64;
        let mut seen = BTreeSet::new();
        let cash = self.id.starts_with("agent_cash.");
        for entry in &self.entries {
            fold = fold.saturating_add(entry.amount.amount_minor);
            if entry.amount.currency != self.balance.currency {
                fault(Rule::V5, format!("{} is in {}", entry.transfer_id, entry.amount.currency));
            }
            if !seen.insert(entry.transfer_id.as_str()) {
                fault(Rule::V2, format!("{} is booked twice", entry.transfer_id));
            }
            if cash && fold < 0 {
                fault(Rule::V5, format!("cash {fold} after {}, must not be negative", entry.transfer_id));
            }
            if let Some(cap) = self.cap_minor.filter(|cap| fold > *cap) {
                fault(Rule::V5, format!("cash {fold} after {}, the cap is {cap}", entry.transfer_id));
            }
        }
        if fold != self.balance.amount_minor {
            fault(Rule::V5, format!("balance {} != fold {fold}", self.balance.amount_minor));
        }
        if !self.entries.is_sorted_by_key(|entry| entry.at) {
            fault(Rule::Api, "entries are not oldest first".to_owned());
        }
        faults
    }
}

fn read_account(run: &Run, house: &House, id: &str, cap_minor: Option<i64>) -> Option<Account> {
    let mut account: Option<Account> = None;
    let mut cursor = String::new();
    loop {
        let ask = Ask::get("account-get", &format!("/accounts/{id}?limit=100{cursor}"));
        let Ok(heard) = house.settlement.ask(&run.wire, &ask) else {
            run.findings.add(Rule::V1, id, "no answer");
            return account;
        };
        // A partner nobody moved cash for yet may have no account.
        if heard.answer.status == 404 && id.starts_with("partner_") {
            return account;
        }
        let page: AccountPage = match (heard.answer.status, heard.answer.read()) {
            (200, Ok(page)) => page,
            (200, Err(wrong)) => {
                run.findings.add(Rule::Api, id, &format!("unexpected shape: {wrong}"));
                return account;
            }
            _ => {
                run.findings.add(Rule::V1, id, &format!("must be 200, is {}", heard.answer.brief()));
                return account;
            }
        };
        if page.account_id != id {
            run.findings.add(Rule::Api, id, &format!("is answered as {}", page.account_id));
        }
        match &mut account {
            None => {
                account = Some(Account { id: id.to_owned(), balance: page.balance, entries: page.items, cap_minor });
            }
            Some(account) => {
                if account.balance != page.balance {
                    run.findings.add(Rule::V5, id, "the balance moved while nobody worked");
                }
                account.entries.extend(page.items);
            }
        }
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={}", escaped(&next)),
            None => return account,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inr(amount_minor: i64) -> Money {
        Money { amount_minor, currency: "INR".to_owned() }
    }

    fn account(id: &str, balance: i64, entries: &[(&str, i64)], cap_minor: Option<i64>) -> Account {
        let entry = |(transfer, amount): &(&str, i64)| Entry {
            transfer_id: format!("trf_{transfer}"),
            kind: "collection".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            amount: inr(*amount),
            delivery_id: Some(format!("dlv_{}", transfer.trim_end_matches('\''))),
        };
        Account { id: id.to_owned(), balance: inr(balance), entries: entries.iter().map(entry).collect(), cap_minor }
    }

    fn rules(accounts: Vec<Account>) -> Vec<Rule> {
        let books = Books { operator: "pennco".to_owned(), accounts, agents: Vec::new() };
        books.faults().into_iter().map(|(rule, ..)| rule).collect()
    }

    #[test]
    fn right_books_have_no_fault() {
        let cash = account("agent_cash.agt_1", 70, &[("1", 100), ("2", -30)], Some(100));
        let control = account("partner_control.bfil", -70, &[("1", -100), ("2", 30)], None);
        assert_eq!(rules(vec![cash, control]), []);
    }

    #[test]
    fn a_balance_that_is_not_its_fold_is_v5_and_unbalances_the_books() {
        let cash = account("agent_cash.agt_1", 71, &[("1", 70)], None);
        let control = account("partner_control.bfil", -70, &[("1", -70)], None);
        assert_eq!(rules(vec![cash, control]), [Rule::V5, Rule::V4]);
    }

    #[test]
    fn cash_below_zero_or_above_the_cap_is_v5_even_in_between() {
        let control = |first, second| account("partner_control.bfil", 0, &[("1", first), ("2", second)], None);
        let below = account("agent_cash.agt_1", 0, &[("1", -10), ("2", 10)], Some(100));
        assert_eq!(rules(vec![below, control(10, -10)]), [Rule::V5]);
        let above = account("agent_cash.agt_1", 0, &[("1", 101), ("2", -101)], Some(100));
        assert_eq!(rules(vec![above, control(-101, 101)]), [Rule::V5]);
    }

    #[test]
    fn one_side_alone_is_v4() {
        let cash = account("agent_cash.agt_1", 70, &[("1", 70)], None);
        assert_eq!(rules(vec![cash]), [Rule::V4, Rule::V4]);
    }

    #[test]
    fn two_transfers_for_one_visit_or_one_twice_are_v2() {
        let twice = account("agent_cash.agt_1", 20, &[("1", 10), ("1", 10)], None);
        let control = account("partner_control.bfil", -20, &[("1", -10), ("1", -10)], None);
        assert_eq!(rules(vec![twice, control]), [Rule::V2, Rule::V2]);
        let two = account("agent_cash.agt_1", 20, &[("1", 10), ("1'", 10)], None);
        let control = account("partner_control.bfil", -20, &[("1", -10), ("1'", -10)], None);
        assert_eq!(rules(vec![two, control]), [Rule::V2]);
    }
}
