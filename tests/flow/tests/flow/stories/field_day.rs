//! A small field day, as `make run` shows it, by the simulator's own binary.

use std::process::Command;

use crate::stage::{PASSWORD, Stage};

/// Ends with nothing lost, doubled, mixed up or miscounted.
pub(crate) fn without_violations(stage: &Stage) {
    let program = xtask::root().join("target/debug/field-day");
    assert!(program.is_file(), "{} is missing: run `cargo build --workspace --bins`", program.display());
    // The third operator is left to the other stories: a day closes once.
    let day = Command::new(program)
        .args(["--url", &stage.stack.api_url, "--operators", "pennco,vishi"])
        .args(["--agents", "6", "--stops", "3", "--seed", "7"])
        .arg("--report")
        .arg(xtask::root().join("target/field-day-of-the-stories.html"))
        .env("MILEPOST_PASSWORD", PASSWORD)
        .output()
        .expect("field-day starts");
    let said = format!("{}{}", String::from_utf8_lossy(&day.stdout), String::from_utf8_lossy(&day.stderr));
    assert!(day.status.success(), "field-day ended with {}:\n{said}", day.status);
    assert!(said.contains("0 violations"), "{said}");
}
