//! How much memory a process uses together with all that descend from it.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

use crate::model::Usage;

/// Bytes of memory in use by the process and its descendants; what they share counts once.
///
/// The exact figure costs the kernel a walk through all their pages, so it is asked for only if the coarse one, in which each
/// process counts what it shares, is above `limit`; otherwise the coarse one is given.
pub(super) fn in_use(pid: i32, limit: u64) -> u64 {
    let family = family(pid);
    let coarse: u64 = family.iter().filter_map(|pid| resident(*pid)).sum();
    if coarse <= limit || family.len() == 1 {
        return coarse;
    }
    family.iter().filter_map(|pid| proportional(*pid).or_else(|| resident(*pid))).sum()
}

/// What the process and its descendants use, shared memory counted by each; `None` if it is gone.
pub(super) fn usage(pid: i32) -> Option<Usage> {
    let family = family(pid);
    let memory = family.iter().filter_map(|pid| resident(*pid)).sum();
    resident(pid)?;
    let ticks: u64 = family.iter().filter_map(|pid| processor(*pid)).sum();
    let a_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(Usage { memory, cpu_ms: ticks * 1000 / u64::try_from(a_second).ok()?.max(1) })
}

/// Ticks of processor time of a process and of the children that it has waited for.
fn processor(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also brackets and blanks: the state, field 3, follows the last bracket.
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// The process and its descendants, from the lists of children that each of their threads has.
fn family(pid: i32) -> Vec<i32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(parent) = family.get(next) {
        let threads = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        let lists =
            threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<i32> = lists
            .flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>())
            .flatten()
            .collect();
        family.extend(children);
        next += 1;
    }
    family
}

/// Bytes in use, all that is shared included.
fn resident(pid: i32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(page).ok()?)
}

/// Bytes in use, of what is shared the process's part.
fn proportional(pid: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// A process that holds 64 MiB and has three forks, of which each does what `also` says.
    fn in_use_by(also: &str, limit: u64) -> u64 {
        let script = format!(
            "import os, signal, sys\n\
             held = bytearray(64 << 20)\n\
             held[::4096] = bytes(len(held) // 4096)\n\
             ready, told = os.pipe()\n\
             forks = []\n\
             for _ in range(3):\n\
            \x20   forks.append(os.fork())\n\
            \x20   if forks[-1] == 0:\n\
            \x20       {also}\n\
            \x20       os.write(told, b'x')\n\
            \x20       signal.pause()\n\
             for _ in forks: os.read(ready, 1)\n\
             print('ready', flush=True)\n\
             sys.stdin.read()\n\
             for fork in forks: os.kill(fork, 9)\n\
             for fork in forks: os.waitpid(fork, 0)\n"
        );
        let mut command = Command::new("python3");
        command.args(["-SEc", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut parent = command.spawn().unwrap();
        let stdout = parent.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut String::new()).unwrap();
        let pid = i32::try_from(parent.id()).unwrap();
        let used = in_use(pid, limit);
        drop(parent.stdin.take());
        parent.wait().unwrap();
        used
    }

    #[test]
    fn what_a_family_shares_counts_once() {
        let used = in_use_by("pass", 128 * MIB);
        assert!((64 * MIB..128 * MIB).contains(&used), "{used}");
    }

    #[test]
    fn what_each_has_for_itself_counts() {
        let used = in_use_by("held[::4096] = b'x' * (len(held) // 4096)", 128 * MIB);
        assert!(used > 256 * MIB, "{used}");
    }
}
