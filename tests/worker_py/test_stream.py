"""Collecting file by file: the same tests as in plain pytest, in the same order within a file."""

import pytest
from told import by_file, plain_ids, streamed

VERSION = tuple(int(part) for part in pytest.__version__.split(".")[:2])

if VERSION < (8, 0):
    pytest.skip("pytest 7 collects all files at once", allow_module_level=True)


TREE = {
    "conftest": "import pytest\n@pytest.fixture(scope='session')\ndef top(): return 1\n",
    "test_top": "import pytest\n@pytest.mark.parametrize('x', ['a::b', 'é', 'x[y]', 'sp ace', '/', 'nul'])\ndef test_ids(x, top): pass\n",
    "a____init__": "",
    "a__conftest": "import pytest\n@pytest.fixture(scope='module', params=[1, 2])\ndef p(request): return request.param\n",
    "a__test_one": "class TestA:\n    def test_a(self, p): pass\n    def test_b(self): pass\n    def test_c(self, p): pass\n",
    "a__test_two": "import unittest\nclass Case(unittest.TestCase):\n    def test_z(self): pass\n    def test_a(self): pass\n",
    "a__sub____init__": "",
    "a__sub__test_deep": "def test_deep(p): pass\ndef test_other(): pass\n",
    "b__conftest": "import pytest\n@pytest.fixture(autouse=True)\ndef auto(): pass\n",
    "b__test_three": "import pytest\n@pytest.fixture(scope='module', params='xy')\ndef m(request): return 1\ndef test_a(m): pass\ndef test_b(m): pass\ndef test_c(): pass\n",
    "b__test_empty": "X = 1\n",
    "b__lib": "def f():\n    '''\n    >>> 1 + 1\n    2\n    '''\n",
}


@pytest.fixture
def tree(project):
    for name, text in TREE.items():
        path = project.root / (name.replace("____init__", "/__init__").replace("__", "/").replace("/init/", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return project


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["a", "b"],
        ["b", "a"],
        ["a", "a"],
        ["a", "a/test_one.py"],
        ["a/test_one.py", "a"],
        ["a/test_one.py", "a/test_one.py"],
        ["--keep-duplicates", "a", "a"],
        ["--keep-duplicates", "a/test_one.py", "a"],
        ["--ignore=a/sub"],
        ["--ignore-glob=*/test_t*"],
        ["--deselect=a/test_one.py::TestA::test_b", "--deselect=b"],
        ["-k", "test_a and not Case"],
        ["-m", "nothing"],
        ["--import-mode=importlib"],
        ["--import-mode=append"],
        ["--doctest-modules"],
        ["--doctest-modules", "b/lib.py", "a"],
        ["--pyargs", "a"],
        ["--pyargs", "a.test_one"],
        ["a/test_one.py::TestA::test_b"],
        ["a/test_one.py::TestA", "b"],
        ["test_top.py::test_ids[a::b]", "a/test_two.py::Case"],
        ["a/test_one.py::TestA::test_b", "a/test_two.py", "a/test_one.py::TestA::test_a"],
        ["a", "a/test_one.py::TestA::test_b"],
    ],
    ids=" ".join,
)
def test_files_have_the_items_of_plain_pytest(tree, args):
    env = dict(PYTHONPATH=str(tree.root)) if "--pyargs" in args else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        plain = plain_ids(tree, *args)
        agent, ids = streamed(tree, *args)
    assert by_file(ids) == by_file(plain)
    if len(args) < 2:
        assert [nodeid for nodeid in by_file(ids)] == [nodeid for nodeid in by_file(plain)]
    files = [nodeid for nodeid, _ in agent.files]
    assert len(set(files)) == len(files)
    for nodeid, size in agent.files:
        assert size == (tree.root / nodeid).stat().st_size


def test_the_order_of_events(tree):
    agent = tree.agent("b", stream=True)
    assert agent.listing() == ["b/test_empty.py", "b/test_three.py"]
    agent.send(make=1)
    seen = agent.until("made")
    assert seen[0] == {"t": "making", "f": 1}
    # Whose import it is in, and whose turn it is again.
    assert seen[1:-1] == [{"t": "importing", "f": place} for place in (0, 1, 1)]
    assert seen[-1]["last"] is True and seen[-1]["deselected"] == 0 and len(seen[-1]["items"]) == 5
    assert seen[-1]["items"][0] == ["b/test_three.py::test_a[x]", len("b/test_three.py")]
    agent.send(make=0)
    assert agent.until("made")[-1] == {"t": "made", "f": 0, "items": [], "last": True, "deselected": 0}
    agent.run(4, 0)
    agent.send(finish=True)
    assert [event["t"] for event in agent.rest()] == ["start", "end", "start", "end", "finished"]


def test_long_files_and_long_lists_come_in_parts(project):
    project.write(test_a="import pytest\n@pytest.mark.parametrize('x', range(2500))\ndef test_a(x): pass\n")
    for number in range(1005):
        (project.root / ("test_n%04d.py" % number)).write_text("")
    agent = project.agent(stream=True)
    seen = agent.until("listed")
    assert [len(event["files"]) for event in seen if event["t"] == "files"] == [1000, 6]
    assert seen[-1] == {"t": "listed", "count": 1006}
    agent.send(make=0)
    made = [agent.until("made")[-1] for _ in range(3)]
    assert [(len(event["items"]), event["last"]) for event in made] == [(1000, False), (1000, False), (500, True)]


def test_deselected_is_told_by_file(tree):
    agent = tree.agent("-k", "test_a or test_deep", stream=True)
    agent.listing()
    counts = {}
    for place, (nodeid, _) in enumerate(agent.files):
        agent.make(place)
        counts[nodeid] = agent.log[-1]["deselected"]
    assert counts["a/test_one.py"] == 3 and counts["b/test_three.py"] == 3 and counts["test_top.py"] == 6


COUNTED = """
    import os
    with open(os.environ["COUNT"], "a") as file: file.write(__name__ + "\\n")
    print("from", __name__)
    """


def test_modules_are_imported_once_and_before_the_first_item(project):
    counted = "\n".join(line[4:] for line in COUNTED.splitlines())
    (project.root / "test_a.py").write_text(counted + "import sys\ndef test_a(): assert 'test_z' in sys.modules\n")
    (project.root / "test_b.py").write_text(counted + "import nowhere\n")
    (project.root / "test_c.py").write_text(counted + "1 / 0\n")
    (project.root / "test_d.py").write_text(counted + "import pytest\npytest.skip('not today', allow_module_level=True)\n")
    (project.root / "test_e.py").write_text(counted + "import pytest\npytest.fail('no good')\n")
    (project.root / "test_f.py").write_text(counted + "def test_f(: pass\n")
    (project.root / "test_z.py").write_text(counted + "def test_z(): pass\n")
    count = project.root / "count"
    agent = project.agent(stream=True, env={"COUNT": str(count)})
    agent.stream_all()
    with_output = count.read_text().split()
    assert with_output == ["test_a", "test_b", "test_c", "test_d", "test_e", "test_z"]
    ends = [event["o"] for event in agent.log if event["t"] == "end"]
    assert ends == ["passed", "passed"]
    collects = {event["id"]: event for event in agent.log if event["t"] == "collect"}
    assert {nodeid: event["failed"] for nodeid, event in collects.items()} == {
        "test_b.py": True,
        "test_c.py": True,
        "test_d.py": False,
        "test_e.py": True,
        "test_f.py": True,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNT", str(count))
        plain = project.plain("-p", "no:cacheprovider", "-rs").stdout
    for nodeid, event in collects.items():
        if event["failed"]:
            assert event["text"].strip("\n") in plain, nodeid
    assert "SKIPPED [1] %s: not today" % collects["test_d.py"]["location"] in plain
    assert "from test_c" in collects["test_c.py"]["text"]
    kinds = [(event["t"], event.get("f")) for event in agent.log if event["t"] in ("making", "made", "collect")]
    assert kinds[2:5] == [("making", 1), ("collect", None), ("made", 1)]


def test_lazy_import_waits_for_the_turn(project):
    project.write(test_a="import sys\ndef test_a(): assert 'test_b' not in sys.modules\n", test_b="def test_b(): pass\n")
    agent = project.agent(stream=True, lazy_import=True)
    agent.stream_all()
    assert [event["o"] for event in agent.log if event["t"] == "end"] == ["passed", "passed"]


@pytest.mark.parametrize("how", ["raise KeyboardInterrupt", "raise SystemExit(3)", "import pytest; pytest.exit('enough', 5)"])
def test_an_import_that_ends_the_session(project, how):
    project.write(test_a="def test_a(): pass\n", test_b=how)
    plain = project.plain("-p", "no:cacheprovider")
    agent = project.agent(stream=True)
    agent.listing()
    agent.send(make=0)
    agent.send(make=1)
    agent.send(finish=True)
    rest = agent.rest()
    assert rest[0] == {"t": "making", "f": 0}
    if plain.returncode != 2 or "Interrupted" not in plain.stdout:
        assert "stopping" in [event["t"] for event in rest], rest
        assert rest[-1]["exit_code"] == plain.returncode, plain.stdout


def test_warnings_are_those_of_a_collection(project):
    project.write(
        test_a="import warnings\nwarnings.warn('at import')\nclass TestX:\n    def __init__(self): pass\ndef test_a(): warnings.warn('running')\n",
        test_b="def test_b(): pass\n",
    )
    agent = project.agent(stream=True)
    agent.stream_all()
    found = sorted((event["stage"], event["text"].split(": ", 1)[1].splitlines()[0]) for event in agent.log if event["t"] == "warning")
    assert [stage for stage, _ in found] == ["collect", "collect", "run"]
    assert any("at import" in text for _, text in found[:2]) and "running" in found[2][1]
    plain = project.plain("-p", "no:cacheprovider").stdout
    assert "3 warnings" in plain


SCOPES = {
    "conftest": "import pytest\nL = []\n"
    "def note(text):\n    with open('notes', 'a') as file: file.write(text + '\\n')\n"
    "@pytest.fixture(scope='session', autouse=True)\ndef s():\n    note('s+')\n    yield\n    note('s-')\n"
    "@pytest.fixture(scope='package', autouse=True)\ndef p(request):\n    note('p+')\n    yield\n    note('p-')\n"
    "@pytest.fixture(scope='module', autouse=True)\ndef m(request):\n    note('m+' + request.module.__name__)\n    yield\n    note('m-')\n"
    "@pytest.fixture(autouse=True)\ndef f(request):\n    note(request.node.nodeid)\n",
    "a____init__": "def setup_module(): print(1)\n",
    "a__conftest": "import pytest\nfrom conftest import note\n@pytest.fixture(scope='package', autouse=True)\ndef q():\n    note('q+')\n    yield\n    note('q-')\n",
    "a__test_one": "def test_1(): pass\ndef test_2(): pass\n",
    "a__test_two": "def setup_module():\n    from conftest import note\n    note('setup')\nclass TestC:\n    def test_3(self): pass\n    def test_4(self): pass\n",
    "a__sub____init__": "",
    "a__sub__test_deep": "def test_5(): pass\n",
    "b____init__": "",
    "b__test_three": "def test_6(): pass\n",
    "test_last": "def test_7(): pass\n",
}


@pytest.mark.parametrize("ahead", [True, False])
def test_fixtures_live_as_long_as_in_plain_pytest(project, ahead):
    for name, text in SCOPES.items():
        path = project.root / (name.replace("____init__", "/__init__").replace("__", "/").replace("/init/", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    notes = project.root / "notes"
    assert project.plain("-p", "no:cacheprovider").returncode == 0
    plain = notes.read_text()
    notes.unlink()
    agent = project.agent(stream=True)
    agent.listing()
    if ahead:
        # As an agent does it: what comes next is in the queue before the running test ends.
        agent.make(0)
        for place in range(len(agent.files)):
            done = sum(1 for event in agent.log if event["t"] == "end")
            agent.run(*range(done, len(agent.items)))
            if place + 1 < len(agent.files):
                agent.send(make=place + 1)
                agent.made(place + 1)
        agent.send(finish=True)
        agent.rest()
    else:
        places = range(len(agent.files))
        for place in places:
            before = len(agent.items)
            agent.make(place)
            agent.run(*range(before, len(agent.items)))
        agent.send(finish=True)
        agent.rest()
    assert notes.read_text() == plain


def test_a_teardown_after_the_end_of_its_item_is_not_lost(project):
    project.write(
        conftest="import pytest\n@pytest.fixture(scope='session')\ndef s():\n    yield\n    print('going')\n    1 / 0\n",
        test_a="def test_a(s): pass\n",
        test_b="",
    )
    agent = project.agent(stream=True)
    agent.listing()
    agent.make(0)
    agent.run(0)
    agent.send(make=1)
    agent.made(1)
    assert [event["o"] for event in agent.log if event["t"] == "end"] == ["passed"]
    agent.send(finish=True)
    rest = agent.rest()
    assert [event["t"] for event in rest] == ["collect", "finished"]
    assert rest[0]["failed"] and "ZeroDivisionError" in rest[0]["text"] and "going" in rest[0]["text"]
    assert rest[0]["id"] == "test_a.py::test_a"
    assert rest[1]["exit_code"] == 1


def test_what_tests_leave_behind_is_freed_as_in_plain_pytest(project):
    project.write(
        conftest="left = []\n",
        test_a="""
        import weakref
        from conftest import left
        class Ring:
            def __init__(self): self.self = self
        def test_a():
            left.append(weakref.ref(Ring()))
        """,
        test_b="""
        import gc
        from conftest import left
        def test_b():
            gc.collect()
            assert [ref() for ref in left] == [None]
        """,
    )
    assert "2 passed" in project.plain().stdout
    agent = project.agent(stream=True)
    agent.stream_all()
    assert [event["o"] for event in agent.log if event["t"] == "end"] == ["passed", "passed"]


def test_halted_leaves_a_make_where_it_is(project):
    project.write(test_a="def test_a(): assert 0\n", test_b="def test_b(): pass\n")
    agent = project.agent(stream=True, halt_on_failure=True)
    agent.listing()
    agent.make(0)
    agent.run(0)
    agent.send(make=1)
    agent.until("halted")
    assert agent.take_back() == {"make": 1}
    agent.send(resume=True)
    agent.send(finish=True)
    assert "making" not in [event["t"] for event in agent.rest()]


@pytest.mark.parametrize("message", [{"make": 2}, {"make": -1}, {"make": "x"}])
def test_a_file_that_does_not_exist_breaks_the_protocol(project, message):
    project.write(test_a="def test_a(): pass\n", test_b="")
    agent = project.agent(stream=True)
    agent.listing()
    agent.send(**message)
    agent.rest()
    assert agent.process.returncode == 70


def test_a_file_is_made_once(project):
    project.write(test_a="def test_a(): pass\n")
    agent = project.agent(stream=True)
    agent.listing()
    agent.make(0)
    agent.send(make=0)
    agent.rest()
    assert agent.process.returncode == 70


def test_broken_conftests_and_missing_paths_are_as_ever(tree):
    agent = tree.agent("nowhere.py", stream=True)
    rest = agent.rest()
    assert rest[-1]["exit_code"] == 4 and "stopping" in [event["t"] for event in rest]
    agent = tree.agent("a/test_one.py::nothing", stream=True)
    assert agent.rest()[-1]["exit_code"] == 4
    (tree.root / "b/conftest.py").write_text("import nowhere\n")
    agent = tree.agent(stream=True)
    seen = agent.until("listed")
    assert [event["id"] for event in seen if event["t"] == "collect"] == ["b"]
    assert [event for event in seen if event["t"] == "collect"][0]["failed"]
    assert not [nodeid for nodeid, _ in agent.files if nodeid.startswith("b/")]


def test_files_of_another_kind(project):
    project.write(
        conftest="""
        import pytest
        def pytest_collect_file(parent, file_path):
            if file_path.suffix == ".yaml":
                return YamlFile.from_parent(parent, path=file_path)
        class YamlFile(pytest.File):
            def collect(self):
                for line in self.path.read_text().split():
                    yield YamlItem.from_parent(self, name=line)
        class YamlItem(pytest.Item):
            def runtest(self): assert self.name != "bad"
        """,
        test_a="def test_a(): pass\n",
    )
    (project.root / "test_y.yaml").write_text("good bad\n")
    agent = project.agent(stream=True)
    agent.stream_all()
    assert [nodeid for nodeid, _ in agent.files] == ["test_a.py", "test_y.yaml"]
    assert [event["o"] for event in agent.log if event["t"] == "end"] == ["passed", "passed", "failed"]
