//! Drawing the statistics of a manager.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::inspect::{Named, Stats, SubscriberInfo};
use crate::subscriber_id::SubscriberKind;

impl Stats {
    /// Returns a drawing in DOT, the language of Graphviz: the manager, its subscribers, and which
    /// publishers wait for which subscribers.
    ///
    /// A stream is an ellipse, a filtered stream a trapezium, a handler a component, and a group of
    /// handlers a folder. The arrow to an [observer](crate::SubscribeOptions::observer) is open, as no
    /// acknowledgement comes back. Dashed subscribers are detached and have an event in flight or a handler
    /// that has not ended. Red arrows lead from the waiting publishers to the subscribers that
    /// block them, with the time. Blue arrows lead from a subscriber to the subscribers that come
    /// [after](crate::SubscribeOptions::after) it.
    ///
    /// Names may contain any character; unprintable characters are escaped.
    ///
    /// # Examples
    /// The command `dot -Tsvg` renders the printed text:
    ///
    /// ```
    /// use genevent::{EventManager, SubscribeOptions};
    ///
    /// let manager = EventManager::<u8>::builder().name("orders").capacity(2).build();
    /// let kitchen = manager.subscribe_with(SubscribeOptions::new().name("kitchen"));
    /// let drawing = manager.stats().to_dot();
    /// assert!(drawing.starts_with("digraph genevent {"));
    /// assert!(drawing.contains("manager -> s1"));
    /// # drop(kitchen);
    /// ```
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut drawing = String::new();
        // Writing to a `String` never fails.
        let _ = self.draw(&mut drawing);
        drawing
    }

    fn draw(&self, to: &mut String) -> fmt::Result {
        writeln!(to, "digraph genevent {{")?;
        writeln!(to, "  rankdir=LR;")?;
        let mut label = match self.name() {
            Some(name) => format!("{name:?}\n"),
            None => String::new(),
        };
        let (published, capacity) = (self.published, self.capacity);
        write!(label, "{published} published, capacity {capacity}")?;
        if self.closed {
            label.push_str(", closed");
        }
        writeln!(to, "  manager [shape=box, label={}];", Quoted(&label))?;
        for info in &self.subscribers {
            draw_subscriber(to, info, "solid")?;
        }
        for info in &self.leaving {
            draw_subscriber(to, info, "dashed")?;
        }
        let drawn = || self.subscribers.iter().chain(&self.leaving);
        // A stage after a group comes after each of its handlers, which are drawn in its place.
        let mut known = BTreeMap::<_, Vec<_>>::new();
        for info in drawn() {
            let position = info.group.as_ref().map_or(info.id, |group| group.id);
            known.entry(position).or_default().push(info.id.number);
        }
        for info in drawn() {
            let then = info.id.number;
            let after = info.after().iter().filter_map(|other| known.get(other));
            for first in after.flatten() {
                writeln!(to, "  s{first} -> s{then} [color=blue, label=after];")?;
            }
        }
        if self.permits > 0 {
            let label = format!("permits out: {}", self.permits);
            writeln!(to, "  permits [shape=note, label={}];", Quoted(&label))?;
            writeln!(to, "  permits -> manager [style=dotted];")?;
        }
        if self.waiting_publishers > 0 {
            let mut label = format!("publishers queued: {}", self.waiting_publishers);
            if self.front_notified {
                label.push_str("\nthe front has been notified");
            }
            writeln!(to, "  publishers [shape=cds, label={}];", Quoted(&label))?;
            writeln!(to, "  publishers -> manager;")?;
        }
        let mut has_blocking = false;
        for info in self.blocking() {
            let time = format!("{:.1?}", info.blocking_for().unwrap_or_default());
            let (number, time) = (info.id().number, Quoted(&time));
            writeln!(to, "  publishers -> s{number} [color=red, label={time}];")?;
            has_blocking = true;
        }
        if self.waiting_publishers > 0 && !has_blocking && !self.front_notified {
            writeln!(to, "  publishers -> permits [color=red];")?;
        }
        writeln!(to, "}}")
    }
}

fn draw_subscriber(to: &mut String, info: &SubscriberInfo, style: &str) -> fmt::Result {
    let shape = match info.kind() {
        SubscriberKind::Stream => "ellipse",
        SubscriberKind::Filtered => "invtrapezium",
        SubscriberKind::Handler => "component",
        SubscriberKind::Group => "folder",
    };
    let (unread, window) = (info.unread(), info.window());
    let mut label = format!("{}\n{unread} of {window} unread", Named(info));
    write!(label, ", {} in flight", info.unacked())?;
    if info.is_observer() {
        label.push_str("\nobserver");
    }
    if info.missed() > 0 {
        write!(label, "\n{} missed", info.missed())?;
    }
    let (number, label) = (info.id().number, Quoted(&label));
    writeln!(
        to,
        "  s{number} [shape={shape}, style={style}, label={label}];"
    )?;
    let head = if info.is_observer() {
        ", arrowhead=empty"
    } else {
        ""
    };
    writeln!(to, "  manager -> s{number} [style={style}{head}];")
}

/// Text as a label: quoted, with special characters escaped.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                // Graphviz interprets HTML entities.
                '&' => f.write_str("&amp;")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
