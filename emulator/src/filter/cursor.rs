//! A position in the text of a filter. It reads words, keys and strings, but has no grammar.

use crate::error::ApiError;

pub(crate) struct Cursor<'text> {
    text: &'text str,
    /// The position in bytes, always between two characters.
    at: usize,
}

impl<'text> Cursor<'text> {
    pub(crate) fn new(text: &'text str) -> Self {
        Self { text, at: 0 }
    }

    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    /// Skips `token` if it is next, and returns true if it was.
    pub(crate) fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(token);
        if is_next {
            self.at += token.len();
        }
        is_next
    }

    /// Skips `word` if it is next and not the beginning of a longer word.
    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let is_next = self.word() == word;
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    pub(crate) fn require(&mut self, token: &str) -> Result<(), ApiError> {
        if self.eat(token) {
            return Ok(());
        }
        Err(self.expected(&format!("\"{token}\"")))
    }

    /// Reads an attribute's key: unquoted if it has only letters, digits, hyphens and underscores, and otherwise a string.
    pub(crate) fn key(&mut self) -> Result<String, ApiError> {
        self.skip_space();
        if self.rest().starts_with('"') {
            let start = self.at;
            let key = self.string()?;
            if key.is_empty() {
                self.at = start;
                return Err(self.expected("the key of an attribute"));
            }
            return Ok(key);
        }
        let key = self.word();
        if key.is_empty() {
            return Err(self.expected("the key of an attribute"));
        }
        self.at += key.len();
        Ok(key.to_owned())
    }

    /// Reads a string in double quotes.
    pub(crate) fn string(&mut self) -> Result<String, ApiError> {
        if !self.eat("\"") {
            return Err(self.expected("a string in double quotes"));
        }
        let mut string = String::new();
        loop {
            let Some(each) = self.rest().chars().next() else {
                return Err(self.expected("a closing double quote"));
            };
            if each == '\\' {
                string.push(self.escape()?);
                continue;
            }
            self.at += each.len_utf8();
            if each == '"' {
                return Ok(string);
            }
            string.push(each);
        }
    }

    /// Reads an escape sequence as one character. The notations of numbers are Google's (Unicode, hexadecimal, octal).
    /// Their lengths are those of Google's other filter and query languages.
    fn escape(&mut self) -> Result<char, ApiError> {
        let sequence = self.rest();
        let letter = sequence.chars().nth(1);
        let (length, character) = match letter {
            Some('x') => numeric(sequence, 2, 4, 16),
            Some('u') => numeric(sequence, 2, 6, 16),
            Some('U') => numeric(sequence, 2, 10, 16),
            // At most 377, the largest byte.
            Some('0'..='3') => numeric(sequence, 1, 4, 8),
            Some(letter) => (2, simple(letter)),
            None => (1, None),
        };
        let Some(character) = character else {
            return Err(self.expected("an escape sequence"));
        };
        self.at += length;
        Ok(character)
    }

    /// Returns an error with the position, the text there, and the expectation.
    pub(crate) fn expected(&mut self, expected: &str) -> ApiError {
        let before = self.text.get(..self.at).unwrap_or_default();
        let place = before.chars().count() + 1;
        let found = match (self.word(), self.rest().chars().next()) {
            (_, None) => "the end".to_owned(),
            ("", Some(character)) => format!("\"{character}\""),
            (word, Some(_)) => format!("\"{word}\""),
        };
        ApiError::invalid(format!(
            "Invalid filter at character {place}: expected {expected}, found {found}"
        ))
    }

    fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns the next word, perhaps empty.
    fn word(&self) -> &'text str {
        let rest = self.rest();
        let is_inside = |each: char| each.is_ascii_alphanumeric() || each == '_' || each == '-';
        let end = rest.find(|each| !is_inside(each)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
    }
}

/// Returns the length of an escape sequence, and the character whose number is between two indices of it.
fn numeric(sequence: &str, start: usize, end: usize, radix: u32) -> (usize, Option<char>) {
    let digits = sequence
        .get(start..end)
        // The parser of numbers accepts a sign, which is not a digit.
        .filter(|digits| digits.chars().all(|each| each.is_digit(radix)));
    let number = digits.and_then(|digits| u32::from_str_radix(digits, radix).ok());
    (end, number.and_then(char::from_u32))
}

fn simple(letter: char) -> Option<char> {
    match letter {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' | '"' | '\'' | '?' | '`' => Some(letter),
        _ => None,
    }
}
