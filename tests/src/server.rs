use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{Answer, Home, MINUTE, free_port, get, until};

/// A `moothall serve` process. It is killed when it is dropped.
pub struct Server {
    pub url: String,
    arguments: Vec<String>,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Server {
    /// Starts it and waits until it is ready.
    pub fn start(home: &Home, arguments: &[&str]) -> Self {
        let server = Self::start_without_pages(home, arguments);
        server.wait_until_ready();
        server
    }

    /// Starts it, with roles that perhaps have no pages to wait for.
    pub fn start_without_pages(home: &Home, arguments: &[&str]) -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        let url = format!("http://{listen}");
        let mut all = vec!["serve".to_owned(), "--listen".to_owned(), listen];
        all.extend(arguments.iter().map(ToString::to_string));
        let log = Arc::default();
        let child = spawn(home.command(&all), &log);
        Self { url, arguments: all, child, log }
    }

    #[track_caller]
    fn wait_until_ready(&self) {
        let url = format!("{}/readyz", self.url);
        // An index that was damaged is built before.
        until("the server to be ready", MINUTE, || get(&url).ok().filter(|answer| answer.status == 200));
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it anew where it was, after [`Self::kill`].
    pub fn restart(&mut self, home: &Home) {
        self.child = spawn(home.command(&self.arguments), &self.log);
        self.wait_until_ready();
    }

    /// Asks it to end, and says whether it ended well.
    pub fn stop(mut self) -> bool {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        let exit = until("the server to end", MINUTE, || self.child.try_wait().unwrap());
        exit.success()
    }

    /// What it wrote to its log, over all its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn wait_for_log(&self, text: &str, limit: Duration) {
        until(&format!("{text:?} in the log"), limit, || self.log().contains(text).then_some(()));
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.url)).unwrap()
    }

    /// A page or file that must be there.
    #[track_caller]
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// An answer of the API that must be there.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// How much of a meeting is recorded and aired.
    #[track_caller]
    pub fn recorded_ms(&self, slug: &str) -> i64 {
        self.json(&format!("/api/v1/meetings/{slug}"))["media"]["duration_ms"].as_i64().unwrap_or(0)
    }

    /// The address of a meeting's media, without a slash at its end.
    #[track_caller]
    pub fn media(&self, slug: &str) -> String {
        let meeting = self.json(&format!("/api/v1/meetings/{slug}"));
        format!("/media/{}", meeting["id"].as_str().unwrap())
    }

    /// Waits until the search finds something, and returns its whole answer.
    #[track_caller]
    pub fn found(&self, query: &str) -> Value {
        let path = format!("/api/v1/search?{query}");
        until(&format!("{path} to find something"), MINUTE, || {
            Some(self.json(&path)).filter(|answer| answer["total"].as_u64() > Some(0))
        })
    }

    /// Waits until the whole of a recording is written down; returns its captions.
    #[track_caller]
    pub fn transcript(&self, home: &Home, slug: &str, limit: Duration) -> Vec<Value> {
        until(&format!("the transcript of {slug}"), limit, || home.transcribed(slug).then_some(()));
        let transcript = self.json(&format!("/api/v1/meetings/{slug}/transcript"));
        transcript["captions"].as_array().unwrap().clone()
    }
}

impl Home {
    /// Whether the transcription of a meeting is done.
    ///
    /// # Panics
    /// Where the program has given it up.
    pub fn transcribed(&self, slug: &str) -> bool {
        use moothall_store::JobState;
        let jobs = self.database(async |db| {
            let meeting = db.meeting_by_slug(slug).await.unwrap().unwrap();
            db.jobs_of(meeting.id).await.unwrap()
        });
        for job in &jobs {
            assert_ne!(job.state, JobState::Failed, "{:?}", job.error);
        }
        !jobs.is_empty() && jobs.iter().all(|job| job.state == JobState::Done)
    }
}

fn spawn(mut command: Command, log: &Arc<Mutex<String>>) -> Child {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = child.stderr.take().unwrap();
    let log = Arc::clone(log);
    thread::spawn(move || keep(lines, &log));
    child
}

fn keep(lines: ChildStderr, log: &Mutex<String>) {
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap();
        log.push_str(&line);
        log.push('\n');
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of {} {}\n{}", self.url, self.arguments.join(" "), self.log());
        }
    }
}
