//! What this version does not have.

use crate::cli::Cli;
use crate::settings::{ForwardAgent, Settings};

/// Says what was asked for and is not done, before anybody relies on it.
///
/// # Errors
///
/// What would be relied on most: one sentence.
pub fn refuse(cli: &Cli, settings: &Settings) -> anyhow::Result<()> {
    if settings.stdio_forward.is_some() {
        anyhow::bail!("-W is not supported by this version: use ssh -W");
    }
    if cli.control_command.is_some() {
        anyhow::bail!("-O is not supported by this version, which has no control socket");
    }
    // `ClearAllForwardings` has cleared them.
    if !settings.remote_forwards.is_empty() || !settings.dynamic_forwards.is_empty() {
        let what = "-R and -D are not supported by this version: use ssh for RemoteForward and DynamicForward";
        if settings.exit_on_forward_failure {
            anyhow::bail!(what);
        }
        tracing::warn!("{what}");
    }
    if settings.forward_agent != ForwardAgent::No {
        tracing::warn!("the agent is not forwarded by this version: use ssh for -A");
    }
    if settings.forward_x11 {
        tracing::warn!("X11 is not forwarded by this version: use ssh for -X and -Y");
    }
    Ok(())
}
