//! Verifies what Milepost says of its history, without Milepost: that a record is in a sealed hour, and that the seals are
//! one chain from the first on. It reads files, and believes no key but those that it is given.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand};
use domain::{
    Timestamp,
    id::Sha256Hex,
    seal::{Chain, Forged, Proven, Seal, Sealed, hex, read_leaves, root_of_file},
    seal_key::SealKey,
};

/// Verifies Milepost's proofs and seals offline.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "Exit status:\n  0  it holds\n  1  it does not: the first thing that is wrong is named\n  2  it could not be \
                  verified: a file cannot be read, or the options are wrong\n\nThe key must come from somebody you trust, \
                  once and not with the proof: a proof that brings its own key proves nothing.",
    after_long_help = "Exit status:\n  0  it holds\n  1  it does not: the first thing that is wrong is named\n  2  it could not \
                       be verified: a file cannot be read, or the options are wrong\n\nThe key must come from somebody you \
                       trust, once and not with the proof: a proof that brings its own key proves nothing.\n\nExamples:\n  \
                       curl -H \"Authorization: Bearer $TOKEN\" \"$URL/api/v1/ledger/proof?transfer_id=trf_…\" > proof.json\n  \
                       verify proof --key key.json proof.json\n\n  aws s3 sync s3://$SEALS/pennco pennco\n  verify chain --key \
                       key.json pennco\n  verify proof --key key.json --chain pennco proof.json"
)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

/// What is to be verified.
#[derive(Debug, Subcommand)]
enum What {
    /// That each record of a proof is in an hour that a known key sealed
    Proof {
        /// A public key of seals, as a JWK; may be given several times
        #[arg(long, required = true, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// The seals that the proof's must be one of: a folder as it lies in the bucket, or a file with a seal a line
        #[arg(long, value_name = "PATH")]
        chain: Option<PathBuf>,
        /// The answer of `GET /api/v1/ledger/proof`; `-` for standard input
        proof: PathBuf,
    },
    /// That seals are one unbroken chain from the first on, each signed by a known key, and the leaves beside them theirs
    Chain {
        /// A public key of seals, as a JWK; may be given several times
        #[arg(long, required = true, value_name = "FILE")]
        key: Vec<PathBuf>,
        /// The SHA-256 of the newest seal that you know of: the chain must contain it
        #[arg(long, value_name = "HASH")]
        contains: Option<Sha256Hex>,
        /// A folder as it lies in the bucket, or a file with a seal a line
        seals: PathBuf,
    },
}

/// Why nothing was verified.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Something does not hold.
    #[error("{place}: {forged}")]
    Forged {
        /// The file.
        place: String,
        /// What is wrong.
        forged: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read.
    #[error("{place}: {source}: check the path")]
    Unreadable {
        /// The file.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{place} is no {kind}: {source}")]
    Misread {
        /// The file.
        place: String,
        /// What it should be.
        kind: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no seal.
    #[error("{0} has no seals: name the folder with the files 0000000000.json and so on")]
    Empty(String),
}

fn forged(place: &Path, forged: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Stopped {
    Stopped::Forged { place: place.display().to_string(), forged: forged.into() }
}

fn read(path: &Path) -> Result<String, Stopped> {
    let read = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    read.map_err(|source| Stopped::Unreadable { place: path.display().to_string(), source })
}

fn parse<T: for<'a> serde::Deserialize<'a>>(path: &Path, kind: &'static str, text: &str) -> Result<T, Stopped> {
    serde_json::from_str(text).map_err(|source| Stopped::Misread { place: path.display().to_string(), kind, source })
}

/// Verifies what the options name. What was found good, in words.
///
/// # Errors
/// [`Stopped`]: the first thing that does not hold, or why it could not be verified.
pub fn run(options: &Options) -> Result<String, Stopped> {
    match &options.what {
        What::Proof { key, chain, proof } => verify_proof(&keys(key)?, chain.as_deref(), proof),
        What::Chain { key, contains, seals } => verify_chain(&keys(key)?, contains.as_ref(), seals),
    }
}

fn keys(paths: &[PathBuf]) -> Result<Vec<SealKey>, Stopped> {
    paths.iter().map(|path| parse(path, "public key of seals", &read(path)?)).collect()
}

fn verify_proof(keys: &[SealKey], chain: Option<&Path>, path: &Path) -> Result<String, Stopped> {
    let proven: Proven = parse(path, "answer of GET /api/v1/ledger/proof", &read(path)?)?;
    proven.holds(keys).map_err(|reason| forged(path, reason))?;
    let Some(first) = proven.items.first() else { return Err(forged(path, Forged::Nothing)) };
    let seal = &first.sealed.seal;
    let mut said = format!(
        "holds: {} of commit {} in seal {} of {}, which covers {} to {} and was signed by {} at {}",
        if proven.items.len() == 1 { "1 record".to_owned() } else { format!("{} records", proven.items.len()) },
        proven.commit_id,
        seal.sequence,
        seal.operator,
        seal.hour,
        seal.end(),
        seal.kid,
        seal.sealed_at
    );
    if let Some(chain) = chain {
        let seals = walk(keys, chain)?;
        let is_there = seals.iter().any(|one| one == seal);
        if !is_there {
            return Err(forged(chain, format!("it has no seal {} with the hash that the proof names", seal.sequence)));
        }
        said.push_str(&format!("; it is one of a chain of {}", seals.len()));
    }
    Ok(said)
}

fn verify_chain(keys: &[SealKey], contains: Option<&Sha256Hex>, path: &Path) -> Result<String, Stopped> {
    let seals = walk(keys, path)?;
    let hash_of = |seal: &Seal| seal.hash().ok();
    if let Some(wanted) = contains.filter(|wanted| !seals.iter().any(|seal| hash_of(seal).as_ref() == Some(*wanted))) {
        return Err(forged(path, format!("no seal of it has the hash {wanted}")));
    }
    let (Some(first), Some(last)) = (seals.first(), seals.last()) else {
        return Err(Stopped::Empty(path.display().to_string()));
    };
    let leaves = seals.iter().fold(0_u64, |sum, seal| sum.saturating_add(seal.leaf_count));
    let newest = hash_of(last).map(|hash| hash.to_string()).unwrap_or_default();
    let (from, to): (Timestamp, Timestamp) = (first.hour, last.end());
    Ok(format!(
        "holds: {} seals of {}, {from} to {to} without a gap, over {leaves} records; the newest is {newest}",
        seals.len(),
        first.operator
    ))
}

/// A file of a chain: its seal, and the leaves beside it.
struct Link {
    path: PathBuf,
    text: String,
    leaves: Option<PathBuf>,
}

/// The links of a chain, in order.
fn links(path: &Path) -> Result<Vec<Link>, Stopped> {
    if !path.is_dir() {
        let lines = read(path)?;
        let link = |text: &str| Link { path: path.to_owned(), text: text.to_owned(), leaves: None };
        return Ok(lines.lines().filter(|line| !line.trim().is_empty()).map(link).collect());
    }
    let unreadable = |source| Stopped::Unreadable { place: path.display().to_string(), source };
    let mut files: Vec<PathBuf> = vec![];
    for entry in fs::read_dir(path).map_err(unreadable)? {
        files.push(entry.map_err(unreadable)?.path());
    }
    files.sort();
    let name = |file: &Path| file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut links = vec![];
    for file in files.iter().filter(|file| name(file).ends_with(".json")) {
        let text = read(file)?;
        let sealed: Sealed = parse(file, "seal", &text)?;
        let beside = format!("{}.{}.leaves", name(file).trim_end_matches(".json"), sealed.seal.root);
        let leaves = files.iter().find(|other| name(other) == beside).cloned();
        links.push(Link { path: file.clone(), text, leaves });
    }
    Ok(links)
}

/// Walks a chain from its genesis: signatures, links, and roots of the leaves that are there.
fn walk(keys: &[SealKey], path: &Path) -> Result<Vec<Seal>, Stopped> {
    let (mut chain, mut seals) = (Chain::default(), vec![]);
    for link in links(path)? {
        let sealed: Sealed = parse(&link.path, "seal", &link.text)?;
        let signed = SealKey::among(keys, &sealed.seal.kid).and_then(|key| key.verify(&sealed));
        signed.and_then(|()| chain.follow(&sealed.seal)).map_err(|reason| forged(&link.path, reason))?;
        if let Some(leaves) = link.leaves {
            let read = read_leaves(&read(&leaves)?).ok_or_else(|| forged(&leaves, "a line is no hash and key"))?;
            let root = hex(&root_of_file(&read));
            if root != sealed.seal.root.as_str() || read.len() as u64 != sealed.seal.leaf_count {
                return Err(forged(
                    &leaves,
                    format!("its {} leaves have the root {root}, which is not sealed", read.len()),
                ));
            }
        }
        seals.push(sealed.seal);
    }
    if seals.is_empty() { Err(Stopped::Empty(path.display().to_string())) } else { Ok(seals) }
}
