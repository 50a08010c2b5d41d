//! Authentication: what to answer to each request of the server. No I/O.

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{
    ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256,
};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio_postgres::fallible_iterator::FallibleIterator as _;

use crate::config::Password;
use crate::error::{Error, Result};

/// Where SCRAM stands.
enum Scram {
    /// Not asked for.
    Unused,
    /// Our first message is out.
    Running(ScramSha256),
    /// The server has shown that it knows the password too.
    Proven,
}

/// One authentication.
pub(crate) struct Auth<'a> {
    user: &'a str,
    password: Option<&'a Password>,
    /// Hash of the server's certificate, under TLS.
    binding: Option<Vec<u8>>,
    scram: Scram,
}

impl<'a> Auth<'a> {
    pub(crate) const fn new(
        user: &'a str,
        password: Option<&'a Password>,
        binding: Option<Vec<u8>>,
    ) -> Self {
        Self { user, password, binding, scram: Scram::Unused }
    }

    /// Takes one request and writes the answer to `out`. True once the server is content.
    ///
    /// # Errors
    /// [`Error::Auth`] when it cannot be answered, or when the server does not prove itself.
    pub(crate) fn answer(&mut self, request: &Message, out: &mut BytesMut) -> Result<bool> {
        match request {
            Message::AuthenticationOk => {
                if matches!(self.scram, Scram::Running(_)) {
                    return Err(
                        self.refuse("the server skipped the proof that it knows the password")
                    );
                }
                return Ok(true);
            }
            Message::AuthenticationCleartextPassword => {
                let password = self.password()?;
                self.encode(frontend::password_message(password.as_bytes(), out))?;
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(self.user.as_bytes(), self.password()?.as_bytes(), body.salt());
                self.encode(frontend::password_message(hash.as_bytes(), out))?;
            }
            Message::AuthenticationSasl(body) => {
                let mut scram = false;
                let mut plus = false;
                let mut mechanisms = body.mechanisms();
                while let Some(name) = self.encode(mechanisms.next())? {
                    scram |= name == SCRAM_SHA_256;
                    plus |= name == SCRAM_SHA_256_PLUS;
                }
                self.begin_scram(scram, plus, out)?;
            }
            Message::AuthenticationSaslContinue(body) => {
                let Scram::Running(scram) = &mut self.scram else {
                    return Err(self.refuse("a SASL message came before its start"));
                };
                // `message` panics after an error, so it is asked for within.
                let reply = scram.update(body.data()).map(|()| scram.message().to_vec());
                let reply = self.encode(reply)?;
                self.encode(frontend::sasl_response(&reply, out))?;
            }
            Message::AuthenticationSaslFinal(body) => {
                let Scram::Running(scram) = &mut self.scram else {
                    return Err(self.refuse("a SASL message came before its start"));
                };
                let step = scram.finish(body.data());
                self.encode(step)?;
                self.scram = Scram::Proven;
            }
            Message::AuthenticationGss
            | Message::AuthenticationGssContinue(_)
            | Message::AuthenticationSspi
            | Message::AuthenticationKerberosV5
            | Message::AuthenticationScmCredential => {
                return Err(self.refuse(
                    "the server wants GSSAPI, SSPI or Kerberos; give this user trust, password, md5, \
                     scram-sha-256 or cert in pg_hba.conf",
                ));
            }
            _ => {
                return Err(Error::Protocol("unexpected message during authentication".to_owned()));
            }
        }
        Ok(false)
    }

    fn begin_scram(&mut self, scram: bool, plus: bool, out: &mut BytesMut) -> Result<()> {
        let (mechanism, binding) = match self.binding.take() {
            Some(hash) if plus => (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(hash)),
            // "We could, you cannot": a server that can then knows that somebody stands between.
            Some(_) if scram => (SCRAM_SHA_256, ChannelBinding::unrequested()),
            None if scram => (SCRAM_SHA_256, ChannelBinding::unsupported()),
            _ => return Err(self.refuse("the server offers no SASL mechanism but unknown ones")),
        };
        let scram = ScramSha256::new(self.password()?.as_bytes(), binding);
        let sent = frontend::sasl_initial_response(mechanism, scram.message(), out);
        self.encode(sent)?;
        self.scram = Scram::Running(scram);
        Ok(())
    }

    fn password(&self) -> Result<&'a str> {
        match self.password.map(Password::reveal) {
            Some(password) if !password.is_empty() => Ok(password),
            _ => Err(self.refuse("the server asks for a password; set database.password")),
        }
    }

    fn refuse(&self, reason: &str) -> Error {
        Error::Auth { user: self.user.to_owned(), reason: reason.to_owned() }
    }

    fn encode<T>(&self, result: std::io::Result<T>) -> Result<T> {
        result.map_err(|e| self.refuse(&e.to_string()))
    }
}

#[cfg(test)]
mod tests;
