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
    "marks those that were picked": (
        False,
        """
import inspect, pytest
def pytest_collection_modifyitems(items):
    tests = (item for item in items if inspect.iscoroutinefunction(item.obj))
    mark = pytest.mark.asyncio(loop_scope="session")
    for each in tests:
        each.add_marker(mark, append=False)
    slow = [item for item in items if "slow" in item.keywords]
    for item in slow:
        item.add_marker("x")
""",
    ),
    "counts those that were picked": (
        True,
        "def pytest_collection_modifyitems(items):\n    picked = [item for item in items if item.name]\n    if len(picked) > 1:\n        picked[0].add_marker('x')\n",
    ),
    "runs those that were picked": (
        True,
        "def pytest_collection_modifyitems(items):\n    picked = [item for item in items if 'one' in item.name]\n    items[:] = picked\n",
    ),
    "picks what is made of them": (
        True,
        "def pytest_collection_modifyitems(items):\n    names = {item.name for item in items}\n    for item in items:\n        if len(names) > 1:\n            item.add_marker('x')\n",
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
    "wraps the loop": (
        False,
        "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtestloop(session):\n    {}.items()\n    result = yield\n    session.testsfailed += 0\n    return result\n",
    ),
    "decorated": (
        True,
        """
import functools
def quietly(function):
    @functools.wraps(function)
    def inner(*args, **keywords):
        return function(*args, **keywords)
    return inner
@quietly
def pytest_collection_modifyitems(items):
    items.reverse()
""",
    ),
}

# What is done for each item, after these lines and in a hook of a module, and whether anything of it outlives the item's turn.
TURNS = {
    "the session's need": (True, "", "config.needs_db = False", "if 'db' in item.fixturenames: config.needs_db = True"),
    "an item's way to it": (True, "", "", "item.config.needs_db = True"),
    "a set": (True, "SEEN = set()", "", "SEEN.add(item.name)"),
    "a mapping": (True, "D = {}", "", "D[item.name] = item"),
    "a mapping's list": (True, "D = {}", "", "D.setdefault(item.name, []).append(item)"),
    "a mapping counts": (True, "D = {'n': 0}", "", "D['n'] += 1"),
    "a global": (True, "N = 0", "global N", "N = 1"),
    "another name of it": (True, "", "seen = config.__dict__", "seen[item.name] = 1"),
    "another name in the turn": (True, "SEEN = set()", "", "seen = SEEN; seen.add(item.name)"),
    "a counter": (True, "import itertools\nC = itertools.count()", "", "item.user_properties.append(('n', next(C)))"),
    "an attribute by name": (True, "", "", "setattr(config, 'a' + item.name, 1)"),
    "the environment": (True, "import os", "", "os.environ['A'] = item.name"),
    "an unknown method": (True, "class R:\n    def take(self, item): pass\nR = R()", "", "R.take(item)"),
    "a function that keeps": (True, "SEEN = set()\ndef note(i):\n    SEEN.add(i.name)", "", "note(item)"),
    "a function with a default": (True, "def note(i, seen=set()):\n    seen.add(i.name)", "", "note(item)"),
    "a function that keeps in what it is given": (True, "SEEN = set()\ndef note(i, to):\n    to.add(i.name)", "", "note(item, set()); note(item, SEEN)"),
    "a function that keeps, in a branch": (True, "SEEN = set()\ndef note(i):\n    SEEN.add(i.name)", "if config is None: return", "if item: note(item)"),
    "a function made there": (True, "SEEN = set()", "def note(i): SEEN.add(i.name)", "note(item)"),
    "handed on": (True, "", "found = []", "found.append(item.name)\n    config.found = found"),
    "handed on under a name": (True, "", "found = config.found = []", "found.append(item.name)"),
    "handed on by a test": (True, "", "needs = False", "needs = True\n    if needs:\n        config.needs_db = True"),
    "handed on after a test": (True, "", "needs = False", "needs = True\n    if not needs:\n        return\n    config.needs_db = True"),
    "the last one": (True, "", "", "last = item.name\n    config.last = last"),
    "its own": (
        False,
        "import pytest",
        "",
        "item.user_properties.append(('a', 1)); item.fixturenames.append('tmp_path'); item.a = item.obj; item.keywords['a'] = 1; item.obj.seen = 1",
    ),
    "made for it": (False, "import os", "", "names = os.path.split(item.name); d = {}; d['a'] = list(names); d['a'].append(1); item.d = d"),
    "its marks": (False, "", "", "for mark in item.iter_markers(): mark.kwargs.setdefault('a', 1)"),
    "logged": (False, "import logging\nlog = logging.getLogger()", "", "log.info('%s', item); logging.debug('x'); print(item)"),
    "read": (False, "SLOW = {'test_one'}", "", "item.a = item.name in SLOW or config.getoption('verbose')"),
    "counted for nobody": (False, "", "n = []", "n.append(item)"),
    "picked": (False, "", "found = []", "found.append(item)\n    for each in found:\n        each.add_marker('x')"),
    "a function that marks": (False, "def mark(i, text):\n    i.add_marker(text)\n    names = []\n    names.append(i.name)", "", "mark(item, 'x')"),
    "a test that calls": (False, "def warm(): pass", "needs = False", "needs = True\n    if needs:\n        warm()"),
}

for name, (unsafe, module, before, each) in TURNS.items():
    hook = "def pytest_collection_modifyitems(config, items):\n    %s\n    for item in items:\n        %s\n"
    CONFTESTS["in a turn: " + name] = unsafe, module + "\n" + hook % (before or "pass", each)

WRAPPERS = {
    "pytest_collection": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_collection(session):\n    yield\n    session.items[:] = session.items[:1]\n",
    "pytest_runtestloop": """
import pytest
def some(of):
    of.items[:] = of.items[:1]
@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session):
    {}.items()
    some(session)
    return (yield)
""",
}

CONFTESTS["in a turn: a walk in a branch"] = (
    True,
    """
SEEN = set()
def note(item): SEEN.add(item)
def pytest_collection_modifyitems(config, items):
    if config.option.verbose < 7:
        for item in items:
            note(item)
""",
)

METHOD = """
class Plugin:
    def __init__(self):
        self.seen = set()
    def note(self, item):
        self.seen.add(item.name)
    def mark(self, item):
        item.add_marker("x")
    def pytest_collection_modifyitems(self, items):
        for item in items:
            %s
def pytest_configure(config):
    config.pluginmanager.register(Plugin(), "conftest.py")
"""


# pytest asks only the conftests that it loads at first for these.
EARLY = ("collects", "wraps the collection", "at the end, by config", "marks by option", "wraps the loop")


@pytest.mark.parametrize("name, place", [(name, "") for name in CONFTESTS] + [(name, "sub/") for name in CONFTESTS if name not in EARLY and name[:7] != "in a tu"])
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


@pytest.mark.parametrize("hook", WRAPPERS)
def test_wrappers_that_leave_out_tests(project, hook):
    project.write(test_a="def test_one(): pass\ndef test_two(): pass\n", test_b="def test_one(): pass\n", conftest=WRAPPERS[hook])
    agent, why = whole(project)
    assert why == "conftest.py looks at the tests of all files (%s)" % hook
    assert [item[0] for item in agent.items] == ["test_a.py::test_one"]
    agent.send(finish=True)
    agent.rest()


@pytest.mark.parametrize(
    "each, unsafe",
    [
        ("self.seen.add(item.name)", True),
        ("self.last = item", True),
        ("self.note(item)", True),
        ("self.mark(item)", False),
        ("item.add_marker('x')", False),
    ],
)
def test_plugins_that_keep_what_they_saw(project, each, unsafe):
    project.write(test_a="def test_one(): pass\n", conftest=METHOD % each)
    if unsafe:
        assert "pytest_collection_modifyitems" in whole(project)[1]
    else:
        streamed(project)


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
