def test_checked(of_module, of_session):
    pass
