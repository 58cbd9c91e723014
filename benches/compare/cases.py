"""What is measured, and what is to be reached."""

from dataclasses import dataclass, field

from compare import suites

CORE = ("pytest", "xdist-load", "xdist-worksteal")


@dataclass(frozen=True)
class Goal:
    """A figure of a row of callsheet's (a ratio to a peer, or microseconds) and the most it may be."""
    workers: int
    figure: str
    against: str
    limit: float
    # With which row: the first run of all, or one with what the others of callsheet's have.
    tool: str = "callsheet"


@dataclass(frozen=True)
class Case:
    """A suite and how it is run."""
    title: str
    prepare: object
    needs: tuple = ()
    arguments: tuple = ()
    peers: tuple = CORE
    cold: bool = False
    path: str = ""
    # Whether recorded durations matter, so that callsheet has a second row with them.
    recorded: bool = False
    # Whether it matters that workers are begun one by one, so that callsheet has a row with a template that has collected.
    collected: bool = False
    # Modules that `callsheet preload` names for it, so that callsheet has a row with them.
    preload: tuple = ()
    callsheet: tuple = ()
    xdist: tuple = ()
    workers: tuple = (2, 8)
    goals: tuple = field(default=())


CASES = {
    "trivial": Case(
        "10,000 trivial tests in 100 files, byte code cached", suites.trivial, collected=True,
        peers=(*CORE, "pytest-split", "rtest", "rtest-native", "karva"),
        goals=(Goal(2, "wall", "xdist-load", 0.27), Goal(2, "wall", "pytest", 0.42), Goal(2, "cpu", "xdist-load", 0.33),
               Goal(8, "wall", "xdist-load", 0.17), Goal(2, "controller", "", 20.0), Goal(2, "first", "xdist-load", 0.10))),
    "trivial-cold": Case(
        "the same without byte code", suites.trivial, cold=True, collected=True,
        goals=(Goal(2, "wall", "xdist-load", 0.25), Goal(2, "wall", "pytest", 0.33), Goal(8, "wall", "xdist-load", 0.10))),
    "parametrised": Case(
        "1,000 parametrised tests in one file", suites.parametrised, peers=(*CORE, "pytest-split", "karva")),
    "heavy": Case(
        "400 tests whose conftest imports numpy and sympy", suites.heavy, needs=(suites.NUMPY, suites.SYMPY), collected=True,
        preload=("numpy", "sympy"),
        goals=(Goal(8, "memory", "xdist-load", 0.60),)),
    "packaging": Case(
        "packaging 26.3: 62,423 tests, one long file", suites.packaging, needs=tuple(suites.PACKAGING_NEEDS),
        arguments=("tests", "--ignore=tests/property"), path="src", peers=(*CORE, "pytest-split"), recorded=True,
        goals=(Goal(2, "wall", "xdist-load", 0.42), Goal(2, "wall", "pytest", 0.60))),
    "networkx": Case(
        "networkx 3.4.2", suites.empty("networkx"), needs=(suites.NETWORKX,), arguments=("--pyargs", "networkx"),
        peers=(*CORE, "pytest-split"), recorded=True,
        goals=(Goal(2, "wall", "xdist-load", 0.72),)),
    "numpy-lib": Case(
        "numpy.lib of numpy 2.3.5, one long file", suites.empty("numpy-lib"), needs=(suites.NUMPY, suites.HYPOTHESIS),
        arguments=("--pyargs", "numpy.lib"), recorded=True,
        goals=(Goal(2, "wall", "xdist-load", 0.75),)),
    "slow-first": Case(
        "1,000 tests, the slow ones (2 %) first", suites.slow_first, peers=(*CORE, "pytest-split"), recorded=True),
    "deadly": Case(
        "2,000 trivial tests, every 200th kills its worker", suites.deadly, peers=CORE[1:], collected=True,
        callsheet=("--max-worker-restart", "unlimited"), xdist=("--max-worker-restart=1000",),
        goals=(Goal(2, "wall", "xdist-load", 0.20),)),
}
