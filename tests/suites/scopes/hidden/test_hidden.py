def test_hidden():
    assert False
