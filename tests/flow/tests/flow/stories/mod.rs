//! The stories, in the order in which they are told.

mod killed;

use crate::stage::Stage;

/// A story and the sentence that it proves.
type Story = (&'static str, fn(&Stage));

/// Every story.
pub(crate) const ALL: &[Story] = &[
    ("a confirm killed after its commit has one effect, and its retry gets the stored receipt", killed::after_the_commit),
    ("a confirm killed before its commit has no effect, and its retry has one", killed::before_the_commit),
    ("a confirm whose answer from AWS is lost is finished by the function itself", killed::answer_lost),
];
