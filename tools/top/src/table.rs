//! Draws stats: a heading, the waiting publishers, a row for each subscriber, the keys.

use genevent::{Stats, SubscriberInfo, SubscriberKind};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Cell, Padding, Row, Table};

pub(crate) struct View {
    pub(crate) stats: Stats,
    /// The events published per second.
    pub(crate) rate: u64,
    /// The slow reader of the demo.
    pub(crate) stalled: bool,
}

pub(crate) fn draw(frame: &mut Frame<'_>, view: &View) {
    let stats = &view.stats;
    let open = if stats.is_closed() { "closed" } else { "open" };
    let name = stats.name().unwrap_or("an event manager");
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Color::DarkGray)
        .padding(Padding::horizontal(1))
        .title(Line::from(vec![" ".into(), name.bold(), " ".into()]))
        .title_bottom(keys(view.stalled));
    let area = block.inner(frame.area());
    frame.render_widget(block, frame.area());

    let [heading, waiting, _, table] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(0),
    ])
    .areas(area);
    let published = format!(
        "{} published, {}/s · capacity {} · {} · permits out: {}",
        stats.published(),
        view.rate,
        stats.capacity(),
        open,
        stats.permits(),
    );
    frame.render_widget(Line::from(published), heading);
    frame.render_widget(waiting_publishers(stats), waiting);
    frame.render_widget(rows(stats), table);
}

fn keys(stalled: bool) -> Line<'static> {
    let stalls = if stalled {
        " resumes the archive "
    } else {
        " stalls the archive "
    };
    Line::from(vec![
        " q".bold(),
        " quits · ".into(),
        "s".bold(),
        stalls.into(),
    ])
}

fn waiting_publishers(stats: &Stats) -> Line<'_> {
    let names: Vec<_> = stats.blocking().map(name).collect();
    let line = match (stats.waiting_publishers(), names.as_slice()) {
        (0, _) => return Line::from("no publisher waits".green()),
        (waiting, []) => format!("waiting publishers: {waiting}"),
        (waiting, names) => format!("waiting publishers: {waiting}, for {}", names.join(", ")),
    };
    let line = Span::from(line);
    Line::from(if names.is_empty() {
        line.yellow()
    } else {
        line.red().bold()
    })
}

fn name(info: &SubscriberInfo) -> String {
    match info.name() {
        Some(name) => name.to_owned(),
        None => info.id().to_string(),
    }
}

fn rows(stats: &Stats) -> Table<'_> {
    let head = [
        "", "name", "kind", "unread", "", "unacked", "missed", "blocking", "from",
    ];
    let widths = [3, 10, 17, 12, 7, 7, 6, 9, 19].map(Constraint::Length);
    let leaving = stats.leaving().iter();
    let leaving = leaving.map(|info| row(info).style(Style::new().dim().italic()));
    let all = stats.subscribers().iter().map(row).chain(leaving);
    Table::new(all, widths)
        .header(Row::new(head).style(Style::new().dark_gray()))
        .column_spacing(1)
}

fn row(info: &SubscriberInfo) -> Row<'_> {
    let kind = match info.kind() {
        SubscriberKind::Stream => "stream",
        SubscriberKind::Filtered => "filter",
        SubscriberKind::Handler => "handler",
        SubscriberKind::Group => "group",
        _ => "?",
    };
    let kind = if info.is_observer() {
        format!("{kind}, observer")
    } else {
        kind.to_owned()
    };
    let (blocking_for, style) = match info.blocking_for() {
        Some(time) => (format!("{:.1} s", time.as_secs_f32()), Style::new().red()),
        None => (String::new(), Style::new()),
    };
    let created_at = info.created_at();
    let file = created_at.file().rsplit('/').next().unwrap_or_default();
    Row::new([
        Cell::from(info.id().to_string()),
        Cell::from(info.name().unwrap_or("–").bold()),
        Cell::from(kind),
        Cell::from(bar(info.unread(), info.window())),
        Cell::from(right(format!("{}/{}", info.unread(), info.window()))),
        Cell::from(right(info.unacked().to_string())),
        Cell::from(right(info.missed().to_string())),
        Cell::from(right(blocking_for)),
        Cell::from(format!("{file}:{}", created_at.line()).dark_gray()),
    ])
    .style(style)
}

fn right(text: String) -> Line<'static> {
    Line::from(text).right_aligned()
}

/// Returns a bar for the unread part of a window, in eighths of a character.
fn bar(unread: usize, window: usize) -> Line<'static> {
    const WIDTH: usize = 12;
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (unread * WIDTH * 8).div_ceil(window.max(1)).min(WIDTH * 8);
    let full = format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8]);
    let rest = "·".repeat(WIDTH - eighths.div_ceil(8));
    let color = if unread >= window {
        Color::Red
    } else if unread * 2 > window {
        Color::Yellow
    } else {
        Color::Green
    };
    Line::from(vec![full.fg(color), rest.dark_gray()])
}
