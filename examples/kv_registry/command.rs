//! The parser of command lines.

use std::error::Error;
use std::fmt;

/// A parsed command. Words are separated by blanks: spaces and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Create {
        bucket: &'a str,
    },
    /// The value is the remainder of the line, with its inner and trailing blanks.
    Put {
        bucket: &'a str,
        key: &'a str,
        value: &'a str,
    },
    Get {
        bucket: &'a str,
        key: &'a str,
    },
    Delete {
        bucket: &'a str,
        key: &'a str,
    },
    Stop {
        bucket: &'a str,
    },
    Names,
}

impl<'a> Command<'a> {
    /// Parses the command in `line`; `None` if the line is blank.
    pub(crate) fn parse(line: &'a str) -> Result<Option<Self>, ParseError> {
        let (verb, rest) = first_word(line);
        let command = match verb {
            "" => return Ok(None),
            "CREATE" => {
                let [bucket] = words(rest, "CREATE <bucket>")?;
                Self::Create { bucket }
            }
            "PUT" => {
                let (bucket, rest) = first_word(rest);
                let (key, rest) = first_word(rest);
                let value = rest.trim_start_matches(BLANKS);
                if value.is_empty() {
                    return Err(ParseError::TooFew("PUT <bucket> <key> <value>"));
                }
                Self::Put { bucket, key, value }
            }
            "GET" => {
                let [bucket, key] = words(rest, "GET <bucket> <key>")?;
                Self::Get { bucket, key }
            }
            "DELETE" => {
                let [bucket, key] = words(rest, "DELETE <bucket> <key>")?;
                Self::Delete { bucket, key }
            }
            "STOP" => {
                let [bucket] = words(rest, "STOP <bucket>")?;
                Self::Stop { bucket }
            }
            "NAMES" => {
                let [] = words(rest, "NAMES")?;
                Self::Names
            }
            unknown => return Err(ParseError::Unknown(shortened(unknown))),
        };
        Ok(Some(command))
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Splits off the first word, which is empty if the text is blank, and returns the remainder as
/// well.
fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(BLANKS);
    text.split_at(text.find(BLANKS).unwrap_or(text.len()))
}

/// Splits `text` into exactly `N` words.
fn words<'a, const N: usize>(
    mut text: &'a str,
    usage: &'static str,
) -> Result<[&'a str; N], ParseError> {
    let mut words = [""; N];
    for word in &mut words {
        (*word, text) = first_word(text);
        if word.is_empty() {
            return Err(ParseError::TooFew(usage));
        }
    }
    match first_word(text) {
        ("", _) => Ok(words),
        _ => Err(ParseError::TooMany(usage)),
    }
}

/// Returns the beginning of a word, long enough to recognize the word.
fn shortened(word: &str) -> String {
    const MAX_CHARS: usize = 32;
    match word.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// The reason why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// No command begins with this word.
    Unknown(String),
    /// Arguments are missing. The field shows the usage.
    TooFew(&'static str),
    /// There are too many arguments. The field shows the usage.
    TooMany(&'static str),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "unknown command {word:?}"),
            Self::TooFew(usage) => write!(f, "too few arguments, usage: {usage}"),
            Self::TooMany(usage) => write!(f, "too many arguments, usage: {usage}"),
        }
    }
}

impl Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::{Command, ParseError};

    #[test]
    fn words_are_separated_by_any_number_of_blanks() {
        let get = Command::Get {
            bucket: "shopping",
            key: "milk",
        };
        assert_eq!(Command::parse("GET shopping milk"), Ok(Some(get)));
        assert_eq!(Command::parse(" \tGET  shopping\tmilk \t"), Ok(Some(get)));
    }

    #[test]
    fn a_value_is_the_remainder_of_the_line() {
        let put = |value| {
            Ok(Some(Command::Put {
                bucket: "b",
                key: "k",
                value,
            }))
        };
        assert_eq!(Command::parse("PUT b k 3"), put("3"));
        assert_eq!(Command::parse("PUT b k \t two  words "), put("two  words "));
    }

    #[test]
    fn blank_lines_are_no_commands() {
        assert_eq!(Command::parse(""), Ok(None));
        assert_eq!(Command::parse(" \t "), Ok(None));
    }

    #[test]
    fn the_number_of_arguments_is_checked() {
        for line in [
            "CREATE",
            "STOP",
            "GET b",
            "DELETE b",
            "PUT",
            "PUT b",
            "PUT b k",
            "PUT b k  ",
        ] {
            let error = Command::parse(line).unwrap_err();
            assert!(matches!(error, ParseError::TooFew(_)), "{line}: {error}");
        }
        for line in [
            "CREATE b c",
            "STOP b c",
            "GET b k x",
            "DELETE b k x",
            "NAMES x",
        ] {
            let error = Command::parse(line).unwrap_err();
            assert!(matches!(error, ParseError::TooMany(_)), "{line}: {error}");
        }
    }

    #[test]
    fn an_unknown_command_is_shortened_and_escaped() {
        let error = Command::parse("\u{1b}EAT shopping").unwrap_err();
        assert_eq!(error.to_string(), r#"unknown command "\u{1b}EAT""#);
        let error = Command::parse(&"é".repeat(1_000)).unwrap_err();
        assert!(error.to_string().len() < 100);
    }
}
