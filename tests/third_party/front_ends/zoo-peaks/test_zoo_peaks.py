from zoo.testing import FrontEndSuite


class TestPeaks(FrontEndSuite, frontend="peaks"): ...
