//! Tests the recipes that need axum, tonic or ratatui, so that the core does not depend on frameworks:
//! `cargo test --doc -p genevent-cookbook`. The docs of genevent show the page.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/cookbook_frameworks.md")]
struct Frameworks;
