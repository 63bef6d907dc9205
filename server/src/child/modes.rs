//! Terminal modes as a client sends them (RFC 4254, section 8; `IUTF8` by RFC 8160), put into a `Termios`.

use nix::sys::termios::{
    BaudRate, ControlFlags, InputFlags, LocalFlags, OutputFlags, SpecialCharacterIndices as Cc,
    Termios, cfsetispeed, cfsetospeed,
};

/// The list of modes broke off, or has an opcode whose argument has no known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModesError {
    /// An argument needs four bytes.
    #[error("terminal mode {opcode} has {left} of the 4 bytes of its argument")]
    Truncated {
        /// The mode whose argument is short.
        opcode: u8,
        /// How many bytes were there.
        left: usize,
    },
}

/// Reads the encoded modes of a `pty-req`: opcode and four bytes big-endian, until `TTY_OP_END` (0).
///
/// Opcodes from 160 on end the list, as RFC 4254, section 8 demands, for their arguments are not defined.
///
/// # Errors
///
/// When the last argument is cut short. An empty slice is an empty list.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<(u8, u32)>, ModesError> {
    let mut modes = Vec::new();
    while let Some((&opcode, rest)) = bytes.split_first() {
        if opcode == END || opcode >= FIRST_UNDEFINED {
            break;
        }
        let Some((value, rest)) = rest.split_first_chunk::<4>() else {
            return Err(ModesError::Truncated {
                opcode,
                left: rest.len(),
            });
        };
        modes.push((opcode, u32::from_be_bytes(*value)));
        bytes = rest;
    }
    Ok(modes)
}

/// Puts `modes` into `termios`, in order. What this system does not have is passed over, as sshd does.
pub(super) fn apply(termios: &mut Termios, modes: &[(u8, u32)]) {
    for &(opcode, value) in modes {
        let on = value != 0;
        if let Some(character) = character(opcode) {
            // 255 stands for "no such character" (RFC 4254, section 8).
            let byte = u8::try_from(value).unwrap_or(NONE);
            termios.control_chars[character as usize] = if byte == NONE { DISABLED } else { byte };
        } else if let Some(flag) = input_flag(opcode) {
            termios.input_flags.set(flag, on);
        } else if let Some(flag) = local_flag(opcode) {
            termios.local_flags.set(flag, on);
        } else if let Some(flag) = output_flag(opcode) {
            termios.output_flags.set(flag, on);
        } else {
            apply_line(termios, opcode, value);
        }
    }
}

/// Parity, character size and speed.
fn apply_line(termios: &mut Termios, opcode: u8, value: u32) {
    let on = value != 0;
    match opcode {
        90 | 91 if on => {
            termios.control_flags.remove(ControlFlags::CSIZE);
            let size = if opcode == 90 {
                ControlFlags::CS7
            } else {
                ControlFlags::CS8
            };
            termios.control_flags.insert(size);
        }
        92 => termios.control_flags.set(ControlFlags::PARENB, on),
        93 => termios.control_flags.set(ControlFlags::PARODD, on),
        // A speed that this system cannot express leaves the present one: a pty does not slow down for it.
        128 => {
            if let Some(speed) = speed(value) {
                let _ = cfsetispeed(termios, speed);
            }
        }
        129 => {
            if let Some(speed) = speed(value) {
                let _ = cfsetospeed(termios, speed);
            }
        }
        _ => {}
    }
}

fn character(opcode: u8) -> Option<Cc> {
    Some(match opcode {
        1 => Cc::VINTR,
        2 => Cc::VQUIT,
        3 => Cc::VERASE,
        4 => Cc::VKILL,
        5 => Cc::VEOF,
        6 => Cc::VEOL,
        7 => Cc::VEOL2,
        8 => Cc::VSTART,
        9 => Cc::VSTOP,
        10 => Cc::VSUSP,
        12 => Cc::VREPRINT,
        13 => Cc::VWERASE,
        14 => Cc::VLNEXT,
        #[cfg(target_os = "linux")]
        16 => Cc::VSWTC,
        18 => Cc::VDISCARD,
        _ => return None,
    })
}

fn input_flag(opcode: u8) -> Option<InputFlags> {
    Some(match opcode {
        30 => InputFlags::IGNPAR,
        31 => InputFlags::PARMRK,
        32 => InputFlags::INPCK,
        33 => InputFlags::ISTRIP,
        34 => InputFlags::INLCR,
        35 => InputFlags::IGNCR,
        36 => InputFlags::ICRNL,
        38 => InputFlags::IXON,
        39 => InputFlags::IXANY,
        40 => InputFlags::IXOFF,
        41 => InputFlags::IMAXBEL,
        #[cfg(any(target_os = "linux", target_vendor = "apple"))]
        42 => InputFlags::IUTF8,
        _ => return None,
    })
}

fn local_flag(opcode: u8) -> Option<LocalFlags> {
    Some(match opcode {
        50 => LocalFlags::ISIG,
        51 => LocalFlags::ICANON,
        53 => LocalFlags::ECHO,
        54 => LocalFlags::ECHOE,
        55 => LocalFlags::ECHOK,
        56 => LocalFlags::ECHONL,
        57 => LocalFlags::NOFLSH,
        58 => LocalFlags::TOSTOP,
        59 => LocalFlags::IEXTEN,
        60 => LocalFlags::ECHOCTL,
        61 => LocalFlags::ECHOKE,
        62 => LocalFlags::PENDIN,
        _ => return None,
    })
}

fn output_flag(opcode: u8) -> Option<OutputFlags> {
    Some(match opcode {
        70 => OutputFlags::OPOST,
        72 => OutputFlags::ONLCR,
        73 => OutputFlags::OCRNL,
        74 => OutputFlags::ONOCR,
        75 => OutputFlags::ONLRET,
        _ => return None,
    })
}

fn speed(bits: u32) -> Option<BaudRate> {
    Some(match bits {
        1200 => BaudRate::B1200,
        2400 => BaudRate::B2400,
        4800 => BaudRate::B4800,
        9600 => BaudRate::B9600,
        19200 => BaudRate::B19200,
        38400 => BaudRate::B38400,
        57600 => BaudRate::B57600,
        115_200 => BaudRate::B115200,
        230_400 => BaudRate::B230400,
        _ => return None,
    })
}

/// `TTY_OP_END`.
const END: u8 = 0;

/// Opcodes from here on are not defined and stop the parsing.
const FIRST_UNDEFINED: u8 = 160;

/// The value on the wire for a character that is switched off.
const NONE: u8 = 255;

/// `_POSIX_VDISABLE` of Linux.
#[cfg(target_os = "linux")]
const DISABLED: u8 = 0;

/// `_POSIX_VDISABLE` of the BSDs.
#[cfg(not(target_os = "linux"))]
const DISABLED: u8 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_up_to_the_end_mark_or_the_first_undefined_opcode() {
        for (bytes, modes) in [
            (&[][..], vec![]),
            (&[0], vec![]),
            (
                &[53, 0, 0, 0, 1, 128, 0, 0, 0x96, 0, 0, 9],
                vec![(53, 1), (128, 38400)],
            ),
            (&[1, 0, 0, 0, 3, 160, 7], vec![(1, 3)]),
            (&[1, 0, 0, 0, 3], vec![(1, 3)]),
        ] {
            assert_eq!(decode(bytes), Ok(modes), "{bytes:?}");
        }
    }

    #[test]
    fn an_argument_cut_short_is_an_error_that_names_the_mode() {
        let error = decode(&[1, 0, 0, 0, 3, 53, 0, 0]).unwrap_err();

        assert_eq!(
            error,
            ModesError::Truncated {
                opcode: 53,
                left: 2
            }
        );
        assert_eq!(
            error.to_string(),
            "terminal mode 53 has 2 of the 4 bytes of its argument"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_invent_modes(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
        ) {
            if let Ok(modes) = decode(&bytes) {
                proptest::prop_assert!(modes.len() * 5 <= bytes.len());
            }
        }
    }
}
