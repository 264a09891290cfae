"""The metadata of an artefact: JSON in the ONNX file, under the key ``zoo``."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from zoo.evaluate.thresholds import Thresholds
from zoo_registry.parameters import ParamValue
from zoo_registry.record import FrontEndInfo, ModelDescription, ProtocolInfo
from zoo_registry.structures import SHORTEST_MOST, Count, Structure

__all__ = ["FORMAT", "METADATA", "ArtefactMetadata", "TrainingData", "WindowGrid"]

FORMAT = 2
METADATA = "zoo"

_Shortest = Annotated[int, Meta(ge=0, le=SHORTEST_MOST)]
_Length = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class WindowGrid(Structure, kw_only=True):
    """Position of windows, in samples.

    A window of `length` samples begins every `hop` samples. Its probabilities depend on samples
    up to `reach` before and after it, too.
    """

    hop: _Length
    length: _Length
    reach: Count


class TrainingData(Structure, kw_only=True):
    """The dataset of an artefact: its name, its hash and the number of its tracks.

    `bandwidth` is the frequency in Hz that 95 % of the recordings reach, if it is known.
    """

    name: str
    fingerprint: str
    tracks: Count
    bandwidth: Count | UnsetType = UNSET


class ArtefactMetadata(Structure, kw_only=True):
    """Origin and use of an artefact. Fields that may be None are not needed to predict.

    `frontend` has name, version and fields of the front end, `frontend_plugin` the licence of its
    weights and what they have seen, absent where it has none, `shortest` is the number of samples
    that it needs, absent where it does not state one, `windows` is None where the position of the
    windows is not known, `metrics` are those of the evaluation. The label is the class with the
    most windows, unless `decision` is "mean": then it has the highest mean probability.
    """

    format: int
    run: Annotated[str, Meta(max_length=1000)] | None = None
    model: ModelDescription | None = None
    classes: list[str]
    frontend: dict[str, Any]
    frontend_plugin: FrontEndInfo | UnsetType = UNSET
    shortest: _Shortest | UnsetType = UNSET
    windows: WindowGrid | None = None
    decision: Literal["mean"] | UnsetType = UNSET
    params: dict[str, ParamValue] | None = None
    dataset: TrainingData | None = None
    protocol: ProtocolInfo | None = None
    seed: int | None = None
    metrics: dict[str, float | None] | None = None
    thresholds: Thresholds | UnsetType = UNSET
    versions: dict[str, str] | None = None
    intended_use: str | None = None
