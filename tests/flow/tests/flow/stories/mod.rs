//! The stories, in the order in which they are told.

mod books;
mod crowd;
mod dead_letters;
mod events;
mod field_day;
mod invitations;
mod killed;
mod log;
mod logins;
mod money;
mod permissions;
mod programs;
mod settlement;
mod walls;

use crate::stage::Stage;

/// The sentence that a story proves, and the story.
type Story = (&'static str, fn(&Stage));

/// Every story. An event is left behind first, so that it is old enough when it is swept up; the log is read last.
pub(crate) const ALL: &[Story] = &[
    ("an event that the relay cannot send is parked and the stream goes on", events::left_behind),
    ("a confirm killed after its commit has one effect and its retry gets the kept receipt", killed::after_the_commit),
    ("a confirm killed before its commit has no effect and its retry has one", killed::before_the_commit),
    ("a confirm that does not hear of its own commit asks again and finds it", killed::answer_lost),
    ("64 confirms at once with one key are one command", crowd::with_one_key),
    ("64 confirms at once with a key each conclude a visit once", crowd::with_a_key_each),
    ("a small field day ends without violations", field_day::without_violations),
    ("poison ends as a dead letter and its neighbours are counted once", dead_letters::poison_is_parked_alone),
    ("poison in a FIFO queue ends as a dead letter", dead_letters::poison_is_parked_in_order),
    ("redriving a message that was counted adds nothing", dead_letters::redriving_adds_nothing),
    ("an event delivered again five times counts once", events::delivered_again),
    ("what is above the band waits for four eyes", money::waits_for_four_eyes),
    ("a large transfer by hand is booked when somebody else approves it", money::is_moved_by_two),
    ("a payment is taken back with its cash", money::comes_back),
    ("cash handed over is found in the bank's statement and the rest says why", money::is_found_in_the_statement),
    ("a settlement built again is the same file and books nothing", settlement::built_again),
    ("a tick closes each day that is due and another changes nothing", settlement::closed_by_the_tick),
    ("a closed day has a report whose controls hold", money::is_reported_by_the_day),
    ("another operator's things are as unknown as no things at all", walls::between_operators),
    ("the gateway's own answers are problems like any other", walls::of_the_gateway),
    ("bad input is refused by name", walls::against_bad_input),
    ("a code by SMS opens the door once and a number that nobody has is answered alike", logins::open_with_a_code),
    ("16 refreshes at once get one successor and a used-up token ends the login", logins::have_one_successor_a_token),
    ("a revoked phone is refused by another function within a minute", logins::end_with_the_phone),
    ("an invitation's ticket sets a password once", invitations::set_a_password_once),
    ("a program calls what its scopes name and nothing else", programs::call_what_their_scopes_name),
    ("a function's credentials end at its policy", permissions::of_a_function_end_at_its_policy),
    ("an event left behind is swept up and counts once", events::swept_up),
    ("all queues are drained and the dead letters are the poison", dead_letters::are_all_accounted_for),
    ("a check of all books finds nothing and a transfer has its place in history", money::is_proven),
    ("a row that somebody changed is named by the next check until it is mended", money::is_watched),
    ("every balance is the sum of its entries and all together are zero", books::add_up),
    ("every request has one line in the log", log::has_one_line_a_request),
    ("no secret and no borrower is in the log", log::keeps_secrets),
];
