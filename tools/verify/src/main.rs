//! The process around [`verify`]: reads the options, says what holds, ends with 1 if something does not.
#![expect(clippy::print_stdout, reason = "a command line tool answers on standard output")]

use std::process::ExitCode;

use clap::Parser;
use verify::{Options, Stopped};

fn main() -> ExitCode {
    match verify::run(&Options::parse()) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(stopped @ Stopped::Forged { .. }) => {
            println!("DOES NOT HOLD: {stopped}");
            ExitCode::from(1)
        }
        Err(stopped) => {
            eprintln!("verify: {stopped}");
            ExitCode::from(2)
        }
    }
}
