"""Which tests one worker process has, and in which order: hooks of pytest and pytest-xdist.

All tests of a file run in one worker, so that what they share is made once. The groups of
`--dist loadgroup` would do the same, but pytest 9.2 takes no notice of them (pytest-xdist#1386).
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# What takes longest comes first, so that no worker is left with it at the end. Files that stand
# together share more: TensorFlow is loaded once; servers or recordings get both cores.
UNITS = (
    (
        "plugins/test_conformance.py", "plugins/test_keras.py", "browser/test_page.py",
        "zoo/artefacts/test_stable_names.py", "zoo/tuning/test_search.py",
        "zoo/tuning/test_seen_tracks.py", "zoo/execution/test_pickled_work.py",
    ),
    (
        "browser/test_serve.py", "zoo/web/test_serve.py", "zoo/web/test_door.py",
        "zoo/artefacts/test_isolated.py",
    ),
    ("zoo/execution/test_engine.py",),
    ("test_third_party.py", "test_data_plugins_page.py"),
    ("test_real.py", "plugins/frontends/test_encoders.py"),
    ("zoo/plugins/test_scaffold.py",),
    ("zoo/report/test_page.py",),
    ("zoo/training/test_train.py",),
    ("test_pages.py",),
    ("test_walk.py",),
    ("zoo/inference/test_hostile.py",),
    ("plugins/test_mlflow.py", "plugins/test_trackers.py"),
    ("zoo/inference/test_predict.py",),
)  # fmt: skip
_NUMBERS = {f"tests/{file}": number for number, unit in enumerate(UNITS) for file in unit}


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest units first."""
    items.sort(key=lambda item: _NUMBERS.get(_file(item.nodeid), len(UNITS)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Return a scheduler that gives each unit, or file, to one worker, in this order."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = _file(nodeid)
            return str(_NUMBERS.get(file, file))

    config.option.loadscopereorder = False
    return Units(config, log)
