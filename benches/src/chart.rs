//! The chart: the ratio of genevent to the best peer of each cell.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::measure::Measured;
use crate::minima;
use crate::stats::{lower_quartile, median};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 860;
const BAR: u32 = 18;
/// The title above the bars of a workload.
const HEAD: u32 = 26;
const FOOT: u32 = 54;
/// The range of the axis, from left to right.
const LEFT: f64 = 220.0;
const RIGHT: f64 = 610.0;

const AHEAD: RGBColor = RGBColor(46, 125, 80);
const BEHIND: RGBColor = RGBColor(190, 100, 40);
const QUIET: RGBColor = RGBColor(110, 110, 110);

struct Bar {
    label: String,
    best: &'static str,
    ratio: f64,
    low: f64,
    least: Option<f64>,
}

/// Returns `None` without a peer to compare with.
pub(crate) fn draw(path: &Path, results: &[Measured]) -> Result<(), Box<dyn Error>> {
    let mut groups: Vec<(String, Vec<Bar>)> = Vec::new();
    for measured in results.iter().filter(|measured| measured.headline) {
        let Some(bar) = bar(measured) else { continue };
        let of = measured.workload;
        let title = format!("{}: {} ({})", of.name, of.title, of.figure.name);
        match groups.last_mut() {
            Some((last, bars)) if *last == title => bars.push(bar),
            _ => groups.push((title, vec![bar])),
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    let bars = groups.iter().map(|(_, bars)| bars.len() as u32);
    let height = bars.map(|bars| HEAD + bars * BAR).sum::<u32>() + FOOT;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;

    let all = || groups.iter().flat_map(|(_, bars)| bars);
    let widest = all().map(|bar| bar.ratio).fold(4.0, f64::max);
    let narrowest = all().map(|bar| bar.low).fold(0.25, f64::min);
    let scale = Scale { narrowest, widest };
    let bottom = (height - FOOT) as i32 + 6;
    ticks(&area, &scale, bottom)?;

    let mut y = 0;
    for (title, bars) in &groups {
        text(&area, title, (8, y + 19), 13, &BLACK, HPos::Left)?;
        y += HEAD as i32;
        for bar in bars {
            bar.draw(&area, &scale, y)?;
            y += BAR as i32;
        }
    }
    let legend = "ours / best peer, logarithmic: median; dot: lower quartile; line across: minimum";
    text(&area, legend, (8, bottom + 38), 12, &QUIET, HPos::Left)?;
    area.present()?;
    Ok(())
}

fn bar(measured: &Measured) -> Option<Bar> {
    let best = measured.best_peer()?;
    let ratios = measured.ratios(best);
    Some(Bar {
        label: measured.cell.clone(),
        best: best.peer,
        ratio: median(&ratios),
        low: lower_quartile(&ratios),
        least: minima::times_best(&measured.cell),
    })
}

/// Maps a ratio to the logarithmic axis.
struct Scale {
    narrowest: f64,
    widest: f64,
}

impl Scale {
    fn x(&self, ratio: f64) -> i32 {
        let part = (ratio / self.narrowest).ln() / (self.widest / self.narrowest).ln();
        (LEFT + part * (RIGHT - LEFT)) as i32
    }
}

fn ticks(area: &Area<'_>, scale: &Scale, bottom: i32) -> Result<(), Box<dyn Error>> {
    for power in -6..=9 {
        let ratio = 2_f64.powi(power);
        if ratio < scale.narrowest || ratio > scale.widest {
            continue;
        }
        let said = if power < 0 {
            format!("1/{}", ratio.recip())
        } else {
            format!("{ratio}")
        };
        let x = scale.x(ratio);
        let style = if ratio == 1.0 {
            QUIET.stroke_width(1)
        } else {
            QUIET.mix(0.3).stroke_width(1)
        };
        area.draw(&PathElement::new(
            [(x, HEAD as i32 - 4), (x, bottom)],
            style,
        ))?;
        text(area, &said, (x, bottom + 12), 12, &QUIET, HPos::Center)?;
    }
    Ok(())
}

impl Bar {
    fn draw(&self, area: &Area<'_>, scale: &Scale, y: i32) -> Result<(), Box<dyn Error>> {
        let (top, bottom) = (y + 3, y + BAR as i32 - 3);
        let middle = (top + bottom) / 2;
        let color = if self.ratio >= 1.0 { AHEAD } else { BEHIND };
        let (one, end) = (scale.x(1.0), scale.x(self.ratio));
        let corners = [(one.min(end), top), (one.max(end), bottom)];
        area.draw(&Rectangle::new(corners, color.mix(0.75).filled()))?;
        area.draw(&Circle::new((scale.x(self.low), middle), 3, BLACK.filled()))?;
        if let Some(least) = self.least {
            let x = scale.x(least);
            let across = [(x, top - 2), (x, bottom + 2)];
            area.draw(&PathElement::new(across, BLACK.stroke_width(2)))?;
        }
        text(
            area,
            &self.label,
            (LEFT as i32 - 12, middle),
            12,
            &BLACK,
            HPos::Right,
        )?;
        let said = format!("{:.2} × {}", self.ratio, self.best);
        text(
            area,
            &said,
            (RIGHT as i32 + 10, middle),
            12,
            &QUIET,
            HPos::Left,
        )
    }
}

fn text(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    size: i32,
    color: &RGBColor,
    side: HPos,
) -> Result<(), Box<dyn Error>> {
    let style = ("sans-serif", size).into_font().color(color);
    let style = style.pos(Pos::new(side, VPos::Center));
    area.draw_text(words, &style, at)?;
    Ok(())
}
