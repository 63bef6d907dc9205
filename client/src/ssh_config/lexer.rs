//! Cuts a line into its keyword and its words, as `ssh_config(5)` describes.

use super::Problem;

/// One line of a configuration file that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The keyword in lower case.
    pub keyword: String,
    /// All that follows the keyword and its `=`, as written, without the white space at either end.
    pub rest: String,
}

impl Line {
    /// Cuts `text` into keyword and rest; `None` for an empty line or a comment.
    ///
    /// # Errors
    ///
    /// A keyword without anything behind it, or a quoted keyword without its second quote.
    pub fn parse(text: &str) -> Result<Option<Self>, Problem> {
        let text = text.trim_end_matches([' ', '\t', '\r', '\n', '\x0c']);
        let text = text.trim_start_matches(WHITESPACE);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let Some((keyword, rest)) = cut(text) else {
            return Err(Problem::UnclosedQuote);
        };
        let keyword = keyword.to_ascii_lowercase();
        if keyword.is_empty() {
            return Ok(None);
        }
        let rest = rest.trim_start_matches(WHITESPACE);
        if rest.is_empty() {
            return Err(Problem::MissingArgument(keyword));
        }
        Ok(Some(Self {
            keyword,
            rest: rest.to_owned(),
        }))
    }

    /// The words behind the keyword, quotes and escapes removed, up to a comment.
    ///
    /// # Errors
    ///
    /// A quotation mark that is never closed.
    pub fn words(&self) -> Result<Vec<String>, Problem> {
        split_words(&self.rest)
    }

    /// The rest of the line for the keywords that take a whole command, quotes included.
    pub fn command(&self) -> &str {
        self.rest.trim_start_matches([' ', '\t', '\r', '\n', '='])
    }
}

/// Splits `text` at blanks; `'…'` and `"…"` group, a backslash escapes quotes, itself and a blank.
///
/// A word that starts with `#` ends the line.
///
/// # Errors
///
/// A quotation mark that is never closed.
pub fn split_words(text: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some((word, after)) = next_word(rest)? {
        words.push(word);
        rest = after;
    }
    Ok(words)
}

/// The first word of `text` and what follows it; `None` at the end of the line or a comment.
///
/// # Errors
///
/// A quotation mark that is never closed.
pub fn next_word(text: &str) -> Result<Option<(String, &str)>, Problem> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', _) => {
                let escaped = chars.next_if(|&(_, next)| {
                    matches!(next, '\'' | '"' | '\\') || (quote.is_none() && next == ' ')
                });
                word.push(escaped.map_or('\\', |(_, next)| next));
            }
            (' ' | '\t', None) => return Ok(Some((word, &text[at..]))),
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            _ => word.push(c),
        }
    }
    if quote.is_some() {
        return Err(Problem::UnclosedQuote);
    }
    Ok(Some((word, "")))
}

/// Cuts `text` at the first blank, quote or `=`; one `=` may stand among the blanks.
///
/// `None` when a quote is never closed.
pub(super) fn cut(text: &str) -> Option<(String, &str)> {
    let Some(end) = text.find([' ', '\t', '\r', '\n', '"', '=']) else {
        return Some((text.to_owned(), ""));
    };
    let (head, tail) = text.split_at(end);
    if let Some(quoted) = tail.strip_prefix('"') {
        let (inside, after) = quoted.split_once('"')?;
        return Some((
            format!("{head}{inside}"),
            after.trim_start_matches(WHITESPACE),
        ));
    }
    let separated = tail.starts_with('=');
    let tail = tail[1..].trim_start_matches(WHITESPACE);
    let tail = match tail.strip_prefix('=') {
        Some(after) if !separated => after.trim_start_matches(WHITESPACE),
        _ => tail,
    };
    Some((head.to_owned(), tail))
}

const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];
