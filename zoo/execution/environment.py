"""Versions of the packages that results depend on."""

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
    """Return the versions that must be equal on all workers: Python's minor one, and `versions`."""
    return {"Python": ".".join(platform.python_version_tuple()[:2]), **versions()}
