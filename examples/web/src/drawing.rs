//! The statistics of managers as SVG: a box for each manager, and a bar with the unread events of each
//! subscriber.

use std::fmt::{self, Display, Write};

use genevent::{Stats, SubscriberInfo};

/// The largest number of subscribers in the drawing of a manager.
const MOST: usize = 20;

const ROW: usize = 26;

/// Draws managers below each other.
pub(crate) fn draw(managers: &[Stats]) -> String {
    let mut body = String::new();
    let mut top = 10;
    for stats in managers {
        // Writing to a `String` never fails.
        let _ = draw_manager(&mut body, stats, &mut top);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{top}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n{body}</svg>\n"
    )
}

fn draw_manager(to: &mut String, stats: &Stats, top: &mut usize) -> fmt::Result {
    let subscribers = stats.subscribers();
    let drawn = &subscribers[..subscribers.len().min(MOST)];
    let middle = *top + 24;
    let name = Escaped(stats.name().unwrap_or("manager"));
    writeln!(
        to,
        "<rect x=\"10\" y=\"{top}\" width=\"190\" height=\"48\" rx=\"4\" fill=\"#e8eefc\" stroke=\"#46c\"/>\
         <text x=\"20\" y=\"{}\" font-weight=\"bold\">{name}</text>\
         <text x=\"20\" y=\"{}\">{} published, {} wait</text>",
        *top + 20,
        *top + 38,
        stats.published(),
        stats.waiting_publishers(),
    )?;
    for (row, info) in drawn.iter().enumerate() {
        draw_subscriber(to, info, middle, *top + row * ROW)?;
    }
    let hidden = subscribers.len() - drawn.len();
    if hidden > 0 {
        let y = *top + drawn.len() * ROW + 16;
        writeln!(to, "<text x=\"280\" y=\"{y}\">and {hidden} more</text>")?;
    }
    let rows = drawn.len() + usize::from(hidden > 0);
    *top += (rows * ROW).max(48) + 24;
    Ok(())
}

fn draw_subscriber(to: &mut String, info: &SubscriberInfo, from: usize, y: usize) -> fmt::Result {
    let (unread, window) = (info.unread(), info.window());
    // Red: publishers wait for this subscriber. Dashed: an observer, for which no publisher waits.
    let color = if info.blocking_for().is_some() {
        "#c22"
    } else {
        "#46c"
    };
    let dash = if info.is_observer() {
        " stroke-dasharray=\"4 3\""
    } else {
        ""
    };
    let width = (100 * unread / window.max(1)).min(100);
    writeln!(
        to,
        "<path d=\"M200 {from} C240 {from} 240 {} 280 {}\" fill=\"none\" stroke=\"{color}\"{dash}/>\
         <rect x=\"280\" y=\"{}\" width=\"100\" height=\"14\" fill=\"#fff\" stroke=\"{color}\"/>\
         <rect x=\"280\" y=\"{}\" width=\"{width}\" height=\"14\" fill=\"{color}\"/>\
         <text x=\"390\" y=\"{}\">{} {}: {unread} of {window} unread, {} in flight</text>",
        y + 11,
        y + 11,
        y + 4,
        y + 4,
        y + 16,
        info.id(),
        Escaped(info.name().unwrap_or_default()),
        info.unacked(),
    )
}

/// Text in SVG. Names of customers contain no control characters, but any other.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                // No XML file may contain these two: the whole drawing would be invalid.
                '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
