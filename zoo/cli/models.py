"""``zoo models``: list of published runs, models and front ends, and the card of one."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo.cli.colour import WARNING
from zoo.cli.completion import complete_card
from zoo.cli.options import ListFormatOption
from zoo.cli.output import Text, columns, make_table, print_result
from zoo.cli.wrapping import in_width

if TYPE_CHECKING:
    from zoo_registry.card import Card, Distribution
    from zoo_registry.model import Source
    from zoo_registry.plugin_status import PluginStatus
    from zoo_registry.plugins import Registry
    from zoo_registry.record import RunRecord

__all__ = ["command"]

_HEADINGS = {
    "model": ("model", "title", "family", "front end", "status", "from"),
    "front-end": ("front end", "title", "layout", "status", "from"),
}
_LESS = {
    "model": ("from", "family", "front end", "title"),
    "front-end": ("from", "layout", "title"),
}
_TITLES = {"frontend": "front end", "fields": "its fields"}
_IN_TABLE = ("params", "space", "ranges", "meanings", "examples")
_BALANCE = "none, or balanced: all classes count alike"
_KEYS = (
    "name", "title", "family", "status", "reason", "distribution", "version", "layout", "licence",
    "trained_on", "weights",
)  # fmt: skip


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A published run, model or front end, or the file of one, whose card is printed.",
            autocompletion=complete_card,
        ),
    ] = None,
    format: ListFormatOption = "table",
) -> None:
    """List the runs that come with the zoo, and the models and front ends that can be trained.

    With a name, print its card: scores of a published run, parameters of a model with their ranges,
    or what a front end was trained on.

    Example: zoo models
    """
    from zoo.cli.published import ListedRun, published_table
    from zoo.workspace import cache_folder
    from zoo_registry.plugins import Registry
    from zoo_registry.published import broken, find_published, published

    registry, memory = Registry(), cache_folder() / "slow-plugins.json"
    if name and (run := find_published(name)):
        listed = ListedRun(run)
        print_result(format, json=listed.card, table=listed.text())
        if listed.damage:
            raise typer.Exit(1)
        return
    if name:
        card = _front_end(registry, name) if registry.is_frontend(name) else _model(registry, name)
        print_result(format, json=card, table=_card(card))
        return
    states = [*registry.models(memory), *registry.frontends(memory)]
    runs = list(map(ListedRun, published()))
    records = [{key: getattr(state, key) for key in _KEYS} for state in states]
    entries = [
        *(each.entry for each in runs),
        *({"name": name, "status": "broken", "reason": why} for name, why in broken().items()),
    ]
    records += [{key: entry.get(key) for key in _KEYS} for entry in entries]
    print_result(format, json=records, table=chain(published_table(runs), _table(states)))


def _front_end(registry: "Registry", name: str) -> dict[str, Any]:
    """Return the card of a front end as JSON values."""
    from zoo_registry.frontend import fields_of

    loaded = registry.frontend(name)
    card = loaded.card
    model = {"vectors": "svm", "frames": "cnn2d"}.get(card.frontend.layout, "MODEL")
    fields = fields_of(card.frontend)
    examples = [f"zoo train {model} --front-end {shlex.quote(name)}"]
    if fields and not name.endswith(".py"):
        field, value = list(fields.items())[-1]
        examples.append(f"zoo train {model} --front-end {shlex.quote(f'{name}:{field}={value}')}")
    return {
        "name": card.name, "title": card.title, "layout": card.frontend.layout,
        "sample_rate": card.frontend.sample_rate, "fields": fields,
        "weights": card.source_of_weights, "install": card.missing, "licence": card.licence,
        "trained_on": [
            {"corpus": seen.corpus, "overlaps": dict(seen.overlaps)} for seen in card.trained_on
        ],
        "references": card.references, **_origin_of(loaded.source),
        "published_runs": _published(lambda record: record.frontend["name"], card.name),
        "examples": examples,
    }  # fmt: skip


def _model(registry: "Registry", name: str) -> dict[str, Any]:
    """Return the card of a model as JSON values."""
    from zoo_registry.class_weight import NAME as CLASS_WEIGHT
    from zoo_registry.frontend import fields_of

    model = registry.load(name)
    card: Card = model.card
    word = shlex.quote(name)
    known = (
        {CLASS_WEIGHT: "none, or balanced: all classes count alike"} if card.weighs_classes else {}
    )
    examples = [f"zoo train {word} --data ./my-music"]
    if param := next(iter(card.params), None):
        examples.append(f"zoo train {word} --set {shlex.quote(f'{param}={card.params[param]}')}")
    examples += [f"zoo tune {word} --trials 20"] * bool(card.space)
    return {
        "name": card.name, "title": card.title, "family": card.family,
        "frontend": card.frontend.name, "fields": fields_of(card.frontend),
        "layout": card.frontend.layout,
        "params": dict(card.params), "meanings": known | dict(card.meanings),
        "space": {key: asdict(each) for key, each in card.space.items()},
        "ranges": {key: _range(each) for key, each in card.space.items()},
        "requires": card.requires, "references": card.references, **_origin_of(model.source),
        "published_runs": _published(lambda record: record.model.name, card.name),
        "examples": examples,
    }  # fmt: skip


def _published(key: Callable[["RunRecord"], str], name: str) -> list[str]:
    """Return the published runs whose model or front end has this name."""
    from zoo_registry.published import published

    return [run.id for run in published() if key(run.record) == name]


def _origin_of(source: "Source") -> dict[str, Any]:
    return {"distribution": source.distribution, "version": source.version}


def _range(values: "Distribution") -> str:
    """Return what a search tries, in words."""
    from zoo_registry.card import Choice, Int, LogFloat

    if isinstance(values, Choice):
        return ", ".join(map(str, values.values))
    kind = ", logarithmic" if isinstance(values, LogFloat) else ""
    if isinstance(values, Int) and values.step > 1:
        kind = f", in steps of {values.step}"
    return f"{values.low:g} to {values.high:g}{kind}"


def _card(card: Mapping[str, Any]) -> Text:
    """Yield a line for each part of a card, a table of parameters, and commands to try."""
    for key, value in card.items():
        if value in (None, "", (), [], {}) or key in _IN_TABLE:
            continue
        if key == "trained_on":
            text = "; ".join(", which ".join([seen["corpus"], *seen["overlaps"].values()])
                             for seen in value)  # fmt: skip
        elif isinstance(value, Mapping):
            text = ", ".join(f"{name}={given}" for name, given in value.items())
        else:
            text = str(value) if isinstance(value, str | int) else "; ".join(value)
        title = _TITLES.get(key, key.replace("_", " "))
        yield from in_width(f"{title:<15}{text}", indent=15)
    if params := card.get("params"):
        meanings = card["meanings"]
        yield make_table(
            [
                *columns("parameter", no_wrap=True),
                *columns("default", "tuned over", *["meaning"] * bool(meanings)),
            ],
            (
                (name, str(value), card["ranges"].get(name, ""),
                 *[meanings.get(name, "")] * bool(meanings))
                for name, value in params.items()
            ),
            leave=("tuned over",),
        )  # fmt: skip
    yield ""
    yield from card["examples"]


def _table(states: "list[PluginStatus]") -> Text:
    from zoo_registry.frontend_card import WITH_RUN

    for kind, headings in _HEADINGS.items():
        listed = [state for state in states if state.kind == kind]
        yield make_table(
            columns(*headings),
            (
                (state.name, state.title,
                 *([state.family, state.frontend] if kind == "model" else [state.layout]),
                 state.status, _origin(state))
                for state in listed
            ),
            styles=(None if state.status == "ready" else WARNING for state in listed),
            leave=_LESS[kind],
        )  # fmt: skip
    for state in states:
        if state.reason:
            yield from in_width(f"{state.name}: {state.reason}", indent=2)
        elif state.weights and state.weights.startswith(WITH_RUN):
            yield from in_width(f"{state.name} {state.weights}", indent=2)


def _origin(state: "PluginStatus") -> str:
    """Return the package; that of the zoo without its version, so that 80 columns are enough."""
    from zoo_registry.discovery import BUILT_IN

    return BUILT_IN if state.distribution == BUILT_IN else state.origin
