"""Predictions as HTML: the winner, a card per model, and the label over time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from statistics import multimode
from typing import TYPE_CHECKING, Any

from zoo.inference.prediction import UNKNOWN, Prediction, Section
from zoo.inference.timeline import clock
from zoo.web.served_models import ServedModel
from zoo.web.service import Loudness

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["ModelResult", "render_notice", "render_result"]

_COLOURS = 12
_BARS = 400  # columns of the waveform
_SILENCE = 0.012  # height of silence, so that it can be seen
_SHOWN = 5  # classes per model; the others are folded away
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)  # seconds between two ticks
_TICKS = 6


@dataclass
class ModelResult:
    """The result of one model; it has neither prediction nor error while the model is running."""

    model: ServedModel
    prediction: Prediction | None = None
    seconds: float = 0.0
    error: str | None = None

    @property
    def timeline(self) -> Sequence[Section]:
        """The label over time; empty if there is none."""
        return (self.prediction.timeline or ()) if self.prediction else ()


def render_notice(sentence: str) -> str:
    """Return the HTML of an error message."""
    # The name of a file at the beginning stays as it is.
    if sentence.partition(" ")[0].isalpha():
        sentence = sentence[0].upper() + sentence[1:]
    return _template("notice.html").render(sentence=sentence)


def render_result(name: str, loudness: Loudness, results: Sequence[ModelResult]) -> str:
    """Return the HTML of a song's name and waveform, and of the results so far, one per model."""
    # A class has the same colour for all models.
    names = dict.fromkeys(name for result in results for name in result.model.classes)
    colours = {name: number % _COLOURS for number, name in enumerate(names)}
    labels = Counter(part.shown for result in results for part in result.timeline)
    notes = [result.prediction.heard for result in results if result.prediction]
    return _template("result.html").render(
        name=name,
        seconds=loudness.seconds,
        heard=next(filter(None, notes), None),
        headline=_headline(results),
        cards=[_card(result, colours) for result in results],
        wave=_wave(loudness.peaks or [0.0]),
        strips=[
            (result.model.title, _pieces(result.timeline, loudness.seconds, colours))
            for result in results
            if result.timeline
        ],
        legend=[(name, colours.get(name)) for name, _ in labels.most_common()],
        ticks=_ticks(loudness.seconds),
    )


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("zoo.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clock"] = clock
    return environment.get_template(name)


def _headline(results: Sequence[ModelResult]) -> dict[str, Any]:
    """Return the label that most models predict, and their number."""
    labels = [result.prediction.label for result in results if result.prediction]
    winners = multimode(labels)
    return {
        "labels": winners,
        "agree": labels.count(winners[0]) if winners else 0,
        "asked": len(labels),
        "waiting": sum(not result.prediction and not result.error for result in results),
    }


def _card(result: ModelResult, colours: dict[str, int]) -> dict[str, Any]:
    probabilities = (result.prediction and result.prediction.probabilities) or {}
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    bars = [{"name": name, "value": value, "colour": colours.get(name)} for name, value in ranked]
    return {"result": result, "bars": bars[:_SHOWN], "rest": bars[_SHOWN:]}


def _wave(peaks: Sequence[float]) -> str:
    """Return the outline of a waveform as an SVG path, 1000 wide, from -1 to 1 high."""
    count = min(_BARS, len(peaks))
    edges = [n * len(peaks) // count for n in range(count + 1)]
    heights = [max(peaks[a:b]) for a, b in pairwise(edges)]
    scale = max(*heights, 1e-3)
    points = [
        (1000 / count * (n + edge), max(height / scale, _SILENCE))
        for n, height in enumerate(heights)
        for edge in (0, 1)
    ]
    upper = [f"{x:.1f} {-y:.3f}" for x, y in points]
    lower = [f"{x:.1f} {y:.3f}" for x, y in reversed(points)]
    return f"M{' L'.join(upper + lower)}Z"


def _pieces(
    windows: Sequence[Section], seconds: float, colours: dict[str, int]
) -> list[dict[str, Any]]:
    """Return a piece per window. It lasts until the next begins, the last one to its own end."""
    ends = [*(window.start for window in windows[1:]), min(windows[-1].end, seconds)]
    return [
        {
            "left": 100 * window.start / seconds,
            "width": 100 * max(end - window.start, 0.0) / seconds,
            "colour": None if window.label == UNKNOWN else colours.get(window.label),
            "strength": window.confidence or 0.0,
            "end": end,
            "window": window,
        }
        for window, end in zip(windows, ends, strict=True)
    ]


def _ticks(seconds: float) -> list[tuple[float, float]]:
    """Return round times in seconds, and their positions in percent."""
    step = next((step for step in _STEPS if seconds / step <= _TICKS), _STEPS[-1])
    count = int(seconds // step)
    return [(n * step, 100 * n * step / seconds) for n in range(count + 1)] if seconds else []
