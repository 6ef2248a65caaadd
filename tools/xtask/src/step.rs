//! One step that takes a while: a spinner on a terminal, plain lines in a log.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the spinner moves.
const TICK: Duration = Duration::from_millis(80);

/// A step under way.
pub(crate) struct Step {
    bar: ProgressBar,
    plain: bool,
}

impl Step {
    /// Begins a step of known length; 0 for one whose length nobody knows.
    pub(crate) fn begin(words: &str, length: usize) -> Self {
        let (bar, template) = if length == 0 {
            (ProgressBar::new_spinner(), "{spinner} {msg} [{elapsed}]")
        } else {
            (ProgressBar::new(length as u64), "{spinner} {msg} [{bar:24}] {pos}/{len}")
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(TICK);
        let step = Self { bar, plain: !std::io::stderr().is_terminal() };
        step.say(words);
        step
    }

    /// What it is doing now.
    pub(crate) fn say(&self, words: &str) {
        self.bar.set_message(words.to_owned());
        if self.plain {
            eprintln!("{words}");
        }
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
