//! What Milepost decides: the rules of deliveries, money and access, with no I/O, no clock and no AWS in reach.
//!
//! Everything here is a pure function of its arguments. Time arrives as a [`Timestamp`], identity as a [`Caller`],
//! randomness not at all: ids are minted from the command that asks for them.

pub mod access;
pub mod acknowledgement;
pub mod activity;
pub mod alteration;
pub mod approval;
pub mod audit;
pub mod by_hand;
pub mod calendar;
pub mod client;
pub mod command;
pub mod day_close;
pub mod delivery;
pub mod device;
pub mod disbursement;
pub mod event;
pub mod export;
pub mod failed;
pub mod id;
pub mod late;
pub mod ledger;
pub mod matching;
pub mod message;
pub mod money;
pub mod operator;
pub mod operator_change;
pub mod payout;
pub mod problem;
pub mod proof;
pub mod reconciliation;
pub mod refusal;
pub mod reservation;
pub mod seal;
pub mod seal_key;
pub mod secret;
pub mod session;
pub mod settled_days;
pub mod settlement;
pub mod settlement_file;
pub mod settlement_format;
pub mod statement;
pub mod throttle;
pub mod time;
pub mod track;
pub mod transfer;
pub mod turn_around;
pub mod user;

pub use access::{Caller, Role, Route};
pub use command::Command;
pub use delivery::Delivery;
pub use event::Event;
pub use failed::{Failed, Flaw};
pub use id::{
    AgentId, ApprovalId, BatchId, ChallengeId, ClientId, CommitId, DeliveryId, DeviceId, DisbursementId, EventId,
    ExportId, OperatorName, PartnerName, PayoutId, PurposeName, RegionName, ReservationId, SessionId, SettlementId,
    StatementId, TransferId, UserId,
};
pub use money::{Currency, Money};
pub use refusal::Refusal;
pub use time::{Day, Timestamp};
