//! From `target/debug/` to `target/lambda/`: each function's binary, stripped, where the template's `CodeUri` points.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::Mutex,
    thread,
    time::UNIX_EPOCH,
};

use crate::{Failed, functions, root, step::Step};

/// More would only wait for the disk.
const WORKERS: usize = 4;

/// Tells one state of a file from another.
fn mark(file: &Metadata) -> String {
    let modified = file.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    format!("{}.{}", modified.map_or(0, |since| since.as_nanos()), file.len())
}

/// Where the template takes the function's binary from.
#[must_use]
pub fn staged(name: &str) -> PathBuf {
    root().join("target/lambda").join(name).join("bootstrap")
}

/// Stages one function, unless what lies there was made from the very same binary.
fn stage_one(name: &str) -> Result<(), Failed> {
    let built = root().join("target/debug").join(name);
    let Ok(from) = built.metadata() else { return Err(Failed::NotBuilt { path: built }) };
    let to = staged(name);
    let stamp = root().join("target/local").join(format!("{name}.stamp"));
    let said = |to: &Path| to.metadata().map(|made| format!("{} {}", mark(&from), mark(&made)));
    if let (Ok(before), Ok(now)) = (fs::read_to_string(&stamp), said(&to))
        && before == now
    {
        return Ok(());
    }
    let file = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Failed::File { path, source }
    };
    for folder in [to.parent(), stamp.parent()].into_iter().flatten() {
        fs::create_dir_all(folder).map_err(file(folder))?;
    }
    // Another stack may be staging at the same time: each has its own draft, the last to finish counts.
    let draft = stamp.with_extension(format!("draft-{}", process::id()));
    // Symbols are two fifths of a binary that every stack stores, zips and unpacks; a panic names its line without them.
    let strip = Command::new("strip").arg("-o").args([&draft, &built]).stderr(Stdio::null()).status();
    if !strip.is_ok_and(|status| status.success()) {
        fs::copy(&built, &draft).map_err(file(&built))?;
    }
    fs::rename(&draft, &to).map_err(file(&to))?;
    fs::write(&stamp, said(&to).map_err(file(&to))?).map_err(file(&stamp))
}

/// Stages every function, or the one that is named.
///
/// # Errors
/// [`Failed::NotBuilt`] when a binary is missing.
pub fn stage(only: Option<&str>) -> Result<(), Failed> {
    let names = only.map_or_else(functions, |name| Ok(vec![name.to_owned()]))?;
    let step = Step::begin("staging functions", names.len());
    let open = Mutex::new(names);
    let next = || open.lock().ok().and_then(|mut names| names.pop());
    let work = || {
        while let Some(name) = next() {
            stage_one(&name)?;
            step.advance();
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    })
}
