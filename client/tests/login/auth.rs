//! Proving who the user is.

use std::sync::Arc;

use tssh_client::login::{Login, LoginError, Options, Silent};

/// The error of a login that must not succeed.
pub(crate) async fn refusal(options: &Options) -> LoginError {
    Login::connect(options, Arc::new(Silent)).await.unwrap_err()
}
