"""Pages of HTML: one file that loads nothing, and states its own hash."""

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.evaluate.board import score_text
from zoo.evaluate.comparison import signed as with_sign
from zoo_registry.text import shown

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["is_page", "open_templates", "signed"]

_TEMPLATES = Path(__file__).with_name("templates")
_GENERATOR = '<meta name="generator" content="genre-zoo">'  # in ``base.html``
_SIGNED = re.compile(rb'<meta name="generator" content="genre-zoo ([0-9a-f]{64})">')


def signed(page: str) -> str:
    """Return a page that states its own hash, by which `is_page` recognises it."""
    signature = _sha256(page.encode("utf-8", "backslashreplace"))
    return page.replace(_GENERATOR, f'{_GENERATOR[:-2]} {signature}">', 1)


def is_page(content: bytes) -> bool:
    """Return whether the zoo wrote this page, and nobody has changed it."""
    found = _SIGNED.search(content)
    if not found:
        return False
    unsigned = content[: found.start()] + _GENERATOR.encode() + content[found.end() :]
    return found[1].decode() == _sha256(unsigned)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def open_templates() -> "Environment":
    """Return the templates of the pages, with style and script."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style = Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8"))
    script = Markup((_TEMPLATES / "report.js").read_text(encoding="utf-8"))
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every name is shown in one line, without control characters; our own markup is kept.
        finalize=lambda value: (
            shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value
        ),
    )
    # The page may run this script and load nothing (Content Security Policy, level 3).
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    templates.globals |= {"style": style, "script": script, "script_hash": known}
    templates.filters |= {"score": score_text, "signed": with_sign, "cut": _cut}
    return templates


def _cut(name: str, columns: int) -> str:
    """Return the beginning of a name that is as wide as so many letters; Chinese ones are wider."""
    from rich.cells import cell_len, set_cell_size

    return name if cell_len(name) <= columns else set_cell_size(name, columns - 1).rstrip() + "…"
