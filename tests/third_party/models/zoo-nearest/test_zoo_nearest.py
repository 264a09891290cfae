from zoo.testing import ModelSuite


class TestNearest(ModelSuite, model="nearest"):
    """What a plugin promises, check by check."""
