//! The schedule door: a schedule puts a message into a queue, so that it has retries and dead letters; the job finds out
//! itself what is due by then.

use aws_lambda_events::sqs::SqsEvent;
use domain::{Failed, OperatorName, Timestamp};
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::{
    log,
    queue::{sent_at, work_off},
};

/// A message that says only that it is time.
#[derive(Debug, Clone)]
pub struct Tick {
    /// When it was put into the queue: the schedule's time, not the function's.
    pub at: Timestamp,
    /// The queue's id of it.
    pub message_id: String,
}

/// Runs a job at each tick until the process ends.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn tick<C, H, Fut>(function: &'static str, handle: H, capability: C) -> Result<(), Error>
where
    C: 'static,
    H: Fn(&'static C, Tick) -> Fut,
    Fut: Future<Output = Result<(), Failed>>,
{
    let capability: &'static C = Box::leak(Box::new(capability));
    let handle = &handle;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let run = async |message: &aws_lambda_events::sqs::SqsMessage| {
            let message_id = message.message_id.clone().unwrap_or_default();
            handle(capability, Tick { at: sent_at(message)?, message_id }).await
        };
        Ok::<_, Error>(work_off(function, event.payload, run).await)
    }))
    .await
}

/// Works for one operator after the other. What goes wrong with one is logged under its name and keeps no other waiting;
/// the tick fails in the end all the same, so that it comes again and its alarm rings.
///
/// # Errors
/// The last of what went wrong.
pub async fn each(
    function: &str,
    operators: Vec<OperatorName>,
    mut work: impl AsyncFnMut(&OperatorName) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let mut worked = Ok(());
    for operator in operators {
        if let Err(failed) = work(&operator).await {
            log::operator(function, operator.as_str(), &failed);
            worked = Err(failed);
        }
    }
    worked
}
