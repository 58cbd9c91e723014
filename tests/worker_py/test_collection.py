"""The collection is told as pytest makes it."""

from told import counts, ends, kinds


def test_collection_errors_do_not_end_the_session(project):
    project.write(
        test_a="import nothing_of_this_name\n",
        test_b="import pytest\npytest.skip('not today', allow_module_level=True)\n",
        test_c="print('loud')\n1 / 0\n",
        test_d="def test_a(): pass\n",
    )
    agent = project.agent()
    agent.run_all()
    collect = {event["id"]: event for event in agent.log if event["t"] == "collect"}
    assert sorted(collect) == ["test_a.py", "test_b.py", "test_c.py"]
    assert [collect[name]["failed"] for name in sorted(collect)] == [True, False, True]
    assert "No module named" in collect["test_a.py"]["brief"]
    assert (collect["test_b.py"]["brief"], collect["test_b.py"]["location"]) == ("not today", "test_b.py:2")
    assert "Captured stdout" in collect["test_c.py"]["text"] and "loud" in collect["test_c.py"]["text"]
    assert agent.log[kinds(agent.log).index("collected")]["count"] == 1
    assert ends(agent) == {"test_d.py::test_a": "passed"}


def test_the_collection_tells_scopes_groups_and_duplicates(project):
    project.write(
        test_a="""
        import pytest
        @pytest.mark.xdist_group("one")
        class TestX:
            @pytest.mark.xdist_group(name="two")
            def test_a(self): pass
            @pytest.mark.parametrize("x", ["a::b"])
            def test_b(self, x): pass
        @pytest.mark.xdist_group
        def test_c(): pass
        def test_d(): pass
        """
    )
    agent = project.agent("--strict-markers", dist="loadgroup").collect()
    assert agent.items == [
        ["test_a.py::TestX::test_a", 16, "one_two"],
        ["test_a.py::TestX::test_b[a::b]", 16, "one"],
        ["test_a.py::test_c", 9, "default"],
        ["test_a.py::test_d", 9],
    ]
    agent = project.agent("--keep-duplicates", "test_a.py", "test_a.py", "-k", "test_d").collect()
    assert [item[0] for item in agent.items] == ["test_a.py::test_d"] * 2
    assert agent.log[-1]["deselected"] == 6
    agent.run(0, 1)
    agent.send(finish=True)
    agent.rest()
    assert counts(agent) == {"passed": 2}


def test_the_collection_tells_marks_as_tags(project):
    project.ini("markers =\n    slow\n    db\n")
    project.write(
        test_a="""
        import pytest
        pytestmark = pytest.mark.slow
        @pytest.mark.db
        class TestX:
            @pytest.mark.resources("db", "gpu=2")
            @pytest.mark.exclusive
            def test_a(self): pass
            @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requires("gpu", 7))])
            def test_b(self, x): pass
        @pytest.mark.skip
        @pytest.mark.slow
        @pytest.mark.xdist_group("one")
        def test_c(): pass
        """,
        test_b="""
        import pytest
        @pytest.mark.xfail
        @pytest.mark.usefixtures("tmp_path")
        def test_d(): pass
        """,
    )
    agent = project.agent("--strict-markers", "-W", "error").collect()
    assert agent.items == [
        ["test_a.py::TestX::test_a", 16, None, ["db", "exclusive", "resource:db", "resource:gpu=2", "slow"]],
        ["test_a.py::TestX::test_b[1]", 16, None, ["db", "requires:7", "requires:gpu", "slow"]],
        ["test_a.py::test_c", 9, "one", ["slow"]],
        ["test_b.py::test_d", 9],
    ]


def test_scopes_are_counted_in_bytes(project):
    (project.root / "test_é.py").write_text("def test_ü(): pass\n", encoding="utf-8")
    agent = project.agent().collect()
    assert agent.items == [["test_é.py::test_ü", len("test_é.py".encode())]]


def test_a_big_collection_comes_in_parts(project):
    project.write(test_a="import pytest\n@pytest.mark.parametrize('x', range(2500))\ndef test_a(x): pass\n")
    agent = project.agent().collect()
    assert [len(event["items"]) for event in agent.log if event["t"] == "items"] == [1000, 1000, 500]
    assert agent.log[-1]["count"] == 2500


def test_no_tests(project):
    agent = project.agent().collect()
    agent.send(finish=True)
    assert agent.rest()[-1]["exit_code"] == 5


def test_warnings_are_told_as_pytest_shows_them(project):
    project.write(test_a="import warnings\nwarnings.warn('early')\ndef test_a():\n    warnings.warn('late')\n", conftest="import warnings\nwarnings.warn('first')\n")
    agent = project.agent()
    agent.run_all()
    told = [event for event in agent.log if event["t"] == "warning"]
    assert kinds(agent.log)[0] == "ready"
    assert [(event["stage"], event["id"], event["location"]) for event in told][-2:] == [
        ("collect", "", "test_a.py:2"),
        ("run", "test_a.py::test_a", "test_a.py:4"),
    ]
    plain = project.plain("-p", "no:cacheprovider").stdout
    for event in told:
        assert event["text"].splitlines()[0] in plain
