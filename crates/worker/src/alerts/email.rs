use std::{fmt, time::Duration};

use lettre::{
    Message as Mail, SmtpTransport, Transport,
    message::{Mailbox, header::ContentType},
};
use moothall_core::Secret;

use super::{AlertsError, message::Message};

/// A mail server that hangs holds nothing else up for longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One mail for each message, to all addresses.
#[derive(Clone)]
pub struct Email {
    from: Mailbox,
    to: Vec<Mailbox>,
    server: SmtpTransport,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}

impl Email {
    /// `server` is `smtps://USER:PASSWORD@HOST`, `smtp://USER:PASSWORD@HOST?tls=required`, or `smtp://HOST:25`
    /// for one that wants neither.
    ///
    /// # Errors
    /// If an address cannot be read.
    pub fn new(from: &str, to: &[String], server: &Secret) -> Result<Self, AlertsError> {
        let mailbox = |address: &str| -> Result<Mailbox, AlertsError> {
            address.parse().map_err(|_| AlertsError::Address { address: address.to_owned() })
        };
        let to: Result<Vec<Mailbox>, AlertsError> = to.iter().map(|address| mailbox(address)).collect();
        let server = SmtpTransport::from_url(server.reveal()).map_err(|_| AlertsError::Smtp)?;
        Ok(Self { from: mailbox(from)?, to: to?, server: server.timeout(Some(PATIENCE)).build() })
    }

    /// # Errors
    /// In the words of the server.
    pub(super) fn send(&self, message: &Message) -> Result<(), String> {
        let mail = Mail::builder()
            .from(self.from.clone())
            .subject(&message.subject)
            .message_id(Some(format!("<{}@moothall>", message.id)))
            .header(ContentType::TEXT_PLAIN);
        let mail = self.to.iter().cloned().fold(mail, lettre::message::MessageBuilder::to);
        let mail = mail.body(message.text.clone()).map_err(|error| error.to_string())?;
        self.server.send(&mail).map(drop).map_err(|error| error.to_string())
    }
}
