//! Bugs planted on purpose: `.ci/seeded_bug-bugs` sees to it that a model finds each.
//!
//! Only under `--cfg genevent_planted`, and then only the one that the environment names; in
//! every other build `seeded_bug!` is `false`. Some of them were real ones once.

#[cfg(not(genevent_planted))]
macro_rules! seeded_bug {
    ($name:literal) => {
        false
    };
}

#[cfg(genevent_planted)]
macro_rules! seeded_bug {
    ($name:literal) => {
        $crate::util::fault::is_chosen($name)
    };
}

/// Whether `GENEVENT_PLANTED` names this bug.
#[cfg(genevent_planted)]
pub(crate) fn is_chosen(name: &str) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("GENEVENT_PLANTED").ok());
    chosen.as_deref() == Some(name)
}
