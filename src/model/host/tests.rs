use super::*;

fn one(text: &str) -> HostSpec {
    let mut hosts = HostSpec::parse_many(text).unwrap();
    assert_eq!(hosts.len(), 1, "{text}");
    hosts.remove(0)
}

#[test]
fn a_multiplier_counts_the_workers_of_a_host() {
    let host = one("3*popen//python=python3.12//env:A=b=c");
    assert_eq!((host.workers, host.python.as_deref()), (3, Some("python3.12")));
    assert_eq!(host.env, [("A".to_owned(), "b=c".to_owned())]);
    let host = one("8*ssh=user@host//chdir=/srv/app//sync=rsync//tags=gpu, big");
    assert_eq!(host.reach, Reach::Ssh("user@host".to_owned()));
    assert_eq!((host.workers, host.chdir.as_deref()), (8, Some("/srv/app")));
    assert_eq!((host.sync, host.tags), (Some(Sync::Rsync), vec!["gpu".into(), "big".into()]));
    assert_eq!((host.name, one("ssh=there//name=fast").name), ("user@host".into(), "fast".into()));
}

#[test]
fn a_number_in_the_address_makes_several_hosts() {
    let hosts = HostSpec::parse_many("2*ssh=node{n}//workers=4").unwrap();
    let names: Vec<_> = hosts.iter().map(|host| (&*host.name, host.workers)).collect();
    assert_eq!(names, [("node0", 4), ("node1", 4)]);
    let hosts = HostSpec::parse_many("2*exec=kubectl exec -i pod-{n} -- callsheet agent").unwrap();
    assert_eq!(hosts[1].name, "kubectl-1");
    let Reach::Exec(words) = &hosts[1].reach else { panic!("{hosts:?}") };
    assert_eq!(words.join(" "), "kubectl exec -i pod-1 -- callsheet agent");
}

#[test]
fn a_command_may_hold_what_separates_keys() {
    let host = one("exec=curl http://a//b 'two words' 2*3//env:A=1//workers=2");
    let Reach::Exec(words) = &host.reach else { panic!("{host:?}") };
    assert_eq!(words[1..], ["http://a//b", "two words", "2*3"]);
    assert_eq!((host.workers, host.env.len()), (2, 1));
    let host = one("exec=run http://h//env:A=s3://b//c//workers=2");
    assert_eq!((host.workers, &*host.env[0].1), (2, "s3://b//c"));
    assert_eq!(host.reach, Reach::exec("run http://h").unwrap());
}

#[test]
fn a_variable_may_be_empty_or_come_from_the_environment_or_hold_what_separates_keys() {
    let host = one("popen//env:A=//env:TOKEN");
    assert_eq!(host.env, [("A".to_owned(), String::new())]);
    assert_eq!(host.passed, ["TOKEN"]);
    let host = one("popen//env:DB=postgres://u:pw@h//db//chdir=/a");
    assert_eq!(host.env, [("DB".to_owned(), "postgres://u:pw@h//db".to_owned())]);
    assert_eq!(host.chdir.as_deref(), Some("/a"));
}

#[test]
fn what_is_wrong_is_named() {
    for (text, part) in [
        ("0*popen", "`0`"),
        ("x*popen", "`x`"),
        ("telnet=host", "telnet=host"),
        ("ssh=", "no destination"),
        ("ssh=-oProxyCommand=x", "no destination"),
        ("ssh=a b", "no destination"),
        ("ssh=host//pyhton=3", "`pyhton`"),
        ("exec=", "split into words"),
        ("exec='a", "split into words"),
        ("popen//pyhton=3", "`pyhton`"),
        ("popen//tags=gpu", "`tags`"),
        ("popen//chdir", "`chdir`"),
        (
            "ssh=there//env:A=1//pyhton=3",
            "`pyhton` in the value of `env:A` in `--tx ssh=there//env:A=…`",
        ),
        ("exec=run//sync=rsync", "`sync` in `--tx exec=run//sync=rsync`: the project is brought"),
        ("exec=run//agent=/x", "the command itself gives the agent"),
        ("popen//env:A=x\0y", "`env:A` in `--tx popen//env:A=…` is no variable"),
        ("popen//env:=3", "`env:`"),
        ("popen//python=a//python=b", "twice"),
        ("popen//env:A//env:A=1", "twice"),
        ("2*ssh=host//workers=2", "twice"),
        ("ssh=host//workers=0", "a number from 1"),
        ("ssh=host//sync=cp", "`rsync`"),
    ] {
        let error = HostSpec::parse_many(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn neither_values_of_variables_nor_commands_are_shown() {
    let host = one("ssh=there//env:TOKEN=secret//env:OTHER");
    assert_eq!(host.to_string(), "ssh=there//env:TOKEN=…//env:OTHER=…");
    assert_eq!(one("exec=/bin/run --key=secret//name=box").to_string(), "exec=box");
}
