"""What of the documentation is written from the code; cog puts it into the pages (`make docs`)."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from zoo_registry.hooks import ExtensionSpec, ModelSpec

__all__ = ["checks", "hooks", "hooks_of", "signature"]

_SPECS = {"model": ModelSpec, "extension": ExtensionSpec}


def hooks(kind: str) -> str:
    """Return the reference of all hooks of a model, or of an extension, as Markdown."""
    return "\n".join(_hook(name, function) for name, function in hooks_of(kind))


def hooks_of(kind: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield name and specification of each hook, in the order of the source."""
    for name, function in vars(_SPECS[kind]).items():
        if hasattr(function, "zoo_spec"):
            yield name, function


def checks() -> str:
    """Return a table of what the conformance suite looks at, as Markdown."""
    from zoo.testing import CHECKS

    rows = [f"| `{name}` | {inspect.getdoc(check)} |" for name, check in CHECKS.items()]
    return "\n".join(["| check | what is promised |", "| --- | --- |", *rows])


def signature(function: Callable[..., Any]) -> str:
    """Return a hook's signature as a plugin's author would write it."""
    described = inspect.signature(function)
    given = [p for name, p in described.parameters.items() if name != "self"]
    lines = [f"    {item.name}: {_annotation(item.annotation)}," for item in given]
    inner = "\n".join(["", *lines, ""]) if lines else ""
    return f"def {function.__name__}({inner}) -> {_annotation(described.return_annotation)}: ..."


def _annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:collections\.abc|pathlib|typing|zoo_registry\.hooks)\.", "", text)


def _hook(name: str, function: Callable[..., Any]) -> str:
    summary, *sections = re.split(
        r"^(\w[\w ]*)\n-{3,}\n", inspect.getdoc(function) or "", flags=re.MULTILINE
    )
    parts = [f"### `{name}`\n", f"```py\n{signature(function)}\n```\n", summary.strip() + "\n"]
    for heading, body in zip(sections[::2], sections[1::2], strict=True):
        parts += [f"**{heading}**\n", _entries(body)]
    return "\n".join(parts)


def _entries(body: str) -> str:
    """Turn numpydoc's ``name : type`` and indented text into a list."""
    items: list[str] = []
    for line in body.strip().splitlines():
        if line.startswith(" ") or not line:
            items[-1] += f" {line.strip()}"
        else:
            name, colon, kind = line.partition(" : ")
            items.append(f"* `{name}`, {kind}:" if colon else f"* {name}:")
    return "\n".join(re.sub(r":(?= *$)", "", item).strip() for item in items) + "\n"
