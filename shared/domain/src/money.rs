//! Money: whole minor units of one currency, with arithmetic that refuses to overflow.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The currencies of the countries where Milepost's operators work (ISO 4217); all have two minor digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Indian rupee, in paise.
    Inr,
    /// Bangladeshi taka, in poisha.
    Bdt,
    /// Sri Lankan rupee, in cents.
    Lkr,
    /// Nepalese rupee, in paisa.
    Npr,
}

impl Currency {
    /// Digits of minor units in a major one, in each of them.
    pub const MINOR_DIGITS: usize = 2;

    /// The ISO 4217 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Inr => "INR",
            Self::Bdt => "BDT",
            Self::Lkr => "LKR",
            Self::Npr => "NPR",
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in whole minor units (paise for INR) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Whole minor units; 100 paise are one rupee.
    pub amount_minor: i64,
    /// The currency they are of.
    pub currency: Currency,
}

/// A sum does not fit, or mixes currencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Uncountable {
    /// The result is beyond 64 bits.
    #[error("an amount is beyond what can be counted")]
    Overflow,
    /// The two sides are of different currencies.
    #[error("amounts of different currencies do not add up")]
    MixedCurrencies,
}

impl Money {
    /// The largest amount one visit may move, in minor units: 10 lakh rupees. A guard against a slipped digit; the
    /// agent's cash cap is far below it.
    pub const LARGEST_VISIT_MINOR: i64 = 100_000_000;

    /// An amount of a currency.
    #[must_use]
    pub fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// [`Uncountable`] when the currencies differ or the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, Uncountable> {
        if self.currency != other.currency {
            return Err(Uncountable::MixedCurrencies);
        }
        let amount_minor = self.amount_minor.checked_add(other.amount_minor).ok_or(Uncountable::Overflow)?;
        Ok(Self::new(amount_minor, self.currency))
    }

    /// The same amount the other way.
    ///
    /// # Errors
    /// [`Uncountable::Overflow`] for the one amount that has no opposite.
    pub fn negated(self) -> Result<Self, Uncountable> {
        let amount_minor = self.amount_minor.checked_neg().ok_or(Uncountable::Overflow)?;
        Ok(Self::new(amount_minor, self.currency))
    }
}

/// For `garde`: an amount that one visit may move.
///
/// # Errors
/// When it is not from 1 to [`Money::LARGEST_VISIT_MINOR`].
pub fn visit_amount<C>(amount: &Money, _: &C) -> garde::Result {
    if (1..=Money::LARGEST_VISIT_MINOR).contains(&amount.amount_minor) {
        Ok(())
    } else {
        Err(garde::Error::new(format!("amount_minor must be from 1 to {}", Money::LARGEST_VISIT_MINOR)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_two_currencies_are_never_added() {
        let sum = Money::new(1, Currency::Inr).plus(Money::new(1, Currency::Npr));
        assert_eq!(sum, Err(Uncountable::MixedCurrencies));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        let sum = Money::new(i64::MAX, Currency::Inr).plus(Money::new(1, Currency::Inr));
        assert_eq!(sum, Err(Uncountable::Overflow));
        assert_eq!(Money::new(i64::MIN, Currency::Inr).negated(), Err(Uncountable::Overflow));
    }
}
