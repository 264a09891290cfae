"""The graph of an ONNX file, as onnxruntime runs it in this process."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.metadata import METADATA

__all__ = ["EMBEDDING", "NOVELTY", "OUTPUT", "TIMES", "LocalSession", "Session"]

OUTPUT, TIMES, NOVELTY = "probabilities", "times", "novelty"
EMBEDDING = "embedding"  # which `zoo.artefacts.embedding` adds


class Session(Protocol):
    """An open graph: the names of its inputs and outputs, and the zoo's metadata as JSON."""

    inputs: list[str]
    outputs: list[str]
    metadata: str | None

    def run(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows by their names; an error may be of any kind."""
        ...


class LocalSession:
    """Session of this process.

    Parameters
    ----------
    content : bytes
        The file.
    threads : int, optional
        Threads per run; all cores by default.
    """

    def __init__(self, content: bytes, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        providers = ["CPUExecutionProvider"]
        self._session: Any = onnxruntime.InferenceSession(content, options, providers=providers)
        self.inputs: list[str] = [item.name for item in self._session.get_inputs()]
        self.outputs: list[str] = [item.name for item in self._session.get_outputs()]
        self.metadata: str | None = self._session.get_modelmeta().custom_metadata_map.get(METADATA)

    def run(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows by their names."""
        return self.known({self.inputs[0]: given})

    def known(self, given: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows, for each input by its name."""
        wanted = [name for name in (OUTPUT, TIMES, NOVELTY, EMBEDDING) if name in self.outputs]
        return {
            name: np.asarray(array, dtype=np.float64)
            for name, array in zip(wanted, self.raw(wanted, given), strict=True)
        }

    def raw(self, wanted: list[str], given: dict[str, NDArray[np.float32]]) -> list[Any]:
        """Return some outputs as they are, for each input by its name."""
        found: list[Any] = self._session.run(wanted, given)
        return found
