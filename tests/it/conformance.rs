//! The promises of comparable systems, and the claims of the documents.

#[cfg(feature = "rt")]
mod compile_errors;
#[cfg(feature = "rt")]
mod genevent_parity;
mod layers;
mod messages;
mod names;
mod peers;
#[cfg(feature = "rt")]
mod programs;
mod public_api;
mod reactive_streams;
mod readme;

/// Returns whether these sources are a published package, to which `cargo package` adds this file.
fn is_package() -> bool {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml.orig");
    std::path::Path::new(manifest).exists()
}

/// Returns whether the published package lacks this file, which belongs to another member of the
/// workspace.
fn is_left_out(file: &str) -> bool {
    let mut members = ["benches/", "examples/web/", "nats/", "tools/"].iter();
    is_package() && members.any(|member| file.starts_with(member))
}
