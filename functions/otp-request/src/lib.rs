//! `POST /api/v1/auth/otp`: an agent asks for a code by SMS.

use domain::Failed;
use edge::{
    Answer, OpenCall,
    requests::{NewRequest, OtpRequested, Requests},
};

/// Takes the wish for a code; the answer is the same whether or not anybody has the number.
///
/// # Errors
/// [`Failed::Limited`] for a number, an address or an operator that asks too often.
pub async fn handle(requests: &Requests, call: OpenCall<NewRequest>) -> Result<Answer<OtpRequested>, Failed> {
    requests.otp(&call).await
}
