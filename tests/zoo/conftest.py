"""Fixtures for the application: datasets that train in no time."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def feature_table(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of feature tables: one cloud of points a class, overlapping a little."""

    def make(
        classes: int = 3, tracks: int = 10, groups: int = 0, spread: float = 1.0,
        name: str = "table.csv", seed: int = 0,
    ) -> Path:  # fmt: skip
        rng = np.random.default_rng(seed)
        centres = 1.6 * rng.standard_normal((classes, 6))
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["track", *(f"f{n}" for n in range(6)), "label", *(["group"] if groups else [])]
            )
            for label, centre in enumerate(centres):
                for track in range(tracks):
                    point = centre + spread * rng.standard_normal(6)
                    group = [f"{label}-{track % groups}"] if groups else []
                    writer.writerow([f"{label}-{track}", *point, f"class{label}", *group])
        return path

    return make
