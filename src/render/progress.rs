//! A running sweep: a live display on a terminal, plain lines without one, silence where that is wanted.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::number;
use super::spark::sparkline;
use super::text::{clean, shorten};
use crate::run::{EndedTrial, Progress, Watcher};
use crate::space::State;

/// How many running trials the display lists.
const MOST_RUNNING: usize = 8;
/// What stands before the bars of the best value over trials, the most bars, and from how many trials on they show.
const SPARK_LABEL: &str = "over trials ";
const MOST_BARS: usize = 48;
const FEWEST_BARS: usize = 3;
/// How often plain lines tell where the sweep stands.
const LINES_EVERY: Duration = Duration::from_secs(5);

/// The live display, on standard error.
pub struct Display {
    bar: ProgressBar,
    metric: String,
    drawn: Option<Instant>,
    width: usize,
}

impl Display {
    /// A display for a sweep that compares `metric`, on a terminal `width` columns wide.
    pub fn new(metric: &str, width: usize) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(12));
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
        Self { bar, metric: clean(metric), drawn: None, width }
    }

    /// Takes the display away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn text(&self, progress: &Progress) -> String {
        let width = self.width.max(40) - 1;
        let mut lines = vec![shorten(&bar_line(progress, width), width)];
        if let Some(best) = best_words(progress, &self.metric) {
            lines.push(shorten(&best, width));
            let bars = sparkline(&progress.best_over_trials, width.saturating_sub(SPARK_LABEL.len()).min(MOST_BARS));
            if progress.best_over_trials.len() >= FEWEST_BARS {
                lines.push(format!("{SPARK_LABEL}{bars}"));
            }
        }
        for trial in progress.running.iter().take(MOST_RUNNING) {
            let last = trial.last.as_ref().map_or_else(String::new, |(name, step, value)| {
                format!("  step {step} {} {}", clean(name), number::metric(*value))
            });
            let (took, config) = (number::of(trial.elapsed), clean(&trial.config.to_string()));
            let line = format!("  #{:<4} {took:>7}{last}  {config}", trial.number);
            lines.push(shorten(&line, width));
        }
        if progress.running.len() > MOST_RUNNING {
            lines.push(format!("  and {} more running", progress.running.len() - MOST_RUNNING));
        }
        lines.join("\n")
    }
}

impl Watcher for Display {
    fn ended(&mut self, trial: &EndedTrial<'_>, _: &Progress) {
        if trial.state == State::Failed {
            let line = format!(
                "trial {} failed: {} ({})",
                trial.number,
                clean(trial.reason),
                clean(&trial.config.to_string())
            );
            self.bar.println(shorten(&line, self.width.max(40) - 1));
        }
    }

    fn tick(&mut self, progress: &Progress) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() > Duration::from_millis(80)) {
            self.bar.set_message(self.text(progress));
            self.bar.tick();
            self.drawn = Some(Instant::now());
        }
    }

    fn note(&mut self, text: &str) {
        self.bar.println(clean(text));
    }
}

/// Plain lines on standard error.
pub struct Lines {
    metric: String,
    told: Instant,
    write: Box<dyn FnMut(&str)>,
}

impl Lines {
    /// Lines about a sweep that compares `metric`, each handed to `write`.
    pub fn new(metric: &str, write: Box<dyn FnMut(&str)>) -> Self {
        Self { metric: clean(metric), told: Instant::now(), write }
    }
}

impl Watcher for Lines {
    fn ended(&mut self, trial: &EndedTrial<'_>, _: &Progress) {
        if trial.state == State::Failed {
            let reason = clean(trial.reason);
            (self.write)(&format!("trial {} failed: {reason} ({})", trial.number, clean(&trial.config.to_string())));
        }
    }

    fn tick(&mut self, progress: &Progress) {
        if self.told.elapsed() >= LINES_EVERY {
            self.told = Instant::now();
            (self.write)(&status(progress));
            if let Some(best) = best_words(progress, &self.metric) {
                (self.write)(&best);
            }
        }
    }

    fn note(&mut self, text: &str) {
        (self.write)(&clean(text));
    }
}

/// Shows nothing but notes.
pub struct Quiet;

impl Watcher for Quiet {
    fn ended(&mut self, _: &EndedTrial<'_>, _: &Progress) {}
    fn tick(&mut self, _: &Progress) {}
    fn note(&mut self, _: &str) {}
}

fn bar_line(progress: &Progress, width: usize) -> String {
    let words = status(progress);
    let (done, planned) = (progress.counts.finished(), progress.planned.unwrap_or(0));
    let cells = width.saturating_sub(words.chars().count() + 3).min(24);
    if cells < 6 || planned == 0 {
        return words;
    }
    let filled = (done as f64 / planned as f64 * cells as f64).min(cells as f64) as usize;
    format!("[{}{}] {words}", "=".repeat(filled), " ".repeat(cells - filled))
}

/// `120/210 trials, 2 running, 3 diverged, 31/s, 3 s left`.
fn status(progress: &Progress) -> String {
    let counts = &progress.counts;
    let finished = counts.finished();
    let mut words = match progress.planned {
        Some(planned) => format!("{finished}/{planned} trials"),
        None => format!("{finished} trials"),
    };
    words += &format!(", {} running", progress.running.len());
    for state in [State::Failed, State::Diverged, State::Pruned] {
        if counts.of(state) > 0 {
            words += &format!(", {} {state}", counts.of(state));
        }
    }
    let rate = progress.rate();
    if finished > progress.before {
        words += &if rate >= 1.0 { format!(", {rate:.0}/s") } else { format!(", {:.1}/min", rate * 60.0) };
    }
    if progress.draining {
        words += ", stopping";
    } else if let Some(left) = progress.left() {
        words += &format!(", {} left", number::of(left));
    }
    words
}

fn best_words(progress: &Progress, metric: &str) -> Option<String> {
    let best = progress.best.as_ref()?;
    let seeds = if best.seeds == 1 { String::new() } else { format!(" (mean of {} seeds)", best.seeds) };
    Some(format!("best {metric} {}{seeds}  {}", number::metric(best.mean), clean(&best.config.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{BestSoFar, RunningTrial};
    use crate::space::{Config, Setting};
    use std::sync::Arc;

    #[test]
    fn the_display_fits_60_columns() {
        let config = Arc::new(Config {
            settings: vec![Setting {
                name: "method".into(),
                value: "a \x1b[31m hostile and rather long name".into(),
                label: None,
            }],
        });
        let mut progress = Progress {
            planned: Some(500),
            elapsed: Duration::from_secs(20),
            best: Some(BestSoFar { mean: 0.2101, seeds: 3, config: config.clone() }),
            running: (0..10)
                .map(|i| RunningTrial {
                    number: 240 + i,
                    config: config.clone(),
                    repeat: 0,
                    elapsed: Duration::from_secs(i),
                    last: Some(("val_loss".into(), 40, 0.31)),
                })
                .collect(),
            best_over_trials: (0..240).map(|i| 0.21 + 2.0 / f64::from(1 + i)).collect(),
            ..Progress::default()
        };
        progress.counts.add(State::Done, 240);
        progress.counts.add(State::Diverged, 3);
        let text = Display::new("val_loss", 60).text(&progress);
        assert!(text.lines().all(|line| line.chars().count() < 60), "{text}");
        insta::assert_snapshot!(text);
    }
}
