"""SVG figures that take their colours from the page around them.

matplotlib draws with placeholder colours. They are replaced by ``currentColor`` and the CSS
variables of the page afterwards. Text stays text.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.workspace import file_name
from zoo_registry.text import shown

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["CaptionedFigure", "captioned", "new_figure", "score_ticks", "short_name"]

INK, FAINT, GRID, ACCENT, SECOND = "#010203", "#040506", "#070809", "#0a0b0c", "#0d0e0f"
_CSS_COLOURS = {
    INK: "currentColor",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
}
# Inches of 72 points: as wide as a phone, so that a font of ten points can be read there.
WIDTH = 5.0
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "zoo",  # else the identifiers are random
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the layout is the same everywhere
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.solid_capstyle": "round",
}
_LONGEST_NAME = 22  # characters


@dataclass(frozen=True)
class CaptionedFigure:
    """A figure as a page shows it.

    Attributes
    ----------
    name : str
        File name for saving the figure, without suffix.
    svg : Markup
        The ``<svg>`` element.
    label, caption : str
        Text alternative with the values that the figure shows, and the text below it.
    """

    name: str
    svg: "Markup"
    label: str
    caption: str


@contextmanager
def new_figure(width: float, height: float, rows: int = 1) -> Iterator[tuple["Figure", Any]]:
    """Yield an empty figure, its size in inches, and its axes; apply the page's style meanwhile."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has other fonts than matplotlib, so a missing glyph may exist there.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure = Figure((width, height), layout="constrained")
        yield figure, figure.subplots(rows, 1)


def captioned(figure: "Figure", name: str, label: str, caption: str) -> CaptionedFigure:
    """Return a drawn figure as SVG, with its texts."""
    from markupsafe import Markup

    # matplotlib has escaped the texts in the SVG.
    return CaptionedFigure(file_name(name), Markup(_svg(figure, name)), label, caption)


def _svg(figure: "Figure", name: str) -> str:
    """Return the ``<svg>`` element without width and height, so that it can be scaled."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # A <style> would apply to the whole page, and identifiers must be unique within the page:
    # those that are referred to get a prefix for this figure, the others are removed.
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = text.replace("<svg", '<svg stroke-linejoin="round" stroke-linecap="butt"', 1)
    # Two figures may be drawn alike, but have names of their own.
    content = f"{name} {text}".encode("utf-8", "backslashreplace")
    prefix = f"f{hashlib.sha256(content).hexdigest()[:8]}-"
    used = set(re.findall(r"(?:href=\"|url\()#([^\")]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r"(href=\"|url\()#", rf"\1#{prefix}", text)
    text = re.sub(r' (?:width|height)="[^"]+pt"', "", text)
    text = text.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'")
    for colour, css in _CSS_COLOURS.items():
        text = text.replace(colour, css)
    return text.strip()


def score_ticks(axis: "Axis") -> None:
    """Label the ticks of an axis as scores are written elsewhere: .5 for one half."""
    axis.set_major_formatter(lambda value, _: re.sub(r"^(-?)0\.", r"\1.", f"{value:.4g}"))


def short_name(name: str) -> str:
    """Return a name in at most 22 printable characters: its model, and what differs at its end."""
    name, half = shown(name), _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[: half - 1]}…{name[-half:]}"
