//! One line of sshd_config: a keyword and its arguments, with sshd's rules for quotes and comments.

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    /// In lower case.
    pub(super) keyword: String,
    /// Unquoted words up to a comment.
    pub(super) args: Vec<String>,
    /// Everything behind the keyword, as written: commands are taken from here.
    pub(super) rest: String,
}

/// A line that cannot be split into words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LexError {
    #[error("a quote is opened and not closed: close it on the same line")]
    OpenQuote,
    #[error("{0} has no value: give it one, or remove the line")]
    NoValue(String),
}

impl Directive {
    /// Reads a line; `None` for a blank one or a comment.
    pub(super) fn parse(line: &str) -> Result<Option<Self>, LexError> {
        let line = line.trim_matches(BLANKS);
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
        let (keyword, rest) = line.split_at(end);
        let rest = rest.trim_start_matches(BLANKS);
        let rest = rest
            .strip_prefix('=')
            .unwrap_or(rest)
            .trim_start_matches(BLANKS);
        let args = words(rest)?;
        if args.is_empty() {
            return Err(LexError::NoValue(keyword.to_owned()));
        }
        Ok(Some(Self {
            keyword: keyword.to_ascii_lowercase(),
            args,
            rest: rest.to_owned(),
        }))
    }

    /// What follows the first word, as written.
    pub(super) fn after_first_word(&self) -> Result<&str, LexError> {
        let end = word_end(&self.rest)?;
        Ok(self.rest[end..].trim_start_matches(BLANKS))
    }
}

/// Splits at blanks outside quotes. A backslash keeps a quote, a backslash or (outside quotes) a space.
fn words(text: &str) -> Result<Vec<String>, LexError> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    while !rest.is_empty() && !rest.starts_with('#') {
        let end = word_end(rest)?;
        found.push(unquote(&rest[..end]));
        rest = rest[end..].trim_start_matches(BLANKS);
    }
    Ok(found)
}

fn word_end(text: &str) -> Result<usize, LexError> {
    let mut quote = None;
    let mut escaped = false;
    for (at, char) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (char, quote) {
            ('\\', _) => escaped = escapes(&text[at..], quote),
            (' ' | '\t', None) => return Ok(at),
            ('"' | '\'', None) => quote = Some(char),
            (_, Some(open)) if char == open => quote = None,
            _ => {}
        }
    }
    if quote.is_some() {
        Err(LexError::OpenQuote)
    } else {
        Ok(text.len())
    }
}

fn unquote(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut quote = None;
    let mut escaped = false;
    for (at, char) in word.char_indices() {
        if escaped {
            escaped = false;
            plain.push(char);
            continue;
        }
        match (char, quote) {
            ('\\', _) if escapes(&word[at..], quote) => escaped = true,
            ('"' | '\'', None) => quote = Some(char),
            (_, Some(open)) if char == open => quote = None,
            _ => plain.push(char),
        }
    }
    plain
}

/// Whether the backslash that `text` starts with keeps the character after it.
fn escapes(text: &str, quote: Option<char>) -> bool {
    match text[1..].chars().next() {
        Some('\'' | '"' | '\\') => true,
        Some(' ') => quote.is_none(),
        _ => false,
    }
}

/// What sshd trims from a line.
const BLANKS: [char; 5] = [' ', '\t', '\r', '\n', '\x0c'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_unquoted_as_sshd_does() {
        for (line, keyword, args) in [
            ("AcceptEnv LANG LC_*", "acceptenv", &["LANG", "LC_*"][..]),
            ("  x11forwarding=yes  ", "x11forwarding", &["yes"]),
            ("X11Forwarding \t= \"yes\"", "x11forwarding", &["yes"]),
            (
                "SetEnv A=1 \"B=two words\" 'C=it\\'s'",
                "setenv",
                &["A=1", "B=two words", "C=it's"],
            ),
            (
                "Match user \"a b\",c # comment",
                "match",
                &["user", "a b,c"],
            ),
            ("Banner a\\ b c\\d", "banner", &["a b", "c\\d"]),
            ("Include x#y", "include", &["x#y"]),
            ("PrintMotd no\r", "printmotd", &["no"]),
        ] {
            let directive = Directive::parse(line).unwrap().unwrap();
            assert_eq!(
                (directive.keyword.as_str(), &directive.args[..]),
                (keyword, &own(args)[..])
            );
        }
    }

    #[test]
    fn blank_lines_and_comments_say_nothing() {
        for line in ["", "   ", "# PrintMotd no", "\t#", "\r"] {
            assert_eq!(Directive::parse(line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn open_quotes_and_missing_values_are_named() {
        assert_eq!(
            Directive::parse("Subsystem \"sftp"),
            Err(LexError::OpenQuote)
        );
        assert_eq!(
            Directive::parse("PrintMotd"),
            Err(LexError::NoValue("PrintMotd".into()))
        );
        assert_eq!(
            Directive::parse("PrintMotd # no"),
            Err(LexError::NoValue("PrintMotd".into()))
        );
    }

    #[test]
    fn a_command_keeps_its_own_quotes() {
        let directive = Directive::parse("Subsystem \"my sub\" sh -c 'echo \"$0\"'")
            .unwrap()
            .unwrap();

        assert_eq!(directive.args[0], "my sub");
        assert_eq!(directive.after_first_word(), Ok("sh -c 'echo \"$0\"'"));
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in ".{0,80}") {
            if let Ok(Some(directive)) = Directive::parse(&line) {
                let _ = directive.after_first_word();
            }
        }
    }

    fn own(args: &[&str]) -> Vec<String> {
        args.iter().map(|arg| (*arg).to_owned()).collect()
    }
}
