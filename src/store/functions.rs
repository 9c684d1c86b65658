//! Functions for questions in SQL that SQLite as it is built does not have.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::{Connection, Result};

type OfOne = fn(f64) -> f64;

/// Functions of one number. Where the result is no real number they give NULL.
const OF_ONE: [(&str, OfOne); 10] = [
    ("sqrt", f64::sqrt),
    ("exp", f64::exp),
    ("ln", f64::ln),
    ("log10", f64::log10),
    ("log2", f64::log2),
    ("floor", f64::floor),
    ("ceil", f64::ceil),
    ("sin", f64::sin),
    ("cos", f64::cos),
    ("tanh", f64::tanh),
];

/// Makes them known to a connection: those of one number; `log` (natural, or `log(base, x)`), `pow`, `regexp` (`x REGEXP
/// pattern`); the aggregates `median`, `quantile(x, q)`, `stddev`, `variance` (of a sample).
pub(super) fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    let number = |context: &Context<'_>, i: usize| context.get::<Option<f64>>(i);
    for (name, function) in OF_ONE {
        connection.create_scalar_function(name, 1, flags, move |context| Ok(number(context, 0)?.map(function)))?;
    }
    // In SQLite's own maths functions `log` of one number is of base 10: here too.
    connection.create_scalar_function("log", 1, flags, move |context| Ok(number(context, 0)?.map(f64::log10)))?;
    connection.create_scalar_function("log", 2, flags, move |context| {
        Ok(number(context, 0)?.zip(number(context, 1)?).map(|(base, x)| x.ln() / base.ln()))
    })?;
    connection.create_scalar_function("pow", 2, flags, move |context| {
        Ok(number(context, 0)?.zip(number(context, 1)?).map(|(x, y)| x.powf(y)))
    })?;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        type Failure = Box<dyn std::error::Error + Send + Sync>;
        let pattern = context.get_or_create_aux(0, |value| -> Result<regex::Regex, Failure> {
            Ok(regex::RegexBuilder::new(value.as_str()?).size_limit(1 << 20).build()?)
        })?;
        let text: Option<String> = match context.get_raw(1) {
            rusqlite::types::ValueRef::Null => None,
            rusqlite::types::ValueRef::Integer(int) => Some(int.to_string()),
            rusqlite::types::ValueRef::Real(real) => Some(real.to_string()),
            _ => Some(context.get(1)?),
        };
        Ok(text.map(|text| pattern.is_match(&text)))
    })?;
    connection.create_aggregate_function("median", 1, flags, Quantile)?;
    connection.create_aggregate_function("quantile", 2, flags, Quantile)?;
    connection.create_aggregate_function("variance", 1, flags, Spread { root: false })?;
    connection.create_aggregate_function("stddev", 1, flags, Spread { root: true })
}

/// The quantile `q` (0 to 1; the median where it is not given) of the values that are not NULL, interpolated linearly
/// between the two nearest.
struct Quantile;

impl Aggregate<(Vec<f64>, f64), Option<f64>> for Quantile {
    fn init(&self, _: &mut Context<'_>) -> Result<(Vec<f64>, f64)> {
        Ok((Vec::new(), 0.5))
    }

    fn step(&self, context: &mut Context<'_>, (values, q): &mut (Vec<f64>, f64)) -> Result<()> {
        values.extend(context.get::<Option<f64>>(0)?);
        if context.len() > 1 {
            *q = context.get::<f64>(1)?.clamp(0.0, 1.0);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<(Vec<f64>, f64)>) -> Result<Option<f64>> {
        let Some((mut values, q)) = state.filter(|(values, _)| !values.is_empty()) else { return Ok(None) };
        values.sort_by(f64::total_cmp);
        let place = q * (values.len() - 1) as f64;
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        Ok(Some(low + (high - low) * place.fract()))
    }
}

/// The variance of a sample, or its root; NULL for fewer than two values. By Welford's updates.
struct Spread {
    root: bool,
}

impl Aggregate<(u64, f64, f64), Option<f64>> for Spread {
    fn init(&self, _: &mut Context<'_>) -> Result<(u64, f64, f64)> {
        Ok((0, 0.0, 0.0))
    }

    fn step(&self, context: &mut Context<'_>, (n, mean, squares): &mut (u64, f64, f64)) -> Result<()> {
        if let Some(x) = context.get::<Option<f64>>(0)? {
            *n += 1;
            let before = x - *mean;
            *mean += before / *n as f64;
            *squares += before * (x - *mean);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, state: Option<(u64, f64, f64)>) -> Result<Option<f64>> {
        Ok(state.filter(|(n, ..)| *n > 1).map(|(n, _, squares)| {
            let variance = squares / (n - 1) as f64;
            if self.root { variance.sqrt() } else { variance }
        }))
    }
}
