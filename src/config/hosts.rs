//! The hosts of a run: tables `[[host]]`, and how other hosts are reached.

use toml::{Table, Value};

use super::settings::{Setting, Settings};
use super::{ConfigError, Key, Origin};
use crate::launch::Ways;
use crate::model::{HostSpec, Reach, wrong_variable};

/// The hosts of the array of tables `[[host]]`.
pub(super) fn from_toml(tables: &Value, origin: &Origin) -> Result<Vec<HostSpec>, ConfigError> {
    let array = tables.as_array().and_then(|tables| {
        tables.iter().map(|table| table.as_table()).collect::<Option<Vec<&Table>>>()
    });
    let tables = array.ok_or_else(|| ConfigError::Value {
        key: "host".to_owned(),
        origin: origin.clone(),
        // What stands in it may be secret.
        found: tables.type_str().to_owned(),
        expected: "tables such as `[[host]]`",
    })?;
    tables.into_iter().map(|table| from_table(table, origin)).collect()
}

/// The keys that [`HostSpec::set_key`] takes, `tags` also as a list.
const PLAIN: [&str; 8] =
    ["workers", "name", "chdir", "python", "tags", "sync", "provision", "agent"];

/// What is no text, without what stands in it, which may be secret.
fn no_text(value: &Value) -> String {
    format!("a value of type `{}` is no text", value.type_str())
}

fn from_table(table: &Table, origin: &Origin) -> Result<HostSpec, ConfigError> {
    let wrong = |key: &str, what: String| ConfigError::Host {
        key: key.to_owned(),
        origin: origin.clone(),
        what,
    };
    let text = |key: &str, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        other => Err(wrong(key, no_text(other))),
    };
    let mut host = HostSpec { reach: reach(table, &wrong)?, ..HostSpec::default() };
    for (key, value) in table {
        match (&**key, value) {
            ("ssh" | "exec", _) => {}
            ("env", Value::Table(variables)) => {
                for (name, value) in variables {
                    // What stands behind a `=` may be secret.
                    let shown = name.split('=').next().unwrap_or_default();
                    let key = format!("env.{}", shown.escape_debug());
                    let value = text(&key, value)?;
                    if let Some(why) = wrong_variable(name, &value) {
                        return Err(wrong(&key, format!("it is no variable: {why}")));
                    }
                    host.env.push((name.clone(), value));
                }
            }
            ("env", _) => {
                let what = "expected a table such as `{ NAME = \"VALUE\" }`";
                return Err(wrong(key, what.to_owned()));
            }
            ("pass_env", names) => {
                let names = names.as_array().and_then(|names| {
                    let names = names.iter().map(|name| name.as_str().map(str::to_owned));
                    names.collect::<Option<Vec<_>>>()
                });
                let are_names = |names: &Vec<String>| {
                    names.iter().all(|name| wrong_variable(name, "").is_none())
                };
                let names = names.filter(are_names);
                let what = "expected names of variables, such as `[\"NAME\"]`";
                host.passed = names.ok_or_else(|| wrong(key, what.to_owned()))?;
            }
            ("tags", Value::Array(tags)) => {
                host.tags = tags.iter().map(|tag| text("tags", tag)).collect::<Result<_, _>>()?;
            }
            (key, value) if PLAIN.contains(&key) => {
                let set = host.set_key(key, &text(key, value)?);
                set.map_err(|expected| {
                    let expected = expected.unwrap_or("it once");
                    wrong(key, format!("`{value}` is no value; expected {expected}"))
                })?;
            }
            (key, _) => {
                let what = "no such key; known are `ssh`, `exec`, `workers`, `name`, `chdir`, `python`, `env`, `pass_env`, `tags`, `sync`, `provision` and `agent`";
                return Err(wrong(key, what.to_owned()));
            }
        }
    }
    if let Some((key, why)) = host.misplaced() {
        return Err(wrong(key, why.to_owned()));
    }
    if host.is_numbered() {
        let key = if matches!(host.reach, Reach::Exec(_)) { "exec" } else { "ssh" };
        let what = format!(
            "`{{n}}` stands for a number in `--tx` alone; write `--tx 'N*{key}=…{{n}}…'`, or a table for each host"
        );
        return Err(wrong(key, what));
    }
    host.workers = host.workers.max(1);
    if host.name.is_empty() {
        host.name = host.reach.default_name();
    }
    Ok(host)
}

fn reach(
    table: &Table,
    wrong: &impl Fn(&str, String) -> ConfigError,
) -> Result<Reach, ConfigError> {
    match (table.get("ssh"), table.get("exec")) {
        (None, None) => Ok(Reach::Local),
        (Some(Value::String(destination)), None) => Reach::ssh(destination)
            .ok_or_else(|| wrong("ssh", format!("`{destination}` is no destination for ssh"))),
        (None, Some(Value::String(command))) => Reach::exec(command).ok_or_else(|| {
            let what = "it can not be split into words; a quote is not closed, or there is no word";
            wrong("exec", what.to_owned())
        }),
        (None, Some(Value::Array(words))) => {
            let words: Option<Vec<String>> =
                words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
            let words = words.filter(|words| !words.is_empty());
            words.map(Reach::Exec).ok_or_else(|| wrong("exec", "its words are no texts".to_owned()))
        }
        (Some(_), Some(_)) => Err(wrong("exec", "a host has `ssh` or `exec`, not both".to_owned())),
        (Some(other), None) => Err(wrong("ssh", no_text(other))),
        (None, Some(other)) => Err(wrong("exec", no_text(other))),
    }
}

/// How other hosts are reached.
pub(super) fn ways(settings: &Settings) -> Result<Ways, ConfigError> {
    let words = |setting: &Setting<String>, key: Key| {
        let words = shlex::split(&setting.value).filter(|words| !words.is_empty());
        words.ok_or_else(|| ConfigError::Value {
            key: key.to_string(),
            origin: setting.origin(),
            found: setting.value.clone(),
            expected: "a command with its options",
        })
    };
    Ok(Ways {
        ssh: words(&settings.ssh, Key::Ssh)?,
        rsync: words(&settings.rsync, Key::Rsync)?,
        exclude: settings.sync_exclude.value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<HostSpec>, String> {
        let table: Table = text.parse().unwrap();
        from_toml(&table["host"], &Origin::File("callsheet.toml".to_owned()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn tables_say_what_specifications_say() {
        let hosts = read(
            "[[host]]\nssh = 'me@there'\nworkers = 8\nchdir = '/srv/a b'\ntags = ['gpu']\nsync = 'rsync'\n\
             env = { A = 'b=c', N = 1 }\npass_env = ['TOKEN']\n[[host]]\nworkers = 2\n",
        )
        .unwrap();
        let spec =
            "8*ssh=me@there//chdir=/srv/a b//tags=gpu//sync=rsync//env:A=b=c//env:N=1//env:TOKEN";
        assert_eq!(hosts[..1], HostSpec::parse_many(spec).unwrap()[..]);
        assert_eq!((&*hosts[1].name, hosts[1].workers), ("local", 2));
    }

    #[test]
    fn a_command_may_be_words() {
        let hosts = read("[[host]]\nexec = ['run', 'a b', 'agent']\n").unwrap();
        assert_eq!(hosts[0].reach, Reach::Exec(["run", "a b", "agent"].map(str::to_owned).into()));
        assert_eq!(hosts, read("[[host]]\nexec = \"run 'a b' agent\"\n").unwrap());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, part) in [
            ("host = 3", "`[[host]]`"),
            ("[[host]]\nshs = 'a'", "`shs` of a `[[host]]` in callsheet.toml: no such key"),
            ("[[host]]\nssh = 'a'\nexec = 'b'", "not both"),
            ("[[host]]\nssh = '-oProxyCommand=x'", "no destination"),
            ("[[host]]\nexec = []", "no texts"),
            ("[[host]]\nworkers = 0", "a number from 1"),
            ("[[host]]\nsync = 'cp'\nssh = 'a'", "`rsync`"),
            ("[[host]]\nenv = { A = [] }", "`env.A` of a `[[host]]` in callsheet.toml: a value of"),
            ("[[host]]\nchdir = 'a'\nworkers = 0.5", "`float` is no text"),
            (
                "[[host]]\nsync = 'rsync'",
                "`sync` of a `[[host]]` in callsheet.toml: the project is",
            ),
            ("[[host]]\nexec = 'a'\nsync = 'rsync'", "hosts that are reached by `ssh` alone"),
            ("[[host]]\nagent = 'a'", "the agent of this machine is this callsheet"),
            ("[[host]]\nexec = 'a'\nagent = 'b'", "the command itself gives the agent"),
            ("[[host]]\nprovision = 'a'", "is made by `--provision` or `[pytest] provision`"),
            ("[[host]]\nssh = 'node{n}'", "write `--tx 'N*ssh=…{n}…'`, or a table for each"),
            ("[[host]]\nexec = ['a', '{n}']", "write `--tx 'N*exec=…{n}…'`"),
            (
                "[[host]]\nenv = { 'A=B' = '1' }",
                "`env.A` of a `[[host]]` in callsheet.toml: it is no",
            ),
            ("[[host]]\nenv = { '' = '1' }", "a variable has a name"),
            ("[[host]]\npass_env = ['']", "expected names"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn what_may_be_secret_is_not_quoted() {
        for (text, part) in [
            ("[host]\nenv = { A = 'S3CRET' }", "`[[host]]`"),
            ("host = 'popen//env:A=S3CRET'", "`[[host]]`"),
            ("[[host]]\nenv = { A = ['S3CRET'] }", "`array` is no text"),
            ("[[host]]\nenv = ['A=S3CRET']", "expected a table"),
            ("[[host]]\nenv = { 'A=S3CRET' = '' }", "its name can not hold `=`"),
            ("[[host]]\nenv = { A = \"S3CRET\\u0000\" }", "its value can not hold a NUL"),
            ("[[host]]\nevn = { A = 'S3CRET' }", "no such key"),
            ("[[host]]\nevn = 'S3CRET'", "no such key"),
            ("[[host]]\nchdir = { A = 'S3CRET' }", "`table` is no text"),
            ("[[host]]\npass_env = ['A=S3CRET']", "expected names"),
            ("[[host]]\npass_env = { A = 'S3CRET' }", "expected names"),
            ("[[host]]\nexec = 'run S3CRET \"'", "can not be split"),
            ("[[host]]\nexec = { A = 'S3CRET' }", "`table` is no text"),
            ("[[host]]\nssh = ['S3CRET']", "`array` is no text"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part) && !error.contains("S3CRET"), "{text}: {error}");
        }
    }
}
