//! Imports in `src/` run from outer layers to inner layers, and never in a circle.
//!
//! The test reads the paths beginning with `crate::` or `super::`, in `use` declarations and in
//! code, outside of comments, strings and in-file tests. A file and the files in its own folder may
//! name each other, as they form a single module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers from the inside to the outside, by the first part of a module's path. `lib.rs` may
/// name every layer.
const LAYERS: [&[&str]; 5] = [
    &["util"],
    &[
        "subscriber_id",
        "options",
        "end_reason",
        "receipt",
        "error",
        "inspect",
    ],
    &["channel"],
    &[
        "subscription",
        "ack",
        "delivery",
        "filter",
        "topics",
        "follow_up",
        "permit",
        "future",
        "sink",
        "manager",
    ],
    &["ext", "handler", "kv", "test_util"],
];

/// Every import of a file from another file, by module paths.
type Imports = BTreeSet<(String, String)>;

/// Returns the text of every file below `folder`, by its module path.
fn read_sources(folder: &Path, module: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let name = if module.is_empty() {
            name.to_owned()
        } else {
            format!("{module}::{name}")
        };
        if path.is_dir() {
            read_sources(&path, &name, found);
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Removes comments, the contents of strings, and the in-file tests at the end of `text`.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let mut rest = text.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '/' if rest.peek() == Some(&'/') => {
                rest.by_ref().find(|char| *char == '\n');
                code.push('\n');
            }
            '"' if !code.ends_with('\'') => {
                while let Some(char) = rest.next().filter(|char| *char != '"') {
                    if char == '\\' {
                        rest.next();
                    }
                }
                code.push_str("\"\"");
            }
            char => code.push(char),
        }
    }
    code
}

/// Reads the `use` tree at the beginning of `text` and adds its paths, each behind `before`.
/// Returns the text behind the tree.
fn read_tree<'a>(text: &'a str, before: &str, paths: &mut Vec<String>) -> &'a str {
    let mut text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        text = group;
        while !text.starts_with('}') && !text.is_empty() {
            text = read_tree(text, before, paths).trim_start();
            text = text.strip_prefix(',').unwrap_or(text).trim_start();
        }
        return text.get(1..).unwrap_or_default();
    }
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    let path = if name.is_empty() || name == "self" {
        before.to_owned()
    } else {
        format!("{before}::{name}")
    };
    match rest.strip_prefix("::") {
        Some(rest) if !name.is_empty() => read_tree(rest, &path, paths),
        _ => {
            paths.push(path.trim_start_matches("::").to_owned());
            // Skip `*` and `as name`.
            let end = rest.find([',', '}', ';', '\n', '(', ')', ' ', '<', '>']);
            let rest = end.map_or("", |end| &rest[end..]);
            rest.strip_prefix(" as ").map_or(rest, |alias| {
                alias.trim_start_matches(|char: char| char.is_alphanumeric() || char == '_')
            })
        }
    }
}

/// Returns every path in `code` beginning with `crate::` or `super::`, from the crate's root.
fn paths_in(code: &str, module: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if !code[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_') {
            read_tree(&code[at + "crate::".len()..], "", &mut paths);
        }
    }
    for line in code.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some(start)
    }) {
        let rest = &code[line..];
        let rest = rest.strip_prefix("pub(crate) ").unwrap_or(rest);
        // Indented code is in an inline module, whose `super` is the file itself.
        let Some(mut rest) = rest.strip_prefix("use super::") else {
            continue;
        };
        let mut parent = parent_of(module);
        while let Some(further) = rest.strip_prefix("super::") {
            (rest, parent) = (further, parent_of(parent));
        }
        let before = if parent.is_empty() {
            String::new()
        } else {
            format!("::{parent}")
        };
        read_tree(rest, &before, &mut paths);
    }
    paths
}

fn parent_of(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// Returns the file named by `path`: the module with the longest matching prefix of `path`.
fn file_of<'a>(path: &'a str, sources: &BTreeMap<String, String>) -> &'a str {
    let mut file = path;
    while !file.is_empty() && !sources.contains_key(file) {
        file = parent_of(file);
    }
    file
}

fn imports(folder: &str) -> (BTreeMap<String, String>, Imports) {
    let mut sources = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    read_sources(&folder, "", &mut sources);
    // `lib.rs` re-exports the users' types: `crate::EventManager` is an import from `manager`.
    let mut exports = Vec::new();
    let lib = sources.get("lib").map_or("", String::as_str);
    for line in code_of(lib).split(';') {
        if let Some((_, tree)) = line.split_once("pub use ") {
            read_tree(tree, "", &mut exports);
        }
    }
    let mut imports = Imports::new();
    for (module, text) in sources.iter().filter(|(module, _)| *module != "lib") {
        for path in paths_in(&code_of(text), module) {
            let mut file = file_of(&path, &sources);
            if file.is_empty() {
                let name = format!("::{path}");
                let export = exports.iter().find(|export| export.ends_with(&name));
                file = export.map_or("", |export| file_of(export, &sources));
            }
            if !file.is_empty() && file != module {
                imports.insert((module.clone(), file.to_owned()));
            }
        }
    }
    (sources, imports)
}

fn layer_of(module: &str) -> usize {
    let first = module.split("::").next().unwrap();
    let layer = LAYERS.iter().position(|layer| layer.contains(&first));
    layer.unwrap_or_else(|| panic!("no layer is given for `src/{first}`"))
}

/// Returns whether either file is in the other file's folder.
fn are_one_module(one: &str, other: &str) -> bool {
    let is_in = |inner: &str, outer: &str| inner.starts_with(&format!("{outer}::"));
    is_in(one, other) || is_in(other, one)
}

fn as_set(list: &[(&str, &str)]) -> Imports {
    let owned = |&(from, to): &(&str, &str)| (from.to_owned(), to.to_owned());
    list.iter().map(owned).collect()
}

/// Returns the imports in circles.
fn circular(imports: &Imports) -> Imports {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (start, _) in imports {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start.as_str()]);
        while let Some(module) = next.pop() {
            let from_here = imports.iter().filter(|(from, _)| from == module);
            next.extend(
                from_here
                    .map(|(_, to)| to.as_str())
                    .filter(|to| seen.insert(*to)),
            );
        }
        reached.insert(start, seen);
    }
    let returns = |(from, to): &&(String, String)| {
        let from_there = reached.get(to.as_str());
        from_there.is_some_and(|seen| seen.contains(from.as_str()))
    };
    imports.iter().filter(returns).cloned().collect()
}

#[test]
fn imports_run_from_outer_layers_to_inner_layers() {
    let (sources, imports) = imports("src");
    assert!(
        sources.len() > 100 && imports.len() > 300,
        "the sources were read"
    );
    let is_upward = |(from, to): &&(String, String)| layer_of(from) < layer_of(to);
    let upward: Imports = imports.iter().filter(is_upward).cloned().collect();
    assert!(
        upward.is_empty(),
        "these imports run from an inner layer to an outer one: {upward:?}"
    );
}

#[test]
fn imports_form_no_circle() {
    let (_, mut imports) = imports("src");
    imports.retain(|(from, to)| !are_one_module(from, to));
    let circular = circular(&imports);
    assert!(
        circular.is_empty(),
        "these imports form circles: {circular:?}"
    );
}

#[test]
fn imports_of_benches_and_tools_form_no_circle() {
    for folder in [
        "benches/src",
        "tools/mutants/src",
        "tools/soak/src",
        "tools/top/src",
    ] {
        // A published package has neither benches nor tools.
        if Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).exists() {
            let (_, mut imports) = imports(folder);
            imports.retain(|(from, to)| !are_one_module(from, to));
            assert_eq!(circular(&imports), Imports::new(), "{folder}");
        }
    }
}

#[test]
fn imports_are_found_wherever_code_names_them() {
    let code = code_of(
        "use crate::a::{self, b::{C, D as E}, f::*};\n// crate::no\nuse super::g;\n\
         fn h() { let _ = \"crate::no\"; crate::i::j(); }\n#[cfg(test)]\nmod tests { use crate::no; }\n",
    );
    let found = paths_in(&code, "k::l");
    assert_eq!(found, ["a", "a::b::C", "a::b::D", "a::f", "i::j", "k::g"]);
}

#[test]
fn a_circle_of_three_files_is_found() {
    let imports = as_set(&[("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")]);
    assert_eq!(
        circular(&imports),
        as_set(&[("a", "b"), ("b", "c"), ("c", "a")])
    );
}
