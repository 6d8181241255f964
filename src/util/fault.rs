//! Seeded bugs: bugs built in on purpose. `.ci/seeded-bugs` checks that a model finds each.
//!
//! Under `--cfg genevent_seeded`, the environment selects one bug; in every other build
//! `seeded_bug!` is `false`. Some of the bugs were in the library once.

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
