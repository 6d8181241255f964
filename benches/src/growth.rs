//! Growth of the cost of each operation, as a table and a plot.
//!
//! `cargo run --release -p genevent-benches -- growth` polls by hand on a single thread, so the figures
//! contain genevent alone.

mod curves;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use plotters::prelude::*;

use crate::args::Args;
use curves::{Curve, Growth};

/// A measured curve.
struct Found {
    curve: &'static Curve,
    /// Pairs of a number and nanoseconds.
    points: Vec<(f64, f64)>,
}

/// # Errors
/// Returns an error if a file cannot be written.
pub(crate) fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    fs::create_dir_all(&args.out)?;
    let mut text = String::from(
        "ns for one operation. The exponent is that of the steepest tenfold (or sixteenfold) step \
         from 100 on: 0 is level, 1 linear.\n\n| | against | | exponent | may be |\n\
         |---|---|---|---:|---|\n",
    );
    let mut all_hold = true;
    for curve in curves::ALL
        .iter()
        .filter(|curve| args.wants_curve(curve.name))
    {
        eprintln!("{}", curve.name);
        let found = Found::of(curve);
        all_hold &= found.holds();
        text += &found.row();
        found.draw(&args.out.join(format!("growth-{}.svg", curve.name)))?;
    }
    print!("{text}");
    fs::write(args.out.join("growth.md"), text)?;
    Ok(all_hold)
}

impl Found {
    /// Measures in three passes and takes the fastest at each number, since a pause of the machine
    /// affects a single pass.
    fn of(curve: &'static Curve) -> Self {
        let numbers = curve.numbers.iter();
        let mut points: Vec<_> = numbers.map(|&number| (number as f64, f64::MAX)).collect();
        for _ in 0..3 {
            for (point, &number) in points.iter_mut().zip(curve.numbers) {
                point.1 = point.1.min((curve.cost)(number));
            }
        }
        Self { curve, points }
    }

    /// Starts at 100: below, the constant part hides the growth.
    fn exponent(&self) -> f64 {
        let steps = self.points.windows(2).filter(|step| step[0].0 >= 100.0);
        let exponents = steps.map(|step| {
            let ((x0, y0), (x1, y1)) = (step[0], step[1]);
            (y1 / y0).ln() / (x1 / x0).ln()
        });
        exponents.fold(f64::MIN, f64::max)
    }

    /// The tolerance is for caches, which are too small for 100,000 entries.
    fn holds(&self) -> bool {
        let most = match self.curve.grows {
            Growth::Level => 0.6,
            Growth::Linear => 1.6,
        };
        self.exponent() <= most
    }

    fn row(&self) -> String {
        let mut costs = String::new();
        for (number, cost) in &self.points {
            let _ = write!(costs, "{number}: {cost:.0}; ");
        }
        let Curve {
            what,
            number_of,
            grows,
            ..
        } = self.curve;
        let verdict = if self.holds() { "" } else { " (**it is not**)" };
        format!(
            "| {what} | {number_of} | {} | {:.2} | {grows:?}{verdict} |\n",
            costs.trim_end_matches("; "),
            self.exponent(),
        )
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let area = SVGBackend::new(path, (480, 320)).into_drawing_area();
        area.fill(&WHITE)?;
        let costs = || self.points.iter().map(|point| point.1);
        let least = costs().fold(f64::MAX, f64::min) / 2.0;
        let most = costs().fold(0.0, f64::max) * 2.0;
        let last = self.points.last().map_or(1.0, |point| point.0);
        let mut chart = ChartBuilder::on(&area)
            .caption(self.curve.what, ("sans-serif", 13))
            .margin(10)
            .margin_right(34)
            .x_label_area_size(36)
            .y_label_area_size(58)
            .build_cartesian_2d((1.0..last).log_scale(), (least..most).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.curve.number_of)
            .y_desc("ns")
            .light_line_style(WHITE)
            .x_label_formatter(&|x| format!("{x}"))
            .y_label_formatter(&|y| format!("{y}"))
            .draw()?;
        let points = || self.points.iter().copied();
        let line = RGBColor(46, 125, 80);
        let path = PathElement::new(points().collect::<Vec<_>>(), line.stroke_width(2));
        chart.draw_series([path])?;
        chart.draw_series(points().map(|at| Circle::new(at, 3, line.filled())))?;
        area.present()?;
        Ok(())
    }
}
