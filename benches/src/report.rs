//! The results as Markdown and as JSON lines.

use std::fmt::Write;

use crate::args::Args;
use crate::measure::{Measured, Series};
use crate::minima::Verdict;
use crate::stats::{lower_quartile, median};
use crate::workloads::{self, Beside, Kind, Workload};

pub(crate) fn json_lines(results: &[Measured]) -> serde_json::Result<String> {
    let mut text = String::new();
    for line in results.iter().flat_map(Measured::lines) {
        text += &serde_json::to_string(&line)?;
        text.push('\n');
    }
    Ok(text)
}

pub(crate) fn tables(results: &[Measured], verdicts: &[Verdict], args: &Args) -> String {
    let mut text = format!(
        "{} interleaved samples of about {} ms each, in a process per sample; a counted figure \
         (W6) has a single sample. Each ratio compares a sample of ours with the peer's sample \
         of the same round: above 1, ours is better.\n",
        args.rounds,
        args.sample.as_millis()
    );
    for &workload in workloads::ALL {
        let measured = results
            .iter()
            .filter(|m| std::ptr::eq(m.workload, workload));
        let rows: Vec<_> = measured.flat_map(rows).collect();
        if !rows.is_empty() {
            table(&mut text, workload, &rows);
        }
    }
    best_peers(&mut text, results);
    failures(&mut text, results);
    judged(&mut text, verdicts, args);
    text
}

fn table(text: &mut String, workload: &Workload, rows: &[String]) {
    let (beside, rule) = match workload.beside {
        Beside::Nothing => ("", ""),
        Beside::Latency => (" p50 µs | p99 µs |", "---:|---:|"),
        Beside::Lost => (" lost |", "---:|"),
    };
    let figure = workload.figure.name;
    *text += &format!("\n## {}: {}\n\n", workload.name, workload.what);
    *text += &format!("| cell | peer | {figure} |{beside} ours / peer | lower quartile |\n");
    *text += &format!("|---|---|---:|{rule}---:|---:|\n");
    rows.iter().for_each(|row| *text += row);
}

fn rows(measured: &Measured) -> Vec<String> {
    let measurable = measured.series.iter().filter(|s| !s.samples.is_empty());
    measurable.map(|series| row(measured, series)).collect()
}

fn row(measured: &Measured, series: &Series) -> String {
    let workload = measured.workload;
    let figure = median(&series.figures()) / workload.figure.unit;
    let mut row = format!(
        "| {} | {} | {} |",
        measured.cell,
        series.peer,
        short(figure)
    );
    match workload.beside {
        Beside::Nothing => {}
        Beside::Latency => {
            let p50 = series.median(|sample| sample.p50) / 1e3;
            let p99 = series.median(|sample| sample.p99) / 1e3;
            let _ = write!(row, " {} | {} |", short(p50), short(p99));
        }
        Beside::Lost => {
            let lost = series.median(|sample| sample.lost.map(|lost| lost as f64));
            let _ = write!(row, " {lost:.0} |");
        }
    }
    if std::ptr::eq(&raw const measured.series[0], series) {
        row += " | |\n";
    } else {
        let ratios = measured.ratios(series);
        let (middle, low) = (median(&ratios), lower_quartile(&ratios));
        let _ = writeln!(row, " {middle:.2} | {low:.2} |");
    }
    row
}

/// Formats with about three digits.
fn short(figure: f64) -> String {
    match figure {
        f if f >= 100.0 => format!("{f:.0}"),
        f if f >= 10.0 => format!("{f:.1}"),
        f => format!("{f:.2}"),
    }
}

/// Returns the short table: genevent against the best peer of each cell.
fn best_peers(text: &mut String, results: &[Measured]) {
    *text += "\n## Beside the best peer of each cell\n\n\
              | cell | ours | best peer | | ours / peer | lower quartile |\n\
              |---|---:|---|---:|---:|---:|\n";
    for measured in results {
        let Some(best) = measured.best_peer() else {
            continue;
        };
        let unit = &measured.workload.figure;
        let figure = |series: &Series| short(median(&series.figures()) / unit.unit);
        let ratios = measured.ratios(best);
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {} | {:.2} | {:.2} |",
            measured.cell,
            figure(&measured.series[0]),
            unit.name,
            best.peer,
            figure(best),
            median(&ratios),
            lower_quartile(&ratios)
        );
    }
}

fn failures(text: &mut String, results: &[Measured]) {
    let of_each = |m: &Measured| -> Vec<String> {
        let failed = m
            .series
            .iter()
            .filter_map(|s| Some((s, s.failure.as_ref()?)));
        let lines = failed.map(|(series, why)| {
            let ours = if series.kind == Kind::Ours {
                " (ours!)"
            } else {
                ""
            };
            format!("- {}, {}{ours}: {why}\n", m.cell, series.peer)
        });
        lines.collect()
    };
    let lines: Vec<_> = results.iter().flat_map(of_each).collect();
    if !lines.is_empty() {
        *text += "\n## Samples that failed\n\n";
        lines.iter().for_each(|line| *text += line);
    }
}

fn judged(text: &mut String, verdicts: &[Verdict], args: &Args) {
    let by = if args.full { "lower" } else { "upper" };
    let failed: Vec<_> = verdicts.iter().filter(|verdict| !verdict.holds).collect();
    let _ = writeln!(
        text,
        "\n## Minima\n\n{} of {} hold, by the {by} quartile of the ratios.\n",
        verdicts.len() - failed.len(),
        verdicts.len()
    );
    for verdict in failed {
        let _ = writeln!(
            text,
            "- below its minimum: {} {}: {:.2}, {}",
            verdict.cell, verdict.against, verdict.found, verdict.wanted
        );
    }
}
