"""Checks of a front end: its declarations, its array for any sound, its graph."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.testing.front_end_promises import (
    require_identity,
    require_light_import,
    require_same_elsewhere,
)
from zoo.testing.front_end_subject import FrontEndSubject
from zoo.testing.outcome import Skipped, about, require
from zoo_registry.frontend import (
    BoundedFrontEnd,
    ExportableFrontEnd,
    TimedFrontEnd,
    VerifiableFrontEnd,
    shortest,
)
from zoo_registry.hooks import OPSET

__all__ = [
    "any_length",
    "any_sound",
    "card_complete",
    "fields_are_identity",
    "graph_alike",
    "import_without_framework",
    "reference_alike",
    "repeatable",
    "shapes",
    "shortest_answered",
    "silence_and_constants",
    "streamed_as_whole",
    "thread_safe",
    "works_in_a_worker",
]

_LENGTHS = (0.05, 0.5, 3.0, 31.0, 600.0, 3600.0)  # seconds
_PATIENCE = 4.0  # seconds that one of these lengths may take
_MOST = 2**25  # numbers that an array is expected to have at most; more is not tried
_TOLERANCE = 1e-3  # of the largest number of a column
_REFERENCE_TOLERANCE = 0.1  # in standard deviations, as in `zoo.artefacts.export`
_THREADS = 4
_SHA256 = 64  # hexadecimal digits


def card_complete(subject: FrontEndSubject) -> str | None:
    """The plugin loads: it has a card with a title, and licence and hashes of its weights."""
    from zoo.testing import FRONT_END_CHECKS  # contains this function

    card = subject.loaded.card
    declared = getattr(subject.module, "expected_failures", {})
    require(
        isinstance(declared, Mapping) and set(declared) <= set(FRONT_END_CHECKS),
        f"expected_failures is {declared!r}; give the reason by the id of a check: "
        f"{', '.join(FRONT_END_CHECKS)}",
    )
    require(card.title.strip(), f"the card's title is {card.title!r}; write a word")
    for text in card.references:
        require(len(text.strip()) > 1, f"the card's references hold {text!r}; name a paper")
    require(
        card.licence or not card.package,
        "the card names a package of weights and no `licence`; write it down, or why there is none",
    )
    for path, sha256 in card.weights.items():
        require(
            len(sha256) == _SHA256 and set(sha256) <= set("0123456789abcdef"),
            f"the card gives {sha256!r} as the sha256 of {path}; give its 64 digits",
        )
    lacking = [name for name in ("licence", "trained_on") if not getattr(card, name)]
    if card.has_weights and lacking:
        return f"its card does not state {' and '.join(lacking)} of its weights"
    return None


def fields_are_identity(subject: FrontEndSubject) -> None:
    """The front end is a frozen dataclass: its fields, and nothing else, are its identity."""
    frontend: Any = subject.declared.card.frontend
    require_identity(frontend)
    require(
        type(frontend).__dataclass_params__.frozen,
        "the front end can be changed; declare it @dataclass(frozen=True)",
    )
    for each in fields(frontend):
        require(
            each.compare and each.hash in (None, True),
            f"the field {each.name!r} does not count when front ends are compared; leave out "
            "`compare` and `hash`, or make it a ClassVar",
        )
    beside = sorted(getattr(frontend, "__dict__", {}).keys() - {f.name for f in fields(frontend)})
    require(not beside, f"the front end keeps {', '.join(beside)} beside its fields")


def import_without_framework(subject: FrontEndSubject) -> None:
    """Importing the plugin imports no framework, so that lists stay quick."""
    require_light_import(subject)


def shapes(subject: FrontEndSubject) -> None:
    """A waveform becomes float32 (rows, columns): at least one row, always the same columns."""
    for waveform in subject.probe_sounds:
        subject.finite(waveform)


def any_length(subject: FrontEndSubject) -> str | None:  # numpydoc ignore=SS05
    """Recordings of 50 ms to an hour are prepared."""
    sound = subject.tone(1, 10.0, np.random.default_rng(3))
    per_second, numbers = 0.0, 0.0  # processing time and size of the array, as of the one before
    for seconds in _LENGTHS:
        if per_second * seconds > _PATIENCE or numbers * seconds > _MOST:
            return f"{seconds:g} s would take {per_second * seconds:.0f} s: not checked"
        with about(f"given a recording of {seconds:g} s"):
            waveform = np.resize(sound, round(seconds * subject.rate))
            begin = time.perf_counter()
            rows = subject.finite(waveform)
        per_second = (time.perf_counter() - begin) / seconds if seconds >= 1 else 0.0
        numbers = rows.size / seconds if seconds >= 1 else 0.0
    return None


def shortest_answered(subject: FrontEndSubject) -> str | None:
    """One sample, and the shortest waveform that the front end states, give finite rows."""
    frontend = subject.frontend
    for samples in (1, max(1, shortest(frontend))):
        with about(f"given {samples} samples"):
            subject.finite(subject.probe_sounds[-1][:samples])
    return None if isinstance(frontend, BoundedFrontEnd) else "it states no `shortest`"


def silence_and_constants(subject: FrontEndSubject) -> None:
    """Digital silence and constants become finite numbers."""
    for value in (0.0, 1e-6, 0.5, -1.0):
        with about(f"given two seconds of {value:g}"):
            subject.finite(np.full(2 * subject.rate, value, np.float32))


def any_sound(subject: FrontEndSubject) -> None:
    """A click, full scale, sound beyond it, and the faintest sound become finite numbers."""
    size = 2 * subject.rate
    square = np.where(np.arange(size) // 50 % 2, 1, -1).astype(np.float32)
    click = np.zeros(size, np.float32)
    click[size // 2] = 1
    highest = np.where(np.arange(size) % 2, -1, 1).astype(np.float32)
    half = np.concatenate([np.zeros(size, np.float32), subject.probe_sounds[3]])
    for name, waveform in {
        "a click in silence": click,
        "a square wave at full scale": square,
        "the highest frequency": highest,
        "sound at thirty times full scale": 30 * square,
        "sound at 1e-30 of full scale": np.float32(1e-30) * square,
        "sound behind silence": half,
    }.items():
        with about(f"given {name}"):
            subject.finite(waveform)


def repeatable(subject: FrontEndSubject) -> None:
    """The same waveform gives the same array, bit by bit, after any other waveform."""
    for waveform, rows in zip(subject.probe_sounds, subject.probe, strict=True):
        require(
            np.array_equal(rows, subject.rows(waveform)),
            "the same audio gives different arrays; draw nothing at random, and keep nothing "
            "between calls: the result is cached",
        )


def works_in_a_worker(subject: FrontEndSubject) -> None:
    """A fresh process gives the same array, bit by bit."""
    require_same_elsewhere(subject, subject.probe_sounds[1], subject.probe[1])


def thread_safe(subject: FrontEndSubject) -> None:
    """Several threads at once get the same arrays as one thread."""
    sounds = subject.probe_sounds[:4]
    numbers = [number for _ in range(_THREADS) for number in range(len(sounds))]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = list(pool.map(lambda number: subject.frontend(sounds[number].copy()), numbers))
    require(
        all(
            np.array_equal(rows, subject.probe[number])
            for number, rows in zip(numbers, found, strict=True)
        ),
        "threads that work at once get other arrays; keep nothing in the front end or its module "
        "that a call changes",
    )


def streamed_as_whole(subject: FrontEndSubject) -> None:
    """A long recording that is cut by `hop` and `reach` gives the same rows as the whole."""
    frontend = subject.frontend
    if not isinstance(frontend, TimedFrontEnd):
        raise Skipped("its rows have no position (`hop` and `reach`); predictions carry no times")
    hop, reach = frontend.hop, frontend.reach
    # As `Artefact.stream` does it: the first rows of a later piece lack the sound before them.
    lead, count = -(-reach // hop), max(1, subject.rate // hop)
    rng = np.random.default_rng(4)
    length = (2 * count + 2 * lead + 1) * hop + hop // 3
    parts = [subject.tone(kind, length / subject.rate / 3, rng) for kind in (0, 8, 4)]
    audio = np.concatenate(parts) * np.linspace(0.1, 1, sum(map(len, parts)), dtype=np.float32)
    whole = subject.finite(audio)
    piece, step = (lead + count) * hop + reach, count * hop
    found, begin, first = [], 0, 0
    while audio.size - begin >= piece + 2 * hop:
        found.append(subject.finite(audio[begin : begin + piece])[first : lead + count])
        begin, first = begin + step, lead
    found.append(subject.finite(audio[begin:])[first:])
    _require_alike(
        np.concatenate(found), whole,
        "the rows of pieces differ from those of the whole; a row may depend on `reach` samples "
        "before and behind its own `hop` samples, and on nothing else",
    )  # fmt: skip


def graph_alike(subject: FrontEndSubject) -> None:
    """The ONNX graph gives the same array as a call, for sounds of several lengths."""
    if not isinstance(subject.frontend, ExportableFrontEnd):
        raise Skipped("it has no `graph`; its models leave as no ONNX file")
    import onnx
    import onnxruntime

    proto = subject.frontend.graph()
    onnx.checker.check_model(proto)
    names = ([item.name for item in proto.graph.input], [item.name for item in proto.graph.output])
    require(
        names == (["waveform"], ["track"]),
        f"the graph goes from {names[0]} to {names[1]}; call its input `waveform`, its output "
        "`track`",
    )
    version = max([entry.version for entry in proto.opset_import if not entry.domain] or [0])
    require(version <= OPSET, f"the graph uses operator set {version}; use {OPSET} or an older one")
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for waveform, rows in zip(subject.probe_sounds, subject.probe, strict=True):
        (found,) = session.run(["track"], {"waveform": waveform[None]})
        said = "the graph gives other rows than a call; both must be the same computation"
        with about(f"given {waveform.size} samples"):
            _require_alike(found, rows, said)


def reference_alike(subject: FrontEndSubject) -> None:
    """The second computation, `reference`, gives the same array as a call."""
    if not isinstance(subject.frontend, VerifiableFrontEnd):
        raise Skipped("it has no `reference`, a second computation")
    for waveform, rows in list(zip(subject.probe_sounds, subject.probe, strict=True))[:4]:
        expected = np.asarray(subject.frontend.reference(waveform.copy()))
        require(
            expected.shape == rows.shape,
            f"the reference gives an array of shape {expected.shape}, a call {rows.shape}",
        )
        spread = np.concatenate(subject.probe).std(axis=0) + 1e-6
        difference = float(np.minimum(np.abs(expected - rows) / spread, 1).mean())
        require(
            difference <= _REFERENCE_TOLERANCE,
            f"a call differs from the reference by {difference:.2g} standard deviations",
        )


def _require_alike(found: NDArray[Any], expected: NDArray[np.float32], said: str) -> None:
    """Require two arrays that differ by rounding alone."""
    require(found.shape == expected.shape, f"{said} (shapes {found.shape} and {expected.shape})")
    scale = np.abs(expected).max(axis=0) + 1e-6
    worst = float((np.abs(found - expected) / scale).max())
    require(worst <= _TOLERANCE, f"{said} (they differ by {worst:.2g} of the largest number)")
