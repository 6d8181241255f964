//! The possible message ids of the stream's last message.

/// The confirmed ids, among them the id of the stream's last message. Ids of the user may repeat, so
/// such an id does not say which event was stored last.
///
/// Empty until an event of this run is stored: the last message may be of an earlier run.
#[derive(Debug, Default)]
pub(super) struct LastIds(Vec<String>);

impl LastIds {
    /// Returns whether the last message may have this id.
    pub(super) fn may_have(&self, id: &String) -> bool {
        self.0.is_empty() || self.0.contains(id)
    }

    /// Notes a confirmed id. `duplicate`: the broker has dropped the event as a duplicate.
    pub(super) fn note(&mut self, id: String, duplicate: bool, sent_again: bool) {
        if !duplicate {
            self.0.clear();
        }
        // The duplicate of an earlier attempt may be the last message. The duplicate of an earlier event adds
        // nothing: if that event is the last message, its id is noted already.
        if !duplicate || (sent_again && !self.0.is_empty()) {
            self.0.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LastIds;

    #[test]
    fn any_id_may_be_the_last_until_an_event_is_stored() {
        let id = |id: &str| id.to_owned();
        let mut last = LastIds::default();
        last.note(id("a"), true, true);
        assert!(last.may_have(&id("a")) && last.may_have(&id("b")));
        last.note(id("a"), false, false);
        assert!(last.may_have(&id("a")) && !last.may_have(&id("b")));
        last.note(id("b"), true, true);
        assert!(last.may_have(&id("a")) && last.may_have(&id("b")));
        last.note(id("c"), true, false);
        assert!(!last.may_have(&id("c")));
        last.note(id("c"), false, true);
        assert!(last.may_have(&id("c")) && !last.may_have(&id("a")));
    }
}
