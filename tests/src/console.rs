use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use ureq::{Agent, http::Response};

use crate::{Answer, Home, SECOND, Server};

pub const CLERK: &str = "ada@ambleford.example";

/// Somebody who is signed in to the console, without a browser.
pub struct Console<'a> {
    server: &'a Server,
    agent: Agent,
    cookie: String,
}

impl Home {
    /// Adds a user of the council of Ambleford; returns the password that was made up.
    pub fn add_user(&self, email: &str, role: &str) -> String {
        let told = self
            .run(["user", "add", email, "--name", "Ada Birch", "--council", "ambleford", "--role", role])
            .ok();
        password(&told.stdout)
    }
}

/// The password that a command shows.
pub fn password(stdout: &str) -> String {
    let shown = stdout.lines().find_map(|line| line.trim().strip_prefix("password")).map(str::trim);
    shown.unwrap_or_else(|| panic!("no password in {stdout}")).to_owned()
}

impl<'a> Console<'a> {
    /// Signs in; or returns the status of the refusal.
    pub fn sign_in(server: &'a Server, email: &str, password: &str) -> Result<Self, u16> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(60 * SECOND))
            .build()
            .into();
        let form = [("email", email), ("password", password)];
        let answer = agent.post(format!("{}/login", server.url)).send_form(form).unwrap();
        let cookie = header(&answer, "set-cookie").split(';').next().unwrap_or_default().to_owned();
        if cookie.is_empty() { Err(answer.status().as_u16()) } else { Ok(Self { server, agent, cookie }) }
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut answer = self
            .agent
            .get(format!("{}{path}", self.server.url))
            .header("cookie", &self.cookie)
            .call()
            .unwrap();
        Answer {
            status: answer.status().as_u16(),
            content_type: header(&answer, "content-type"),
            headers: answer.headers().clone(),
            body: answer.body_mut().read_to_vec().unwrap(),
        }
    }

    /// Uploads a whole file for a meeting.
    #[track_caller]
    pub fn upload(&self, meeting: &str, file: &Path) {
        let bytes = fs::read(file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let metadata = format!("meeting {},filename {}", STANDARD.encode(meeting), STANDARD.encode(name));
        let begun = self
            .agent
            .post(format!("{}/clerk/uploads", self.server.url))
            .header("cookie", &self.cookie)
            .header("tus-resumable", "1.0.0")
            .header("upload-length", bytes.len().to_string())
            .header("upload-metadata", metadata)
            .send_empty()
            .unwrap();
        assert_eq!(begun.status(), 201, "{:?}", begun.into_body().read_to_string());
        let sent = self
            .agent
            .patch(format!("{}{}", self.server.url, header(&begun, "location")))
            .header("cookie", &self.cookie)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", "0")
            .header("content-type", "application/offset+octet-stream")
            .send(&bytes)
            .unwrap();
        assert_eq!(sent.status(), 204);
    }
}

fn header<T>(answer: &Response<T>, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
