//! Execution of commands.

use std::error::Error;
use std::fmt;

use genevent::kv::Registry;

use crate::command::Command;
use crate::line::MAX_LINE;

/// Executes the command of a line, and returns the answer: whole lines, or nothing.
///
/// Every subscriber has finished with the events of the command when this function returns.
pub(crate) async fn answer(registry: &Registry<String>, number: u64, line: &[u8]) -> String {
    match execute(registry, line).await {
        Ok(answer) => answer,
        Err(Refusal::NotFound) => "NOT FOUND\n".to_owned(),
        Err(Refusal::Wrong(error)) => error_answer(number, &*error),
    }
}

/// Returns the answer to a line that is no valid command.
pub(crate) fn error_answer(number: u64, error: &dyn Error) -> String {
    format!("error on line {number}: {error}\n")
}

async fn execute(registry: &Registry<String>, line: &[u8]) -> Result<String, Refusal> {
    const OK: &str = "OK\n";

    let line = std::str::from_utf8(line)?;
    let Some(command) = Command::parse(line)? else {
        return Ok(String::new());
    };
    let find = |bucket| registry.lookup(bucket).ok_or(Refusal::NotFound);
    match command {
        Command::Create { bucket } => {
            registry.create(bucket).await?;
            registry.flush().await;
        }
        Command::Put { bucket, key, value } => {
            find(bucket)?.put(key, value.to_owned()).await;
        }
        Command::Get { bucket, key } => {
            let value = find(bucket)?.get(key).await;
            return Ok(value.ok_or(Refusal::NotFound)? + "\n");
        }
        Command::Delete { bucket, key } => {
            let value = find(bucket)?.delete(key).await;
            value.ok_or(Refusal::NotFound)?;
        }
        Command::Stop { bucket } => {
            find(bucket)?.stop();
            registry.flush().await;
        }
        Command::Names => {
            let names = registry.names();
            let lines = names.iter().map(|name| format!("{}\n", Printable(name)));
            return Ok(lines.chain([OK.to_owned()]).collect());
        }
    }
    Ok(OK.to_owned())
}

/// The reason why a command was not executed. The session continues.
enum Refusal {
    NotFound,
    Wrong(Box<dyn Error + Send + Sync>),
}

impl<E: Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Wrong(error.into())
    }
}

/// The error for a line of more than [`MAX_LINE`] bytes.
#[derive(Debug)]
pub(crate) struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than {MAX_LINE} bytes")
    }
}

impl Error for TooLong {}

/// A name that is safe to print: only characters that a terminal displays, each in a cell of its
/// own, reach the terminal. All other characters and the backslash are escaped. So different names
/// have different output, although letters of different alphabets may look alike.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str(r"\\"),
            c if is_hidden(c) => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

/// Returns whether a terminal obeys this character, displays nothing, or draws the character over
/// another character.
///
/// The standard library knows these characters: `escape_debug` escapes control and format
/// characters (such as changes of the writing direction and characters without width), separators,
/// combining marks, and unassigned code points.
fn is_hidden(c: char) -> bool {
    /// Letters and a symbol that are drawn as blanks.
    const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

    let is_quote = matches!(c, '\'' | '"');
    c.escape_debug().len() > 1 && !is_quote || BLANK.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::Printable;

    #[test]
    fn hidden_and_control_characters_are_escaped() {
        for (name, printed) in [
            ("it's \"œuf\" 東京 🥚", "it's \"œuf\" 東京 🥚"),
            (r"a\u{202e}", r"a\\u{202e}"),
            ("\0\u{1b}[31m\u{9b}\u{7f}", r"\u{0}\u{1b}[31m\u{9b}\u{7f}"),
            ("gpj\u{202e}exe", r"gpj\u{202e}exe"),
            (
                "\u{2066}\u{2069}\u{61c}\u{200f}",
                r"\u{2066}\u{2069}\u{61c}\u{200f}",
            ),
            ("ad\u{200b}min\u{feff}", r"ad\u{200b}min\u{feff}"),
            (
                "\u{200d}\u{ad}\u{2028}\u{a0}",
                r"\u{200d}\u{ad}\u{2028}\u{a0}",
            ),
            ("e\u{301}\u{fe0f}", r"e\u{301}\u{fe0f}"),
            ("\u{3164}\u{115f}\u{2800}", r"\u{3164}\u{115f}\u{2800}"),
            ("\u{e0041}\u{e000}\u{378}", r"\u{e0041}\u{e000}\u{378}"),
        ] {
            assert_eq!(Printable(name).to_string(), printed);
        }
    }
}
