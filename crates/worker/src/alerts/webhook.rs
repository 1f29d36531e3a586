use moothall_core::Secret;
use moothall_ingest::caller;

use super::{AlertsError, message::Message};

/// Somebody's server, which is called with each message.
///
/// The body is JSON; `Moothall-Signature: sha256=…` is its HMAC-SHA256 under the secret, in hexadecimal
/// digits, and `Moothall-Delivery` is the same each time that a message is tried.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Chat services put a secret into it.
    url: Secret,
    secret: Secret,
    private_network: bool,
}

impl Webhook {
    /// # Errors
    /// If the address is none of the web.
    pub fn new(url: &str, secret: Secret, private_network: bool) -> Result<Self, AlertsError> {
        let known =
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !known {
            return Err(AlertsError::Webhook);
        }
        Ok(Self { url: Secret::new(url), secret, private_network })
    }

    /// # Errors
    /// In words that hold nothing of the address.
    pub(super) fn send(&self, message: &Message) -> Result<(), String> {
        let body = message.json.to_string();
        let answer = caller(self.private_network)
            .post(self.url.reveal())
            .header("content-type", "application/json")
            .header("user-agent", "Moothall")
            .header("moothall-delivery", &message.id)
            .header("moothall-signature", format!("sha256={}", self.secret.signature(body.as_bytes())))
            .send(&body);
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("its server answered {}", answer.status())),
            Err(ureq::Error::BadUri(_)) => Err("its address cannot be called".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_private_network_is_called_only_if_that_is_allowed_and_no_address_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hooks/heron", listener.local_addr().unwrap());
        let webhook = Webhook::new(&url, Secret::new("the heron walks"), false).unwrap();
        let message = Message {
            id: "1".to_owned(),
            subject: String::new(),
            text: String::new(),
            json: serde_json::Value::Null,
        };
        let error = webhook.send(&message).unwrap_err();
        assert!(error.contains("private_network") && !error.contains("heron"), "{error}");
        assert!(listener.accept().is_err(), "nobody called");
        assert!(Webhook::new("file:///etc/passwd", Secret::new("the heron walks"), true).is_err());
    }
}
