"""Cases of unittest."""

import unittest


class Case(unittest.TestCase):
    def setUp(self):
        self.number = 1

    def test_passes(self):
        self.assertEqual(self.number, 1)

    def test_fails(self):
        self.assertEqual(self.number, 2)

    def test_raises(self):
        raise OSError("of a case")

    @unittest.skip("by unittest")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail("as expected")

    @unittest.expectedFailure
    def test_unexpected(self):
        pass


class BrokenClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise OSError("of the class")

    def test_never_runs(self):
        pass


class BrokenTeardown(unittest.TestCase):
    def tearDown(self):
        raise OSError("at the end")

    def test_passes(self):
        pass
