//! Code that users can write against the public API: names for all of its types, and a `match` that
//! still compiles when a later version adds a variant.

use std::fs;
use std::path::{Path, PathBuf};

use genevent::test_util::{Assertion, Check, Probe, WaitFor};

#[test]
fn the_type_of_an_assertion_can_be_named() {
    struct Pending<L: Check>(Assertion<L>);
    let probe = Probe::<u32>::new();
    probe.record(1);
    let pending: Pending<WaitFor<u32>> = Pending(probe.wait_for(1));
    pending.0.now();
}

#[cfg(feature = "rt")]
#[test]
fn the_item_type_of_reflect_can_be_named() {
    use futures::Stream;
    use genevent::Subscription;
    use genevent::kv::{Reflect, Reflected, RegistryEvent, Watch};

    fn reflects<S, V>()
    where
        S: Stream<Item: Reflected<V>>,
        Reflect<S, V>: Stream<Item = S::Item>,
    {
    }
    reflects::<Subscription<RegistryEvent<u32>>, u32>();
    reflects::<Watch<u32>, u32>();
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

/// The compiler warns of an unreachable `pub`, so each of these types is part of the public API.
#[test]
fn public_enums_and_plain_structs_are_non_exhaustive() {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    let (mut seen, mut closed) = (0, Vec::new());
    for (path, text) in found {
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let is_unit =
                line.starts_with("pub struct ") && line.ends_with(';') && !line.contains('(');
            if !line.starts_with("pub enum ") && !is_unit {
                continue;
            }
            seen += 1;
            let attributes = lines[..index].iter().rev();
            let mut attributes = attributes.take_while(|line| !line.is_empty() && **line != "}");
            if !attributes.any(|line| *line == "#[non_exhaustive]") {
                closed.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(seen > 10, "the sources were read");
    assert_eq!(closed, [""; 0], "make them `#[non_exhaustive]`");
}
