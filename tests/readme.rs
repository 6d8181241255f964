//! README shows the programs that are there.

const README: &str = include_str!("../README.md");

#[test]
fn the_first_example_is_the_one_in_readme_and_short() {
    let hello = include_str!("../examples/hello.rs");
    assert!(README.contains(&format!("```rust\n{hello}```")));
    assert!(hello.lines().count() <= 30);
}

#[test]
fn every_example_that_readme_names_is_there() {
    let list = README.split("`cargo run --example NAME`").nth(1).unwrap();
    let list = list.split("\n- ").next().unwrap();
    let names: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 3);
    for name in names {
        let path = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).exists(), "{name}");
    }
}
