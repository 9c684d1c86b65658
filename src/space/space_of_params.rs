//! The space: params in order, their conditions, the constraints over them, and how a config is completed.
//!
//! Invariant: [`Space::complete`] is the only way to a config, for every sampler, so that activity, computed params
//! and constraints mean the same everywhere.

use std::sync::Arc;

use super::config::{Config, Setting};
use super::domain::Domain;
use super::value::Value;
use crate::expr::{Expr, Kind, Names, Operand};

/// A named input of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// The dotted name.
    pub name: Arc<str>,
    /// The values it may take.
    pub domain: Domain,
    /// It is active only where all of these hold.
    pub when: Vec<When>,
}

/// A condition: another param has one of these values (or labels).
#[derive(Clone, Debug, PartialEq)]
pub struct When {
    /// The other param.
    pub name: Arc<str>,
    /// The values with which the condition holds.
    pub values: Vec<Value>,
}

/// Why params do not make a space.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// Conditions or computed params that depend on each other in a circle.
    #[error("params depend on each other in a circle: {}", names.join(" -> "))]
    Circle {
        /// The params of the circle, in order.
        names: Vec<String>,
    },
}

/// The params in order, with the constraints over them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Space {
    params: Vec<Param>,
    /// Places in `params` such that every param comes after those it depends on.
    order: Vec<usize>,
    constraints: Vec<Expr>,
    cases: Vec<Vec<(Arc<str>, Value)>>,
    tries: Vec<Vec<(Arc<str>, Value)>>,
}

impl Space {
    /// A space of `params`; expressions have been checked against these params by the caller.
    ///
    /// # Errors
    /// When conditions and computed params depend on each other in a circle.
    pub fn new(
        params: Vec<Param>,
        constraints: Vec<Expr>,
        cases: Vec<Vec<(Arc<str>, Value)>>,
        tries: Vec<Vec<(Arc<str>, Value)>>,
    ) -> Result<Self, SpaceError> {
        let order = dependency_order(&params)?;
        Ok(Self { params, order, constraints, cases, tries })
    }

    /// The params, in the order of the spec.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The params, each after those it depends on, otherwise in the order of the spec.
    pub fn ordered(&self) -> impl Iterator<Item = &Param> {
        self.order.iter().map(|&i| &self.params[i])
    }

    /// The constraints.
    pub fn constraints(&self) -> &[Expr] {
        &self.constraints
    }

    /// The explicit rows that are crossed with the params.
    pub fn cases(&self) -> &[Vec<(Arc<str>, Value)>] {
        &self.cases
    }

    /// The configs to run first, whole or in part.
    pub fn tries(&self) -> &[Vec<(Arc<str>, Value)>] {
        &self.tries
    }

    /// The param called `name`.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| &*param.name == name)
    }

    /// The number of params a search has to choose, cases counted as one.
    pub fn searched(&self) -> usize {
        self.params.iter().filter(|param| param.domain.is_searched()).count() + usize::from(self.cases.len() > 1)
    }

    /// Whether `param` is active, given the settings of the params before it.
    pub fn is_active(&self, param: &Param, settings: &[Setting]) -> bool {
        param.when.iter().all(|when| {
            settings.iter().find(|setting| setting.name == when.name).is_some_and(|setting| {
                when.values.iter().any(|value| {
                    setting.value.alike(value) || (setting.label.is_some() && setting.label.as_deref() == value.text())
                })
            })
        })
    }

    /// The setting that needs no choice: a constant, a computed value, the current case; none where that is inactive
    /// or where a choice is needed.
    pub fn settled(&self, param: &Param, case: usize, settings: &[Setting]) -> Option<Setting> {
        let value = match &param.domain {
            Domain::Const(value) => Some(value.clone()),
            Domain::Computed(expr) => {
                match Value::from_operand(expr.eval(&|name| operand(settings, name)))? {
                    // 15 digits: 0.1 * 0.1 is 0.01, not 0.010000000000000002.
                    Value::Float(x) if x.is_finite() => {
                        format!("{x:.14e}").parse().ok().map(|x: f64| Value::Float(if x == 0.0 { 0.0 } else { x }))
                    }
                    value => Some(value),
                }
            }
            Domain::Case => {
                let row = self.cases.get(case)?;
                row.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value.clone())
            }
            _ => None,
        }?;
        Some(Setting { name: param.name.clone(), value, label: None })
    }

    /// A config from a choice for each active param that needs one.
    pub fn complete(&self, case: usize, mut choose: impl FnMut(&Param) -> Option<(Value, Option<Arc<str>>)>) -> Config {
        let mut settings: Vec<Setting> = Vec::with_capacity(self.params.len());
        for param in self.ordered() {
            if !self.is_active(param, &settings) {
                continue;
            }
            let setting = match &param.domain {
                Domain::Const(_) | Domain::Computed(_) | Domain::Case => self.settled(param, case, &settings),
                _ => choose(param).map(|(value, label)| Setting { name: param.name.clone(), value, label }),
            };
            settings.extend(setting);
        }
        self.in_order(settings)
    }

    /// A config of `settings`, put into the order of the spec.
    pub fn in_order(&self, settings: Vec<Setting>) -> Config {
        let mut settings = settings;
        if self.order.windows(2).any(|pair| pair[0] > pair[1]) {
            let place = |name: &str| self.params.iter().position(|param| &*param.name == name);
            settings.sort_by_key(|setting| place(&setting.name));
        }
        Config { settings }
    }

    /// Whether the config meets every constraint. One whose operand is inactive is accepted, see [`Space::verdict`].
    pub fn accepts(&self, config: &Config) -> bool {
        self.constraints.iter().all(|constraint| self.verdict(constraint, config) != Some(false))
    }

    /// Whether `config` is one that this space could have given: active params and no others, values within their
    /// domains, constraints met.
    pub fn admits(&self, config: &Config) -> bool {
        let id = config.id();
        (0..self.cases.len().max(1)).any(|case| {
            let own = self.complete(case, |param| {
                let setting = config.setting(&param.name)?;
                param.domain.contains(&setting.value).then(|| (setting.value.clone(), setting.label.clone()))
            });
            own.id() == id && self.accepts(&own)
        })
    }

    /// What one constraint says of a config: none where an operand is inactive.
    pub fn verdict(&self, constraint: &Expr, config: &Config) -> Option<bool> {
        constraint.truth(&|name| operand(&config.settings, name))
    }

    /// The configs of `try`, completed from the middle of each range and the first of each choice.
    pub fn completed_tries(&self) -> Vec<Config> {
        let complete = |wanted: &Vec<(Arc<str>, Value)>| {
            let given = |name: &str| wanted.iter().find(|(other, _)| &**other == name).map(|(_, value)| value);
            let case = self
                .cases
                .iter()
                .position(|row| row.iter().all(|(name, value)| given(name).is_none_or(|wanted| wanted.alike(value))));
            self.complete(case.unwrap_or(0), |param| match (given(&param.name), &param.domain) {
                (Some(value), Domain::Choice(choices)) => {
                    let item = &choices.items[choices.position(value).unwrap_or(0)];
                    Some((item.value.clone(), item.label.clone()))
                }
                (Some(Value::Int(int)), Domain::Range(range)) if !range.scale.is_int() => {
                    Some((Value::Float(*int as f64), None))
                }
                (Some(value), _) => Some((value.clone(), None)),
                (None, Domain::Choice(_)) => param.domain.at(0.0),
                (None, domain) => domain.at(0.5),
            })
        };
        self.tries.iter().map(complete).collect()
    }
}

/// What a name means among `settings`: the value, which also goes by its label; missing where inactive.
fn operand<'a>(settings: &[Setting], name: &str) -> Operand<'a> {
    let name = name.strip_prefix("param.").filter(|short| has(settings, short)).unwrap_or(name);
    match settings.iter().find(|setting| &*setting.name == name) {
        None => Operand::Missing,
        Some(setting) => {
            let value = match setting.value.operand() {
                Operand::Text(text) => Operand::Text(text.into_owned().into()),
                Operand::Bool(bool) => Operand::Bool(bool),
                Operand::Int(int) => Operand::Int(int),
                Operand::Float(float) => Operand::Float(float),
                Operand::Missing if setting.label.is_none() => Operand::Missing,
                _ => Operand::Opaque,
            };
            match &setting.label {
                Some(label) => Operand::Labelled(label.to_string().into(), Box::new(value)),
                None => value,
            }
        }
    }
}

fn has(settings: &[Setting], name: &str) -> bool {
    settings.iter().any(|setting| &*setting.name == name)
}

impl Names for Space {
    fn kind(&self, name: &str) -> Option<Kind> {
        let find = |name: &str| self.param(name).map(|param| param.domain.kind());
        find(name).or_else(|| name.strip_prefix("param.").and_then(find))
    }

    fn known(&self) -> Vec<&str> {
        self.params.iter().map(|param| &*param.name).collect()
    }

    fn noun(&self) -> &'static str {
        "param"
    }
}

/// Sorts params so that each comes after those it depends on, keeping the given order where it can.
fn dependency_order(params: &[Param]) -> Result<Vec<usize>, SpaceError> {
    fn visit(
        i: usize,
        params: &[Param],
        mark: &mut [u8],
        path: &mut Vec<usize>,
        order: &mut Vec<usize>,
    ) -> Result<(), SpaceError> {
        if mark[i] == 2 {
            return Ok(());
        }
        path.push(i);
        if mark[i] == 1 {
            let start = path.iter().position(|&j| j == i).unwrap_or(0);
            let names = path[start..].iter().map(|&j| params[j].name.to_string()).collect();
            return Err(SpaceError::Circle { names });
        }
        mark[i] = 1;
        let computed = match &params[i].domain {
            Domain::Computed(expr) => expr.names(),
            _ => Vec::new(),
        };
        let needs = params[i].when.iter().map(|when| &*when.name).chain(computed);
        for name in needs {
            let short = name.strip_prefix("param.").unwrap_or(name);
            if let Some(j) = params.iter().position(|param| &*param.name == name || &*param.name == short) {
                visit(j, params, mark, path, order)?;
            }
        }
        path.pop();
        mark[i] = 2;
        order.push(i);
        Ok(())
    }
    let mut order = Vec::with_capacity(params.len());
    let mut mark = vec![0; params.len()];
    for i in 0..params.len() {
        visit(i, params, &mut mark, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse;
    use crate::space::Choices;

    fn param(name: &str, domain: Domain) -> Param {
        Param { name: name.into(), domain, when: Vec::new() }
    }

    fn sample() -> Space {
        let beta = Param {
            when: vec![When { name: "method".into(), values: vec!["transfer".into()] }],
            ..param("beta", Domain::Choice(Choices::plain([0.1.into(), 0.2.into()])))
        };
        let params = vec![
            param("twice", Domain::Computed(parse("beta * 2").unwrap())),
            beta,
            param("method", Domain::Choice(Choices::plain(["gd".into(), "transfer".into()]))),
        ];
        let constraint = parse("beta < 0.15").unwrap();
        Space::new(params, vec![constraint], vec![], vec![vec![("method".into(), "transfer".into())]]).unwrap()
    }

    #[test]
    fn inactive_params_are_absent_and_so_is_what_is_computed_from_them() {
        let space = sample();
        let pick = |method: &'static str| {
            space.complete(0, move |param| match &*param.name {
                "method" => Some((method.into(), None)),
                _ => Some((0.2.into(), None)),
            })
        };
        assert_eq!(pick("gd").to_string(), "method=gd");
        assert_eq!(pick("transfer").to_string(), "twice=0.4 beta=0.2 method=transfer");
        assert!(space.accepts(&pick("gd")), "a constraint over an inactive param accepts");
        assert!(!space.accepts(&pick("transfer")));
    }

    #[test]
    fn a_labelled_choice_is_its_value_and_goes_by_its_label() {
        let item = |label: &str, value: f64| crate::space::Choice { label: Some(label.into()), value: value.into() };
        let choices = Choices { items: vec![item("small", 0.001), item("large", 0.1)], weights: None };
        let params =
            vec![param("lab", Domain::Choice(choices)), param("lr", Domain::Computed(parse("2 * lab").unwrap()))];
        let constraints = vec![parse("lab = 'large'").unwrap(), parse("lab > 0.05").unwrap()];
        let space = Space::new(params, constraints, vec![], vec![]).unwrap();
        let pick =
            |label: &'static str, value: f64| space.complete(0, move |_| Some((value.into(), Some(label.into()))));
        assert_eq!(pick("large", 0.1).to_string(), "lab=large lr=0.2");
        assert!(space.accepts(&pick("large", 0.1)) && !space.accepts(&pick("small", 0.001)));
    }

    #[test]
    fn tries_are_filled_up() {
        assert_eq!(sample().completed_tries()[0].to_string(), "twice=0.2 beta=0.1 method=transfer");
    }

    #[test]
    fn circles_are_found() {
        let params = vec![
            param("a", Domain::Computed(parse("b + 1").unwrap())),
            param("b", Domain::Computed(parse("a + 1").unwrap())),
        ];
        let error = Space::new(params, vec![], vec![], vec![]).unwrap_err();
        assert_eq!(error.to_string(), "params depend on each other in a circle: a -> b -> a");
    }
}
