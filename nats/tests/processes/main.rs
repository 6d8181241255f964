//! Scenarios with several processes, which are killed and paused: `cargo test -p genevent-nats --test
//! processes`. With `-- --full`, the whole of them, some minutes in a release build.

#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/server.rs"]
mod server;

mod chaos;
mod child;
mod cluster;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["consume", url, log, stall_at] => chaos::consume(url, log, stall_at).await,
        ["node", url, name] => cluster::node(url, name).await,
        ["--list", ..] => {}
        _ => {
            let full = arguments.contains(&"--full");
            cluster::scenario(full).await;
            chaos::scenario(full).await;
        }
    }
}
