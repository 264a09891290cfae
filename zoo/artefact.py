"""The artefact of a run: one ONNX file that is written, checked and run here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_registry.errors import RunError
from zoo_registry.files import atomic_path
from zoo_registry.hooks import hookimpl
from zoo_registry.model import Model
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["INPUT", "OUTPUT", "Artefact", "Exporter", "write_artefact"]

INPUT = "track"
OUTPUT = "probabilities"
TOLERANCE = 1e-3

_METADATA = "zoo"


class Exporter:
    """The default `export` hook: scikit-learn estimators."""

    @hookimpl(trylast=True)
    def export(self, model: object) -> Any:
        """Convert an estimator; None for anything else."""
        if not _is_estimator(model):
            return None
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        estimator: Any = model
        proto = convert_sklearn(
            estimator,
            initial_types=[(INPUT, FloatTensorType([None, estimator.n_features_in_]))],
            options={"zipmap": False},
            target_opset=18,
        )
        wanted = [output for output in proto.graph.output if output.name == OUTPUT]
        del proto.graph.output[:]
        proto.graph.output.extend(wanted)
        return proto


def _is_estimator(model: object) -> bool:
    # Asked by name, so that scikit-learn is not loaded for a model that has nothing to do with it.
    return any(kind.__module__.startswith("sklearn.") for kind in type(model).__mro__)


@dataclass
class Artefact:
    """A model that runs without its plugin and its framework.

    Parameters
    ----------
    path : Path
    sha256 : str, optional
        What the file's hash has to be.

    Raises
    ------
    RunError
        If the file is missing, altered, or no artefact of the zoo.
    """

    path: Path
    sha256: str | None = None

    def __post_init__(self) -> None:
        import onnxruntime

        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise RunError(f"{self.path} cannot be read: {error.strerror}") from error
        if self.sha256 and hashlib.sha256(content).hexdigest() != self.sha256:
            raise RunError(
                f"{self.path} is not the file that its run wrote (its hash differs); train again"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
            described = json.loads(self._session.get_modelmeta().custom_metadata_map[_METADATA])
            self.classes: tuple[str, ...] = tuple(described["classes"])
            self.frontend: dict[str, Any] = described["frontend"]
        except Exception as error:
            raise RunError(
                f"{self.path} is no artefact of the zoo that can be run: "
                f"{str(error).splitlines()[0][:200]}"
            ) from error

    def predict(self, rows: "NDArray[np.float32]") -> "NDArray[np.float64]":
        """Classify the windows of one track.

        Parameters
        ----------
        rows : float32 array, shape (rows, columns)
            What the front end gave.

        Returns
        -------
        float64 array, shape (windows, classes)
        """
        feed = {INPUT: np.ascontiguousarray(rows, dtype=np.float32)}
        (windows,) = self._session.run([OUTPUT], feed)
        return np.asarray(windows, dtype=np.float64)


def write_artefact(
    run: Run,
    model: Model,
    fitted: object,
    classes: Sequence[str],
    samples: "Sequence[NDArray[np.float32]]",
) -> dict[str, Any]:
    """Export a fitted model into its run, and compare the two.

    Parameters
    ----------
    run : Run
    model : Model
    fitted : object
        What `train` returned.
    classes : sequence of str
    samples : sequence of float32 arrays
        Real tracks on which artefact and plugin have to agree.

    Returns
    -------
    dict
        ``file, sha256, bytes, parity``, the last being the largest difference in probability.

    Raises
    ------
    CannotExport
        If the model has no ONNX form.
    RunError
        If artefact and plugin differ by more than 1e-3.
    """
    proto = model.export(fitted)
    _describe(
        proto,
        {
            "format": run.record.format,
            "model": run.record.model["name"],
            "run": run.id,
            "dataset": run.record.dataset["name"],
            "classes": list(classes),
            "frontend": run.record.frontend,
        },
    )
    content: bytes = proto.SerializeToString()
    with atomic_path(run.artefact_path) as temporary:
        temporary.write_bytes(content)
        parity = _difference(Artefact(temporary), model, fitted, samples)
        if not parity <= TOLERANCE:
            raise RunError(
                f"the ONNX file of {run.id} differs from the model by {parity:.2g} in probability, "
                f"more than {TOLERANCE:g}; it was not kept"
            )
    return {
        "file": run.artefact_path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "parity": parity,
    }


def _difference(
    artefact: Artefact, model: Model, fitted: object, samples: "Sequence[NDArray[np.float32]]"
) -> float:
    expected = model.predict(fitted, samples, len(artefact.classes))
    return max(
        float(np.abs(artefact.predict(rows) - windows).max())
        for rows, windows in zip(samples, expected, strict=True)
    )


def _describe(proto: Any, description: Mapping[str, Any]) -> None:
    entry = proto.metadata_props.add()
    entry.key, entry.value = _METADATA, json.dumps(description, ensure_ascii=False)
