//! Answers: a status and the bytes that go out, kept as they are so that a repeat gets the same ones.

use std::{borrow::Cow, marker::PhantomData};

use domain::{Failed, approval::Approval};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

/// An answer whose body is a `T` as JSON, or a refusal as problem+json.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// The HTTP status.
    pub status: u16,
    /// The body's bytes.
    pub body: String,
    /// Whether it was first given to an earlier request.
    pub replayed: bool,
    /// Version of the thing, for `ETag`.
    pub version: Option<u64>,
    /// Cursor of the next page, for `Link`.
    pub next_cursor: Option<String>,
    /// What the browser shall keep, for `Set-Cookie`.
    pub cookie: Option<String>,
    /// For how many seconds anybody may keep the answer, for `Cache-Control`; nobody may keep any other.
    pub fresh_seconds: Option<u32>,
    of: PhantomData<fn() -> T>,
}

impl<T> Answer<T> {
    /// Bytes that were decided on, now or earlier.
    #[must_use]
    pub(crate) fn kept(status: u16, body: String, replayed: bool) -> Self {
        Self {
            status,
            body,
            replayed,
            version: None,
            next_cursor: None,
            cookie: None,
            fresh_seconds: None,
            of: PhantomData,
        }
    }
}

impl<T> Answer<T> {
    /// A refusal, which is the same whatever would have been answered.
    pub(crate) fn refused<U>(self) -> Answer<U> {
        Answer::kept(self.status, self.body, self.replayed)
    }

    /// The same answer with a cookie.
    #[must_use]
    pub fn with_cookie(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    /// The same answer, which anybody may keep for so long.
    #[must_use]
    pub fn fresh_for(self, seconds: u32) -> Self {
        Self { fresh_seconds: Some(seconds), ..self }
    }
}

impl<T: Serialize + DeserializeOwned> Answer<T> {
    /// The answer with more in it than was kept: what is derived anew each time. A refusal stays as it is.
    pub(crate) fn completed<U: Serialize>(self, complete: impl FnOnce(T) -> U) -> Result<Answer<U>, Failed> {
        let body = if self.status < 400 {
            let kept = serde_json::from_str(&self.body).map_err(Failed::fault)?;
            serde_json::to_string(&complete(kept)).map_err(Failed::fault)?
        } else {
            self.body
        };
        let version = self.version;
        Ok(Answer { version, ..Answer::kept(self.status, body, self.replayed) })
    }

    /// The answer with the version of what is in it as `ETag`. A refusal has none.
    pub(crate) fn with_version(self, version: impl FnOnce(&T) -> u64) -> Result<Self, Failed> {
        if self.status >= 400 {
            return Ok(self);
        }
        let kept = serde_json::from_str(&self.body).map_err(Failed::fault)?;
        Ok(Self { version: Some(version(&kept)), ..self })
    }
}

impl<T: Serialize> Answer<T> {
    /// 200 with a body.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON.
    pub fn ok(body: &T) -> Result<Self, Failed> {
        Self::new(200, body)
    }

    /// 200 with a body and its version as `ETag`.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON.
    pub fn versioned(body: &T, version: u64) -> Result<Self, Failed> {
        Ok(Self { version: Some(version), ..Self::new(200, body)? })
    }

    /// A body under a status.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON.
    pub fn new(status: u16, body: &T) -> Result<Self, Failed> {
        let body = serde_json::to_string(body).map_err(Failed::fault)?;
        Ok(Self::kept(status, body, false))
    }
}

impl<T: Serialize> Answer<Page<T>> {
    /// 200 with a page and a `Link` to the next one.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be written as JSON.
    pub fn page(page: &Page<T>) -> Result<Self, Failed> {
        Ok(Self { next_cursor: page.next_cursor.clone(), ..Self::new(200, page)? })
    }
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Where it goes on, if it does.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

/// A page is named after its items, so that two lists do not share one schema.
impl<T: ToSchema> ToSchema for Page<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Page", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
    }
}

impl<T: ToSchema> PartialSchema for Page<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let text_or_null = SchemaType::from_iter([Type::String, Type::Null]);
        ObjectBuilder::new()
            .property("items", items)
            .property("next_cursor", ObjectBuilder::new().schema_type(text_or_null))
            .required("items")
            .required("next_cursor")
            .into()
    }
}

/// What comes of a command that people may have to approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome<T> {
    /// It is done; this is what came of it.
    Done(Box<T>),
    /// The approval that it waits for, with 202.
    Waits(Box<Approval>),
}

/// An outcome is named after what is done, so that two of them do not share one schema.
impl<T: ToSchema> ToSchema for Outcome<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("{}Outcome", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
        schemas.push((T::name().into_owned(), T::schema()));
        Approval::schemas(schemas);
        schemas.push((Approval::name().into_owned(), Approval::schema()));
    }
}

impl<T: ToSchema> PartialSchema for Outcome<T> {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .description(Some("What came of it, or the approval that it waits for, with 202."))
            .item(Ref::from_schema_name(T::name()))
            .item(Ref::from_schema_name(Approval::name()))
            .into()
    }
}
