"""The metadata of an artefact: JSON in the ONNX file, under the key ``zoo``."""

from typing import Annotated, Any

from msgspec import Meta

from zoo_registry.parameters import ParamValue
from zoo_registry.record import ModelDescription, ProtocolInfo
from zoo_registry.structures import Count, Structure

__all__ = ["FORMAT", "METADATA", "ArtefactMetadata", "TrainingData", "WindowGrid"]

FORMAT = 2
METADATA = "zoo"

_Length = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class WindowGrid(Structure, kw_only=True):
    """Position of the windows of a model.

    Attributes
    ----------
    hop : int
        Samples from the begin of a window to that of the next.
    length : int
        Samples of a window.
    reach : int
        Samples before and after a window that its probabilities depend on.
    """

    hop: _Length
    length: _Length
    reach: Count


class TrainingData(Structure, kw_only=True):
    """The dataset of an artefact: its name, its hash and the number of its tracks."""

    name: str
    fingerprint: str
    tracks: Count


class ArtefactMetadata(Structure, kw_only=True):
    """The origin and the use of an artefact.

    Attributes
    ----------
    format : int
    run : str or None
        Identifier of its run. This field and the others that may be None are not needed to
        predict.
    model : ModelDescription or None
    classes : list of str
    frontend : dict
        Name, version and fields of the front end.
    windows : WindowGrid or None
        None where the position of the windows is not known.
    params : dict or None
    dataset : TrainingData or None
    protocol : ProtocolInfo or None
    seed : int or None
    metrics : dict or None
        ``accuracy, accuracy_mean, macro_f1`` of the evaluation.
    versions : dict or None
    intended_use : str or None
    """

    format: int
    run: str | None = None
    model: ModelDescription | None = None
    classes: list[str]
    frontend: dict[str, Any]
    windows: WindowGrid | None = None
    params: dict[str, ParamValue] | None = None
    dataset: TrainingData | None = None
    protocol: ProtocolInfo | None = None
    seed: int | None = None
    metrics: dict[str, float | None] | None = None
    versions: dict[str, str] | None = None
    intended_use: str | None = None
