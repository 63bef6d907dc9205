//! stub
/// stub
#[derive(Debug)]
pub struct ServerInfo;
