//! The lines of every test, read without serde, which would first keep all fields of a line until it knows its kind.
//!
//! Only the very form that our own worker writes is read here. Whatever else it may be, also if it is wrong, is left to serde.

use super::{Message, OutcomeWord};

/// The message, if the line is of a kind and form that is read here.
pub(super) fn message(line: &[u8]) -> Option<Message> {
    let mut rest = Rest(line.strip_prefix(br#"{"t":""#)?.strip_suffix(b"}")?);
    let message = if rest.skip(br#"start","i":"#) {
        Message::Start { i: rest.integer()? }
    } else if rest.skip(br#"end","i":"#) {
        rest.end()?
    } else if rest.skip(br#"ran","i":"#) {
        let i = rest.integer()?;
        Message::Ran { i, d: rest.then(br#","d":"#)?.decimal()? }
    } else {
        return None;
    };
    rest.0.is_empty().then_some(message)
}

/// What is still to be read of a line.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn end(&mut self) -> Option<Message> {
        let i = self.integer()?;
        let o = self.then(br#","o":""#)?.outcome()?;
        let setup = self.then(br#"","d":["#)?.decimal()?;
        let call = self.then(b",")?.decimal()?;
        let teardown = self.then(b",")?.decimal()?;
        let s = self.then(br#"],"s":"#)?.decimal()?;
        Some(Message::End { i, o, d: [setup, call, teardown], s })
    }

    /// Skips these bytes if they come next.
    fn skip(&mut self, bytes: &[u8]) -> bool {
        let rest = self.0.strip_prefix(bytes);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Goes on behind these bytes, which must come next.
    fn then(&mut self, bytes: &[u8]) -> Option<&mut Self> {
        self.skip(bytes).then_some(self)
    }

    /// Takes the bytes of which all are like this.
    fn take(&mut self, like: impl Fn(&u8) -> bool) -> &'a str {
        let count = self.0.iter().position(|byte| !like(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        // What is asked for is ASCII.
        std::str::from_utf8(taken).unwrap_or_default()
    }

    /// An integer as JSON writes it.
    fn integer(&mut self) -> Option<u32> {
        let digits = self.take(u8::is_ascii_digit);
        (digits.len() == 1 || !digits.starts_with('0')).then(|| digits.parse().ok())?
    }

    /// A number with a fraction and without a sign or an exponent.
    fn decimal(&mut self) -> Option<f64> {
        let number = self.take(|byte| byte.is_ascii_digit() || *byte == b'.');
        let (whole, fraction) = number.split_once('.')?;
        let is_json = !whole.is_empty()
            && (whole.len() == 1 || !whole.starts_with('0'))
            && !fraction.is_empty();
        // A second point is no number; so many digits that it would be none either are no worker's of ours.
        (is_json && number.len() < 32).then(|| number.parse().ok())?
    }

    fn outcome(&mut self) -> Option<OutcomeWord> {
        Some(match self.take(u8::is_ascii_lowercase) {
            "passed" => OutcomeWord::Passed,
            "failed" => OutcomeWord::Failed,
            "error" => OutcomeWord::Error,
            "skipped" => OutcomeWord::Skipped,
            "xfailed" => OutcomeWord::XFailed,
            "xpassed" => OutcomeWord::XPassed,
            _other => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All but the numbers with a fraction, and these.
    fn parts(message: Message) -> (String, Vec<f64>) {
        match message {
            Message::Ran { i, d } => (format!("ran {i}"), vec![d]),
            Message::End { i, o, d: [setup, call, teardown], s } => {
                (format!("end {i} {o:?}"), vec![setup, call, teardown, s])
            }
            other => (format!("{other:?}"), vec![]),
        }
    }

    /// Whether serde makes the same of the line; it may be off by the last bit of a fraction.
    fn serde_agrees(line: &str, quick: Message) -> bool {
        let Ok(slow) = serde_json::from_str(line) else { return false };
        let ((quick, ours), (slow, theirs)) = (parts(quick), parts(slow));
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON;
        quick == slow && ours.len() == theirs.len() && ours.iter().zip(&theirs).all(close)
    }

    proptest! {
        #[test]
        fn the_lines_of_our_worker_are_read_as_serde_reads_them(
            i in any::<u32>(),
            outcome in "passed|failed|error|skipped|xfailed|xpassed",
            d in prop::array::uniform3(0.0..100_000.0_f64),
            s in 0.0..1e10_f64,
        ) {
            let [setup, call, teardown] = d;
            for line in [
                format!(r#"{{"t":"start","i":{i}}}"#),
                format!(r#"{{"t":"ran","i":{i},"d":{setup:.6}}}"#),
                format!(r#"{{"t":"end","i":{i},"o":"{outcome}","d":[{setup:.6},{call:.6},{teardown:.6}],"s":{s:.6}}}"#),
            ] {
                let quick = message(line.as_bytes());
                prop_assert!(quick.is_some_and(|quick| serde_agrees(&line, quick)), "{}", line);
            }
        }

        #[test]
        fn nothing_is_read_here_that_serde_would_refuse(
            at in any::<prop::sample::Index>(),
            put in r#"[-+.eE0-9"{}:, \[\]a-z]{0,3}"#,
            cut in 0..3_usize,
        ) {
            for line in [
                r#"{"t":"start","i":0}"#,
                r#"{"t":"ran","i":10,"d":0.000010}"#,
                r#"{"t":"end","i":7,"o":"passed","d":[0.000010,1.500000,0.100000],"s":1700000000.250000}"#,
            ] {
                let at = at.index(line.len());
                let end = (at + cut).min(line.len());
                let changed = [&line[..at], &put, &line[end..]].concat();
                let quick = message(changed.as_bytes());
                prop_assert!(quick.is_none_or(|quick| serde_agrees(&changed, quick)), "{}", changed);
            }
        }
    }

    #[test]
    fn what_is_not_written_by_our_worker_is_left_to_serde() {
        for line in [
            r#"{"t":"start","i":4294967296}"#,
            r#"{"t":"start","i":01}"#,
            r#"{"t":"start","i":}"#,
            r#"{"t":"start","i":1,"more":1}"#,
            r#"{"t":"start", "i":1}"#,
            r#"{"t":"ran","i":1,"d":1}"#,
            r#"{"t":"ran","i":1,"d":.5}"#,
            r#"{"t":"ran","i":1,"d":5.}"#,
            r#"{"t":"ran","i":1,"d":00.5}"#,
            r#"{"t":"ran","i":1,"d":1.2.3}"#,
            r#"{"t":"ran","i":1,"d":-0.000001}"#,
            r#"{"t":"end","i":1,"o":"crashed","d":[0.0,0.0,0.0],"s":0.0}"#,
            r#"{"t":"end","i":1,"o":"passed","d":[0.0,0.0],"s":0.0}"#,
            r#"{"t":"halted","i":1}"#,
        ] {
            assert!(message(line.as_bytes()).is_none(), "{line}");
        }
    }
}
