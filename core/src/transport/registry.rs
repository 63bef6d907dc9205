//! Which transports a program has, by the `Mode` word of the server info.

use std::fmt;
use std::sync::Arc;

use super::Transport;
use crate::wire::{InfoError, ServerInfo};

/// The transports of one program, the preferred one first.
#[derive(Clone, Default)]
pub struct Registry {
    transports: Vec<Arc<dyn Transport>>,
}

impl Registry {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `transport`, in place of another of its mode or else behind the others.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let mode = transport.mode();
        match self
            .transports
            .iter_mut()
            .find(|known| known.mode() == mode)
        {
            Some(known) => *known = transport,
            None => self.transports.push(transport),
        }
        self
    }

    /// What a server offers that was asked for no other.
    pub fn preferred(&self) -> Option<Arc<dyn Transport>> {
        self.transports.first().cloned()
    }

    /// The transport of a mode.
    pub fn get(&self, mode: &str) -> Option<Arc<dyn Transport>> {
        let known = self.transports.iter().find(|known| known.mode() == mode);
        known.cloned()
    }

    /// The transport that a server chose.
    ///
    /// # Errors
    ///
    /// [`InfoError::UnknownMode`].
    pub fn chosen(&self, info: &ServerInfo) -> Result<Arc<dyn Transport>, InfoError> {
        self.get(&info.mode).ok_or_else(|| {
            let known: Vec<_> = self.transports.iter().map(|known| known.mode()).collect();
            info.unknown_mode(&known)
        })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let modes = self.transports.iter().map(|known| known.mode());
        out.debug_set().entries(modes).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::memory::Memory;

    #[test]
    fn the_transport_is_the_one_that_the_server_names_and_another_is_refused_in_words() {
        let registry = Registry::new().with(Memory::default());
        let mode = Memory::default().mode();
        let mut info = ServerInfo {
            mode: mode.into(),
            ..ServerInfo::default()
        };
        assert_eq!(registry.chosen(&info).unwrap().mode(), mode);
        info.mode = "CARRIER PIGEON".into();
        let refused = registry.chosen(&info).err().unwrap().to_string();
        assert_eq!(
            refused,
            format!("the server speaks CARRIER PIGEON, this program speaks {mode}")
        );
        assert!(registry.get("CARRIER PIGEON").is_none());
        assert_eq!(registry.preferred().unwrap().mode(), mode);
        assert!(Registry::new().preferred().is_none());
    }
}
