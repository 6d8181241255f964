//! The results as Markdown.

use crate::args::Args;
use crate::cell::{Measured, Series};
use crate::stats::{lower_quartile, median, paired_ratios, quantile};
use crate::workloads;

pub(crate) fn print(results: &[Measured], args: &Args) {
    println!(
        "{} interleaved samples of about {} ms each. Ratios are ours / peer, sample by sample: \
         above 1, ours is faster.",
        args.rounds,
        args.sample.as_millis()
    );
    for &workload in workloads::ALL {
        let mut rows = Vec::new();
        for measured in results {
            if std::ptr::eq(measured.workload, workload) {
                rows.extend(measured.series.iter().map(|series| {
                    let ours = &measured.series[0];
                    row(measured, ours, series)
                }));
            }
        }
        if rows.is_empty() {
            continue;
        }
        println!("\n## {}: {}\n", workload.name, workload.what);
        let latency = if workload.has_latency {
            [" p50 µs | p99 µs |", "---:|---:|"]
        } else {
            ["", ""]
        };
        println!(
            "| cell | peer | {} |{} ours / peer | lower quartile |",
            workload.figure, latency[0]
        );
        println!("|---|---|---:|{}---:|---:|", latency[1]);
        rows.iter().for_each(|row| println!("{row}"));
    }
}

fn row(measured: &Measured, ours: &Series, series: &Series) -> String {
    let workload = measured.workload;
    let figure = median(&series.rates) / workload.unit;
    let mut row = format!("| {} | {} | {figure:.1} |", measured.name, series.peer);
    if workload.has_latency {
        for q in [0.5, 0.99] {
            let micros = quantile(&series.latencies, q) / 1e3;
            row += &format!(" {micros:.2} |");
        }
    }
    if std::ptr::eq(ours, series) {
        row += " | |";
    } else {
        let ratios = paired_ratios(&ours.rates, &series.rates);
        let (middle, low) = (median(&ratios), lower_quartile(&ratios));
        row += &format!(" {middle:.2} | {low:.2} |");
    }
    row
}
