//! Names and ids: what each thing is called, checked once when it is read.
//!
//! Ids are a prefix and a UUID version 7 in lower-case Crockford base32 (26 characters), so that they sort by time.
//! Their 74 free bits are taken from a hash of the command that mints them: the same command sent twice
//! would mint the same id in the same millisecond, and no function needs a source of randomness.
//!
//! Whoever knows a command can work out its ids. A client makes ids of transfers itself, so those that follow from a
//! command are of version 8, which no client may make: what it sends can never stand where Milepost is going to book.

use std::{fmt, str::FromStr, sync::LazyLock};

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize, de};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Version;

use crate::Timestamp;

/// Crockford's alphabet in lower case, most significant bit first; a UUID is 26 symbols with two trailing zero bits.
static BASE32: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.encoding().ok()
});

/// Symbols of one id behind its prefix.
const ID_SYMBOLS: usize = 26;

/// A text is not the id or the name that its place asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct NotAnId(&'static str);

impl NotAnId {
    /// What an account is called.
    pub(crate) const ACCOUNT: Self = Self("an account such as partner_control.bfil");
}

fn mint(version: Version, prefix: &str, at: Timestamp, seed: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update(prefix.as_bytes());
    for part in seed {
        hash.update([0]);
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut free = [0_u8; 10];
    free.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    let uuid = uuid::Builder::from_unix_timestamp_millis(at.as_millis().unsigned_abs(), &free);
    let uuid = uuid.with_version(version).into_uuid();
    let symbols = BASE32.as_ref().map(|base32| base32.encode(uuid.as_bytes())).unwrap_or_default();
    format!("{prefix}_{symbols}")
}

fn is_id(prefix: &str, text: &str) -> bool {
    let Some(symbols) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else { return false };
    symbols.len() == ID_SYMBOLS
        && BASE32.as_ref().is_some_and(|base32| base32.decode(symbols.as_bytes()).is_ok_and(|bytes| bytes.len() == 16))
}

/// Short names are lower-case letters, digits and hyphens, at most 40, so that they are safe in keys, paths and files.
fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr, $shape:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(NotAnId($shape)) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: de::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        id_type!($(#[$doc])* $name, $prefix, Version::SortRand);
    };
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $version:expr) => {
        text_type!($(#[$doc])* $name, |text| is_id($prefix, text), concat!("an id of the form ", $prefix, "_<26 characters>"));

        impl $name {
            /// Mints the id that this seed has at this time; other seeds, and other kinds of id, get other ids.
            #[must_use]
            pub fn mint(at: Timestamp, seed: &[&[u8]]) -> Self {
                Self(mint($version, $prefix, at, seed))
            }
        }
    };
}

impl TransferId {
    /// Whether it is of the ids that Milepost mints, and that a client may not make.
    #[must_use]
    pub fn is_minted(&self) -> bool {
        uuid::Uuid::from_u128(self.bits()).get_version() == Some(Version::Custom)
    }

    /// The UUID of the id.
    #[must_use]
    pub fn bits(&self) -> u128 {
        let symbols = self.0.rsplit('_').next().unwrap_or_default();
        let bytes = BASE32.as_ref().and_then(|base32| base32.decode(symbols.as_bytes()).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u128::from_be_bytes)
    }

    /// The id of a UUID.
    #[must_use]
    pub fn of_bits(bits: u128) -> Self {
        let symbols = BASE32.as_ref().map(|base32| base32.encode(&bits.to_be_bytes())).unwrap_or_default();
        Self(format!("trf_{symbols}"))
    }
}

id_type!(
    /// A field officer of an operator.
    AgentId,
    "agt"
);
id_type!(
    /// A request that waits for people's approval.
    ApprovalId,
    "apr"
);
id_type!(
    /// One stored batch of an agent's positions.
    BatchId,
    "bat"
);
id_type!(
    /// One sent code that somebody may log in with.
    ChallengeId,
    "otp"
);
id_type!(
    /// A program that calls on behalf of a partner or of the operator.
    ClientId,
    "cli"
);
id_type!(
    /// One accepted command, in the order in which they were written.
    CommitId,
    "cmt"
);
id_type!(
    /// A phone that an agent logs in with.
    DeviceId,
    "dev"
);
id_type!(
    /// One visit to a borrower.
    DeliveryId,
    "dlv"
);
id_type!(
    /// A partner's instruction to pay one borrower.
    DisbursementId,
    "dsb"
);
id_type!(
    /// One reported fact.
    EventId,
    "evt"
);
id_type!(
    /// One requested file.
    ExportId,
    "exp"
);
id_type!(
    /// What an operator pays a partner for a settlement.
    PayoutId,
    "pay"
);
id_type!(
    /// One login, and all tokens that come from it.
    SessionId,
    "ses"
);
id_type!(
    /// Money of an account that is held for something until it is spent or let go.
    ReservationId,
    "rsv"
);
id_type!(
    /// What is owed between operator and partner for one business day.
    SettlementId,
    "stl"
);
id_type!(
    /// A bank's statement of an account.
    StatementId,
    "stm"
);
id_type!(
    /// A set of ledger entries that sum to zero.
    TransferId,
    "trf",
    Version::Custom
);
id_type!(
    /// Somebody who can log in.
    UserId,
    "usr"
);

/// Symbols of a commit's id that say when it was written: 48 bits of milliseconds and the version's first two.
const TIME_SYMBOLS: usize = 10;

impl CommitId {
    /// What the ids of all commits of this millisecond begin with, and no others.
    #[must_use]
    pub fn prefix(at: Timestamp) -> String {
        let mut of_time = mint(Version::SortRand, "cmt", at, &[]);
        of_time.truncate("cmt_".len().saturating_add(TIME_SYMBOLS));
        of_time
    }

    /// When it was written.
    #[must_use]
    pub fn written_at(&self) -> Timestamp {
        let symbols = self.0.get("cmt_".len()..).unwrap_or_default().as_bytes();
        let bytes = BASE32.as_ref().and_then(|base32| base32.decode(symbols).ok()).unwrap_or_default();
        let millis = bytes.iter().take(6).fold(0_i64, |millis, byte| millis.wrapping_shl(8) | i64::from(*byte));
        Timestamp::from_millis(millis)
    }
}

text_type!(
    /// A delivery company that runs on Milepost: the tenant.
    OperatorName,
    is_name,
    "a short name of lower-case letters, digits and hyphens"
);
text_type!(
    /// A microfinance lender whose cash the operator moves.
    PartnerName,
    is_name,
    "a short name of lower-case letters, digits and hyphens"
);
text_type!(
    /// What an operator sets money aside or spends it for: a budget or an expense.
    PurposeName,
    is_name,
    "a short name of lower-case letters, digits and hyphens"
);
text_type!(
    /// An operating area of an operator.
    RegionName,
    is_name,
    "a short name of lower-case letters, digits and hyphens"
);
text_type!(
    /// A SHA-256 as 64 lower-case hexadecimal digits.
    Sha256Hex,
    |text| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
    "64 lower-case hexadecimal digits"
);

impl Sha256Hex {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))
    }

    /// What stands where there is nothing to take a digest of.
    #[must_use]
    pub fn zeros() -> Self {
        Self("0".repeat(64))
    }

    /// A digest as text.
    #[must_use]
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self(data_encoding::HEXLOWER.encode(digest))
    }

    /// A digest that was computed piece by piece.
    #[must_use]
    pub fn finish(hash: Sha256) -> Self {
        Self(data_encoding::HEXLOWER.encode(&hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_time_they_were_minted() {
        let earlier = DeliveryId::mint(Timestamp::from_millis(1_000), &[b"z"]);
        let later = DeliveryId::mint(Timestamp::from_millis(2_000), &[b"a"]);
        assert!(earlier < later, "{earlier} sorts before {later}");
    }

    #[test]
    fn an_id_is_read_back_and_only_as_its_own_kind() {
        let id = DeliveryId::mint(Timestamp::from_millis(1_763_700_000_000), &[b"seed"]);
        assert_eq!(id.as_str().len(), 30);
        assert_eq!(id.as_str().parse::<DeliveryId>(), Ok(id.clone()));
        assert!(id.as_str().parse::<AgentId>().is_err());
    }

    #[test]
    fn a_transfers_id_is_made_again_from_its_bits_and_sorts_as_they_do() {
        let [earlier, later] = [1_000, 2_000].map(|millis| TransferId::mint(Timestamp::from_millis(millis), &[b"t"]));
        assert_eq!(TransferId::of_bits(earlier.bits()), earlier);
        assert!(earlier < later && earlier.bits() < later.bits());
    }

    #[test]
    fn a_transfers_id_says_whether_a_client_may_have_made_it() {
        let minted = TransferId::mint(Timestamp::from_millis(1_763_700_000_000), &[b"t"]);
        assert!(minted.is_minted(), "{minted}");
        let version = |version: u128| TransferId::of_bits(minted.bits() & !(0xf << 76) | version << 76);
        assert_eq!(version(8), minted);
        assert!((0..16).filter(|of| *of != 8).all(|of| !version(of).is_minted()));
    }

    #[test]
    fn a_commits_id_says_when_it_was_written() {
        for millis in [0, 1, 1_795_242_600_000, 1_795_242_600_001, 253_402_207_199_999] {
            let at = Timestamp::from_millis(millis);
            let id = CommitId::mint(at, &[b"seed"]);
            assert_eq!(id.written_at(), at);
            assert!(id.as_str().starts_with(&CommitId::prefix(at)));
            assert!(!id.as_str().starts_with(&CommitId::prefix(Timestamp::from_millis(millis + 1))));
        }
    }

    #[test]
    fn names_that_would_break_a_key_are_refused() {
        for bad in ["", "Pennco", "a#b", "a/b", "a b", &"x".repeat(41)] {
            assert!(bad.parse::<OperatorName>().is_err(), "{bad} must be refused");
        }
        assert!("lnt-finance".parse::<PartnerName>().is_ok());
    }

    #[test]
    fn different_kinds_minted_from_one_seed_differ_beyond_their_prefix() {
        let at = Timestamp::from_millis(5);
        let delivery = DeliveryId::mint(at, &[b"s"]);
        let disbursement = DisbursementId::mint(at, &[b"s"]);
        assert_ne!(delivery.as_str().get(4..), disbursement.as_str().get(4..));
    }
}
