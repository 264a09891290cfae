"""Writing a run's artefact: front end and model as one graph, compared with what was trained."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.artefacts.artefact import FEATURES, TIMES, Artefact
from zoo.artefacts.metadata import FORMAT, METADATA, ArtefactMetadata, TrainingData, WindowGrid
from zoo.artefacts.model_card import intended_use
from zoo.audio.decode import decode
from zoo.audio.files import on_disk
from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.metrics import score
from zoo.evaluate.vote import count_votes, vote_winner
from zoo_registry.card import FrontEnd
from zoo_registry.errors import CannotExport, RunError
from zoo_registry.files import atomic_path
from zoo_registry.model import Model
from zoo_registry.runs import Predictions, Run
from zoo_registry.text import json_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["add_metadata", "compare", "compose", "write_artefact"]

_TOLERANCE = 1e-3  # in probability
_TRACKS = 50  # that are compared
_REFERENCES = 3  # that are also compared with the reference of the front end, which is slow
_STRANGE = 0.1  # of `_strangeness`; rounding makes less than a hundredth


def write_artefact(
    run: Run,
    model: Model,
    fitted: object,
    dataset: Dataset,
    arrays: "Sequence[NDArray[np.float32]]",
    predictions: Predictions,
) -> dict[str, Any]:
    """Export a fitted model into its run, and compare the two on real tracks.

    Parameters
    ----------
    run : Run
    model : Model
    fitted : object
        What `train` returned.
    dataset : Dataset
    arrays : sequence of float32 arrays
        What the front end gave, one a track of `dataset`.
    predictions : Predictions
        Of the evaluation; their scores go into the file.

    Returns
    -------
    dict
        ``file, sha256, bytes``; ``parity``, the largest difference in probability of a window
        between artefact and plugin, over ``parity_tracks`` tracks, of which ``same_winner`` get
        the same one; and ``reference``, how far the front end is from librosa, in standard
        deviations of its columns.

    Raises
    ------
    CannotExport
        If model or front end have no ONNX form.
    RunError
        If artefact and plugin differ by more than 1e-3 in probability.
    """
    part, windows = compose(model, fitted, hears=not isinstance(dataset, FeatureTable))
    add_metadata(part, _metadata(run, predictions, windows))
    content: bytes = part.SerializeToString()
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), _TRACKS)).astype(int))
    checked: dict[str, float] = {"parity_tracks": len(chosen)}
    with atomic_path(run.artefact_path) as temporary:
        temporary.write_bytes(content)
        artefact = Artefact(temporary)
        checked |= _compared(artefact, model, fitted, dataset, arrays, chosen)
        if reference := getattr(model.card.frontend, "reference", None) if artefact.hears else None:
            checked["reference"] = _strangeness(reference, dataset, artefact.rate, arrays, chosen)
    return {
        "file": run.artefact_path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        **checked,
    }


def compose(model: Model, fitted: object, *, hears: bool = True) -> tuple[Any, WindowGrid | None]:
    """Export a fitted model, and put its front end before it.

    Parameters
    ----------
    model : Model
    fitted : object
        What `train` returned.
    hears : bool
        Whether the graph takes sound, and not the rows of a feature table.

    Returns
    -------
    onnx.ModelProto
    WindowGrid or None

    Raises
    ------
    CannotExport
        If model or front end have no ONNX form.
    """
    part = model.export(fitted)
    return _with_front_end(part, model) if hears else (part, None)


def add_metadata(proto: Any, metadata: ArtefactMetadata) -> None:
    """Add metadata to a graph; `Artefact` reads them."""
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA, json_text(metadata.to_dict())
    proto.producer_name = "genre-zoo"


def _with_front_end(part: Any, model: Model) -> tuple[Any, WindowGrid | None]:
    """Put the front end before a model, and the times of its windows beside it.

    Returns
    -------
    onnx.ModelProto
        From waveforms.
    WindowGrid or None
    """
    import onnx

    frontend = model.card.frontend
    if model.overrides_preprocess:
        raise CannotExport(
            f"{model.card.name} prepares audio in a `preprocess` hook, which has no ONNX form; "
            "declare a front end with a `graph`"
        )
    if not hasattr(frontend, "graph"):
        raise CannotExport(f"the front end {frontend.name} has no `graph`, its ONNX form")
    front: Any = frontend.graph()
    properties = {entry.key: entry.value for entry in part.metadata_props}
    (opset,) = (entry.version for entry in front.opset_import)
    part = onnx.version_converter.convert_version(part, opset)
    part.ir_version = front.ir_version
    part = onnx.compose.add_prefix(part, "model/", rename_inputs=False, rename_outputs=False)
    whole = onnx.compose.merge_models(front, part, io_map=[(FEATURES, FEATURES)])
    imported = {entry.domain: entry for entry in whole.opset_import}
    del whole.opset_import[:]  # the merger leaves some twice
    whole.opset_import.extend(imported.values())
    del whole.metadata_props[:]
    rows = (1, 1) if frontend.layout == "vectors" else None
    if "window" in properties:
        rows = int(properties["window"]), int(properties["hop"])
    if rows is None or not hasattr(frontend, "hop"):
        return whole, None
    length, hop = (count * frontend.hop for count in rows)
    whole = _with_times(whole, frontend, *rows)
    return whole, WindowGrid(hop=hop, length=length, reach=getattr(frontend, "reach", 0))


def _with_times(proto: Any, frontend: FrontEnd, rows: int, step: int) -> Any:
    """Add the output ``times`` of windows of `rows` rows that lie `step` apart.

    The last window ends with the waveform, whatever part of it is its own.
    """
    from onnxscript import GraphBuilder, ir

    model = ir.from_proto(proto)
    graph = model.graph
    for constant in tuple(graph.initializers.values()):
        constant.name = f"before/{constant.name}"  # the builder numbers its own from zero
    builder = GraphBuilder(graph)
    op = builder.op
    track = next(value for node in graph for value in node.outputs if value.name == FEATURES)
    samples = op.Shape(graph.inputs[0], start=1)
    last = op.Max(op.Sub(op.Squeeze(op.Shape(track, start=0, end=1), [0]), rows), 0)
    starts = op.Min(op.Range(0, op.Add(last, step), step), last)
    hop: int = getattr(frontend, "hop")  # noqa: B009  (the protocol does not ask for it)
    begins = op.Mul(starts, hop)
    ends = op.Min(op.Mul(op.Add(starts, rows), hop), samples)
    ends = op.Concat(op.Slice(ends, [0], [-1]), samples, axis=0)
    both = op.Concat(op.Unsqueeze(begins, [1]), op.Unsqueeze(ends, [1]), axis=1)
    double = ir.DataType.DOUBLE
    seconds = op.Div(op.Cast(both, to=double), float(frontend.sample_rate))
    times = op.Cast(seconds, to=ir.DataType.FLOAT)
    times.type, times.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(["windows", 2])
    builder.add_output(times, TIMES)
    return ir.to_proto(model)


def _metadata(run: Run, predictions: Predictions, windows: WindowGrid | None) -> ArtefactMetadata:
    record, dataset = run.record, run.record.dataset
    scores = score(predictions)
    return ArtefactMetadata(
        format=FORMAT,
        run=run.id,
        model=record.model.description,
        classes=list(predictions.classes),
        frontend=record.frontend,
        windows=windows,
        params=record.params,
        dataset=TrainingData(
            name=dataset.name, fingerprint=dataset.fingerprint, tracks=dataset.tracks
        ),
        protocol=record.protocol,
        seed=record.seed,
        metrics={
            "accuracy": scores.accuracy,
            "accuracy_mean": scores.accuracy_mean,
            "macro_f1": scores.macro_f1,
        },
        versions=record.versions,
        intended_use=intended_use(record),
    )


def _compared(
    artefact: Artefact,
    model: Model,
    fitted: object,
    dataset: Dataset,
    arrays: "Sequence[NDArray[np.float32]]",
    chosen: "NDArray[np.int64]",
) -> dict[str, float]:
    """Return the largest difference in probability, and how many tracks get the same winner."""
    worst, same = 0.0, 0
    for index in chosen:
        given = arrays[index] if not artefact.hears else _waveform(dataset, index, artefact.rate)
        name = dataset.tracks[index].id
        difference, alike = compare(artefact, model, fitted, name, given, arrays[index])
        worst, same = max(worst, difference), same + alike
    return {"parity": worst, "same_winner": same}


def compare(
    artefact: Artefact,
    model: Model,
    fitted: object,
    name: str,
    given: "NDArray[np.float32]",
    rows: "NDArray[np.float32]",
) -> tuple[float, bool]:
    """Compare artefact and plugin on one track.

    Parameters
    ----------
    artefact : Artefact
    model : Model
    fitted : object
        What `train` returned.
    name : str
        Of the track, for the message.
    given : float32 array
        What the artefact takes: shape (samples,), or (rows, columns) of a feature table.
    rows : float32 array, shape (rows, columns)
        What the front end makes of it.

    Returns
    -------
    float
        The largest difference in probability of a window.
    bool
        Whether the track gets the same winner.

    Raises
    ------
    RunError
        If they differ in windows, or by more than 1e-3 in probability.
    """
    (expected,) = model.predict(fitted, [rows], len(artefact.classes))
    found, _ = artefact.run(given)
    if found.shape != expected.shape:
        raise RunError(
            f"the ONNX file gives {name} {len(found)} windows, the model {len(expected)}; "
            "it was not kept"
        )
    worst = float(np.abs(found - expected).max())
    if not worst <= _TOLERANCE:
        raise RunError(
            f"the ONNX file differs from the model by {worst:.2g} in the probability of "
            f"{name}, more than {_TOLERANCE:g}; it was not kept"
        )
    # Ties aside, what is so close wins alike.
    return worst, vote_winner(*count_votes(found)) == vote_winner(*count_votes(expected))


def _waveform(dataset: Dataset, index: int, rate: int) -> "NDArray[np.float32]":
    with on_disk(dataset.tracks[index].location) as path:
        return decode(path, rate)


def _strangeness(
    reference: Callable[["NDArray[np.float32]"], "NDArray[np.float32]"],
    dataset: Dataset,
    rate: int,
    arrays: "Sequence[NDArray[np.float32]]",
    chosen: "NDArray[np.int64]",
) -> float:
    """Return how far arrays are from the reference of their front end, 0 to 1.

    It is the mean over columns of the difference in standard deviations of a column, each
    counted as one at most, in that track of a few in which it is largest.
    """
    spread = np.concatenate([arrays[index] for index in chosen]).std(axis=0) + 1e-6
    worst = 0.0
    for index in chosen[:: -(-len(chosen) // _REFERENCES)]:
        difference = np.abs(arrays[index] - reference(_waveform(dataset, index, rate))) / spread
        worst = max(worst, float(np.minimum(difference, 1.0).mean()))
    if worst > _STRANGE:
        raise RunError(
            f"the front end's graph differs from its reference by {worst:.2g} standard "
            f"deviations on {dataset.tracks[index].id}; the ONNX file was not kept"
        )
    return worst
