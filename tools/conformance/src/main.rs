//! Prints the table of promises as Markdown: `cargo run -p genevent-conformance`.
//!
//! `-- contracts` prints how far each kind of subscription keeps two public contracts.
//! `-- --record` writes the table into the page. `-- --seeds N` runs N random sequences instead of 200 for each
//! kind of subscription of genevent, and nothing else.

use genevent_conformance::{Promise, contracts, table, tested};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => print!("{}", table::markdown(&table::run())),
        ["--record"] => {
            let page = std::fs::read_to_string(table::PAGE).expect("the page exists");
            let page = table::replace(&page, &table::markdown(&table::run()));
            std::fs::write(table::PAGE, page).expect("the page can be written");
        }
        ["contracts"] => print!("{}", contracts::markdown()),
        ["contracts", "--record"] => {
            let page = std::fs::read_to_string(contracts::PAGE).expect("the page exists");
            let page = contracts::replace(&page, &contracts::markdown());
            std::fs::write(contracts::PAGE, page).expect("the page can be written");
        }
        ["--seeds", seeds] => {
            let seeds = seeds.parse().expect("a number of sequences");
            long_run(seeds);
        }
        _ => {
            eprintln!("usage: genevent-conformance [contracts] [--record] | --seeds NUMBER");
            std::process::exit(2);
        }
    }
}

/// Runs the random check alone. Fails if genevent breaks a promise.
fn long_run(seeds: u64) {
    let mut broken = false;
    for kit in tested::genevent() {
        let kit = kit.seeds(seeds);
        let outcome = kit.check(Promise::Random);
        println!("{}: {outcome}", kit.name());
        broken |= outcome != genevent_conformance::Outcome::Kept;
    }
    std::process::exit(i32::from(broken));
}
