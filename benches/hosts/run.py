"""Two hosts behind a link of 50 ms: callsheet with and without the delay, and pytest-xdist over ssh, in turns.

    sudo python3 benches/hosts/run.py [--rounds 3] [--tests 2000] [--seconds 0.02] [--workers 8] [--rtt 0.05] [--callsheet PROGRAM]

Needs root (network namespaces), sshd, a Python with pytest (and pytest-xdist for the rival). Everything lives in a temporary
directory and in namespaces that are gone at the end. Figures are ratios of wall times to the run without a delay.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW_LINK = HERE.parents[1] / "tests/it/hosts/slow_link.py"
PORT = 2222


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **options)


class Hosts:
    """Two machines of their own on one kernel, each with a real sshd."""

    def __init__(self, directory):
        self.directory, self.name = directory, f"cb{os.getpid()}"
        self.held = []
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ("host", "user"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / key))
        shutil.copy(directory / "user.pub", directory / "authorized_keys")
        run("ip", "netns", "add", f"{self.name}-ctl")
        self.ip("ctl", "link", "set", "lo", "up")
        self.ip("ctl", "link", "add", "br0", "type", "bridge")
        self.ip("ctl", "addr", "add", "198.51.100.1/24", "dev", "br0")
        self.ip("ctl", "link", "set", "br0", "up")
        for number in (1, 2):
            self.start(number)

    def ip(self, name, *words):
        run("ip", "-n", f"{self.name}-{name}", *words)

    def start(self, number):
        node = f"n{number}"
        address = f"198.51.100.{10 + number}"
        run("ip", "netns", "add", f"{self.name}-{node}")
        self.ip(node, "link", "set", "lo", "up")
        self.ip("ctl", "link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", f"{self.name}-{node}")
        self.ip("ctl", "link", "set", f"v{number}", "master", "br0", "up")
        self.ip(node, "addr", "add", f"{address}/24", "dev", "eth0")
        self.ip(node, "link", "set", "eth0", "up")
        home, config = self.directory / f"home{number}", self.directory / f"sshd{number}"
        home.mkdir()
        config.write_text(
            f"Port {PORT}\nListenAddress {address}\nHostKey {self.directory}/host\nPidFile none\nMaxSessions 100\nMaxStartups 100\n"
            f"AuthorizedKeysFile {self.directory}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n"
            f"UseDNS no\nPrintMotd no\nPrintLastLog no\nSetEnv HOME={home}\n")
        self.held.append(subprocess.Popen(
            ["ip", "netns", "exec", f"{self.name}-{node}", "unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "/usr/sbin/sshd", "-D", "-f", str(config), "-E", str(self.directory / f"log{number}")], stdin=subprocess.DEVNULL))
        while not subprocess.run(["ip", "netns", "exec", f"{self.name}-{node}", "ss", "-Hltn", f"sport = :{PORT}"],
                                 capture_output=True, check=True).stdout:
            time.sleep(0.02)

    def configure(self, delay):
        """The client's configuration, with so many seconds one way."""
        key = " ".join((self.directory / "host.pub").read_text().split()[:2])
        hosts = "".join(f"Host n{n}\n  HostName 198.51.100.{10 + n}\n" for n in (1, 2))
        proxy = f"  ProxyCommand {sys.executable} {SLOW_LINK} %h %p {delay} 1e9\n" if delay else ""
        config = self.directory / "ssh_config"
        config.write_text(
            f"{hosts}Host *\n  Port {PORT}\n  User root\n  IdentityFile {self.directory}/user\n  IdentitiesOnly yes\n  IdentityAgent none\n"
            f"  UserKnownHostsFile {self.directory}/known_hosts\n  GlobalKnownHostsFile /dev/null\n{proxy}")
        (self.directory / "known_hosts").write_text("".join(f"[198.51.100.{10 + n}]:{PORT} {key}\n" for n in (1, 2)))
        return config

    def command(self, *words):
        return ["ip", "netns", "exec", f"{self.name}-ctl", *words]

    def stop(self):
        for holder in self.held:
            holder.kill()
            holder.wait()
        for name in ("n1", "n2", "ctl"):
            subprocess.run(["ip", "netns", "del", f"{self.name}-{name}"], check=False)


def suite(directory, tests, seconds):
    """Tests of equal length in files of a hundred."""
    directory.mkdir()
    for file in range(0, tests, 100):
        (directory / f"test_{file // 100}.py").write_text(
            f"import time, pytest\n@pytest.mark.parametrize('n', range({min(100, tests - file)}))\ndef test_n(n): time.sleep({seconds})\n")


def measure(words, expected, **options):
    begun = time.monotonic()
    told = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    took = time.monotonic() - begun
    if f"{expected} passed" not in told.stdout:
        sys.exit(f"{words} did not pass:\n{told.stdout[-3000:]}\n{told.stderr[-3000:]}")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.02)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rtt", type=float, default=0.05)
    parser.add_argument("--callsheet", default=str(HERE.parents[1] / "target/release/callsheet"))
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        hosts = Hosts(directory)
        try:
            compare(asked, directory, hosts)
        finally:
            hosts.stop()


def compare(asked, directory, hosts):
    project = directory / "project"
    suite(project, asked.tests, asked.seconds)
    environment = {**os.environ, "CALLSHEET_PYTEST_PYTHON": asked.python}
    specs = [word for n in (1, 2) for word in ("--tx", f"{asked.workers}*ssh=n{n}")]
    has_xdist = subprocess.run([asked.python, "-c", "import xdist"], capture_output=True, check=False).returncode == 0

    def callsheet(delay):
        config = hosts.configure(delay)
        words = hosts.command(asked.callsheet, *specs, "--no-history")
        return measure(words, asked.tests, cwd=project, env={**environment, "CALLSHEET_SSH": f"ssh -F {config}"})

    def xdist(delay):
        config = hosts.configure(delay)
        specs = [word for n in (1, 2) for word in
                 ("--tx", f"{asked.workers}*ssh=-F {config} n{n}//python={asked.python}//chdir={project}")]
        words = hosts.command(asked.python, "-m", "pytest", "-q", "-p", "xdist", "-d", *specs)
        return measure(words, asked.tests, cwd=project)

    callsheet(0)  # The agent's copy is not what is measured.
    rows = {"callsheet": (callsheet, 0), "callsheet, delayed": (callsheet, asked.rtt / 2)}
    if has_xdist:
        rows |= {"xdist": (xdist, 0), "xdist, delayed": (xdist, asked.rtt / 2)}
    times = {name: [] for name in rows}
    for _ in range(asked.rounds):
        for name, (tool, delay) in rows.items():
            times[name].append(tool(delay))
    base = statistics.median(times["callsheet"])
    least = asked.tests * asked.seconds / (2 * asked.workers)
    print(f"{asked.tests} tests of {asked.seconds} s, 2 hosts x {asked.workers} workers, {1000 * asked.rtt:.0f} ms there and back; "
          f"the base is {base / least:.2f} of the time that the tests alone take")
    for name, taken in times.items():
        ratios = sorted(time / base for time in taken)
        print(f"{name:20} {statistics.median(ratios):5.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
