use serde_json::Value;
use ureq::http::HeaderMap;

/// What a server answered.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// Where the body is no JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Asks for one address; any status is an answer.
///
/// # Errors
/// Where nobody answers.
pub fn get(url: &str) -> Result<Answer, ureq::Error> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(super::SECOND * 30))
        .build()
        .into();
    let mut response = agent.get(url).call()?;
    let content_type = response.headers().get("content-type");
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        content_type: content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned(),
        body: response.body_mut().with_config().limit(1 << 30).read_to_vec()?,
    })
}
