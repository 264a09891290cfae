"""What the models say, drawn: the winner, a card a model, and the label over time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from zoo.inference.prediction import UNKNOWN
from zoo.inference.timeline import clock

if TYPE_CHECKING:
    from jinja2 import Template

    from zoo.inference.prediction import Section
    from zoo.web.served_models import Offer
    from zoo.web.service import Answer, Sound

__all__ = ["Card", "render_answer", "render_notice"]

_COLOURS = 12
_BARS = 400  # of the waveform
_THIN = 0.012  # what silence is drawn as
_SHOWN = 5  # classes of a model; the others fold away
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_TICKS = 6


@dataclass
class Card:
    """A model that was asked; without an answer and an error it is still listening."""

    offer: "Offer"
    answer: "Answer | None" = None
    error: str | None = None


def render_notice(sentence: str) -> str:
    """Return a sentence as the page shows what went wrong."""
    # A file's name, with its suffix, stays as it is.
    if sentence.partition(" ")[0].isalpha():
        sentence = sentence[0].upper() + sentence[1:]
    return _template("notice.html").render(sentence=sentence)


def render_answer(name: str, sound: "Sound", cards: Sequence[Card]) -> str:
    """Return what is known so far of a song.

    Parameters
    ----------
    name : str
    sound : Sound
    cards : sequence of Card
    """
    colours = _colours(cards)
    return _template("answer.html").render(
        name=name,
        seconds=sound.seconds,
        headline=_headline(cards),
        cards=[_card(card, colours) for card in cards],
        wave=_wave(sound),
        strips=[_strip(card, sound, colours) for card in cards if _timeline(card)],
        legend=_legend(cards, colours),
        ticks=_ticks(sound.seconds),
    )


@cache
def _template(name: str) -> "Template":
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("zoo.web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["clock"] = clock
    return environment.get_template(name)


def _colours(cards: Sequence[Card]) -> dict[str, int]:
    """Return the number of each class's colour; a class has one whichever model names it."""
    names = dict.fromkeys(name for card in cards for name in card.offer.classes)
    return {name: number % _COLOURS for number, name in enumerate(names)}


def _headline(cards: Sequence[Card]) -> dict[str, Any]:
    """Return what most models say, and how many of them."""
    said = [card.answer.prediction.label for card in cards if card.answer]
    counted = Counter(said).most_common()
    waiting = sum(not card.answer and not card.error for card in cards)
    best = [label for label, count in counted if count == counted[0][1]]
    return {
        "labels": best,
        "agree": counted[0][1] if counted else 0,
        "asked": len(said),
        "waiting": waiting,
    }


def _card(card: Card, colours: dict[str, int]) -> dict[str, Any]:
    shown: dict[str, Any] = {"offer": card.offer, "error": card.error, "answer": card.answer}
    if card.answer:
        found = card.answer.prediction
        ranked = sorted((found.probabilities or {}).items(), key=lambda pair: -pair[1])
        bars = [
            {"name": name, "value": value, "colour": colours.get(name)} for name, value in ranked
        ]
        shown |= {"found": found, "bars": bars[:_SHOWN], "rest": bars[_SHOWN:]}
    return shown


def _wave(sound: "Sound") -> str:
    """Return the outline of the waveform as an SVG path, 1000 wide, from -1 to 1 high."""
    loudest = sound.loudest or [0.0]
    count = min(_BARS, len(loudest))
    edges = [n * len(loudest) // count for n in range(count + 1)]
    peaks = [max(loudest[a:b]) for a, b in pairwise(edges)]
    scale = max(*peaks, 1e-3)
    width = 1000 / count
    heights = [max(peak / scale, _THIN) for peak in peaks]
    points = [(width * (n + edge), y) for n, y in enumerate(heights) for edge in (0, 1)]
    upper = [f"{x:.1f} {-y:.3f}" for x, y in points]
    lower = [f"{x:.1f} {y:.3f}" for x, y in reversed(points)]
    return f"M{' L'.join(upper + lower)}Z"


def _timeline(card: Card) -> "list[Section]":
    return (card.answer.prediction.timeline or []) if card.answer else []


def _strip(card: Card, sound: "Sound", colours: dict[str, int]) -> dict[str, Any]:
    return {"title": card.offer.title, "pieces": list(_pieces(_timeline(card), sound, colours))}


def _pieces(
    sections: "list[Section]", sound: "Sound", colours: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield a piece a window: it lasts until the next begins, the last to its own end."""
    starts = [section.start for section in sections]
    ends = [*starts[1:], min(sections[-1].end, sound.seconds)]
    for section, start, end in zip(sections, starts, ends, strict=True):
        yield {
            "left": 100 * start / sound.seconds,
            "width": 100 * max(end - start, 0.0) / sound.seconds,
            "colour": None if section.label == UNKNOWN else colours.get(section.label),
            "strength": section.confidence or 0.0,
            "start": start,
            "end": end,
            "section": section,
        }


def _legend(cards: Sequence[Card], colours: dict[str, int]) -> list[tuple[str, int | None]]:
    """Return the classes that occur over time, most frequent first."""
    heard = Counter(section.label for card in cards for section in _timeline(card))
    return [(name, colours.get(name)) for name, _ in heard.most_common()]


def _ticks(seconds: float) -> list[tuple[float, float]]:
    """Return round times and where they stand, in percent."""
    step = next((step for step in _STEPS if seconds / step <= _TICKS), _STEPS[-1])
    count = int(seconds // step)
    return [(n * step, 100 * n * step / seconds) for n in range(count + 1)] if seconds else []
