//! Lines for the registry of the example `kv_registry`: each line gets an answer, and the answers do
//! not depend on how the input is split.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokio::io::BufReader;
use tokio::runtime::Builder;

#[path = "../../../examples/kv_registry/answer.rs"]
mod answer;
#[path = "../../../examples/kv_registry/command.rs"]
mod command;
#[path = "../../../examples/kv_registry/line.rs"]
mod line;
#[path = "../../../examples/kv_registry/session.rs"]
mod session;

fuzz_target!(|data: &[u8]| {
    let runtime = Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without threads and drivers is always built");
    let [whole, bytewise] = [usize::MAX >> 40, 1].map(|bytes| {
        let mut output = Vec::new();
        let input = BufReader::with_capacity(bytes, data);
        let session = runtime.block_on(session::run(input, &mut output));
        session.expect("memory is always readable and writable");
        String::from_utf8(output).expect("answers are text")
    });
    assert_eq!(whole, bytewise);
});
