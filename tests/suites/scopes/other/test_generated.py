def pytest_generate_tests(metafunc):
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(40))


def test_number(number, of_module):
    assert number not in (7, 33)


def test_nothing(of_class):
    pass
