//! All places where a value may be set, from the weakest to the strongest.

use std::path::{Path, PathBuf};

use super::key::{PREFIX, nearest};
use super::profile::{built_in, in_force};
use super::project::{Project, keys};
use super::settings::Settings;
use super::stated::Stated;
use super::{ConfigError, Environment, Key, Origin, Overrides};

/// The defaults, which name every key.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

const CONFIG_VARIABLE: &str = "CALLSHEET_CONFIG";
const PROFILE_VARIABLE: &str = "CALLSHEET_PROFILE";

/// What holds after all places were read.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) settings: Settings,
    pub(super) project: Project,
    pub(super) profile: Option<(String, Origin)>,
    /// What is said of some tests, the weakest first.
    pub(super) overrides: Vec<Stated>,
    pub(super) cwd: PathBuf,
}

impl Resolved {
    /// Reads all places. `search` is whether a project's file is looked for when none is named.
    pub(super) fn read(
        overrides: &Overrides,
        environment: &Environment,
        cwd: &Path,
        search: bool,
    ) -> Result<Self, ConfigError> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let file =
            overrides.config_file.clone().or_else(|| variable(CONFIG_VARIABLE).map(PathBuf::from));
        let project = if search || file.is_some() {
            Project::load(file.as_deref(), cwd)?
        } else {
            Project::none(cwd)
        };
        let profile = overrides.profile.clone().or_else(|| {
            let name = variable(PROFILE_VARIABLE)?;
            Some((name.to_owned(), Origin::Variable(PROFILE_VARIABLE.to_owned())))
        });

        let mut settings = defaults();
        settings.stronger();
        if let Some(origin) = &project.origin {
            for (key, value) in &project.top {
                settings.set_toml(*key, value, origin)?;
            }
        }
        // A mistake in a profile is told also when another one is in force.
        let mut unused = settings.clone();
        for profile in &project.profiles {
            for (key, value) in &profile.values {
                unused.set_toml(*key, value, &profile.origin)?;
            }
        }
        let mut stated = project.overrides.clone();
        let built_in = built_in();
        let wanted = profile.as_ref().map(|(name, origin)| (&**name, origin));
        for profile in in_force(wanted, &project.profiles, &built_in)? {
            settings.stronger();
            for (key, value) in &profile.values {
                settings.set_toml(*key, value, &profile.origin)?;
            }
            stated.extend_from_slice(&profile.overrides);
        }
        settings.stronger();
        report_unknown_variables(environment);
        for key in Key::ALL {
            let name = key.variable();
            if let Some(text) = variable(&name) {
                settings.set_text(key, text, &Origin::Variable(name))?;
            }
        }
        settings.stronger();
        for given in &overrides.given {
            settings.set_given(given)?;
        }
        for (origin, args) in &overrides.pytest_args {
            settings.add_pytest_args(args, origin);
        }
        for stated in &stated {
            stated.check(&settings.resources.value.0)?;
        }
        Ok(Self { settings, project, profile, overrides: stated, cwd: cwd.to_owned() })
    }

    /// The directory that a relative path is meant from, when it was set at `origin`.
    pub(super) fn base(&self, origin: &Origin) -> &Path {
        match origin {
            Origin::File(_) | Origin::Profile { .. } => &self.project.directory,
            Origin::Default
            | Origin::BuiltInProfile(_)
            | Origin::Variable(_)
            | Origin::Flag(_)
            | Origin::Program => &self.cwd,
        }
    }
}

/// Variables that look like ours and are not known go to the log only: agents, workers and programs that use callsheet set such
/// variables for reasons of their own.
fn report_unknown_variables(environment: &Environment) {
    let known = Key::ALL.map(Key::variable);
    for name in environment.names().filter(|name| name.starts_with(PREFIX)) {
        if !known.iter().any(|known| known == name)
            && let Some(near) = nearest_variable(name)
        {
            log::warn!("`{name}` in the environment is no key; the nearest is `{near}`");
        }
    }
}

fn nearest_variable(name: &str) -> Option<String> {
    let plain = name.strip_prefix(PREFIX)?;
    let names = Key::ALL.map(|key| key.name().replace('.', "_"));
    nearest(plain, names.iter().map(String::as_str))
        .map(|near| format!("{PREFIX}{}", near.to_ascii_uppercase()))
}

/// The value of every key where nobody sets any.
fn defaults() -> Settings {
    let mut settings = Settings::default();
    let table = DEFAULTS.parse().expect("the defaults are valid TOML");
    let values = keys(&table, &Origin::Default, &[]).expect("the defaults hold known keys only");
    for (key, value) in values {
        settings
            .set_toml(key, &value, &Origin::Default)
            .expect("each default is a value of its key");
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_every_key_and_nothing_else() {
        let table = DEFAULTS.parse().unwrap();
        let mut names: Vec<_> = keys(&table, &Origin::Default, &[])
            .unwrap()
            .into_iter()
            .map(|(key, _)| key.name())
            .collect();
        let mut known = Key::ALL.map(Key::name).to_vec();
        names.sort_unstable();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn the_default_deadlines_are_those_of_the_model() {
        let settings = defaults();
        assert_eq!(settings.deadlines(), crate::model::Deadlines::default());
    }
}
