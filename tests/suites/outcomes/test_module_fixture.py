"""A fixture of the module that breaks for all of its tests."""


def test_one(failing_module):
    pass


def test_two(failing_module):
    pass
