//! A real Slurm of three nodes in namespaces of its own: munged, slurmctld and three slurmd, which end with the first process of
//! their process namespace. Its ports are those of a network namespace that nobody else is in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::Project;

use super::machines::missing;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is needed.
const PROGRAMS: [&str; 7] = ["ip", "slurmctld", "slurmd", "munged", "srun", "unshare", "nsenter"];

pub(crate) struct Cluster {
    directory: TempDir,
    /// Everything ends with it.
    holder: Child,
}

const START: &str = "set -e; D=$1; hostname cluster; ip link set lo up
ip link add br0 type bridge; ip addr add 198.51.100.1/24 dev br0; ip link set br0 up
/usr/sbin/munged --socket=$D/munge.sock --key-file=$D/munge.key --pid-file=$D/munged.pid --log-file=$D/munged.log --seed-file=$D/munge.seed --num-threads=2
/usr/sbin/slurmctld -f $D/slurm.conf -c -i
until scontrol ping 2>/dev/null | grep -q 'is UP'; do sleep 0.02; done
for n in n1 n2 n3; do /usr/sbin/slurmd -N $n -f $D/slurm.conf; done
while :; do sleep 3600 & wait $!; done";

impl Cluster {
    /// A cluster whose nodes are idle; `None` if this can not be done here.
    pub(crate) fn start() -> Option<Self> {
        if missing(&PROGRAMS) {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for name in ["state", "spool.n1", "spool.n2", "spool.n3"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::write(path.join("slurm.conf"), configuration(path)).unwrap();
        let key: Vec<u8> = (0..16).flat_map(|_| *uuid::Uuid::new_v4().as_bytes()).collect();
        fs::write(path.join("munge.key"), key).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path.join("munge.key"), private).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path, open).unwrap();
        let log = fs::File::create(path.join("start.log")).unwrap();
        let holder = Command::new("unshare")
            .args(["--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", START, "sh"])
            .arg(path)
            .env("SLURM_CONF", path.join("slurm.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let cluster = Self { directory, holder };
        cluster.until("three nodes are idle", || {
            cluster
                .says(&["sinfo", "-h", "-N", "-o", "%T"])
                .lines()
                .filter(|line| *line == "idle")
                .count()
                == 3
        });
        Some(cluster)
    }

    /// Waits for it.
    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            if begun.elapsed() > PATIENCE {
                let read = |name: &str| {
                    fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
                };
                panic!(
                    "it does not come to this: {what}\n{}\n{}",
                    read("start.log"),
                    read("slurmctld.log")
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The first process of the cluster; none before it is there.
    fn init(&self) -> Option<String> {
        let holder = self.holder.id();
        let children = fs::read_to_string(format!("/proc/{holder}/task/{holder}/children")).ok()?;
        children.split_whitespace().next().map(str::to_owned)
    }

    /// A command of a user of the cluster.
    fn enter(&self, init: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", init, "--net", "--uts", "--"]);
        command.env("SLURM_CONF", self.directory.path().join("slurm.conf"));
        command
    }

    /// What a command of Slurm says; nothing if it fails.
    pub(crate) fn says(&self, words: &[&str]) -> String {
        let Some(init) = self.init() else { return String::new() };
        let output = self.enter(&init).args(words).stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `WORDS callsheet ARGS` in the project, by a user of the cluster.
    pub(crate) fn command(&self, project: &Project, before: &[&str], args: &[&str]) -> Command {
        let plain = project.command(args);
        let mut command = self.enter(&self.init().expect("the cluster is up"));
        command.args(before).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(project.path());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The agent's copies.
        command.env("XDG_CACHE_HOME", self.directory.path().join("cache"));
        command
    }

    /// Has a job hold every node, until it is cancelled.
    pub(crate) fn fill(&self) {
        self.says(&["salloc", "--no-shell", "--exclusive", "-N3"]);
    }

    /// Asserts that no job is left.
    pub(crate) fn assert_free(&self) {
        self.until("every job is given back", || {
            let states = self.says(&["squeue", "-h", "-o", "%T"]);
            states.lines().all(|state| state == "COMPLETING" || state == "COMPLETED")
                && !states.contains("RUNNING")
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _gone = self.holder.kill();
        let _status = self.holder.wait();
    }
}

fn configuration(path: &Path) -> String {
    let d = path.display();
    let mut text = format!(
        "ClusterName=drills\nSlurmctldHost=cluster(198.51.100.1)\nSlurmUser=root\nSlurmdUser=root\n\
         AuthType=auth/munge\nCredType=cred/munge\nAuthInfo=socket={d}/munge.sock\nMpiDefault=none\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         JobCompType=jobcomp/none\nSwitchType=switch/none\nSelectType=select/cons_tres\n\
         SelectTypeParameters=CR_Core_Memory\nDefMemPerCPU=500\nSchedulerType=sched/backfill\n\
         SchedulerParameters=batch_sched_delay=0,bf_interval=1\nSlurmdParameters=config_overrides\n\
         ReturnToService=2\nSlurmctldPidFile={d}/slurmctld.pid\nSlurmdPidFile={d}/slurmd.%n.pid\n\
         SlurmdSpoolDir={d}/spool.%n\nStateSaveLocation={d}/state\nSlurmctldLogFile={d}/slurmctld.log\n\
         SlurmdLogFile={d}/slurmd.%n.log\nSlurmctldTimeout=10\nSlurmdTimeout=10\nMinJobAge=10\n\
         KillWait=2\n"
    );
    for number in 1..=3 {
        let port = 17_000 + number;
        writeln!(text, "NodeName=n{number} NodeHostname=cluster NodeAddr=198.51.100.1 Port={port} CPUs=4 RealMemory=8000 State=UNKNOWN"
        ).unwrap();
    }
    text + "SlurmctldPort=16999\nPartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
}
