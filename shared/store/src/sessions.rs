//! Logins: who can log in, and the sessions that a refresh token stands for.

use domain::{Caller, Failed, OperatorName, Timestamp, operator::User};
use serde::{Deserialize, Serialize};

use crate::{
    directory::Directory,
    keys,
    table::{Item, Table},
};

/// What may be done with logins.
#[derive(Clone)]
pub struct Sessions {
    table: Table,
    directory: Directory,
}

/// A login that can be refreshed.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    login: String,
    expires: i64,
    revoked: bool,
}

impl Sessions {
    /// Logins in these tables.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { directory: Directory::new(table.clone()), table }
    }

    /// Somebody who can log in.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn find_user(&self, operator: &OperatorName, login: &str) -> Result<Option<User>, Failed> {
        self.directory.find_user(operator, login).await
    }

    /// Opens a session until a moment; one of this name that is open stays as it is.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn open(
        &self,
        operator: &OperatorName,
        session: &str,
        login: &str,
        until: Timestamp,
    ) -> Result<(), Failed> {
        let kept = Session { login: login.to_owned(), expires: until.as_seconds(), revoked: false };
        let item = Item::of(&keys::session(operator, session), &kept)?;
        // One that is there already is this very one, seen again after a lost reply: its name comes from the request's id.
        self.table.put_if(&self.table.names.records, item, "attribute_not_exists(pk)").await.map(|_| ())
    }

    /// Who a session is for, as they are now: nobody when it has ended, or they may no longer log in.
    ///
    /// # Errors
    /// [`Failed::Later`] when the table does not answer.
    pub async fn resume(
        &self,
        operator: &OperatorName,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Caller>, Failed> {
        let Some(item) = self.table.find(&keys::session(operator, session)).await? else { return Ok(None) };
        let session: Session = item.read()?;
        if session.revoked || session.expires <= now.as_seconds() {
            return Ok(None);
        }
        let user = self.find_user(operator, &session.login).await?;
        Ok(user.filter(|user| !user.disabled).map(|user| Caller {
            operator: operator.clone(),
            role: user.role,
            subject: user.subject,
            regions: user.regions,
        }))
    }
}
