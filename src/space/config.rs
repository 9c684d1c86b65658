//! A config: one value for every active param, and its identity.

use std::fmt;
use std::sync::Arc;

use super::value::Value;

/// One param of a config.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The param's dotted name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// What is shown instead of the value.
    pub label: Option<Arc<str>>,
}

impl Setting {
    /// What a person is shown: the label, else the value.
    pub fn shown(&self) -> String {
        self.label.as_deref().map_or_else(|| self.value.to_string(), str::to_owned)
    }
}

/// One value for every active param, in the order of the space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The settings, each name once.
    pub settings: Vec<Setting>,
}

impl Config {
    /// The value of the param called `name`; none where it is inactive.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.setting(name).map(|setting| &setting.value)
    }

    /// The setting of the param called `name`; none where it is inactive.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| &*setting.name == name)
    }

    /// The identity: a hash of the active params by name, each with its type and canonical bytes.
    pub fn id(&self) -> ConfigId {
        let mut sorted: Vec<&Setting> = self.settings.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"sweep config v1\0");
        for setting in sorted {
            hasher.update(&(setting.name.len() as u64).to_le_bytes());
            hasher.update(setting.name.as_bytes());
            setting.value.canonical(&mut |bytes| {
                hasher.update(bytes);
            });
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        ConfigId(id)
    }
}

/// `lr=0.1 method=sgd`, in the order of the space.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, setting) in self.settings.iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{}={}", setting.name, setting.shown())?;
        }
        Ok(())
    }
}

/// The identity of a config: 16 bytes, shown as 32 hexadecimal digits or a prefix of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigId(pub [u8; 16]);

impl fmt::Display for ConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(settings: &[(&str, Value)]) -> Config {
        let settings = settings
            .iter()
            .map(|(name, value)| Setting { name: (*name).into(), value: value.clone(), label: None })
            .collect();
        Config { settings }
    }

    #[test]
    fn the_identity_never_changes() {
        let id = config(&[("lr", 0.1.into()), ("method", "sgd".into()), ("n", 3.into())]).id();
        assert_eq!(id.to_string(), "de176ab58036229f31de542b95983b6f");
    }

    #[test]
    fn the_identity_depends_on_values_and_types_only() {
        let base = config(&[("a", 1.into()), ("b", 0.0.into())]).id();
        assert_eq!(config(&[("b", (-0.0).into()), ("a", 1.into())]).id(), base);
        assert_ne!(config(&[("a", 1.0.into()), ("b", 0.0.into())]).id(), base);
        assert_ne!(config(&[("a", 1.into())]).id(), base);
        // Lengths are hashed too, so that names and values cannot run into each other.
        assert_ne!(config(&[("ab", "c".into())]).id(), config(&[("a", "bc".into())]).id());
    }

    proptest! {
        #[test]
        fn different_floats_have_different_identities(a in any::<f64>(), b in any::<f64>()) {
            let same = a == b || (a.is_nan() && b.is_nan());
            prop_assert_eq!(config(&[("x", a.into())]).id() == config(&[("x", b.into())]).id(), same);
        }
    }
}
