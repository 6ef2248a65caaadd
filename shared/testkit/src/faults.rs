//! What can go wrong between a function and its tables, and when it is going to.

use crate::calls::Operation;

/// A fault of the next calls. Faults that apply to the same call are used up in the order they were injected.
///
/// The SDK repeats a failed call: with its three attempts, two faults in a row are not seen by the caller, three are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The operation is refused with `ProvisionedThroughputExceededException` and not applied.
    Throttle {
        /// Which operation.
        op: Operation,
        /// How many calls.
        times: u32,
    },
    /// `TransactWriteItems` is cancelled: another transaction holds the first item. Nothing is applied; the SDK does not repeat it.
    TransactionConflict {
        /// How many calls.
        times: u32,
    },
    /// The operation **is** applied, but the connection times out before its answer arrives.
    LoseAnswer {
        /// Which operation.
        op: Operation,
        /// How many calls.
        times: u32,
    },
    /// The connection breaks before the operation is applied.
    FailBefore {
        /// Which operation.
        op: Operation,
        /// How many calls.
        times: u32,
    },
    /// `BatchGetItem` leaves the last key of each table that asks for two or more unprocessed.
    Unprocessed {
        /// How many calls.
        times: u32,
    },
}

impl Fault {
    fn op(self) -> Operation {
        match self {
            Self::Throttle { op, .. } | Self::LoseAnswer { op, .. } | Self::FailBefore { op, .. } => op,
            Self::TransactionConflict { .. } => Operation::TransactWriteItems,
            Self::Unprocessed { .. } => Operation::BatchGetItem,
        }
    }

    fn times(&mut self) -> &mut u32 {
        match self {
            Self::Throttle { times, .. }
            | Self::TransactionConflict { times }
            | Self::LoseAnswer { times, .. }
            | Self::FailBefore { times, .. }
            | Self::Unprocessed { times } => times,
        }
    }

    fn course(self) -> Course {
        match self {
            Self::Throttle { .. } => Course::Throttled,
            Self::TransactionConflict { .. } => Course::Conflict,
            Self::LoseAnswer { .. } => Course::AnswerLost,
            Self::FailBefore { .. } => Course::NeverArrived,
            Self::Unprocessed { .. } => Course::PartlyServed,
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Course {
    Served,
    PartlyServed,
    AnswerLost,
    NeverArrived,
    Throttled,
    Conflict,
}

/// When the caller dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Crash {
    #[default]
    Never,
    Within {
        calls: u32,
        applied: bool,
    },
    Down,
}

/// Faults and the crash still to come.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    faults: Vec<Fault>,
    crash: Crash,
}

impl Plan {
    pub(crate) fn inject(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// The `n`-th call from now on is the last, and is or is not applied.
    pub(crate) fn crash(&mut self, n: u32, applied: bool) {
        assert!(n > 0, "calls are numbered from 1");
        self.crash = Crash::Within { calls: n, applied };
    }

    pub(crate) fn is_down(&self) -> bool {
        self.crash == Crash::Down
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What becomes of the next call of any service as far as the crash decides it.
    pub(crate) fn course_in_crash(&mut self) -> Option<Course> {
        match &mut self.crash {
            Crash::Never => None,
            Crash::Down => Some(Course::NeverArrived),
            Crash::Within { calls, applied } => {
                *calls -= 1;
                if *calls > 0 {
                    return None;
                }
                let course = if *applied { Course::AnswerLost } else { Course::NeverArrived };
                self.crash = Crash::Down;
                Some(course)
            }
        }
    }

    /// What becomes of the next call of the tables.
    pub(crate) fn course(&mut self, operation: Operation) -> Course {
        if let Some(course) = self.course_in_crash() {
            return course;
        }
        self.faults.retain_mut(|fault| *fault.times() > 0);
        match self.faults.iter_mut().find(|fault| fault.op() == operation) {
            Some(fault) => {
                *fault.times() -= 1;
                fault.course()
            }
            None => Course::Served,
        }
    }
}
