//! The metrics of one attempt from its three sources: standard output, standard error, the report file.

use std::sync::Arc;

use memchr::{memchr2, memmem};
use regex::Regex;

use super::form;
use super::lines::{Lines, plain};
use super::literal;
use super::metrics::{MOST_METRICS, MOST_NAME, Metric, Metrics, Source};
use super::number;
use crate::store::Series;

/// What is looked for in the output of all attempts; made once.
pub struct Wanted {
    names: Vec<String>,
    finders: Vec<memmem::Finder<'static>>,
    pattern: Option<Regex>,
}

impl Wanted {
    /// `names` are those that the spec names, `pattern` reads standard output instead of the forms that are known.
    pub fn new(names: &[String], pattern: Option<Regex>) -> Self {
        let names: Vec<String> = names.iter().filter(|name| !name.is_empty()).cloned().collect();
        let finders = names.iter().map(|name| memmem::Finder::new(name.as_bytes()).into_owned()).collect();
        Self { names, finders, pattern }
    }

    /// Whether one of the names stands somewhere in a line.
    fn is_in(&self, line: &[u8]) -> bool {
        self.finders.iter().any(|finder| finder.find(line).is_some())
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }
}

/// Reads the metrics of one attempt.
pub struct MetricReader {
    stdout: Lines,
    stderr: Lines,
    report: Lines,
    metrics: Metrics,
    bad_reports: u64,
    bad_report: String,
}

impl MetricReader {
    /// A reader of one attempt.
    pub fn new(wanted: Arc<Wanted>) -> Self {
        Self {
            stdout: Lines::new(true),
            stderr: Lines::new(true),
            report: Lines::new(false),
            metrics: Metrics::new(wanted),
            bad_reports: 0,
            bad_report: String::new(),
        }
    }

    /// Takes what came on standard output.
    pub fn stdout(&mut self, bytes: &[u8]) {
        self.stdout.feed(bytes, &mut |line| printed(line, true, &mut self.metrics));
    }

    /// Takes what came on standard error: only names that the spec names are read there.
    pub fn stderr(&mut self, bytes: &[u8]) {
        self.stderr.feed(bytes, &mut |line| by_name(line, &mut self.metrics));
    }

    /// Takes what was appended to the report.
    pub fn report(&mut self, bytes: &[u8]) {
        let Self { report, metrics, bad_reports, bad_report, .. } = self;
        report.feed(bytes, &mut |line| reported(line, metrics, bad_reports, bad_report));
    }

    /// Ends the sources: a last line without an end counts, and what was held back is given out.
    pub fn finish(&mut self) {
        let Self { stdout, stderr, report, metrics, bad_reports, bad_report } = self;
        stdout.finish(&mut |line| printed(line, false, metrics));
        stderr.finish(&mut |line| by_name(line, metrics));
        report.finish(&mut |line| reported(line, metrics, bad_reports, bad_report));
        metrics.list.iter_mut().for_each(Metric::release);
    }

    /// The points since the last call, by metric.
    pub fn take(&mut self) -> Vec<(Arc<str>, Series)> {
        let some = self.metrics.list.iter_mut().filter(|metric| !metric.waiting.steps.is_empty());
        some.map(|metric| (metric.name.clone(), std::mem::take(&mut metric.waiting))).collect()
    }

    /// What was left out and why, for people.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.metrics.too_many > 0 {
            notes.push(format!("it has more than {MOST_METRICS} metrics: the rest is left out"));
        }
        if self.metrics.too_long > 0 {
            notes.push(format!("metrics with names of more than {MOST_NAME} bytes are left out"));
        }
        if self.bad_reports > 0 {
            let (count, first) = (self.bad_reports, &self.bad_report);
            notes.push(format!("{count} lines of its report are no JSON objects; the first: {first}"));
        }
        notes
    }
}

/// A line of standard output; `ended` tells whether it came to its end.
fn printed(line: &[u8], ended: bool, metrics: &mut Metrics) {
    let wanted = metrics.wanted.clone();
    match &wanted.pattern {
        Some(pattern) => by_pattern(line, pattern, metrics),
        None => by_form(line, ended, &wanted, metrics),
    }
}

/// A line of standard output, by the forms that are known.
fn by_form(line: &[u8], ended: bool, wanted: &Wanted, metrics: &mut Metrics) {
    let has_pair = memchr2(b'=', b':', line).is_some();
    // What neither pairs a name with a value nor has a wanted name may still begin an epoch.
    let has_name = || wanted.is_in(line);
    let begins_epoch = || {
        line.len() < 200 && line.iter().any(|b| b.is_ascii_digit()) && {
            let start = line.iter().position(|b| b.is_ascii_alphabetic() || *b == b'{').unwrap_or(0);
            line[start..].get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"epoch"))
        }
    };
    if !has_pair && !begins_epoch() && !has_name() {
        return;
    }
    let text = plain(line);
    match form::whole(&text) {
        Some(said) if said.values.is_empty() => metrics.epoch = said.step,
        Some(said) => metrics.add(said, Source::Whole),
        // Half an object says nothing: its last number may be cut.
        None if !ended && text.trim_start().starts_with('{') => {}
        None => {
            if has_name()
                && let Some(said) = form::prose(&text, &wanted.names)
            {
                metrics.add(said, Source::Whole);
            }
        }
    }
}

/// A line of standard error.
fn by_name(line: &[u8], metrics: &mut Metrics) {
    let wanted = &metrics.wanted;
    if !wanted.is_in(line) {
        return;
    }
    let text = plain(line);
    let said = form::whole(&text).filter(|said| said.bar.is_some()).or_else(|| form::prose(&text, &wanted.names));
    if let Some(mut said) = said {
        said.values.retain(|(name, _)| wanted.is_name(name));
        metrics.add(said, Source::Stderr);
    }
}

/// A line of standard output, by the user's expression.
fn by_pattern(line: &[u8], pattern: &Regex, metrics: &mut Metrics) {
    let text = plain(line);
    for found in pattern.captures_iter(&text) {
        let groups = pattern.capture_names().flatten();
        let numbers = groups.filter_map(|name| {
            let text = found.name(name)?.as_str().trim();
            let (value, length) = number::bare_number(text)?;
            (length == text.len()).then(|| (name.to_owned(), value))
        });
        metrics.add(form::object(numbers.collect()), Source::Whole);
    }
}

/// A line of the report.
fn reported(line: &[u8], metrics: &mut Metrics, bad: &mut u64, first: &mut String) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    if text.is_empty() {
        return;
    }
    match literal::numbers(text) {
        Some(values) => metrics.add(form::object(values), Source::Whole),
        None => {
            if *bad == 0 {
                *first = text.chars().take(80).collect();
            }
            *bad += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reader(names: &[String], pattern: Option<Regex>) -> MetricReader {
        MetricReader::new(Arc::new(Wanted::new(names, pattern)))
    }

    fn read(wanted: &[&str], stdout: &[u8], stderr: &[u8], report: &[u8]) -> String {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let mut reader = reader(&wanted, None);
        reader.stderr(stderr);
        reader.stdout(stdout);
        reader.report(report);
        reader.finish();
        points(&mut reader)
    }

    fn points(reader: &mut MetricReader) -> String {
        let shown = |(name, series): (Arc<str>, Series)| {
            let points = series.steps.iter().zip(&series.values).map(|(step, value)| format!("{step}:{value}"));
            format!("{name:?} {}", points.collect::<Vec<_>>().join(" "))
        };
        reader.take().into_iter().map(shown).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn keras_over_two_epochs() {
        let text = "Epoch 1/2\n\n 1/10 [=>....] - ETA: 1s - loss: 2.5\x08\x08\x0810/10 [====] - 1s 5ms/step - loss: 0.9\r10/10 [====] - 2s 5ms/step - loss: 0.9 - val_loss: 0.8\nEpoch 2/2\n10/10 [====] - 1s - loss: 0.5 - val_loss: 0.6\n";
        assert_eq!(read(&[], text.as_bytes(), b"", b""), "\"loss\" 1:0.9 2:0.5\n\"val_loss\" 1:0.8 2:0.6");
    }

    #[test]
    fn bars_are_held_until_their_step_is_over() {
        let lightning = "Epoch 0:  50%|█████     | 5/10 [00:01<00:01,  4.9it/s, v_num=3]\rEpoch 0: 100%|██████████| 10/10 [00:02<00:00,  4.9it/s, v_num=3, val_loss=0.9]\rEpoch 1:   0%|          | 0/10 [00:00<?, ?it/s, v_num=3, val_loss=0.9]\rEpoch 1: 100%|██████████| 10/10 [00:02<00:00, 4.9it/s, v_num=3, val_loss=0.7]\n";
        assert_eq!(read(&["val_loss"], lightning.as_bytes(), b"", b""), "\"val_loss\" 0:0.9 1:0.7");
        let tqdm = " 33%|███       | 1/3 [00:00<00:01, loss=3]\r 66%|██████    | 2/3 [00:00<00:01, loss=2]\r100%|██| 3/3 [00:00<00:00, loss=1]\n 33%|███       | 1/3 [00:00<00:01, loss=0.5]\n";
        assert_eq!(read(&["loss"], b"", tqdm.as_bytes(), b""), "\"loss\" 1:3 2:2 3:1 4:0.5");
        assert_eq!(read(&["other"], b"", tqdm.as_bytes(), b""), "");
    }

    #[test]
    fn steps_never_go_back() {
        let text = b"loss=1\nepoch 5 loss=2\nepoch 2 loss=3\nloss=4\n{'loss': 5, 'epoch': 0.27}\nepoch 7 loss=6\nepoch 7 loss=7\n";
        assert_eq!(read(&[], text, b"", b""), "\"loss\" 1:1 5:2 6:3 7:4 8:5 9:6 10:7\n\"epoch\" 1:0.27");
        let text = b"{'loss': 2, 'epoch': 0.5}\n{'loss': 1, 'epoch': 1.0}\n{'eval_loss': 3, 'epoch': 1.0}\n{'loss': 0, 'epoch': 1.5}\n{'eval_loss': 2, 'epoch': 2.0}\n";
        assert_eq!(
            read(&[], text, b"", b""),
            "\"loss\" 1:2 2:1 3:0\n\"epoch\" 1:0.5 2:1 3:1 4:1.5 5:2\n\"eval_loss\" 1:3 2:2"
        );
        let text = b"Epoch 1/3\n----------\ntrain: done\ntrain loss: 0.5 acc: 1\nEpoch 2/3\ntrain loss: 0.4 acc: 2\nepoch 2\nloss=3\n";
        assert_eq!(read(&["loss"], text, b"", b""), "\"loss\" 1:0.5 2:0.4 3:3");
    }

    #[test]
    fn the_report_counts_and_half_a_line_waits() {
        let mut reader = reader(&["m".into()], None);
        reader.report(b"{\"m\": 1, \"step\": 10}\n{\"m\": \"NaN\", \"st");
        assert_eq!(points(&mut reader), "\"m\" 10:1");
        reader.report(b"ep\": 20}\nnot json\n{\"m\": ");
        assert_eq!(points(&mut reader), "\"m\" 20:NaN");
        reader.finish();
        assert_eq!(reader.notes(), ["2 lines of its report are no JSON objects; the first: not json"]);
    }

    #[test]
    fn names_may_hold_anything_and_are_bounded() {
        let hostile = "{\"a\\\"b\\n<b>\\u001b[31m'; DROP TABLE x\": 1, \"\u{202e}\": 2}\n";
        assert_eq!(
            read(&[], hostile.as_bytes(), b"", b""),
            "\"a\\\"b\\n<b>\\u{1b}[31m'; DROP TABLE x\" 1:1\n\"\\u{202e}\" 1:2"
        );
        let flood: String = (0..3000).map(|i| format!("m{i}=1\n")).collect();
        let mut reader = reader(&["wanted".into()], None);
        reader.stdout(flood.as_bytes());
        reader.stdout(format!("{}=1\nwanted=2\n", "x".repeat(300)).as_bytes());
        assert_eq!(reader.take().len(), MOST_METRICS + 1);
        assert_eq!(reader.notes().len(), 2);
    }

    #[test]
    fn stderr_gives_way_to_stdout() {
        assert_eq!(read(&["loss"], b"loss=1\nloss=2\n", b"loss: 9 acc: 3\n", b""), "\"loss\" 1:9 2:1 3:2");
        let mut reader = reader(&["loss".into()], None);
        reader.stdout(b"loss=1\n");
        reader.stderr(b"INFO loss=1\n");
        assert_eq!(points(&mut reader), "\"loss\" 1:1");
    }

    #[test]
    fn the_users_expression_is_read_alone() {
        let pattern = Regex::new(r"acc (?P<acc>\S+) at (?P<epoch>\d+)|L=(?P<loss>\S+)").unwrap();
        let mut reader = reader(&["acc".into()], Some(pattern));
        reader.stdout(b"acc 0.5 at 3 L=nan\nother=7\nacc high at 4\n\x1b[1macc 0.6 at 4\x1b[0m\n");
        reader.finish();
        assert_eq!(points(&mut reader), "\"acc\" 3:0.5 4:0.6\n\"loss\" 1:NaN");
    }

    #[test]
    fn words_that_are_no_metrics() {
        assert_eq!(read(&[], b"CUDA: 12.1\nseed: 3\nworld_size=2\n12:30:15\nNamespace(lr=0.1)\n", b"", b""), "");
        assert_eq!(read(&["seed"], b"seed: 3\n", b"", b""), "\"seed\" 1:3");
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(cuts in proptest::collection::vec(0usize..400, 0..12)) {
            let text = "Epoch 1/2\nloss=0.5 acc=0.9\n\x1b[32mval_loss: nan\x1b[0m\r 10%|#  | 1/10 [00:01<00:02, loss=3]\n{'eval': 1, 'epoch': 2}\nGr\u{fc}n \u{1f600} loss = 7\nEpoch 2/2\n5/5 - 1s - loss: 0.25\nlast=1".as_bytes();
            let mut whole = reader(&["loss".into()], None);
            whole.stdout(text);
            whole.finish();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % text.len()).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut pieces = reader(&["loss".into()], None);
            cuts.windows(2).for_each(|pair| pieces.stdout(&text[pair[0]..pair[1]]));
            pieces.finish();
            prop_assert_eq!(points(&mut whole), points(&mut pieces));
        }

        #[test]
        fn anything_can_be_printed(bytes in proptest::collection::vec(any::<u8>(), 0..2000), text in "[ -~\\n\\r{}'\":=0-9a-z/|\\[\\]%]{0,400}") {
            let mut reader = reader(&["loss".into(), "a".into()], None);
            for input in [bytes.as_slice(), text.as_bytes()] {
                reader.stdout(input);
                reader.stderr(input);
                reader.report(input);
            }
            reader.finish();
            for (_, series) in reader.take() {
                prop_assert!(series.steps.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }
}
