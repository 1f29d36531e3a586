use moothall_core::Secret;
use url::Url;

use crate::ArchiveError;

/// Which bucket, where, and how to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSettings {
    /// `s3://BUCKET` or `s3://BUCKET/FOLDER`.
    pub bucket: String,
    /// `https://…` of an S3-compatible store; Amazon's where absent.
    pub endpoint: Option<String>,
    /// `us-east-1` where absent, which most other stores take for granted.
    pub region: Option<String>,
    /// Access key and secret key; the machine's own role (as Amazon gives it to its machines) where absent.
    pub keys: Option<(Secret, Secret)>,
    /// For how many days what is safely stored stays on the disk as well; for ever where absent.
    pub keep_days: Option<u32>,
}

impl StorageSettings {
    /// Bucket and folder, the latter perhaps empty.
    ///
    /// # Errors
    /// [`ArchiveError::Address`] if the address is of another kind.
    pub(crate) fn place(&self) -> Result<(String, String), ArchiveError> {
        let wrong = || ArchiveError::Address { address: self.bucket.clone() };
        let url = Url::parse(&self.bucket).map_err(|_| wrong())?;
        let bucket = url.host_str().filter(|_| url.scheme() == "s3").ok_or_else(wrong)?;
        let is_plain = url.username().is_empty() && url.password().is_none() && url.port().is_none();
        if !is_plain || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong());
        }
        Ok((bucket.to_owned(), url.path().trim_matches('/').to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &str) -> Result<(String, String), ArchiveError> {
        let bucket = bucket.to_owned();
        StorageSettings { bucket, endpoint: None, region: None, keys: None, keep_days: None }.place()
    }

    #[test]
    fn an_address_names_bucket_and_folder() {
        let named = |bucket: &str, folder: &str| (bucket.to_owned(), folder.to_owned());
        assert_eq!(place("s3://council").unwrap(), named("council", ""));
        assert_eq!(place("s3://council/media/2026/").unwrap(), named("council", "media/2026"));
        for wrong in
            ["council", "https://council/media", "s3://", "s3://key:secret@council", "s3://council?x"]
        {
            assert!(place(wrong).unwrap_err().to_string().contains("s3://BUCKET"), "{wrong}");
        }
    }
}
