//! Seeded bugs: bugs built in on purpose. `.ci/seeded-bugs` requires a model to find each bug.
//!
//! A seeded bug is active only under `--cfg genevent_seeded`, and only if the environment names
//! the bug. In every other build `seeded_bug!` is `false`. Some seeded bugs were real bugs once.

#[cfg(not(genevent_seeded))]
macro_rules! seeded_bug {
    ($name:literal) => {
        false
    };
}

#[cfg(genevent_seeded)]
macro_rules! seeded_bug {
    ($name:literal) => {
        $crate::util::fault::is_chosen($name)
    };
}

/// Returns whether `GENEVENT_SEEDED` names this bug.
#[cfg(genevent_seeded)]
pub(crate) fn is_chosen(name: &str) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("GENEVENT_SEEDED").ok());
    chosen.as_deref() == Some(name)
}
