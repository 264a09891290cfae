"""The packages whose versions bear on every number."""

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

__all__ = ["PACKAGES", "surroundings", "versions"]

PACKAGES = (
    *("genre-zoo", "numpy", "scipy", "scikit-learn", "librosa", "onnxruntime"),
    *("soundfile", "soxr"),
)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a module whose package has another name
            continue
    return found


def surroundings() -> dict[str, str]:
    """Return what has to be equal where work is shared: Python's minor version, and `versions`."""
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **versions()}
