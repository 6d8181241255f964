//! Shows the stats of an event manager as a live table: unread events and blocking subscribers.
//!
//! `cargo run -p genevent-top` shows a demo manager with a slow reader: `s` stalls and resumes the
//! reader, `q` quits. `--once` prints a single picture to standard output, without a terminal.

mod demo;
mod table;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use demo::Demo;
use genevent::Stats;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::{DefaultTerminal, Terminal};
use table::View;
use tokio::time::{Instant, sleep};

/// The interval between two pictures.
const TICK: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let shown = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => match ratatui::try_init() {
            Ok(terminal) => {
                let shown = live(terminal).await;
                ratatui::restore();
                shown
            }
            Err(error) => Err(error),
        },
        ["--once"] => once().await,
        _ => {
            eprintln!("usage: genevent-top [--once]");
            return ExitCode::from(2);
        }
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the terminal: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn live(mut terminal: DefaultTerminal) -> io::Result<()> {
    let demo = Demo::start();
    let mut rate = Rate::new();
    loop {
        let stats = demo.stats();
        let view = View {
            rate: rate.of(&stats),
            stalled: demo.is_stalled(),
            stats,
        };
        terminal.draw(|frame| table::draw(frame, &view))?;
        while event::poll(Duration::ZERO)? {
            match key(&event::read()?) {
                Some(KeyCode::Char('q')) => return Ok(()),
                Some(KeyCode::Char('s')) => demo.stall_or_go_on(),
                _ => {}
            }
        }
        sleep(TICK).await;
    }
}

/// Returns the pressed key, if any; ctrl-c is `q`.
fn key(event: &Event) -> Option<KeyCode> {
    let Event::Key(key) = event else { return None };
    if key.kind != KeyEventKind::Press {
        return None;
    }
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    Some(if is_ctrl_c {
        KeyCode::Char('q')
    } else {
        key.code
    })
}

/// Prints a picture of a reader stalled for a while.
async fn once() -> io::Result<()> {
    let demo = Demo::start();
    let mut rate = Rate::new();
    demo.stall_or_go_on();
    sleep(Duration::from_millis(600)).await;
    let stats = demo.stats();
    let view = View {
        rate: rate.of(&stats),
        stalled: demo.is_stalled(),
        stats,
    };
    let mut terminal = Terminal::new(TestBackend::new(100, 15))?;
    terminal.draw(|frame| table::draw(frame, &view))?;
    let buffer = terminal.backend().buffer();
    for row in buffer.content.chunks(usize::from(buffer.area.width)) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        println!("{}", line.trim_end());
    }
    Ok(())
}

/// The events published per second, measured twice a second.
struct Rate {
    since: Instant,
    published: u64,
    last: u64,
}

impl Rate {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            published: 0,
            last: 0,
        }
    }

    fn of(&mut self, stats: &Stats) -> u64 {
        let millis = self.since.elapsed().as_millis();
        if millis >= 500 {
            let new = u128::from(stats.published() - self.published);
            self.last = u64::try_from(new * 1000 / millis).unwrap_or(u64::MAX);
            (self.since, self.published) = (Instant::now(), stats.published());
        }
        self.last
    }
}
