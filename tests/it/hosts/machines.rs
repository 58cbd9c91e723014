//! Machines of their own on one kernel: a network namespace with an address each, own process ids, own host names, own home
//! directories, and a real `sshd` with throw-away keys. Nothing of the machine's own configuration is touched.
//!
//! The command under test runs in one more namespace, the only place that the addresses can be reached from; no route leads out.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::Project;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The port of every `sshd`.
const PORT: u16 = 2222;

/// Set where these tests must not be skipped.
const MUST_RUN: &str = "CI_HOSTS_MUST_RUN";

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// What is missing for these tests, told once a test.
pub(crate) fn missing(programs: &[&str]) -> bool {
    let has = |program: &&str| {
        let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin"];
        places.iter().any(|place| Path::new(place).join(program).exists())
    };
    let mut needs: Vec<&str> = programs.iter().copied().filter(|program| !has(program)).collect();
    let root = nix::unistd::geteuid().is_root();
    let namespaces = root && run_quietly("unshare", &["--net", "true"]);
    if !namespaces {
        needs.push("the privilege to make namespaces");
    }
    if needs.is_empty() {
        return false;
    }
    let what = format!("skipped: needs {}", needs.join(", "));
    assert!(std::env::var_os(MUST_RUN).is_none(), "{what}, and {MUST_RUN} is set");
    // The harness shows it with `--nocapture`; the line goes past its capture.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes());
    true
}

/// The programs of machines with `sshd`.
pub(crate) const SSH: [&str; 6] = ["sshd", "ssh", "ssh-keygen", "ip", "unshare", "iptables"];

fn run_quietly(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it does not come to this: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Some machines and the place that the command runs in.
pub(crate) struct Machines {
    directory: TempDir,
    prefix: String,
    all: Vec<Machine>,
}

/// One machine that is on.
struct Machine {
    /// It ends with this process, and everything on it.
    power: Option<Child>,
}

impl Machines {
    /// So many machines, all on, `n1`, `n2`, …; `None` if this can not be done here.
    pub(crate) fn start(count: usize) -> Option<Self> {
        if missing(&SSH) {
            return None;
        }
        // The directory without privileges that `sshd` insists on, which its start script makes.
        let _exists = fs::create_dir_all("/run/sshd");
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("cs{}x{number}", std::process::id());
        let mut all = Self { directory: tempfile::tempdir().unwrap(), prefix, all: Vec::new() };
        let path = all.path().to_owned();
        for key in ["host", "user"] {
            let file = path.join(key);
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", file.to_str().unwrap()]);
        }
        fs::copy(path.join("user.pub"), path.join("authorized_keys")).unwrap();
        let control = all.namespace("ctl");
        run("ip", &["netns", "add", &control]);
        run("ip", &["-n", &control, "link", "set", "lo", "up"]);
        run("ip", &["-n", &control, "link", "add", "br0", "type", "bridge"]);
        run("ip", &["-n", &control, "addr", "add", "198.51.100.1/24", "dev", "br0"]);
        run("ip", &["-n", &control, "link", "set", "br0", "up"]);
        for number in 1..=count {
            all.all.push(Machine { power: None });
            all.wire_up(number);
            all.power_on(number);
        }
        all.write_client_configuration(true);
        Some(all)
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn node(&self, number: usize) -> String {
        self.namespace(&format!("n{number}"))
    }

    fn wire_up(&self, number: usize) {
        let (control, node) = (self.namespace("ctl"), self.node(number));
        let (cable, address) = (format!("v{number}"), format!("{}/24", address(number)));
        run("ip", &["netns", "add", &node]);
        run("ip", &["-n", &node, "link", "set", "lo", "up"]);
        run(
            "ip",
            &[
                "-n", &control, "link", "add", &cable, "type", "veth", "peer", "name", "eth0",
                "netns", &node,
            ],
        );
        run("ip", &["-n", &control, "link", "set", &cable, "master", "br0", "up"]);
        run("ip", &["-n", &node, "addr", "add", &address, "dev", "eth0"]);
        run("ip", &["-n", &node, "link", "set", "eth0", "up"]);
    }

    /// What the machine calls its user's directory.
    pub(crate) fn home(&self, number: usize) -> PathBuf {
        self.path().join(format!("home{number}"))
    }

    /// Turns a machine on that is off.
    pub(crate) fn power_on(&mut self, number: usize) {
        let path = self.path().to_owned();
        let shown = path.display();
        let (home, config) = (self.home(number), path.join(format!("sshd{number}.conf")));
        fs::create_dir_all(&home).unwrap();
        let text = format!(
            "Port {PORT}\nListenAddress {}\nHostKey {shown}/host\nPidFile none\n\
             AuthorizedKeysFile {shown}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nUseDNS no\nPrintMotd no\nPrintLastLog no\n\
             SetEnv HOME={}\n",
            address(number),
            home.display(),
        );
        fs::write(&config, text).unwrap();
        let node = self.node(number);
        let script = "hostname \"$1\"; exec /usr/sbin/sshd -D -f \"$2\" -E \"$3\"";
        let power = Command::new("ip")
            .args(["netns", "exec", &node, "unshare", "--uts", "--mount", "--pid", "--fork"])
            .args(["--kill-child", "--mount-proc", "sh", "-c", script, "sh"])
            .arg(format!("n{number}"))
            .arg(&config)
            .arg(path.join(format!("sshd{number}.log")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.all[number - 1].power = Some(power);
        until("sshd listens", || {
            run("ip", &["netns", "exec", &node, "ss", "-Hltn", &format!("sport = :{PORT}")])
                .contains("LISTEN")
        });
    }

    /// Pulls the plug: whatever ran there is gone without a word.
    pub(crate) fn power_off(&mut self, number: usize) {
        if let Some(mut power) = self.all[number - 1].power.take() {
            let _gone = power.kill();
            let _status = power.wait();
        }
        let node = self.node(number);
        until("the machine is off", || run("ip", &["netns", "pids", &node]).is_empty());
    }

    /// Nothing gets through between a machine and the others, in either direction.
    pub(crate) fn cut(&self, number: usize) {
        self.link(number, "down");
    }

    /// The link is there again.
    pub(crate) fn mend(&self, number: usize) {
        self.link(number, "up");
    }

    fn link(&self, number: usize, to: &str) {
        let (control, cable) = (self.namespace("ctl"), format!("v{number}"));
        run("ip", &["-n", &control, "link", "set", &cable, to]);
    }

    /// Runs a command on a machine, as its own user would at its console.
    pub(crate) fn on(&self, number: usize, command: &[&str]) -> String {
        let init = self.init(number).to_string();
        let enter = ["--target", &init, "--net", "--uts", "--mount", "--pid", "--"];
        let arguments: Vec<&str> = enter.iter().copied().chain(command.iter().copied()).collect();
        run("nsenter", &arguments)
    }

    /// Runs a command where the command under test runs.
    pub(crate) fn at_control(&self, command: &[&str]) -> String {
        run("ip", &[&["netns", "exec", &self.namespace("ctl")], command].concat())
    }

    /// The process of a machine that all others end with.
    fn init(&self, number: usize) -> u32 {
        let power = self.all[number - 1].power.as_ref().expect("the machine is on").id();
        let children = format!("/proc/{power}/task/{power}/children");
        fs::read_to_string(children).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The processes of a machine as it is when nobody uses it are its `sshd` and what holds it.
    fn processes(&self, number: usize) -> Vec<String> {
        let pids = run("ip", &["netns", "pids", &self.node(number)]);
        let own = [self.all[number - 1].power.as_ref().map(Child::id), self.init_of(number)];
        pids.split_whitespace()
            .filter_map(|pid| pid.parse::<u32>().ok())
            .filter(|pid| !own.contains(&Some(*pid)))
            .filter_map(|pid| {
                let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
                let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                // A zombie is gone.
                (!status.contains(") Z ")).then_some(line)
            })
            .collect()
    }

    fn init_of(&self, number: usize) -> Option<u32> {
        self.all[number - 1].power.as_ref().map(|_| self.init(number))
    }

    /// Asserts that nothing of a run is left on any machine that is on.
    pub(crate) fn assert_clean(&self) {
        for number in 1..=self.all.len() {
            let begun = Instant::now();
            loop {
                let left = self.processes(number);
                if left.is_empty() {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "left on n{number}: {left:#?}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// What `ssh` is to be called with, for `CALLSHEET_SSH`.
    pub(crate) fn ssh(&self) -> String {
        format!("ssh -F {}", self.path().join("ssh_config").display())
    }

    /// The client's configuration; whether it knows the host keys.
    pub(crate) fn write_client_configuration(&self, known: bool) {
        let path = self.path();
        let shown = path.display();
        let key = fs::read_to_string(path.join("host.pub")).unwrap();
        let key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let (mut config, mut hosts) = (String::new(), String::new());
        for number in 1..=self.all.len() {
            let address = address(number);
            write!(config, "Host n{number}\n  HostName {address}\n").unwrap();
            writeln!(hosts, "[{address}]:{PORT} {key}").unwrap();
        }
        write!(config, "Host *\n  Port {PORT}\n  User root\n  IdentityFile {shown}/user\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  UserKnownHostsFile {shown}/known_hosts\n  \
             GlobalKnownHostsFile /dev/null\n"
        ).unwrap();
        fs::write(path.join("ssh_config"), config).unwrap();
        fs::write(path.join("known_hosts"), if known { hosts } else { String::new() }).unwrap();
    }

    /// From now on bytes take so long to any machine, one way, and no more than so many come through in a second.
    pub(crate) fn slow_down(&self, seconds: f64, bytes_a_second: f64) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/hosts/slow_link.py");
        let mut config = fs::read_to_string(self.path().join("ssh_config")).unwrap();
        let script = script.display();
        writeln!(config, "  ProxyCommand python3 {script} %h %p {seconds} {bytes_a_second}")
            .unwrap();
        fs::write(self.path().join("ssh_config"), config).unwrap();
    }

    /// Another key than any machine lets in.
    pub(crate) fn lose_key(&self) {
        let file = self.path().join("user");
        fs::remove_file(&file).unwrap();
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", file.to_str().unwrap()]);
    }

    /// `callsheet ARGS` in the project, where the machines can be reached.
    pub(crate) fn command(&self, project: &Project, args: &[&str]) -> Command {
        let plain = project.command(args);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace("ctl")]);
        command.arg(plain.get_program()).args(plain.get_args());
        if let Some(directory) = plain.get_current_dir() {
            command.current_dir(directory);
        }
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("CALLSHEET_SSH", self.ssh());
        command
    }
}

fn address(number: usize) -> String {
    format!("198.51.100.{}", 10 + number)
}

impl Drop for Machines {
    fn drop(&mut self) {
        for number in 1..=self.all.len() {
            if let Some(mut power) = self.all[number - 1].power.take() {
                let _gone = power.kill();
                let _status = power.wait();
            }
            run_quietly("ip", &["netns", "del", &self.node(number)]);
        }
        run_quietly("ip", &["netns", "del", &self.namespace("ctl")]);
    }
}
