//! Files in S3: written in parts with bounded memory, handed out by links that expire.

use std::time::Duration;

use aws_sdk_s3::{
    Client,
    error::ProvideErrorMetadata,
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart},
};
use domain::{
    Failed,
    acknowledgement::Acknowledgement,
    day_close::{DayClose, DayCloseView, Report},
    export::{Export, ExportFile},
    id::Sha256Hex,
    reconciliation::{MatchingResult, ReceivedStatement},
    settlement::{Settlement, StoredFile},
};
use sha2::{Digest, Sha256};

/// S3's smallest part but for the last (5 MiB): what an upload holds in memory.
const PART_BYTES: usize = 5 * 1024 * 1024;
/// How long a link works, in seconds.
pub const LINK_SECONDS: u64 = 900;

/// The bucket of settlement files and exports.
#[derive(Clone)]
pub struct Files {
    client: Client,
    bucket: String,
}

/// A file as it is written.
pub struct Upload<'a> {
    files: &'a Files,
    key: String,
    content_type: &'static str,
    buffer: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    multipart: Option<Multipart>,
    is_sent: bool,
}

struct Multipart {
    upload_id: String,
    parts: Vec<CompletedPart>,
}

fn later<E: std::error::Error + Send + Sync + 'static>(error: E) -> Failed {
    Failed::Later(Box::new(error))
}

impl Files {
    /// A stack's bucket.
    #[must_use]
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Begins a file; the same key again replaces it.
    #[must_use]
    pub fn upload(&self, key: &str, content_type: &'static str) -> Upload<'_> {
        Upload {
            files: self,
            key: key.to_owned(),
            content_type,
            buffer: Vec::new(),
            hash: Sha256::new(),
            bytes: 0,
            multipart: None,
            is_sent: true,
        }
    }

    /// A file that is written nowhere: what it would be, were it uploaded.
    #[must_use]
    pub fn measure(&self, key: &str) -> Upload<'_> {
        Upload { is_sent: false, ..self.upload(key, "") }
    }

    /// A settlement with links to its file and to what was said of it, if there are any.
    ///
    /// # Errors
    /// [`Failed::Fault`] when the link cannot be signed.
    pub async fn linked_settlement(&self, settlement: Settlement) -> Result<Settlement, Failed> {
        let file = match settlement.file {
            Some(file) => Some(self.linked(file).await?),
            None => None,
        };
        let acknowledgement = match settlement.acknowledgement {
            Some(said) => Some(Acknowledgement { file: self.linked(said.file).await?, ..said }),
            None => None,
        };
        Ok(Settlement { file, acknowledgement, ..settlement })
    }

    /// An export with links to its file and its manifest, if they are there.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a link cannot be signed.
    pub async fn linked_export(&self, export: Export) -> Result<Export, Failed> {
        let file = match export.file {
            Some(file) => Some(ExportFile {
                manifest_url: Some(self.link(&file.manifest_key).await?),
                stored: self.linked(file.stored).await?,
                ..file
            }),
            None => None,
        };
        Ok(Export { file, ..export })
    }

    /// A statement with links to the bank's file and to its report, if there is one. The plan is nobody's to read.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a link cannot be signed.
    pub async fn linked_statement(&self, statement: ReceivedStatement) -> Result<ReceivedStatement, Failed> {
        let result = match statement.result {
            Some(result) => Some(MatchingResult { report: self.linked(result.report).await?, ..result }),
            None => None,
        };
        Ok(ReceivedStatement { file: self.linked(statement.file).await?, plan: None, result, ..statement })
    }

    /// The bytes of a file, which must be those that were stored.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer, [`Failed::Fault`] when the bytes are others.
    pub(crate) async fn read(&self, file: &StoredFile) -> Result<Vec<u8>, Failed> {
        let found = self.client.get_object().bucket(&self.bucket).key(&file.key).send().await.map_err(later)?;
        let bytes = found.body.collect().await.map_err(later)?.to_vec();
        if Sha256Hex::of(&bytes) == file.sha256 {
            Ok(bytes)
        } else {
            Err(Failed::fault(format!("{} is not what was stored: its digest is another", file.key)))
        }
    }

    /// The bytes under a key, whatever they are.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer.
    pub(crate) async fn find(&self, key: &str) -> Result<Option<Vec<u8>>, Failed> {
        match self.open(key).await? {
            Some(body) => Ok(Some(body.collect().await.map_err(later)?.to_vec())),
            None => Ok(None),
        }
    }

    /// The digest of the bytes under a key and how many they are, read part by part: a settlement's file may be larger than
    /// a function's memory.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer.
    pub(crate) async fn digest(&self, key: &str) -> Result<Option<(Sha256Hex, u64)>, Failed> {
        let Some(mut body) = self.open(key).await? else { return Ok(None) };
        let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
        while let Some(part) = body.try_next().await.map_err(later)? {
            hash.update(&part);
            bytes = bytes.saturating_add(part.len() as u64);
        }
        Ok(Some((Sha256Hex::finish(hash), bytes)))
    }

    /// What lies under a key, before it is read.
    async fn open(&self, key: &str) -> Result<Option<ByteStream>, Failed> {
        match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(found) => Ok(Some(found.body)),
            // Who may not list a bucket is told that what is not there is forbidden.
            Err(error) if matches!(error.code(), Some("NoSuchKey" | "AccessDenied")) => Ok(None),
            Err(error) => Err(later(error)),
        }
    }

    /// Writes a file where none is. What is there stays, and is given back.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer.
    pub(crate) async fn write_once(
        &self,
        key: &str,
        content_type: &'static str,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, Failed> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).content_type(content_type);
        // A locked bucket asks for a digest with each write.
        let put = put.if_none_match("*").checksum_algorithm(ChecksumAlgorithm::Sha256);
        match put.body(ByteStream::from(bytes.to_vec())).send().await {
            Ok(_) => Ok(None),
            Err(error) if error.code() == Some("PreconditionFailed") => {
                let there = self.find(key).await?;
                there.map(Some).ok_or_else(|| Failed::Later("a file that is there cannot be read".into()))
            }
            Err(error) => Err(later(error)),
        }
    }

    /// Writes a file that fits into memory.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer.
    pub(crate) async fn write(&self, key: &str, kind: &'static str, bytes: &[u8]) -> Result<StoredFile, Failed> {
        let mut upload = self.upload(key, kind);
        upload.push(bytes).await?;
        upload.finish().await
    }

    /// The same file with a link to it.
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    async fn linked(&self, file: StoredFile) -> Result<StoredFile, Failed> {
        let url = self.link(&file.key).await?;
        Ok(file.linked(url, LINK_SECONDS))
    }

    /// A closed day with links to its report, where it is shown.
    ///
    /// # Errors
    /// [`Failed::Fault`] when a link cannot be signed.
    pub async fn linked_day_close(&self, view: DayCloseView) -> Result<DayCloseView, Failed> {
        let mut linked = view;
        for file in [&mut linked.file, &mut linked.table] {
            if let Some(bare) = file.take() {
                *file = Some(self.linked(bare).await?);
            }
        }
        Ok(linked)
    }

    /// The report of a closed day, if it has one, read whole: a row an agent, about 400 bytes each.
    ///
    /// # Errors
    /// [`Failed::Fault`] when what lies in the bucket is not what was reported, [`Failed::Later`] when S3 does not answer.
    pub async fn report(&self, day: &DayClose) -> Result<Option<Report>, Failed> {
        let Some(file) = &day.file else { return Ok(None) };
        serde_json::from_slice(&self.read(file).await?).map(Some).map_err(Failed::fault)
    }

    /// A link to a file that works for [`LINK_SECONDS`].
    ///
    /// # Errors
    /// [`Failed::Fault`] when it cannot be signed.
    async fn link(&self, key: &str) -> Result<String, Failed> {
        let expiry = PresigningConfig::expires_in(Duration::from_secs(LINK_SECONDS)).map_err(Failed::fault)?;
        let signed = self.client.get_object().bucket(&self.bucket).key(key).presigned(expiry).await;
        Ok(signed.map_err(Failed::fault)?.uri().to_owned())
    }
}

impl Upload<'_> {
    /// Adds bytes; sends a part when one is full.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.hash.update(bytes);
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if !self.is_sent {
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= PART_BYTES {
            let rest = self.buffer.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.buffer, rest);
            self.send_part(part).await?;
        }
        Ok(())
    }

    async fn send_part(&mut self, part: Vec<u8>) -> Result<(), Failed> {
        let (client, bucket) = (&self.files.client, &self.files.bucket);
        let multipart = match &mut self.multipart {
            Some(multipart) => multipart,
            none => {
                let begun = client.create_multipart_upload().bucket(bucket).key(&self.key);
                let begun = begun.content_type(self.content_type).send().await.map_err(later)?;
                let upload_id = begun.upload_id.ok_or_else(|| Failed::fault("an upload without id"))?;
                none.insert(Multipart { upload_id, parts: vec![] })
            }
        };
        let number = i32::try_from(multipart.parts.len()).unwrap_or(i32::MAX).saturating_add(1);
        let sent = client
            .upload_part()
            .bucket(bucket)
            .key(&self.key)
            .upload_id(&multipart.upload_id)
            .part_number(number)
            .body(ByteStream::from(part))
            .send()
            .await
            .map_err(later)?;
        multipart.parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
        Ok(())
    }

    /// Completes the file; it appears at once and whole.
    ///
    /// # Errors
    /// [`Failed::Later`] when S3 does not answer; what was sent so far is given up then.
    pub async fn finish(mut self) -> Result<StoredFile, Failed> {
        let finished = if self.is_sent { self.complete().await } else { Ok(()) };
        if let (Err(_), Some(multipart)) = (&finished, &self.multipart) {
            let (client, bucket) = (&self.files.client, &self.files.bucket);
            let abort = client.abort_multipart_upload().bucket(bucket).key(&self.key);
            // The bucket's lifecycle clears what is not aborted here.
            if let Err(error) = abort.upload_id(&multipart.upload_id).send().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "an upload was not given up");
            }
        }
        finished?;
        let sha256 = Sha256Hex::finish(self.hash);
        Ok(StoredFile { key: self.key, sha256, bytes: self.bytes, url: None, expires_in: None })
    }

    async fn complete(&mut self) -> Result<(), Failed> {
        let last = std::mem::take(&mut self.buffer);
        if self.multipart.is_some() && !last.is_empty() {
            self.send_part(last).await?;
            return self.join().await;
        }
        if self.multipart.is_some() {
            return self.join().await;
        }
        let (client, bucket) = (&self.files.client, &self.files.bucket);
        let put = client.put_object().bucket(bucket).key(&self.key).content_type(self.content_type);
        put.body(ByteStream::from(last)).send().await.map_err(later)?;
        Ok(())
    }

    async fn join(&mut self) -> Result<(), Failed> {
        let Some(multipart) = &self.multipart else { return Ok(()) };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(multipart.parts.clone())).build();
        let (client, bucket) = (&self.files.client, &self.files.bucket);
        let complete = client.complete_multipart_upload().bucket(bucket).key(&self.key);
        complete.upload_id(&multipart.upload_id).multipart_upload(parts).send().await.map_err(later)?;
        Ok(())
    }
}
