//! Any string as a token of a subject.

use std::fmt::Write;

/// Returns `name` as a token: other bytes than ASCII letters, digits, `-` and `_` become `=` and two
/// hexadecimal digits, and the empty name becomes `=`.
pub(super) fn escape(name: &str) -> String {
    if name.is_empty() {
        return "=".to_owned();
    }
    let mut token = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            token.push(char::from(byte));
        } else {
            write!(token, "={byte:02X}").expect("a string takes everything");
        }
    }
    token
}

/// Returns the name of a token; `None` if `escape` makes no such token.
pub(super) fn unescape(token: &str) -> Option<String> {
    if token == "=" {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'=' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{escape, unescape};
    use crate::outbound::is_publishable;

    #[test]
    fn every_string_is_a_token_and_comes_back() {
        for name in [
            "",
            "plain-1_x",
            "a.b",
            "*",
            ">",
            "=",
            "=41",
            "ä \r\n",
            "日本",
        ] {
            let token = escape(name);
            assert!(is_publishable(&token) && !token.contains('.'), "{token}");
            assert_eq!(unescape(&token).as_deref(), Some(name));
        }
        assert_eq!(escape("plain-1_x"), "plain-1_x");
        assert_eq!(unescape("=4"), None);
        assert_eq!(unescape("=FF"), None);
    }
}
