//! The kitty keyboard protocol's flags, a stack for each of the two screens.

use super::modes::{byte, numbers, push};

/// Which of the two screens a program draws on; each has its own keyboard flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Main,
    Alternate,
}

/// What a remote program has pushed and set, per screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kitty {
    main: Flags,
    alternate: Flags,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Flags {
    /// Oldest first.
    pushed: Vec<u8>,
    /// Set while nothing was pushed.
    base: u8,
}

/// Terminals keep few; a remote program that pushes for ever must not grow this.
const DEPTH_LIMIT: usize = 32;

impl Kitty {
    /// `CSI > flags u`
    pub(super) fn handle_push(&mut self, screen: Screen, params: &[u8]) {
        let pushed = &mut self.of_mut(screen).pushed;
        if pushed.len() == DEPTH_LIMIT {
            pushed.remove(0);
        }
        pushed.push(byte(numbers(params).next().unwrap_or(0)));
    }

    /// `CSI < number u`
    pub(super) fn handle_pop(&mut self, screen: Screen, params: &[u8]) {
        let count = usize::from(numbers(params).next().unwrap_or(0)).max(1);
        let pushed = &mut self.of_mut(screen).pushed;
        pushed.truncate(pushed.len().saturating_sub(count));
    }

    /// `CSI = flags ; how u`
    pub(super) fn handle_set(&mut self, screen: Screen, params: &[u8]) {
        let mut values = numbers(params);
        let flags = byte(values.next().unwrap_or(0));
        let Flags { pushed, base } = self.of_mut(screen);
        let target = pushed.last_mut().unwrap_or(base);
        match values.next() {
            Some(2) => *target |= flags,
            Some(3) => *target &= !flags,
            Some(_) | None => *target = flags,
        }
    }

    pub(super) fn switch_off(&self, screen: Screen, out: &mut String) {
        let flags = self.of(screen);
        if !flags.pushed.is_empty() {
            push(out, format_args!("\x1b[<{}u", flags.pushed.len()));
        }
        if flags.base != 0 {
            out.push_str("\x1b[=0;1u");
        }
    }

    pub(super) fn switch_on_again(&self, screen: Screen, out: &mut String) {
        let flags = self.of(screen);
        if flags.base != 0 {
            push(out, format_args!("\x1b[={};1u", flags.base));
        }
        for pushed in &flags.pushed {
            push(out, format_args!("\x1b[>{pushed}u"));
        }
    }

    fn of(&self, screen: Screen) -> &Flags {
        match screen {
            Screen::Main => &self.main,
            Screen::Alternate => &self.alternate,
        }
    }

    fn of_mut(&mut self, screen: Screen) -> &mut Flags {
        match screen {
            Screen::Main => &mut self.main,
            Screen::Alternate => &mut self.alternate,
        }
    }
}
