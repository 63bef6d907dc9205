//! The modes of the terminal here, as the server's terminal is to have them.

use nix::sys::termios::{
    ControlFlags, InputFlags, LocalFlags, OutputFlags, SpecialCharacterIndices as Cc, Termios,
    cfgetispeed, cfgetospeed,
};

/// The modes of `termios` as pairs of opcode and value (RFC 4254, section 8; `IUTF8` by RFC 8160).
///
/// Speeds come first, as in ssh. What a terminal of this system has no word for is left out.
pub fn modes_of(termios: &Termios) -> Vec<(u8, u32)> {
    let mut modes = vec![
        (OSPEED, bits_per_second(cfgetospeed(termios))),
        (ISPEED, bits_per_second(cfgetispeed(termios))),
    ];
    modes.extend(CHARACTERS.iter().map(|&(opcode, at)| {
        let byte = termios.control_chars[at as usize];
        (
            opcode,
            u32::from(if byte == DISABLED { NONE } else { byte }),
        )
    }));
    let flag = |(opcode, on): (u8, bool)| (opcode, u32::from(on));
    let input = INPUT
        .iter()
        .map(|&(opcode, bit)| (opcode, termios.input_flags.contains(bit)));
    let local = LOCAL
        .iter()
        .map(|&(opcode, bit)| (opcode, termios.local_flags.contains(bit)));
    let output = OUTPUT
        .iter()
        .map(|&(opcode, bit)| (opcode, termios.output_flags.contains(bit)));
    let size = termios.control_flags & ControlFlags::CSIZE;
    let line = [
        (90, size == ControlFlags::CS7),
        (91, size == ControlFlags::CS8),
        (92, termios.control_flags.contains(ControlFlags::PARENB)),
        (93, termios.control_flags.contains(ControlFlags::PARODD)),
    ];
    modes.extend(input.chain(local).chain(output).chain(line).map(flag));
    modes
}

const ISPEED: u8 = 128;
const OSPEED: u8 = 129;

/// RFC 4254, section 8: a character that is switched off.
const NONE: u8 = 255;

/// `_POSIX_VDISABLE`.
#[cfg(target_os = "linux")]
const DISABLED: u8 = 0;
#[cfg(not(target_os = "linux"))]
const DISABLED: u8 = 255;

const CHARACTERS: &[(u8, Cc)] = &[
    (1, Cc::VINTR),
    (2, Cc::VQUIT),
    (3, Cc::VERASE),
    (4, Cc::VKILL),
    (5, Cc::VEOF),
    (6, Cc::VEOL),
    (7, Cc::VEOL2),
    (8, Cc::VSTART),
    (9, Cc::VSTOP),
    (10, Cc::VSUSP),
    (12, Cc::VREPRINT),
    (13, Cc::VWERASE),
    (14, Cc::VLNEXT),
    (18, Cc::VDISCARD),
];

const INPUT: &[(u8, InputFlags)] = &[
    (30, InputFlags::IGNPAR),
    (31, InputFlags::PARMRK),
    (32, InputFlags::INPCK),
    (33, InputFlags::ISTRIP),
    (34, InputFlags::INLCR),
    (35, InputFlags::IGNCR),
    (36, InputFlags::ICRNL),
    (38, InputFlags::IXON),
    (39, InputFlags::IXANY),
    (40, InputFlags::IXOFF),
    (41, InputFlags::IMAXBEL),
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    (42, InputFlags::IUTF8),
];

const LOCAL: &[(u8, LocalFlags)] = &[
    (50, LocalFlags::ISIG),
    (51, LocalFlags::ICANON),
    (53, LocalFlags::ECHO),
    (54, LocalFlags::ECHOE),
    (55, LocalFlags::ECHOK),
    (56, LocalFlags::ECHONL),
    (57, LocalFlags::NOFLSH),
    (58, LocalFlags::TOSTOP),
    (59, LocalFlags::IEXTEN),
    (60, LocalFlags::ECHOCTL),
    (61, LocalFlags::ECHOKE),
    (62, LocalFlags::PENDIN),
];

const OUTPUT: &[(u8, OutputFlags)] = &[
    (70, OutputFlags::OPOST),
    (72, OutputFlags::ONLCR),
    (73, OutputFlags::OCRNL),
    (74, OutputFlags::ONOCR),
    (75, OutputFlags::ONLRET),
];

/// A speed that has no number here is given as that of a pseudo-terminal.
fn bits_per_second(speed: nix::sys::termios::BaudRate) -> u32 {
    use nix::sys::termios::BaudRate as Baud;
    let known = [
        (Baud::B1200, 1200),
        (Baud::B2400, 2400),
        (Baud::B4800, 4800),
        (Baud::B9600, 9600),
        (Baud::B19200, 19_200),
        (Baud::B57600, 57_600),
        (Baud::B115200, 115_200),
        (Baud::B230400, 230_400),
    ];
    let found = known.iter().find(|(baud, _)| *baud == speed);
    found.map_or(38_400, |(_, number)| *number)
}
