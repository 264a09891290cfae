"""Workspaces to be disturbed, and what disturbs them."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Nest
from subjects import COUNTED, HEARD


@pytest.fixture(scope="session")
def kills() -> int:
    """Return how many kills a command gets: a few, or its share of ZOO_CHAOS_KILLS."""
    return int(os.environ.get("ZOO_CHAOS_KILLS", "24")) // 4


@pytest.fixture(scope="session")
def nest() -> Iterator[Nest]:
    """Return where commands hatch quickly."""
    made = Nest()
    yield made
    made.close()


@pytest.fixture
def tuning_nest() -> Iterator[Nest]:
    """Return where those hatch that tune: TensorFlow is loaded once for all."""
    made = Nest("keras_tuner")
    yield made
    made.close()


@pytest.fixture
def table_box(tmp_path: Path, feature_table) -> Path:
    """Return a workspace with a feature table and a model that counts its trainings."""
    box = tmp_path / "table-box"
    box.mkdir()
    shutil.move(feature_table(classes=3, tracks=8), box / "table.csv")
    (box / "counted.py").write_text(COUNTED, encoding="utf-8")
    return box


@pytest.fixture
def tone_box(tmp_path: Path, make_tones: Callable[..., Path]) -> Path:
    """Return a workspace with recordings and a model of sound that counts its trainings."""
    box = tmp_path / "tone-box"
    make_tones(box / "tones", tracks=12, seconds=0.3)
    (box / "heard.py").write_text(HEARD, encoding="utf-8")
    return box
