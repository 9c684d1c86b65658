//! Which form a line has, and what it says in that form.

use super::literal;
use super::number::{number, step};

/// What a line says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Names and values, in their order.
    pub(super) values: Vec<(String, f64)>,
    /// The step that stands on the line.
    pub(super) step: Option<u64>,
    /// The name and value among the values that became the step.
    pub(super) step_value: Option<(String, f64)>,
    /// Whether the line is one of those that are refreshed, with the position of the bar.
    pub(super) bar: Option<u64>,
}

/// Words before a number that is a step; the first of them that stands on a line is its step.
const STEP_WORDS: [&str; 7] = ["step", "_step", "global_step", "iteration", "iter", "epoch", "epochs"];

/// Names of numbers that programs tell about themselves and that nobody compares.
const NO_METRICS: [&str; 22] = [
    "cuda",
    "cudnn",
    "python",
    "pytorch",
    "torch",
    "tensorflow",
    "jax",
    "numpy",
    "version",
    "seed",
    "pid",
    "port",
    "rank",
    "world_size",
    "num_workers",
    "device",
    "gpu",
    "gpus",
    "cpu",
    "cpus",
    "local_rank",
    "v_num",
];

fn step_rank(name: &str) -> Option<usize> {
    STEP_WORDS.iter().position(|word| word.eq_ignore_ascii_case(name))
}

/// Whether a name is never a metric unless the spec names it.
pub(super) fn is_no_metric(name: &str) -> bool {
    NO_METRICS.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// The line as one of the forms that are read whole: an object, a bar, Keras, or nothing but pairs.
pub(super) fn whole(text: &str) -> Option<Said> {
    let text = text.trim();
    if text.starts_with('{') {
        return literal::numbers(text).map(object);
    }
    bar(text).or_else(|| keras(text)).or_else(|| pairs(text))
}

/// An object: one of its keys may be the step.
pub(super) fn object(mut values: Vec<(String, f64)>) -> Said {
    let best = values
        .iter()
        .enumerate()
        .filter_map(|(i, (name, value))| Some((step_rank(name)?, i, step(*value)?)))
        .min_by_key(|(rank, ..)| *rank);
    let mut step_value = None;
    let step = best.map(|(_, i, step)| {
        step_value = Some(values.remove(i));
        step
    });
    Said { values, step, step_value, bar: None }
}

/// A bar of tqdm: `Epoch 1: 30%|###   | 3/10 [00:01<00:02, 4.9it/s, loss=0.5]`.
fn bar(text: &str) -> Option<Said> {
    let inner_end = text.strip_suffix(']')?;
    let open = inner_end.rfind(" [")?;
    let (before, inner) = (text[..open].trim_end(), &inner_end[open + 2..]);
    // The position stands before the bracket: `3/10`, or `3it` where the end is not known.
    let word = before.rsplit([' ', '|']).next()?;
    let position: u64 = match word.split_once('/') {
        Some((n, total)) => {
            total.parse::<u64>().ok().map(|_| ()).or((total == "?").then_some(()))?;
            n.parse().ok()?
        }
        None => word.strip_suffix("it")?.parse().ok()?,
    };
    if !inner.contains(['<', ',']) {
        return None;
    }
    let mut said = Said { bar: Some(position), ..Said::default() };
    for part in inner.split(", ") {
        if let Some((name, rest)) = part.split_once(['=', ':'])
            && let Some((value, length)) = number(rest.trim())
            && length == rest.trim().len()
            && is_name(name.trim())
        {
            said.values.push((name.trim().to_owned(), value));
        }
    }
    take_steps(&mut said);
    said.step = said.step.or_else(|| step_in(before.strip_suffix(word).unwrap_or(before), false));
    (!said.values.is_empty()).then_some(said)
}

/// Keras: `10/10 [=====] - 1s 5ms/step - loss: 0.4 - val_loss: 0.5`.
fn keras(text: &str) -> Option<Said> {
    let (n, rest) = text.split_once('/')?;
    let position: u64 = n.trim().parse().ok()?;
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '?' || c == 'U') || !text.contains(" - ") {
        return None;
    }
    let mut said = Said { bar: Some(position), ..Said::default() };
    for part in text.split(" - ").skip(1) {
        if let Some((name, rest)) = part.split_once(':')
            && let Some((value, length)) = number(rest.trim())
            && length == rest.trim().len()
            && is_name(name.trim())
        {
            said.values.push((name.trim().to_owned(), value));
        }
    }
    (!said.values.is_empty()).then_some(said)
}

/// Moves a step among the values to its place.
fn take_steps(said: &mut Said) {
    let taken = object(std::mem::take(&mut said.values));
    said.values = taken.values;
    said.step = taken.step;
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(in_name)
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '@')
}

/// A line of nothing but `name=value`, `name: value` and steps.
fn pairs(text: &str) -> Option<Said> {
    let mut values: Vec<(String, f64)> = Vec::new();
    let mut given: Option<(usize, u64)> = None;
    let mut see = |rank: usize, at: u64| {
        if given.is_none_or(|(other, _)| rank < other) {
            given = Some((rank, at));
        }
    };
    let mut rest = text;
    loop {
        rest = skip_separators(rest);
        if rest.is_empty() {
            break;
        }
        if let Some((at, length)) = fraction(rest) {
            see(STEP_WORDS.len(), at);
            rest = &rest[length..];
            continue;
        }
        let length = rest.find(|c: char| !in_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        let name = name.trim_end_matches(['-', '.']);
        if !is_name(name) || name.len() < length && !after.is_empty() && !after.starts_with([' ', ':', '=']) {
            return None;
        }
        if let Some(rank) = step_rank(name)
            && let Some((at, length)) = step_number(after, true)
        {
            see(rank, at);
            rest = &after[length..];
            continue;
        }
        let after = after.trim_start();
        let value = after.strip_prefix(['=', ':'])?.trim_start();
        let (number, length) = number(value)?;
        values.push((name.to_owned(), number));
        rest = &value[length..];
    }
    (!values.is_empty() || given.is_some()).then(|| Said { values, step: given.map(|(_, at)| at), ..Said::default() })
}

fn skip_separators(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest
            .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '(' | ')' | '[' | ']'));
        // A dash or a full stop alone.
        match rest.strip_prefix(['-', '–', '—', '·', '.', ':']) {
            Some(after) if after.is_empty() || after.starts_with(char::is_whitespace) => rest = after,
            _ => return rest,
        }
    }
}

/// `3/10` at the start: the first number and the length.
fn fraction(text: &str) -> Option<(u64, usize)> {
    let first = text.bytes().take_while(u8::is_ascii_digit).count();
    let second = text[first..].strip_prefix('/')?.bytes().take_while(u8::is_ascii_digit).count();
    let length = first + 1 + second;
    let ends = !text[length..].starts_with(|c: char| in_name(c) || c == '%' || c == ':');
    (first > 0 && second > 0 && ends).then(|| Some((text[..first].parse().ok()?, length))).flatten()
}

/// A number after the word for a step: ` 3`, `: 3/10`, `=3`, ` [3/10]`.
fn step_number(text: &str, whole_line: bool) -> Option<(u64, usize)> {
    let trimmed = text.trim_start_matches([' ', '\t', ':', '=', '[', '(', '#', '\'', '"']);
    let skipped = text.len() - trimmed.len();
    if skipped == 0 {
        return None;
    }
    if let Some((at, length)) = fraction(trimmed) {
        return Some((at, skipped + length));
    }
    let (value, length) = number(trimmed.trim_end_matches(':')).or_else(|| {
        // `Epoch 3: loss=0.5`
        let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
        let ends = trimmed[digits..].starts_with([':', '/', ' ', ',']) && digits > 0;
        (ends && !(whole_line && trimmed[digits..].starts_with('/')))
            .then(|| Some((trimmed[..digits].parse().ok()?, digits)))
            .flatten()
    })?;
    Some((step(value)?, skipped + length))
}

/// The step that stands anywhere in a text, by its word, or (where `bare`) as `[3/10]`.
fn step_in(text: &str, bare: bool) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    for word in STEP_WORDS {
        for (at, _) in lower.match_indices(word) {
            let before = lower[..at].chars().next_back();
            if before.is_some_and(in_name) {
                continue;
            }
            if let Some((step, _)) = step_number(&lower[at + word.len()..], false) {
                return Some(step);
            }
        }
    }
    let open = text.find('[').filter(|_| bare)?;
    let inner = &text[open + 1..];
    fraction(inner).filter(|(_, length)| inner[*length..].starts_with(']')).map(|(at, _)| at)
}

/// The wanted names in a text of any kind.
pub(super) fn prose(text: &str, wanted: &[String]) -> Option<Said> {
    let mut said = Said::default();
    for name in wanted {
        for (at, _) in text.match_indices(name.as_str()) {
            if text[..at].chars().next_back().is_some_and(in_name) || tells_of_the_past(&text[..at]) {
                continue;
            }
            if let Some(value) = value_after(&text[at + name.len()..]) {
                said.values.push((name.clone(), value));
                break;
            }
        }
    }
    if said.values.is_empty() {
        return None;
    }
    said.step = step_in(text, true);
    Some(said)
}

/// Whether the last word before a name says that the value is not a new one.
fn tells_of_the_past(before: &str) -> bool {
    const WORDS: [&str; 10] =
        ["best", "lowest", "highest", "min", "minimum", "max", "maximum", "previous", "last", "target"];
    let word = before.trim_end_matches([' ', ':', '\'', '"', '(']).rsplit(|c: char| !c.is_alphanumeric()).next();
    word.is_some_and(|word| WORDS.iter().any(|other| other.eq_ignore_ascii_case(word)))
}

/// The number behind a name: `=0.5`, `: 0.5`, ` 0.5`, `': 0.5`.
fn value_after(text: &str) -> Option<f64> {
    let after = text.strip_prefix(['\'', '"']).unwrap_or(text);
    let trimmed = after.trim_start();
    let value = match trimmed.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start(),
        None if trimmed.len() < after.len() => trimmed,
        None => return None,
    };
    number(value).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Some(said) = whole(text) else { return "-".into() };
        let values: Vec<String> = said.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut out = values.join(" ");
        if let Some(step) = said.step {
            out += &format!(" @{step}");
        }
        if let Some(bar) = said.bar {
            out += &format!(" bar {bar}");
        }
        out
    }

    #[test]
    fn lines_that_programs_print() {
        let lines = [
            "{'eval_loss': 0.41, 'eval_runtime': 1.2, 'epoch': 1.0}",
            "{'loss': 0.5, 'learning_rate': 5e-05, 'epoch': 0.27}",
            r#"{"step": 10, "epoch": 1, "loss": 0.3}"#,
            "loss=0.3",
            "loss = 0.3, acc: 91.5%",
            "val_loss: 0.3 | val/acc: 0.9 ; f1@5=0.2",
            "epoch 3 loss=0.4 val_loss=0.5",
            "Epoch 3/10",
            "Epoch 3/10 - loss: 0.4 - val_loss: nan",
            "Epoch: 3 loss: 1e999",
            "Epoch 3: loss 0.4",
            "Epoch 3: loss=0.4",
            "[3/10] loss=0.4",
            "[epoch 3] train_loss=0.4",
            "step=400 loss=0.1 lr=1e-4",
            "global_step: 7, epoch: 1, loss: 0.1",
            "10/10 [==============================] - 1s 5ms/step - loss: 0.4012 - val_loss: 0.5",
            "1875/1875 - 3s - 2ms/step - accuracy: 0.9 - loss: 0.3",
            "10/10 ━━━━━━━━━━━━━━━━━━━━ 0s 3ms/step - accuracy: 0.9 - loss: 0.3",
            "Epoch 1: 100%|██████████| 10/10 [00:01<00:00, 9.8it/s, v_num=0, val_loss=0.500]",
            " 30%|███       | 3/10 [00:00<00:01, 4.98it/s, loss=0.52, acc=0.9]",
            "12it [00:03, 3.9it/s, loss=1.5]",
            "loss=0.3 (best)",
            "Namespace(lr=0.1, epochs=10)",
            "CUDA: 12.1.0",
            "12:30:15",
            "time: 12:30:15",
            "2024-11-24 12:30:15 INFO workers: 4",
            "2024-11-24 12:30:15,123 - root - INFO - loss: 0.3",
            "Accuracy: 9833/10000 (98%)",
            "Test set: Average loss: 0.0500, Accuracy: 9833/10000 (98%)",
            "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.300",
            "loss: 2.303494  [   64/60000]",
            "Total params: 1,234,567",
            "elapsed: 3ms",
            "http://localhost:6006",
            "  - 3",
            "lr: 0.1: 0.2",
            "x = y",
            "",
        ];
        let table: Vec<String> = lines.iter().map(|line| format!("{line}\n    {}", shown(line))).collect();
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn prose_gives_only_what_is_wanted() {
        let wanted = ["loss".to_owned(), "val/acc".to_owned(), "Test acc".to_owned()];
        let shown = |text: &str| {
            prose(text, &wanted).map_or_else(|| "-".to_owned(), |said| format!("{:?} {:?}", said.values, said.step))
        };
        let lines = [
            "2024-11-24 12:30:15 INFO epoch 3: loss=0.5 lr=0.1",
            "INFO:root:{'loss': 0.41, 'epoch': 2}",
            "the loss is 0.5",
            "loss 0.5",
            "val_loss=0.5 loss_scale=2 train/loss=3 loss.x=1",
            "[7/10] val/acc: 91.5% done",
            "Test acc = nan. Saved.",
            "Train Epoch: 1 [0/60000 (0%)]\tloss: 2.300",
            "loss=12:30:15",
            "no loss",
            "Saved, best loss=0.1 at epoch 2",
            "(best: loss 0.1) loss: tensor(0.5, device='cuda:0')",
            "loss=1,234.5",
        ];
        let table: Vec<String> = lines.iter().map(|line| format!("{line}\n    {}", shown(line))).collect();
        insta::assert_snapshot!(table.join("\n"));
    }
}
