//! Files as administrators write them, compared with what sshd makes of them.
