//! The process around [`field_day`]: reads the options, runs the day, ends with 1 if anything was violated.

use std::process::ExitCode;

use clap::Parser;
use field_day::Options;

fn main() -> ExitCode {
    match field_day::run(&Options::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(stopped) => {
            eprintln!("field-day: {stopped}");
            ExitCode::from(2)
        }
    }
}
