//! The object store in the configuration: the table `[storage]`, overridden by `MOOTHALL_STORAGE_*`.

use std::env;

use anyhow::{Context, Result, bail};
use moothall_archive::StorageSettings;
use moothall_core::Secret;
use serde::{Deserialize, Deserializer};

/// What may stand in the table. There are no flags: others would see the keys in the list of processes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageFile {
    bucket: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    access_key: Option<Secret>,
    #[serde(default, deserialize_with = "secret")]
    secret_key: Option<Secret>,
    keep_days: Option<u32>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// None where no bucket is named: media stay on the disk.
pub fn settings(file: StorageFile) -> Result<Option<StorageSettings>> {
    resolve(file, |name| env::var(name).ok().filter(|value| !value.is_empty()))
}

fn resolve(file: StorageFile, variable: impl Fn(&str) -> Option<String>) -> Result<Option<StorageSettings>> {
    let keep_days = match variable("MOOTHALL_STORAGE_KEEP_DAYS") {
        Some(days) => Some(
            days.parse()
                .with_context(|| format!("MOOTHALL_STORAGE_KEEP_DAYS is {days:?}: give whole days"))?,
        ),
        None => file.keep_days,
    };
    let endpoint = variable("MOOTHALL_STORAGE_ENDPOINT").or(file.endpoint);
    let region = variable("MOOTHALL_STORAGE_REGION").or(file.region);
    let access_key = variable("MOOTHALL_STORAGE_ACCESS_KEY").map(Secret::new).or(file.access_key);
    let secret_key = variable("MOOTHALL_STORAGE_SECRET_KEY").map(Secret::new).or(file.secret_key);
    let keys = match (access_key, secret_key) {
        (Some(access), Some(secret)) => Some((access, secret)),
        (None, None) => None,
        _ => bail!("of access_key and secret_key in [storage] one is missing: give both, or neither"),
    };
    let Some(bucket) = variable("MOOTHALL_STORAGE_BUCKET").or(file.bucket) else {
        if endpoint.is_some() || region.is_some() || keys.is_some() || keep_days.is_some() {
            bail!("[storage] names no bucket: give bucket = \"s3://BUCKET\", or remove the rest of it");
        }
        return Ok(None);
    };
    Ok(Some(StorageSettings { bucket, endpoint, region, keys, keep_days }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, variables: &[(&str, &str)]) -> Result<Option<StorageSettings>> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        resolve(toml::from_str(text)?, variable)
    }

    #[test]
    fn variables_win_over_the_file() {
        let file =
            "bucket = 's3://council'\nendpoint = 'http://store:8333'\naccess_key = 'a'\nsecret_key = 'b'";
        let variables = [("MOOTHALL_STORAGE_BUCKET", "s3://other"), ("MOOTHALL_STORAGE_KEEP_DAYS", "30")];
        let settings = resolved(file, &variables).unwrap().unwrap();
        assert_eq!(settings.bucket, "s3://other");
        assert_eq!(settings.endpoint.as_deref(), Some("http://store:8333"));
        assert_eq!(settings.keys, Some((Secret::new("a"), Secret::new("b"))));
        assert_eq!(settings.keep_days, Some(30));
        assert_eq!(resolved("", &[]).unwrap(), None);
    }

    #[test]
    fn half_a_configuration_is_told() {
        for (text, words) in [
            ("region = 'eu-west-2'", "names no bucket"),
            ("bucket = 's3://council'\naccess_key = 'a'", "one is missing"),
            ("bucket = 's3://council'\nbuket = 'x'", "buket"),
        ] {
            let error = format!("{:#}", resolved(text, &[]).unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        let days = [("MOOTHALL_STORAGE_KEEP_DAYS", "soon")];
        assert!(resolved("bucket = 's3://council'", &days).unwrap_err().to_string().contains("whole days"));
    }
}
