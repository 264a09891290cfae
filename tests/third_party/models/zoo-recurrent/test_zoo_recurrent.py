from zoo.testing import ModelSuite


class TestRecurrent(ModelSuite, model="recurrent"):
    """What a plugin promises, check by check."""
