//! The text of a PDF through `pdftotext` of poppler, as a child process that cannot take the rest down.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::AgendaError;

/// Address space of the child; the largest packages seen need a tenth of it.
const MAX_MEMORY_BYTES: u64 = 1 << 30;
const MAX_CPU_S: u64 = 30;
const MAX_WALL_S: u64 = 60;
/// What is read of the text. An agenda stands at the front of its package.
const MAX_TEXT_BYTES: u64 = 8 << 20;
/// The agenda itself is found well before this page; what follows are reports.
const MAX_PAGES: &str = "150";

/// The text with its layout kept by spaces; a form feed ends each page.
pub fn text(path: &Path) -> Result<String, AgendaError> {
    text_by(path, "pdftotext")
}

fn text_by(path: &Path, program: &str) -> Result<String, AgendaError> {
    let io_error = |source| AgendaError::Io { path: path.to_owned(), source };
    // An absolute path cannot be taken for an option.
    let absolute = path.canonicalize().map_err(io_error)?;
    let mut child = Command::new("prlimit")
        .arg(format!("--as={MAX_MEMORY_BYTES}"))
        .arg(format!("--cpu={MAX_CPU_S}"))
        .args(["--core=0", program, "-layout", "-enc", "UTF-8", "-l", MAX_PAGES])
        .arg(absolute)
        .arg("-")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|_| AgendaError::MissingProgram { program: "prlimit", package: "util-linux" })?;
    let stdout = child.stdout.take().map(|pipe| read_in_thread(pipe, MAX_TEXT_BYTES));
    let stderr = child.stderr.take().map(|pipe| read_in_thread(pipe, 1 << 16));
    let exit = wait(&mut child, Duration::from_secs(MAX_WALL_S)).map_err(io_error)?;
    let text = joined(stdout);
    let complaint = joined(stderr);

    let Some(exit) = exit else {
        return Err(AgendaError::TooSlow { path: path.to_owned(), limit_s: MAX_WALL_S });
    };
    // A text longer than the limit ends the child by a closed pipe; what was read is good.
    let has_text = text.chars().any(char::is_alphanumeric);
    match exit.code() {
        // 127 and 126 are how prlimit says that there is no such program.
        Some(126 | 127) => {
            Err(AgendaError::MissingProgram { program: "pdftotext", package: "poppler-utils" })
        }
        _ if has_text => Ok(text),
        Some(0) => Err(AgendaError::Scanned { path: path.to_owned() }),
        _ if complaint.contains("Incorrect password") => Err(AgendaError::Password { path: path.to_owned() }),
        None => Err(AgendaError::TooSlow { path: path.to_owned(), limit_s: MAX_CPU_S }),
        Some(_) => {
            let reason = complaint.lines().last().unwrap_or("pdftotext gives no reason").trim().to_owned();
            Err(AgendaError::DamagedPdf { path: path.to_owned(), reason })
        }
    }
}

fn read_in_thread(pipe: impl Read + Send + 'static, limit: u64) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A pipe that breaks has given what it had.
        let _ = pipe.take(limit).read_to_end(&mut bytes);
        bytes
    })
}

fn joined(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// None where the child had to be killed.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(exit) = child.try_wait()? {
            return Ok(Some(exit));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let error = text_by(file.path(), "no-such-pdftotext").expect_err("no such program");
        assert_eq!(
            error.to_string(),
            "the program pdftotext is missing; install Debian's package poppler-utils"
        );
    }

    #[test]
    fn a_child_that_hangs_is_killed() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        assert_eq!(wait(&mut child, Duration::from_millis(30)).expect("a wait"), None);
    }
}
