"""Encoders: front ends that are pretrained networks, from the waveform on in one ONNX graph."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from zoo.audio.frontends import GraphFrontEnd
from zoo_registry.frontend import Layout

__all__ = ["Encoder"]


@dataclass(frozen=True)
class Encoder(GraphFrontEnd):
    """Base of front ends that average what a frozen network says of the patches of a window.

    A subclass has a name, a version, the sample rate and the patch of its network, and returns the
    network. Everything before and after the network is the same for all encoders: silence at the
    ends of a window, its level and a constant offset do not count, silent patches do not either,
    and a recording that is shorter than a patch is repeated to fill it.

    Attributes
    ----------
    sample_rate : int
        Hz, as the network was trained with.
    window : float
        Seconds of a row. A remainder of half a window or more is a row of its own, a shorter one
        is added to the row before it; a shorter track is one row.
    step : float
        Seconds from one patch to the next. The last patch ends with the window.

    Examples
    --------
    A whole plugin, in a file that ``--front-end ./mine.py`` takes; `network` would usually load
    weights from a file:

    >>> from dataclasses import dataclass
    >>> from onnx import parser
    >>> from zoo import Encoder, FrontEndCard
    >>> @dataclass(frozen=True)
    ... class Peaks(Encoder):
    ...     name, version, patch = "peaks", 1, 8_000
    ...     def network(self):
    ...         return parser.parse_model('''<ir_version: 10, opset_import: ["": 22]>
    ...             peaks (float[n, 8000] patches) => (float[n, 1] embedding) {
    ...                 axis = Constant <value_ints = [1]> ()
    ...                 embedding = ReduceMax (patches, axis) }''')
    >>> card = FrontEndCard(frontend=Peaks(window=1.0, step=0.25), title="Peaks of patches")
    >>> import numpy as np
    >>> card.frontend(np.ones(40_000, np.float32) * np.sin(np.arange(40_000)).astype("f")).shape
    (3, 1)
    """

    name: ClassVar[str]
    version: ClassVar[int]
    layout: ClassVar[Layout] = "vectors"
    patch: ClassVar[int]
    """Number of samples of a patch."""
    level: ClassVar[float] = 0.1
    """Root of the mean power, as music usually has it, to which each window is brought."""

    sample_rate: int = field(default=16_000, init=False)
    window: float = 3.0
    step: float = 1.5

    @property
    def hop(self) -> int:
        """Distance of two rows in samples."""
        return round(self.window * self.sample_rate)

    @property
    def reach(self) -> int:
        """Number of samples before its own that a row depends on."""
        return 0

    @property
    def shortest(self) -> int:
        """Number of samples of the shortest waveform whose row says something of it."""
        return min(self.sample_rate // 10, self.hop)

    def network(self) -> Any:
        """Return the network as an ``onnx.ModelProto``.

        Its one input is float32 of shape (patches, samples), its one output float32 of shape
        (patches, columns).
        """
        raise NotImplementedError

    def graph(self) -> Any:
        """Return the computation as an ``onnx.ModelProto``."""
        from zoo.audio import onnx_encoder
        from zoo.audio.weights import MissingWeights, published_network

        try:
            network = self.network()
        except MissingWeights as lack:
            network = published_network(lack)
        step = max(1, round(self.step * self.sample_rate))
        return onnx_encoder.pooled(network, self.patch, step, self.hop, self.level)
