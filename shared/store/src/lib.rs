//! Where decisions are kept: the only crate that names DynamoDB, SQS and S3.
//!
//! Each capability is what a function may touch; its IAM policy in `infra/template.yaml` says the same.
//! Every change goes through [`table::Table::commit`]: one transaction of the commit record, the aggregates on their
//! versions, the ledger entries, and the balances on their limits.

mod accounts;
mod acknowledgements;
mod activities;
mod agents;
mod alterations;
mod answer;
mod approvals;
mod audits;
mod clients;
mod commit;
mod cursor;
mod day_closes;
mod deliveries;
mod devices;
mod directory;
mod disbursements;
mod exports;
mod files;
mod keys;
mod messages;
mod outbox;
mod payouts;
mod proofs;
mod queues;
mod reservations;
mod seals;
mod sessions;
mod settlements;
mod statements;
pub mod table;
pub mod throttle;
mod tracks;
mod transfers;
mod trust;
mod users;

pub use accounts::{AccountWriter, Accounts, ClosedAccount, Statement};
pub use acknowledgements::Acknowledgements;
pub use activities::Activities;
pub use agents::{AgentOnMap, Agents};
pub use alterations::{Alterations, Seen};
pub use answer::{Answer, Outcome, Page};
pub use approvals::{ApprovalFilter, Approvals};
pub use audits::Audits;
pub use clients::{ClientSecrets, Clients};
pub use cursor::{CursorKey, PageRequest};
pub use day_closes::{DayCloseWriter, DayCloses};
pub use deliveries::Deliveries;
pub use devices::Devices;
pub use directory::{Directory, NewAgent, PublicKey, TrustAnchors};
pub use disbursements::Disbursements;
pub use exports::{ExportWriter, Exports};
pub use files::{Files, LINK_SECONDS, Upload};
pub use messages::Messages;
pub use outbox::{Outbox, Relayed};
pub use payouts::{Payouts, Watched};
pub use proofs::{ProofWriter, Proofs};
pub use queues::{QueueUrls, Queues};
pub use reservations::Reservations;
pub use seals::{Rows, Seals, leaves_of};
pub use sessions::{Opening, Sessions};
pub use settlements::{SettlementFilter, SettlementWriter, Settlements};
pub use statements::{StatementWriter, Statements};
pub use table::{Clock, Item, Table, TableNames};
pub use throttle::Throttle;
pub use tracks::{RecordedBatch, TrackBatch, Tracks};
pub use transfers::Transfers;
pub use trust::Trust;
pub use users::{SecondFactors, Users};
