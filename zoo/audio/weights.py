"""Weights of encoders, read from installed packages that need not be imported."""

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from zoo_registry.errors import PluginError, UsageError
from zoo_registry.frontend import FrontEndCard

__all__ = ["packaged_files"]


def packaged_files(card: FrontEndCard) -> list[bytes]:
    """Return the files of weights of a front end, in the order of its card.

    Parameters
    ----------
    card : FrontEndCard
        Card with a package, and the sha256 of each file by its path in the package.

    Raises
    ------
    UsageError
        If the package is not installed.
    PluginError
        If a file is missing or not the one that the card names.
    """
    name, _, version = (card.package or "").partition("==")
    try:
        package = distribution(name)
    except PackageNotFoundError as error:
        raise UsageError(f"the front end {card.name} needs its weights; {card.missing}") from error
    contents = []
    for path, sha256 in card.weights.items():
        file = Path(str(package.locate_file(path)))
        try:
            content = file.read_bytes()
        except OSError as error:
            raise PluginError(f"{file} cannot be read; {_again(name, version)}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise PluginError(f"{file} is not the file of {card.package}; {_again(name, version)}")
        contents.append(content)
    return contents


def _again(name: str, version: str) -> str:
    return f"pip install --no-deps --force-reinstall {name}=={version}"
