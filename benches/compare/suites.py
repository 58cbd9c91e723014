"""The suites: synthetic ones are written, real ones come from the package index. All below target/benches/."""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PYTEST = "pytest==9.2.0"
XDIST = "pytest-xdist==3.8.0"
SPLIT = "pytest-split==0.11.0"
KARVA = "karva==0.0.1a13"
RTEST = "rtest==0.0.47"
NUMPY = "numpy==2.3.5"
SYMPY = "sympy==1.14.0"
NETWORKX = "networkx==3.4.2"
HYPOTHESIS = "hypothesis==6.170.15"
# What packaging's own suite imports.
PACKAGING_NEEDS = ["pretend==1.0.9", "tomli-w==1.2.0"]


def must(command, **options):
    """Runs a step of the preparation; ends with what it printed if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        sys.exit("`%s` failed; nothing was measured:\n%s" % (" ".join(map(str, command)), done.stdout))
    return done.stdout


def environment(home, requirements):
    """The interpreter of an environment with exactly these requirements, made once, byte code of the packages included."""
    wanted = sorted(requirements)
    place = home / "environments" / "+".join(wanted)
    python = place / "bin/python"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        must([sys.executable, "-m", "venv", place])
        must([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--compile", *wanted])
        (place / "complete").touch()
    return python


def source(home, requirement):
    """A source distribution, unpacked once."""
    place = home / "sources" / requirement
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        must([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", place, requirement])
        [archive] = place.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                member.name = member.name.partition("/")[2]
                if member.name:
                    tar.extract(member, place / "project")
        (place / "complete").touch()
    return place / "project"


def write(home, name, files):
    """A synthetic suite, written anew if it is not as it should be; its caches stay otherwise."""
    place = home / "suites" / name
    files = dict(files, **{"pytest.ini": "[pytest]\n"})
    if place.exists() and {path.name: path.read_text() for path in place.glob("*.*") if path.is_file()} == files:
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for path, text in files.items():
        (place / path).write_text(text)
    return place


def each_file(count, text):
    return {"test_%03d.py" % place: text(place) for place in range(count)}


def trivial(home):
    """100 files of 100 tests that assert a sum."""
    body = "\n\n".join("def test_%03d():\n    assert %d + 1 == %d" % (n, n, n + 1) for n in range(100)) + "\n"
    return write(home, "trivial", each_file(100, lambda _: body))


def parametrised(home):
    """One file, one function, 1,000 parameters."""
    body = "import pytest\n\n\n@pytest.mark.parametrize(\"number\", range(1000))\ndef test_number(number):\n    assert number >= 0\n"
    return write(home, "parametrised", {"test_numbers.py": body})


def heavy(home):
    """20 files of 20 tests; the conftest imports numpy and sympy."""
    body = "\n\n".join("def test_%02d(matrix):\n    assert matrix.trace() == 3" % n for n in range(20)) + "\n"
    conftest = ("import numpy\nimport pytest\nimport sympy\n\n\n@pytest.fixture\ndef matrix():\n"
                "    assert sympy.Integer(3) == 3\n    return numpy.eye(3)\n")
    return write(home, "heavy", dict(each_file(20, lambda _: body), **{"conftest.py": conftest}))


def slow_first(home):
    """50 files of 20 tests; the first 20 tests take 0.25 s each, the others 2 ms."""
    def body(place):
        seconds = 0.25 if place == 0 else 0.002
        return "import time\n\n\n" + "\n\n".join("def test_%02d():\n    time.sleep(%s)" % (n, seconds) for n in range(20)) + "\n"
    return write(home, "slow-first", each_file(50, body))


def deadly(home):
    """20 files of 100 trivial tests; every 200th test kills its process."""
    def body(place):
        tests = ["def test_%03d():\n    assert True" % n for n in range(99)]
        tests.append("def test_099():\n    " + ("os.kill(os.getpid(), 9)" if place % 2 else "assert os"))
        return "import os\n\n\n" + "\n\n".join(tests) + "\n"
    return write(home, "deadly", each_file(20, body))


def packaging(home):
    return source(home, "packaging==26.3")


def empty(name):
    """A folder to run installed tests from."""
    return lambda home: write(home, name, {})


def forget_bytecode(place):
    """Removes all byte code of a suite."""
    for folder in list(place.rglob("__pycache__")):
        shutil.rmtree(folder, ignore_errors=True)
