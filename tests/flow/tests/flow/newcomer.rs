//! An operator that signs up when the stack has long been running: the only one with days that nobody has closed.
//!
//! Operators are not made over the API, so this writes what `cargo xtask seed` writes, by the same hands.

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use domain::{
    Currency, Timestamp, UserId,
    access::Role,
    operator::Operator,
    user::{KeptUser, User, UserStatus},
};
use edge::credentials::hash_password;
use store::{Directory, Table, TableNames};

use crate::{
    patience::now,
    person::Person,
    stage::{PASSWORD, Stage},
};

/// Its name.
const NAME: &str = "latecomer";
/// Whose cash it moves.
pub(crate) const PARTNERS: [&str; 2] = ["bfil", "samasta"];

/// Takes it on; its settlement desk, logged in.
pub(crate) fn sign_up(stage: &Stage) -> Person {
    let operator = Operator {
        operator: NAME.parse().expect("a name"),
        zone: "Asia/Kolkata".to_owned(),
        currency: Currency::Inr,
        regions: vec!["hubli".parse().expect("a name")],
        partners: PARTNERS.map(|name| name.parse().expect("a name")).into(),
    };
    let at = Timestamp::from_millis(now().as_millisecond());
    let user_id = UserId::mint(Timestamp::EPOCH, &[NAME.as_bytes()]);
    let user = User {
        subject: user_id.to_string(),
        user_id,
        login: "settlement".to_owned(),
        name: "The settlement desk".to_owned(),
        email: None,
        role: Role::Settlement,
        regions: vec![],
        status: UserStatus::Active,
        has_totp: false,
        version: 1,
        created_at: at,
        updated_at: at,
    };
    let password_hash = hash_password(PASSWORD, b"salt of the earth").expect("a hash");
    let kept =
        KeptUser { user, password_hash: Some(password_hash), second_factor: None, logins_from: Timestamp::EPOCH };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = directory(stage);
    let written = runtime.block_on(async {
        directory.create_operator(&operator).await?;
        directory.create_user(&operator.operator, &kept, at).await
    });
    written.expect("the newcomer is written");
    stage.person("settlement", NAME)
}

fn directory(stage: &Stage) -> Directory {
    let stack = &stage.stack;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(stack.region.clone()))
        .endpoint_url(&stack.emulator_url)
        .credentials_provider(Credentials::new("test", "test", None, None, "local"))
        .build();
    let tables = TableNames {
        records: stack.records_table.clone(),
        ledger: stack.ledger_table.clone(),
        tracks: stack.tracks_table.clone(),
    };
    Directory::new(Table::new(Client::from_conf(config), tables))
}
