//! Answers: a status and the bytes that go out, kept as they are so that a repeat gets the same ones.

use std::{borrow::Cow, marker::PhantomData};

use domain::Failed;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema,
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
    of: PhantomData<fn() -> T>,
}

impl<T> Answer<T> {
    /// Bytes that were decided on, now or earlier.
    #[must_use]
    pub(crate) fn kept(status: u16, body: String, replayed: bool) -> Self {
        Self { status, body, replayed, version: None, next_cursor: None, of: PhantomData }
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
