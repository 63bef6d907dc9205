//! Which transports a program has, by the `Mode` word of the server info.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::Transport;
use crate::wire::{InfoError, ServerInfo};

/// The transports of one program.
#[derive(Clone, Default)]
pub struct Registry {
    transports: BTreeMap<&'static str, Arc<dyn Transport>>,
}

impl Registry {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `transport`, in place of another of its mode.
    #[must_use]
    pub fn with(mut self, transport: impl Transport) -> Self {
        self.transports
            .insert(transport.mode(), Arc::new(transport));
        self
    }

    /// The transport of a mode.
    pub fn get(&self, mode: &str) -> Option<Arc<dyn Transport>> {
        self.transports.get(mode).cloned()
    }

    /// The transport that a server chose.
    ///
    /// # Errors
    ///
    /// [`InfoError::UnknownMode`].
    pub fn chosen(&self, info: &ServerInfo) -> Result<Arc<dyn Transport>, InfoError> {
        let known: Vec<_> = self.transports.keys().copied().collect();
        let mode = info.mode_of(&known)?;
        Ok(self.transports[mode].clone())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.transports.keys()).finish()
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
    }
}
