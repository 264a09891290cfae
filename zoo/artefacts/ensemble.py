"""The artefact of an ensemble: written as one ONNX file, and compared with those of its members."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import WAVEFORM, Artefact
from zoo.artefacts.compose import add_metadata
from zoo.artefacts.ensemble_graph import Part, merged_members
from zoo.artefacts.export import compare, metadata_of
from zoo.artefacts.session import LocalSession
from zoo.audio.onnx_resampling import resampler
from zoo_registry.errors import ArtefactError, CannotExport, RunError
from zoo_registry.files import atomic_path
from zoo_registry.own_files import remember_own
from zoo_registry.predictions import Predictions
from zoo_registry.published import is_published
from zoo_registry.runs import ARTEFACT, Run

__all__ = ["write_ensemble"]

_SECONDS = (0.7, 3.3, 12.1)  # of the sounds on which the files are compared
_ROWS = (2, 3)  # of a table of features


def write_ensemble(
    run: Run, members: Sequence[Run], weights: Sequence[float], predictions: Predictions
) -> dict[str, Any]:
    """Merge the ONNX files of the members of an ensemble, and compare the result with them.

    Parameters
    ----------
    run : Run
        Run that gets the file.
    members : sequence of Run
        Complete runs.
    weights : sequence of float
        Weight of each; a member without weight is left out of the file.
    predictions : Predictions
        Those of the ensemble; their scores are written into the file.

    Returns
    -------
    dict
        ``file, sha256, bytes, parity_tracks, parity, same_winner`` as of
        `zoo.artefacts.export.write_artefact`, over made sounds.

    Raises
    ------
    CannotExport
        If a member has no ONNX form, or the files cannot be merged.
    RunError
        If a file is damaged or of another machine, or the result differs from the members.
    """
    parts, opened = [], []
    for member, weight in zip(members, weights, strict=True):
        if weight:
            artefact, content = _opened(member)
            opened.append(artefact)
            parts.append(Part(member.id, content, artefact.metadata, weight))
    classes = run.record.dataset.classes
    proto, windows, rate = merged_members(parts, classes)
    needed = max(-(-one.shortest * rate // one.rate) for one in opened) if rate else 0
    add_metadata(proto, metadata_of(run, predictions, windows, needed))
    content = proto.SerializeToString(deterministic=True)
    with atomic_path(run.artefact_path) as temporary:
        temporary.write_bytes(content)
        try:
            whole = Artefact(temporary, own=True)
            checked = _compared(whole, opened, [part.weight for part in parts], run)
        except ArtefactError as error:
            reason = str(error).replace(str(temporary), run.artefact_path.name)
            raise RunError(f"{reason}; it was not kept") from error
    sha256 = hashlib.sha256(content).hexdigest()
    remember_own(sha256)
    return {"file": ARTEFACT, "sha256": sha256, "bytes": len(content), **checked}


def _opened(member: Run) -> tuple[Artefact, bytes]:
    """Return the artefact of a member, and its bytes."""
    known = member.record.artefact
    if known.sha256 is None:
        raise CannotExport(f"{member.id} has no ONNX file ({known.error})")
    try:
        content = member.content(member.artefact_path)
    except OSError as error:
        raise RunError(member.damage([ARTEFACT])) from error
    if hashlib.sha256(content).hexdigest() != known.sha256:
        raise RunError(member.damage([ARTEFACT]))
    own = is_published(member)
    artefact = Artefact(member.artefact_path, known.sha256, own=own, home=member.folder)
    if not artefact.is_own:
        raise RunError(
            f"the ONNX file of {member.id} was not written by this zoo on this machine, and is not "
            f"merged with others; `zoo runs verify {member.id} --rerun` makes it known"
        )
    return artefact, content


def _compared(
    whole: Artefact, members: Sequence[Artefact], weights: Sequence[float], run: Run
) -> dict[str, Any]:
    """Return the number of sounds, the largest difference, and the number of equal winners."""
    heard_at = {member.rate: _resampled(whole.rate, member.rate) for member in members}
    found = []
    for number, given in enumerate(_sounds(whole) if whole.takes_audio else _rows(run)):
        total = np.zeros((1, len(whole.classes)))
        for member, weight in zip(members, weights, strict=True):
            windows = member.run(heard_at[member.rate](given)).probabilities
            if not whole.takes_audio and len(windows) != len(given):
                raise CannotExport("a member does not give each row of the table one answer")
            columns = [member.classes.index(name) for name in whole.classes]
            total += weight * windows.mean(axis=0)[columns]
        mean = whole.run(given).probabilities.mean(axis=0, keepdims=True)
        found.append(compare(mean, total, f"made sound {number + 1}"))
    differences, same = zip(*found, strict=True)
    return {"parity_tracks": len(found), "parity": max(differences), "same_winner": sum(same)}


def _resampled(rate: int, lower: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function that resamples a waveform as the merged file does."""
    graph = resampler(rate, lower) if lower < rate else None
    if graph is None:
        return lambda given: given
    session = LocalSession(graph.SerializeToString(), None)
    return lambda given: session.raw(["resampled"], {WAVEFORM: given[None]})[0][0]


def _sounds(artefact: Artefact) -> Iterator[NDArray[np.float32]]:
    """Yield tones that rise and fade, over noise, of different lengths."""
    rng, rate = np.random.default_rng(0), artefact.rate
    for seconds in _SECONDS:
        time = np.arange(max(artefact.shortest, round(seconds * rate))) / rate
        pitch = rng.uniform(80, 800) * (1 + time / time[-1])
        tone = np.sin(2 * np.pi * np.cumsum(pitch) / rate) * np.exp(-time % 1.7)
        yield (0.3 * tone + 0.03 * rng.standard_normal(time.size)).astype(np.float32)


def _rows(run: Run) -> Iterator[NDArray[np.float32]]:
    """Yield rows of a feature table."""
    rng, columns = np.random.default_rng(0), len(run.record.frontend["columns"])
    for count in _ROWS:
        yield rng.standard_normal((count, columns)).astype(np.float32)
