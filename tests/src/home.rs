use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use moothall_store::Db;
use tempfile::TempDir;

use crate::Server;

/// One installation of Moothall: a data folder, a database, and the program over them.
pub struct Home {
    folder: TempDir,
    /// Absent for the default: SQLite in the data folder.
    database: Option<String>,
    models: Option<PathBuf>,
    /// More of the configuration.
    variables: Vec<(String, String)>,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Told {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Told {
    /// # Panics
    /// Where the command failed.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.success, "the command failed: {self:#?}");
        self
    }

    /// # Panics
    /// Where the command succeeded, or its complaint lacks one of these.
    #[track_caller]
    pub fn fails_with(self, parts: &[&str]) -> Self {
        assert!(!self.success, "the command should have failed: {self:#?}");
        self.complains_of(parts)
    }

    /// # Panics
    /// Where one of these is not among the complaints.
    #[track_caller]
    pub fn complains_of(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Home {
    /// With a database of the default kind.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            database: None,
            models: moothall_testkit::models_dir(),
            variables: Vec::new(),
        }
    }

    /// One with SQLite, and one with PostgreSQL where the tests have a server. A story is told in each.
    pub fn on_each_database() -> Vec<Self> {
        let mut homes = vec![Self::new()];
        if let Some(url) = blocking(moothall_testkit::postgres_database()) {
            homes.push(Self { database: Some(url), ..Self::new() });
        }
        homes
    }

    /// Everything that is in its PostgreSQL database, as text; none of the default kind, which is in
    /// [`Self::data`].
    pub fn dumped(&self) -> Option<Vec<u8>> {
        let dump =
            Command::new("pg_dump").arg(format!("--dbname={}", self.database.as_ref()?)).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        Some(dump.stdout)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A place beside the data folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the data folder.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).unwrap();
        path
    }

    /// The same installation with other models.
    pub fn with_models(mut self, models: PathBuf) -> Self {
        self.models = Some(models);
        self
    }

    /// The same installation with these variables set.
    pub fn with_variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.variables.extend(variables);
        self
    }

    /// The program with its arguments, in this installation and free of the tests' own settings.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MOOTHALL_"))
        {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG");
        command.current_dir(self.folder.path()).env("MOOTHALL_DATA", self.data()).stdin(Stdio::null());
        if let Some(database) = &self.database {
            command.env("MOOTHALL_DATABASE", database);
        }
        command.envs(self.variables.iter().cloned());
        if let Some(models) = &self.models {
            command.env("MOOTHALL_MODELS", models);
        }
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Told {
        self.command(arguments).output().unwrap().into()
    }

    /// Imports a meeting of the Planning Committee; arguments are separated by spaces.
    pub fn import(&self, arguments: &str) -> Told {
        let meeting = ["import", "meeting", "--council", "ambleford", "--committee", "Planning Committee"];
        let start = ["--title", "Planning Committee", "--start", "2026-02-26T18:30:00+00:00"];
        self.run(meeting.into_iter().chain(start).chain(arguments.split_whitespace()))
    }

    /// Starts `moothall serve`, pages and all, and waits until it is ready.
    pub fn serve(&self) -> Server {
        Server::start(self, &[])
    }

    /// The database as the program sees it, for what no command does yet.
    pub fn database<T>(&self, work: impl AsyncFnOnce(&Db) -> T) -> T {
        let default = format!("sqlite:{}", self.data().join("moothall.db").display());
        let url = self.database.as_ref().unwrap_or(&default);
        blocking(async {
            let db = Db::connect(url).await.unwrap();
            let outcome = work(&db).await;
            db.close().await;
            outcome
        })
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs to its end what waits.
pub fn blocking<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

/// The program under test: `MOOTHALL_BIN`, or what the same profile built.
fn binary() -> PathBuf {
    let beside_tests = || {
        let test = std::env::current_exe().unwrap();
        test.parent().and_then(Path::parent).unwrap().join("moothall")
    };
    let binary = std::env::var_os("MOOTHALL_BIN").map_or_else(beside_tests, PathBuf::from);
    assert!(
        binary.is_file(),
        "{} is not there: build it with `cargo build --release --workspace --bins`, or use scripts/test",
        binary.display()
    );
    binary
}
