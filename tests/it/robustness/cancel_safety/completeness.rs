//! The table is complete: every public function that waits has its row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{handlers, kv, manager, test_util};

#[test]
fn every_public_async_function_has_its_row() {
    let rows: BTreeSet<String> = rows().map(str::to_owned).collect();
    let found = functions_that_wait(&sources());
    let missing: Vec<_> = found.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "in src, but without a row here: {missing:?}"
    );
    let stale: Vec<_> = rows.difference(&found).collect();
    assert!(stale.is_empty(), "rows of what is not in src: {stale:?}");
}

fn rows() -> impl Iterator<Item = &'static str> {
    let rows = manager::rows().map(|row| row.name);
    rows.chain(kv::ROWS.iter().map(|row| row.name))
        .chain(handlers::ROWS.iter().map(|row| row.name))
        .chain(test_util::ROWS.iter().map(|row| row.name))
        .chain(WRITTEN_BY_USERS.iter().copied())
}

/// The crate calls these functions; their authors document the effect of dropping them.
const WRITTEN_BY_USERS: &[&str] = &[
    "Handler::handle_event",
    "Handler::handle_missed",
    "Handler::terminate",
];

/// Every file under `src`, without its comments, and with its macros expanded.
fn sources() -> Vec<String> {
    let files = files().into_iter().map(|text| {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        expanded(&code.collect::<Vec<_>>().join("\n"))
    });
    files.collect()
}

/// Every file under `src`.
fn files() -> Vec<String> {
    fn read(folder: &Path, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("src can be read") {
            let path: PathBuf = entry.expect("src can be read").path();
            if path.is_dir() {
                read(&path, files);
            } else {
                files.push(std::fs::read_to_string(path).expect("src can be read"));
            }
        }
    }
    let mut files = Vec::new();
    read(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut files,
    );
    files
}

/// Appends the expansion of each macro of the file for each type that the macro is called with, one
/// type a line, as far as `$name` is concerned.
fn expanded(text: &str) -> String {
    let mut made = Vec::new();
    for definition in text.split("\nmacro_rules! ").skip(1) {
        let name = words(definition).next().expect("a macro has a name");
        let body = definition.split("\n}").next().unwrap_or_default();
        let depth = |line: &str| line.len() - line.trim_start().len();
        let is_impl = |line: &&str| line.trim_start().starts_with("impl");
        let dedent = body.lines().find(is_impl).map_or(0, depth);
        let body: Vec<_> = body
            .lines()
            .map(|line| &line[dedent.min(depth(line))..])
            .collect();
        for call in text.split(&format!("\n{name}! {{\n")).skip(1) {
            let lines = call.split("\n}").next().unwrap_or_default().lines();
            let types = lines.filter_map(|line| words(line).next());
            let types = types.filter(|word| word.starts_with(char::is_uppercase));
            made.extend(types.map(|name| body.join("\n").replace("$name", name)));
        }
    }
    let mut parts = text.split("\nmacro_rules! ");
    let before = parts.next().unwrap_or_default();
    let after = parts.filter_map(|part| part.split_once("\n}"));
    let code = std::iter::once(before).chain(after.map(|(_, after)| after));
    let made = made.iter().map(String::as_str);
    code.chain(made).collect::<Vec<_>>().join("\n")
}

/// Lists `Type::function` for every `pub async fn`, every public function that returns a future,
/// `Type::next` for every stream, and the waiting functions of every sink. Relies on rustfmt: an
/// `impl` or a `trait` begins its line.
fn functions_that_wait(files: &[String]) -> BTreeSet<String> {
    let futures: BTreeSet<&str> = files
        .iter()
        .flat_map(|text| {
            let imports = text.split("use crate::future::").skip(1);
            let imported = imports.flat_map(|rest| words(rest.split(';').next().unwrap_or("")));
            let futures = headers(text).filter(|header| header.contains(" Future for "));
            imported.chain(futures.map(implementor))
        })
        .collect();
    let mut found = BTreeSet::new();
    for text in files {
        let streams = headers(text).filter(|header| header.contains(" Stream for "));
        found.extend(streams.map(|header| format!("{}::next", implementor(header))));
        for sink in headers(text).filter(|header| header.contains(" Sink<")) {
            let waits = ["send", "flush", "close"];
            found.extend(waits.map(|waits| format!("{}::{waits}", implementor(sink))));
        }

        let mut owner = "";
        for (start, line) in lines(text) {
            let indented = line.starts_with(' ');
            if !indented && (line.starts_with("impl") || line.starts_with("pub trait")) {
                owner = implementor(line);
            }
            let line = line.trim_start();
            let is_of_trait = indented && owner_is_trait(text, owner);
            let Some(public) = line.strip_prefix("pub ").or(is_of_trait.then_some(line)) else {
                continue;
            };
            let Some(after) = public
                .strip_prefix("async fn ")
                .or(public.strip_prefix("fn "))
            else {
                continue;
            };
            let name = words(after).next().expect("a function has a name");
            let signature = &text[start..];
            let signature = &signature[..signature.find(['{', ';']).unwrap_or(signature.len())];
            let gives = result_of(signature);
            let waits = public.starts_with("async")
                || gives.contains("impl Future")
                || gives.contains("impl Stream")
                || words(gives).any(|word| futures.contains(word));
            if waits {
                found.insert(format!("{owner}::{name}"));
            }
        }
    }
    found
}

fn owner_is_trait(text: &str, owner: &str) -> bool {
    text.contains(&format!("\npub trait {owner}"))
}

/// The lines, each with where it starts.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |start, line| {
        let here = *start;
        *start += line.len() + 1;
        Some((here, line))
    })
}

fn headers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.starts_with("impl"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}

/// `Type` of `impl<…> Type<…>`, `impl<…> Trait<…> for Type<…>` or `pub trait Type: …`.
fn implementor(header: &str) -> &str {
    let mut rest = header.split(" for ").last().unwrap_or(header);
    if let Some(plain) = rest.strip_prefix("impl<") {
        let (mut depth, mut before) = (1, ' ');
        let end = plain.find(|c| {
            let is_arrow = before == '-';
            before = c;
            depth += i32::from(c == '<') - i32::from(c == '>' && !is_arrow);
            depth == 0
        });
        rest = &plain[end.map_or(0, |end| end + 1)..];
    }
    let mut names = words(rest).filter(|word| !["impl", "pub", "trait"].contains(word));
    names.next().unwrap_or_default()
}

/// Returns the text after the arrow of a function, not of a closure among its parameters.
fn result_of(signature: &str) -> &str {
    let mut depth = 0;
    let mut parameters_have_ended = false;
    for (at, c) in signature.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                parameters_have_ended |= depth == 0;
            }
            '-' if parameters_have_ended && depth == 0 && signature[at..].starts_with("->") => {
                return signature[at..].split("where").next().unwrap_or_default();
            }
            _ => {}
        }
    }
    ""
}

#[test]
fn every_public_async_function_documents_its_cancel_safety() {
    let waiting = functions_that_wait(&sources());
    let mut undocumented = Vec::new();
    for text in files() {
        let mut owner = "";
        let mut item = String::new();
        for line in text.lines() {
            if line.starts_with("impl") || line.starts_with("pub trait") {
                owner = implementor(line);
            }
            // An item begins after an empty line or a brace, with its docs.
            let code = line.trim_start();
            if code.starts_with("//") {
                item.push_str(code);
                continue;
            }
            if code.is_empty() || code == "}" || code.ends_with('{') && !code.contains("fn ") {
                item.clear();
                continue;
            }
            item.push_str(code);
            let Some(name) = function(code) else {
                continue;
            };
            let name = format!("{owner}::{name}");
            // The macros `assert_next!` and its siblings are documented in place of the hidden type.
            let is_elsewhere = owner == "StreamCheck" || WRITTEN_BY_USERS.contains(&name.as_str());
            let is_ours = waiting.contains(&name) && !is_elsewhere;
            if is_ours && !item.contains("# Cancel safety") {
                undocumented.push(name);
            }
        }
    }
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

/// The name of the function that this line begins.
fn function(line: &str) -> Option<&str> {
    let public = line.strip_prefix("pub ").unwrap_or(line);
    let after = (public.strip_prefix("async fn ")).or(public.strip_prefix("fn "))?;
    words(after).next()
}

#[test]
fn the_source_reader_finds_functions() {
    let file = r"
use crate::future::{Notify, Flush as _};
impl<E: Fn() -> Vec<u8>> Manager<E> {
    pub fn notify(&self, event: E) -> Notify<'_, E> {
    pub fn count(&self, f: impl Fn() -> Notify<'_, E>) -> usize {
    pub(crate) async fn inner(&self) {
    fn private(&self) -> Notify<'_, E> {
    pub async fn asked<F>(&self, f: F) -> u8
    where
        F: FnOnce() -> u8,
    {
    pub fn later<F>(
        &self,
        f: F,
    ) -> impl Future<Output = u8> + use<E>
    {
}
impl<S: Stream<Item = u8>> Stream for Batches<S> {
}
impl<E> Future for Named<E> {
}
pub trait Ext: Sized {
    fn named(self) -> Named<Self> {
    fn other(self) -> u8;
}
impl<E> Sink<E> for Drain<E> {
}

macro_rules! late {
    ($($name:ident $result:ty;)+) => {$(
        impl<E> $name<E> {
            pub fn late(self) -> Late<$name<E>> {
        }

        impl<E> Future for Late<$name<E>> {
        }
    )+};
}

late! {
    Slow u8;
    Slower u8;
}
";
    let found = functions_that_wait(&[expanded(file)]);
    let all = [
        "Batches::next",
        "Drain::close",
        "Drain::flush",
        "Drain::send",
        "Ext::named",
        "Manager::asked",
        "Manager::later",
        "Manager::notify",
        "Slow::late",
        "Slower::late",
    ];
    assert_eq!(found, all.map(str::to_owned).into());
}
