//! Which profiles hold, from the weakest to the strongest.

use super::key::nearest;
use super::project::Profile;
use super::{ConfigError, Origin};

/// The profile that holds under every other one.
pub(super) const DEFAULT: &str = "default";

/// The profiles that are built into the program, by name.
const BUILT_IN: [(&str, &str); 2] = [
    ("ci", include_str!("../../config/ci.toml")),
    ("campaign", include_str!("../../config/campaign.toml")),
];

/// The built-in profiles.
pub(super) fn built_in() -> Vec<Profile> {
    BUILT_IN
        .into_iter()
        .map(|(name, text)| {
            let table = text.parse().expect("built-in profiles are valid TOML");
            Profile::from_table(name.to_owned(), table, Origin::BuiltInProfile(name.to_owned()))
                .expect("built-in profiles hold known keys only")
        })
        .collect()
}

/// The profiles in force when `wanted` is asked for, the weakest first: `default` with all that it inherits, then `wanted`
/// with all that it inherits. A project's profile stands above the built-in one of the same name, which it adds to.
///
/// `wanted` carries who asks for it.
pub(super) fn in_force<'a>(
    wanted: Option<(&str, &Origin)>,
    project: &'a [Profile],
    built_in: &'a [Profile],
) -> Result<Vec<&'a Profile>, ConfigError> {
    let all = Profiles { project, built_in };
    let mut names = Vec::new();
    if all.exists(DEFAULT) {
        all.lineage(DEFAULT, &Origin::Default, &mut names)?;
    }
    if let Some((name, origin)) = wanted
        && name != DEFAULT
    {
        let mut own = Vec::new();
        all.lineage(name, origin, &mut own)?;
        names.retain(|known| !own.contains(known));
        names.append(&mut own);
    }
    Ok(names.into_iter().flat_map(|name| all.named(name)).collect())
}

#[derive(Clone, Copy)]
struct Profiles<'a> {
    project: &'a [Profile],
    built_in: &'a [Profile],
}

impl<'a> Profiles<'a> {
    /// All profiles of a name, the weakest first.
    fn named(self, name: &str) -> impl Iterator<Item = &'a Profile> {
        self.built_in.iter().chain(self.project).filter(move |profile| profile.name == name)
    }

    fn exists(self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Puts the parents of a profile, the farthest first, and then itself at the end of `line`.
    fn lineage(
        self,
        name: &str,
        asked_by: &Origin,
        line: &mut Vec<&'a str>,
    ) -> Result<(), ConfigError> {
        let mut up: Vec<&'a str> = Vec::new();
        let mut next = Some((name.to_owned(), asked_by.clone()));
        while let Some((name, asked_by)) = next {
            if let Some(start) = up.iter().position(|known| *known == name) {
                let mut circle = up.split_off(start);
                circle.push(circle[0]);
                return Err(ConfigError::ProfileCycle(circle.join(" → ")));
            }
            let Some(profile) = self.named(&name).last() else {
                // Everything inherits from `default` anyhow, so that to say it is right even where there is none.
                if name == DEFAULT {
                    break;
                }
                return Err(self.unknown(name, asked_by));
            };
            up.push(&profile.name);
            next = self
                .named(&name)
                .filter_map(|profile| Some((profile.inherits.clone()?, profile.origin.clone())))
                .last();
        }
        line.extend(up.into_iter().rev());
        Ok(())
    }

    fn unknown(self, name: String, origin: Origin) -> ConfigError {
        let mut names: Vec<&str> =
            self.project.iter().chain(self.built_in).map(|profile| &*profile.name).collect();
        names.sort_unstable();
        names.dedup();
        let mut known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if let Some(near) = nearest(&name, names) {
            known = format!("{known}; the nearest is `{near}`");
        }
        ConfigError::UnknownProfile { name, origin, known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(text: &str) -> Vec<Profile> {
        let table: toml::Table = text.parse().unwrap();
        table
            .into_iter()
            .map(|(name, body)| {
                let body = body.as_table().unwrap().clone();
                Profile::from_table(name, body, Origin::Default).unwrap()
            })
            .collect()
    }

    /// The names in force, or the error.
    fn force(text: &str, wanted: &str) -> String {
        let (project, built_in) = (profiles(text), built_in());
        match in_force(Some((wanted, &Origin::Flag("-P".to_owned()))), &project, &built_in) {
            Ok(profiles) => profiles
                .iter()
                .map(|profile| match profile.origin {
                    Origin::BuiltInProfile(_) => format!("({})", profile.name),
                    _ => profile.name.clone(),
                })
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn parents_come_before_children_and_default_before_all() {
        let text = "[default]\n[a]\n[b]\ninherits = 'a'\n[c]\ninherits = 'b'";
        assert_eq!(force(text, "c"), "default a b c");
        assert_eq!(force(text, "default"), "default");
    }

    #[test]
    fn a_profile_of_the_project_adds_to_the_built_in_one() {
        assert_eq!(force("[ci]", "ci"), "(ci) ci");
        assert_eq!(force("[mine]\ninherits = 'ci'", "mine"), "(ci) mine");
        assert_eq!(force("[ci]\ninherits = 'campaign'", "ci"), "(campaign) (ci) ci");
    }

    #[test]
    fn what_default_inherits_is_weaker_when_asked_for_by_name() {
        assert_eq!(force("[default]\ninherits = 'ci'", "ci"), "default (ci)");
        assert_eq!(force("[default]\ninherits = 'ci'\n[a]", "a"), "(ci) default a");
    }

    #[test]
    fn default_may_be_inherited_whether_it_is_defined_or_not() {
        assert_eq!(force("[a]\ninherits = 'default'", "a"), "a");
        assert_eq!(force("[default]\n[a]\ninherits = 'default'", "a"), "default a");
    }

    #[test]
    fn circles_are_errors() {
        assert_eq!(
            force("[a]\ninherits = 'b'\n[b]\ninherits = 'c'\n[c]\ninherits = 'b'", "a"),
            "profiles inherit in a circle: b → c → b"
        );
        assert_eq!(force("[a]\ninherits = 'a'", "a"), "profiles inherit in a circle: a → a");
    }

    #[test]
    fn unknown_profiles_are_errors_that_name_the_known_ones() {
        assert_eq!(
            force("", "campain"),
            "-P: there is no profile `campain`; there are `campaign`, `ci`; the nearest is `campaign`"
        );
        assert!(force("[a]\ninherits = 'no'", "a").contains("there is no profile `no`"));
    }
}
