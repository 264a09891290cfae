"""Front ends whose arrays cannot be used: one sentence that names the front end, or its array."""

from pathlib import Path

import pytest

import zoo
from zoo.datasets import open_dataset
from zoo.execution.engine import InProcess
from zoo.features.extraction import extract
from zoo_registry import Registry
from zoo_registry.errors import DatasetError, PluginError

FRONT_END = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from zoo import FrontEndCard

@dataclass(frozen=True)
class Mine:
    name: ClassVar[str] = "mine"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8000

    def __call__(self, audio):
        {body}

card = FrontEndCard(frontend=Mine(), title="Mine")
"""


@pytest.fixture
def train(workspace: Path, make_tones):
    data = str(make_tones(workspace / "tones", tracks=2, seconds=0.3))

    def run(body):
        (workspace / "mine.py").write_text(FRONT_END.format(body=body))
        return zoo.train("knn", data, frontend="./mine.py", protocol="kfold:2", jobs=1)

    return run


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise ValueError('no way')", "made the front end mine raise ValueError: no way"),
        (
            "return np.zeros(4)",
            "an array of shape (4,); a front end returns one of (rows, columns)",
        ),
        ("return None", "gave None; a front end returns an array of (rows, columns)"),
        ("return np.full((3, 4), 1e300)", "gave an array with numbers that are not finite"),
        ("return np.zeros((0, 4))", "gave an array of shape (0, 4), which is empty"),
        ("return np.full((3, 4), np.inf)", "gave an array with numbers that are not finite"),
        ("return np.ones((2, 3), complex)", "gave an array of complex128; a front end returns"),
        ("return np.array([['a']])", "gave an array of <U1; a front end returns one of float32"),
    ],
)
def test_a_wrong_array_is_one_sentence(train, body, sentence):
    with pytest.raises(DatasetError) as caught:
        train(body)
    assert sentence in str(caught.value)
    assert "knn" not in str(caught.value)


def test_columns_that_vary_are_one_sentence_each_time(train):
    body = "return np.ones((1, 3 + (audio[:500].std() > audio[500:1000].std())))"
    for _ in range(2):  # the second time the arrays are in the cache
        with pytest.raises(PluginError, match=r"^the front end mine gives different numbers of co"):
            train(body)


class Remote(InProcess):
    """Engine with a worker that has the plugins of this machine."""

    def check_workers(self, missing, *arguments):
        assert missing(*arguments) is None


def test_a_remote_worker_is_asked_about_the_front_end_in_use(workspace, make_tones):
    data = open_dataset(str(make_tones(workspace / "tones", tracks=1, seconds=0.3)))
    model = Registry().load("svm", "handcrafted:window=5")
    assert len(extract(data, model, Remote()).dataset) == len(data)
