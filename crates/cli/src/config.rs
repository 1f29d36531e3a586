//! Configuration: `moothall.toml`, overridden by `MOOTHALL_*` variables, overridden by flags.

mod alerts;

use std::{
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use moothall_archive::{Archive, StorageSettings};
use moothall_core::health::Thresholds;
use moothall_store::{Db, Secrets};
use moothall_transcribe::{Mode, Models};
use moothall_web::preflight::RoomChecks;
use moothall_worker::AlertSettings;
use serde::Deserialize;

use self::alerts::AlertsFile;
use crate::storage::{self, StorageFile};

const FILE: &str = "moothall.toml";
/// The installation's key in base64. No flag and no file: others would see it there.
const SECRET_KEY: &str = "MOOTHALL_SECRET_KEY";

/// What every command takes. A variable counts where the flag is absent.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Configuration file [default: moothall.toml, where there is one]
    #[arg(long, global = true, env = "MOOTHALL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder for database, recordings, index and models [default: data]
    #[arg(long, global = true, env = "MOOTHALL_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// sqlite:PATH or postgres://… [default: moothall.db in the data folder]
    #[arg(long, global = true, env = "MOOTHALL_DATABASE", value_name = "URL", hide_env_values = true)]
    database: Option<String>,
    /// Folder of the speech models [default: models in the data folder]
    #[arg(long, global = true, env = "MOOTHALL_MODELS", value_name = "DIR")]
    models: Option<PathBuf>,
    /// Speech model [default: base]
    #[arg(long, global = true, env = "MOOTHALL_MODEL", value_name = "NAME")]
    model: Option<String>,
    /// How speech is recognised [default: fast]
    #[arg(long, global = true, env = "MOOTHALL_MODE", value_enum)]
    mode: Option<ModeArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ModeArg {
    Fast,
    Accurate,
}

/// What may stand in the file; the names are those of the flags.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    data: Option<PathBuf>,
    database: Option<String>,
    models: Option<PathBuf>,
    model: Option<String>,
    mode: Option<ModeArg>,
    listen: Option<SocketAddr>,
    private_network: Option<bool>,
    storage: Option<StorageFile>,
    alerts: Option<AlertsFile>,
}

/// What holds, after file, variables and flags.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: PathBuf,
    pub database: String,
    pub models: PathBuf,
    pub model: String,
    pub mode: Mode,
    /// From the file; `--listen` and its variable belong to the commands that listen.
    pub listen: Option<SocketAddr>,
    /// Whether sources may be called that are in the private network. From the file, until `serve` has its say.
    pub private_network: bool,
    /// The object store for media, where there is one.
    pub storage: Option<StorageSettings>,
    alerts: AlertsFile,
}

impl Settings {
    pub fn load(args: ConfigArgs) -> Result<Self> {
        let file = match &args.config {
            Some(path) => read(path)?.with_context(|| format!("there is no file {}", path.display()))?,
            None => read(Path::new(FILE))?.unwrap_or_default(),
        };
        let data = args.data.or(file.data).unwrap_or_else(|| PathBuf::from("data"));
        let database = args
            .database
            .or(file.database)
            .unwrap_or_else(|| format!("sqlite:{}", data.join("moothall.db").display()));
        Ok(Self {
            database,
            models: args.models.or(file.models).unwrap_or_else(|| data.join("models")),
            model: args.model.or(file.model).unwrap_or_else(|| "base".to_owned()),
            mode: match args.mode.or(file.mode) {
                Some(ModeArg::Accurate) => Mode::Accurate,
                Some(ModeArg::Fast) | None => Mode::Fast,
            },
            listen: file.listen,
            private_network: file.private_network.unwrap_or(false),
            storage: storage::settings(file.storage.unwrap_or_default())?,
            alerts: file.alerts.unwrap_or_default(),
            data,
        })
    }

    pub fn media_dir(&self) -> PathBuf {
        self.data.join("media")
    }

    pub fn index_dir(&self) -> PathBuf {
        self.data.join("index")
    }

    pub fn models(&self) -> Models {
        Models::new(&self.models)
    }

    /// The object store for media, where there is one. Nothing is called yet.
    pub fn archive(&self) -> Result<Option<Archive>> {
        Ok(self.storage.as_ref().map(Archive::new).transpose()?)
    }

    /// Whom to tell when something is wrong in a chamber.
    pub fn alerts(&self) -> Result<AlertSettings> {
        self.alerts.settings(self.private_network)
    }

    /// From when on something is called wrong in a chamber.
    pub fn thresholds(&self) -> &Thresholds {
        &self.alerts.thresholds
    }

    /// What is checked of a room before a meeting.
    pub fn room_checks(&self) -> RoomChecks {
        let (models, model) = (self.models(), self.model.clone());
        RoomChecks::new(self.thresholds().clone(), move || {
            match models.list().iter().any(|listed| listed.name == model && listed.installed) {
                true => Ok(format!("the speech model {model} is there")),
                false => Err(format!(
                    "the speech model {model} is missing, so nothing is transcribed: run `moothall model fetch {model}`"
                )),
            }
        })
    }

    /// What seals and opens the keys of rooms.
    pub fn secrets(&self) -> Result<Secrets> {
        Ok(Secrets::new(&self.data, env::var(SECRET_KEY).ok().as_deref())?)
    }

    /// Makes the data folder and opens the database, which brings its schema up to date.
    pub async fn open_database(&self) -> Result<Db> {
        fs::create_dir_all(&self.data).with_context(|| {
            format!("cannot make the data folder {}; give another --data", self.data.display())
        })?;
        Ok(Db::connect(&self.database).await?)
    }
}

fn read(path: &Path) -> Result<Option<ConfigFile>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    toml::from_str(&text).map(Some).with_context(|| format!("{} is not as it should be", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("moothall.toml");
        fs::write(&file, text)?;
        Settings::load(ConfigArgs {
            config: Some(file),
            data: None,
            database: None,
            models: None,
            model: Some("tiny.en".to_owned()),
            mode: None,
        })
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let settings = load("data = '/srv/moothall'\nmodel = 'base'\nlisten = '127.0.0.1:9000'").unwrap();
        assert_eq!(settings.model, "tiny.en");
        assert_eq!(settings.database, "sqlite:/srv/moothall/moothall.db");
        assert_eq!(settings.listen, Some(([127, 0, 0, 1], 9000).into()));
        assert!(!settings.private_network);
        assert!(load("private_network = true").unwrap().private_network);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        let error = format!("{:#}", load("modle = 'base'").unwrap_err());
        assert!(error.contains("modle") && error.contains("moothall.toml"), "{error}");
    }

    #[test]
    fn alerts_are_read_and_half_of_a_target_is_none() {
        let settings = load(
            "[alerts]\nemail = ['av@ambleford.example']\nfrom = 'Moothall <moothall@ambleford.example>'\n\
             smtp = 'smtps://me:the-heron-walks@mail.example'\nwebhook = 'https://chat.example/hook/heron'\n\
             webhook_secret = 'the-heron-walks'\n[alerts.thresholds]\nsilence_s = 7\nsilence_dbfs = -50.5",
        )
        .unwrap();
        assert_eq!(settings.thresholds().silence_s, 7);
        assert_eq!(settings.thresholds().frozen_s, Thresholds::default().frozen_s);
        let alerts = settings.alerts().unwrap();
        assert_eq!(alerts.targets().len(), 2);
        assert!(!format!("{settings:?} {alerts:?}").contains("heron"), "{alerts:?}");
        assert!(load("").unwrap().alerts().unwrap().targets().is_empty());

        for (text, lacking) in [
            ("email = ['av@ambleford.example']", "smtp"),
            ("email = ['av@ambleford.example']\nsmtp = 'smtp://mail.example'", "from"),
            ("email = ['av']\nsmtp = 'smtp://mail.example'\nfrom = 'me@ambleford.example'", "av"),
            ("email = ['a@b.example']\nsmtp = 'mail.example'\nfrom = 'me@b.example'", "smtps://"),
            ("webhook = 'https://chat.example'", "webhook_secret"),
            ("webhook = 'chat.example'\nwebhook_secret = 'the-heron-walks'", "https://"),
        ] {
            let error = load(&format!("[alerts]\n{text}")).unwrap().alerts().unwrap_err();
            assert!(format!("{error:#}").contains(lacking), "{text}: {error:#}");
        }
        assert!(load("[alerts.thresholds]\nsilence = 7").is_err());
    }
}
