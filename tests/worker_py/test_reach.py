"""What can not be collected file by file, and why: hooks and options that look at the tests of several files at once."""

import pytest
from told import by_file, plain_ids, streamed, whole

VERSION = tuple(int(part) for part in pytest.__version__.split(".")[:2])

if VERSION < (8, 0):
    pytest.skip("pytest 7 collects all files at once", allow_module_level=True)

CONFTESTS = {
    "marks": (False, "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker('x')\n"),
    "marks by option": (
        False,
        """
import pytest
def pytest_addoption(parser): parser.addoption("--runslow", action="store_true")
def pytest_collection_modifyitems(config, items):
    if config.getoption("--runslow"):
        return
    skip = pytest.mark.skip(reason="slow")
    for item in items:
        for mark in item.iter_markers():
            if mark.name == "slow":
                item.add_marker(skip)
                break
        for name, value in {"a": 1}.items():
            item.user_properties.append((name, value))
""",
    ),
    "passed on in a branch not taken": (
        False,
        "def pytest_collection_modifyitems(config, items):\n    if config.option.verbose > 7:\n        sorted(items)\n    for i in items:\n        i.add_marker('x')\n",
    ),
    "early return": (
        False,
        "def pytest_collection_modifyitems(config, items):\n    if not config.option.verbose > 7:\n        return\n    items[:] = items[::-1]\n",
    ),
    "wrapper that marks": (
        False,
        "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_collection_modifyitems(items):\n    yield\n    for item in items:\n        item.add_marker('x')\n",
    ),
    "branch taken": (
        True,
        "def pytest_collection_modifyitems(config, items):\n    if config.option.verbose < 7:\n        items.reverse()\n",
    ),
    "reversed": (True, "def pytest_collection_modifyitems(items):\n    items.reverse()\n"),
    "reversed on session": (True, "def pytest_collection_modifyitems(session):\n    session.items.reverse()\n"),
    "counted": (True, "def pytest_collection_modifyitems(items):\n    n = 0\n    for item in items:\n        n += 1\n        if n > 1:\n            item.add_marker('x')\n"),
    "enumerated": (True, "def pytest_collection_modifyitems(items):\n    for n, item in enumerate(items):\n        item.add_marker('x')\n"),
    "two passes": (
        True,
        """
def pytest_collection_modifyitems(items):
    only = False
    for item in items:
        if item.get_closest_marker("only"):
            only = True
    if only:
        for item in items:
            item.add_marker("x")
""",
    ),
    "first only": (True, "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.add_marker('x')\n        break\n"),
    "deselects": (
        True,
        """
def pytest_collection_modifyitems(config, items):
    keep = [item for item in items if "one" not in item.name]
    config.hook.pytest_deselected(items=[])
    items[:] = keep
""",
    ),
    "no source": (True, "exec('def pytest_collection_modifyitems(items): pass')\n"),
    "at the end": (True, "def pytest_collection_finish(session):\n    print(len(session.items))\n"),
    "at the end, by config": (False, "def pytest_collection_finish(session):\n    print(session.config)\n"),
    "printed": (False, "def pytest_report_collectionfinish(items):\n    return str(len(items))\n"),
    "collects": (True, "def pytest_collection(session):\n    pass\n"),
    "wraps the collection": (False, "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_collection(session):\n    yield\n"),
}


# pytest asks only the conftests that it loads at first for these.
EARLY = ("collects", "wraps the collection", "at the end, by config", "marks by option")


@pytest.mark.parametrize("name, place", [(name, "") for name in CONFTESTS] + [(name, "sub/") for name in CONFTESTS if name not in EARLY])
def test_hooks_over_all_files(project, name, place):
    unsafe, text = CONFTESTS[name]
    project.write(test_a="def test_one(): pass\ndef test_two(): pass\n", sub__test_b="def test_one(): pass\ndef test_three(): pass\n")
    (project.root / place / "conftest.py").write_text(text)
    plain = plain_ids(project)
    if unsafe:
        agent, why = whole(project)
        assert why and "conftest.py" in why and "pytest_coll" in why, why
        assert [item[0] for item in agent.items] == plain
        agent.run(*range(len(agent.items)))
        agent.send(finish=True)
        assert agent.rest()[-1]["exit_code"] == 0
    else:
        _, ids = streamed(project)
        assert by_file(ids) == by_file(plain)


@pytest.mark.parametrize("option", ["--lf", "--ff", "--nf", "--sw"])
def test_options_over_all_files(project, option):
    project.write(test_a="def test_a(): pass\n", test_b="def test_b(): assert 0\n")
    project.plain()
    plain = plain_ids_cached(project, option)
    agent, why = whole(project, option)
    assert why
    assert [item[0] for item in agent.items] == plain


def plain_ids_cached(project, *args):
    told = project.plain("--collect-only", "-q", *args).stdout
    return [line for line in told.splitlines() if "::" in line]


def test_not_asked_it_does_not_say_why(project):
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent()
    assert "whole" not in agent.until("collected")[-1]
