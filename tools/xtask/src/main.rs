//! `cargo xtask`: what the repository does to itself, one verb each.
#![expect(clippy::print_stdout, reason = "a command line tool answers on standard output")]

use std::{error::Error, process::ExitCode};

use clap::{Parser, Subcommand};
use xtask::{Failed, function, operator, release, seed, stack};

/// Builds on and around Milepost's stacks. `make help` lists the verbs most people need.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a function's folder in the house pattern.
    New {
        /// `<subject>-<verb>`, subject singular: `delivery-cancel`.
        name: String,
    },
    /// Start the emulator, or use the one that runs on the port, and deploy both stacks.
    Up(stack::Up),
    /// Deploy again on a running emulator: everything, or the code of one function.
    Deploy(stack::Deploy),
    /// End the emulator and what runs on it. Its state is gone.
    Down {
        /// Port of the emulator.
        #[arg(long, default_value_t = stack::PORT)]
        port: u16,
    },
    /// Fill a stack with keys, operators, lenders, desks and agents.
    Seed(seed::Seed),
    /// Take an operator on, with its first admin, who is invited by mail. Here, or in AWS with --tables.
    Operator(Box<operator::NewOperator>),
    /// Say which stacks run and where.
    Status,
    /// Print the base URL of a stack's routes and nothing else, for scripts.
    Url {
        /// Port of the emulator.
        #[arg(long, default_value_t = stack::PORT)]
        port: u16,
    },
    /// Check what `make release` built: sizes, glibc, one TLS stack, no jitter entropy.
    ReleaseCheck,
}

fn run(verb: &Verb) -> Result<(), Failed> {
    match verb {
        Verb::New { name } => {
            for line in function::scaffold(name)? {
                println!("{line}");
            }
        }
        Verb::Up(up) => {
            let stack = stack::up(up)?;
            println!("api        {}", stack.api_url);
            println!("emulator   {}", stack.emulator_url);
            println!("described  {}", stack::file(stack.port).display());
        }
        Verb::Deploy(deploy) => println!("deployed   {}", stack::deploy(deploy)?),
        Verb::Down { port } => {
            let pid = stack::down(*port)?;
            println!("ended      emulator on port {port}, process {pid}");
        }
        Verb::Seed(seed) => {
            for line in seed.plant()? {
                println!("{line}");
            }
        }
        Verb::Operator(operator) => println!("{}", operator.take_on()?),
        Verb::Status => {
            for line in stack::status()? {
                println!("{line}");
            }
        }
        Verb::Url { port } => println!("{}", stack::Stack::read(*port)?.api_url),
        Verb::ReleaseCheck => {
            for line in release::check()? {
                println!("{line}");
            }
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("error: {failed}");
            let mut cause = failed.source();
            while let Some(under) = cause {
                eprintln!("  because: {under}");
                cause = under.source();
            }
            ExitCode::FAILURE
        }
    }
}
