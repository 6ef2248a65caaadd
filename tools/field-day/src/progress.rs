//! Bars while the day runs; plain lines where nobody watches.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where the day tells how far it is.
#[derive(Debug)]
pub(crate) struct Progress {
    watched: bool,
}

/// One stretch of the day.
#[derive(Debug)]
pub(crate) struct Stretch(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        Self { watched: io::stdout().is_terminal() && io::stderr().is_terminal() }
    }

    /// A stretch of so many steps begins.
    pub(crate) fn stretch(&self, name: &'static str, steps: usize) -> Stretch {
        let bar = ProgressBar::with_draw_target(Some(u64::try_from(steps).unwrap_or_default()), self.target());
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} {bar:32} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        self.begin(name, bar)
    }

    /// A stretch whose end nobody can tell begins.
    pub(crate) fn waiting(&self, name: &'static str) -> Stretch {
        let bar = ProgressBar::with_draw_target(None, self.target());
        if let Ok(style) = ProgressStyle::with_template("{prefix:>12} {spinner} {elapsed} {msg}") {
            bar.set_style(style);
        }
        if self.watched {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        self.begin(name, bar)
    }

    /// One line for whoever reads.
    pub(crate) fn say(&self, line: &str) {
        // A reader who closed the pipe does not stop the day.
        let _ = writeln!(io::stdout(), "{line}");
    }

    /// The bars are done with.
    pub(crate) fn clear(&self) {
        if self.watched {
            self.say("");
        }
    }

    fn begin(&self, name: &'static str, bar: ProgressBar) -> Stretch {
        bar.set_prefix(name);
        if !self.watched {
            self.say(&format!("{name} …"));
        }
        Stretch(bar)
    }

    fn target(&self) -> ProgressDrawTarget {
        if self.watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }
}

impl Stretch {
    /// One step further.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// What is going on just now.
    pub(crate) fn note(&self, note: String) {
        self.0.set_message(note);
    }
}

impl Drop for Stretch {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
