from zoo.testing import ModelSuite


class TestCentroid(ModelSuite, model="centroid"):
    """What a plugin promises, check by check."""
