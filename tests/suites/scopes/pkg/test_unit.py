import unittest

from noted import log


def setUpModule():
    log("setup", "pkg/test_unit.py", "module")


def tearDownModule():
    log("teardown", "pkg/test_unit.py", "module")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        log("setup", "pkg/test_unit.py::Case", "class")

    @classmethod
    def tearDownClass(cls):
        log("teardown", "pkg/test_unit.py::Case", "class")

    def test_one(self):
        pass

    def test_two(self):
        self.assertEqual(1, 2)

    @unittest.skip("not today")
    def test_three(self):
        pass

    @unittest.expectedFailure
    def test_four(self):
        self.assertEqual(1, 2)


class Broken(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise ValueError("no class")

    def test_five(self):
        pass

    def test_six(self):
        pass
