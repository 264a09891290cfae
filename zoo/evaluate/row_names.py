"""Names of the rows of a board: what tells runs of one model apart, and nothing else."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from zoo_registry.record import RunRecord
from zoo_registry.runs import Run

__all__ = ["row_names", "told_apart"]

# Digits of a float, and characters of a text, of which the middle is left out.
_LENGTHS = ((3, 24), (6, 24), (17, 24), (17, 1_000_000))

_Traits = Mapping[str, Mapping[str, Any]]


def row_names(rows: Sequence[Sequence[Run]], seeds: Sequence[int] = ()) -> list[str]:
    """Return the name of each row of a board.

    It is the model, with the front end if any run of the board has not that of the model's card,
    and the name that the user gave. Where rows are still alike, as few differences as tell them
    apart follow, in the order in which people look for them: parameters, search, version of the
    model, seed, version of the front end, training copies and components, versions of packages.
    A row of several runs always says how many seeds it has.

    Parameters
    ----------
    rows : sequence of sequence of Run
        The runs of each row, at least one, that which stands for the row first. A row of several
        runs has no name of the user, which means one of them.
    seeds : sequence of int
        For each row the number of seeds of its kind, which is larger if runs without scores are not
        in the row; by default none is missing.
    """
    of_kind = dict(enumerate(seeds))
    records = [runs[0].record for runs in rows]
    are_named = any(record.title != record.model.title for record in records)
    origins: dict[tuple[str, str], set[str]] = {}
    for record in records:
        origins.setdefault((record.model.name, record.frontend_spec), set()).add(_origin(record))
    kinds: dict[str, list[int]] = {}
    for number, (runs, record) in enumerate(zip(rows, records, strict=True)):
        kind = record.model.name + f" on {record.frontend_spec}" * are_named
        # Front ends of one name are told apart by their packages or files.
        if len(origins[record.model.name, record.frontend_spec]) > 1 and _origin(record):
            kind += f" ({_origin(record)})"
        if len(runs) == 1 and runs[0].about.name:
            kind += f' "{runs[0].about.name}"'
        kinds.setdefault(kind, []).append(number)
    names = [""] * len(rows)
    for kind, numbers in kinds.items():
        counts = [_seeds(len(rows[number]), of_kind.get(number, 0)) for number in numbers]
        traits = [_traits(rows[n], count) for n, count in zip(numbers, counts, strict=True)]
        for number, text, count in zip(numbers, told_apart(traits), counts, strict=True):
            left = count if count not in text.split(", ") else None
            names[number] = f"{kind} {', '.join(filter(None, (text, left)))}".rstrip()
    return names


def _origin(record: RunRecord) -> str:
    return record.frontend_plugin.origin if record.frontend_plugin else ""


def told_apart(alike: Sequence[_Traits]) -> list[str]:
    """Return what tells some things apart, as few differences as possible.

    Parameters
    ----------
    alike : sequence of mapping
        Groups of traits of each thing, all with the same groups in the same order. The traits of a
        group tell apart what those of all groups before it do not. A trait is shown as its name and
        its value; one that is None or missing is not shown.

    Returns
    -------
    list of str
        A text per thing; empty if there is one thing only.
    """
    found: list[list[str]] = [[] for _ in alike]
    open_ = [list(range(len(alike)))]
    for group in alike[0] if alike else ():
        still = []
        for numbers in open_:
            texts = _smallest([alike[number][group] for number in numbers])
            parts: dict[tuple[str, ...], list[int]] = {}
            for number, own in zip(numbers, texts, strict=True):
                found[number] += filter(None, own)
                parts.setdefault(own, []).append(number)
            still += [part for part in parts.values() if len(part) > 1]
        open_ = still
    return [", ".join(texts) for texts in found]


def _smallest(alike: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the texts of the fewest traits that tell as many apart as all traits do."""
    if len(alike) == 1:
        return [()]
    names = dict.fromkeys(name for traits in alike for name in traits)
    columns = [_texts(name, [traits.get(name) for traits in alike]) for name in names]
    chosen: list[list[str]] = []
    for column in columns:
        if _count([*chosen, column]) > _count(chosen):
            chosen.append(column)
    for column in [*reversed(chosen)]:
        fewer = [other for other in chosen if other is not column]
        if _count(fewer) == _count(chosen):
            chosen = fewer
    return list(zip(*chosen, strict=True)) if chosen else [()] * len(alike)


def _count(columns: Sequence[Sequence[str]]) -> int:
    return len(set(zip(*columns, strict=True))) if columns else 1


def _texts(name: str, values: Sequence[Any]) -> list[str]:
    """Return the values of a trait as texts, as short as keeps different ones different."""
    kinds, texts = len(set(map(repr, values))), list[str]()
    for digits, most in _LENGTHS:
        texts = [_text(name, value, digits, most) for value in values]
        if len(set(texts)) == kinds:
            break
    return texts


def _text(name: str, value: Any, digits: int, most: int) -> str:
    if value is None:
        return ""
    text = f"{value:.{digits}g}" if isinstance(value, float) else str(value)
    if len(text) > most:  # what differs is at the begin of some, and at the end of paths
        text = f"{text[: most // 2 - 1]}…{text[-most // 2 :]}"
    return name + text


def _seeds(count: int, of: int) -> str | None:
    """Return the number of seeds of a row as text, None for one."""
    if count == 1:
        return None
    return f"{count} of {of} seeds" if count < of else f"{count} seeds"


def _traits(runs: Sequence[Run], seeds: str | None) -> dict[str, dict[str, Any]]:
    """Return what identifies the runs of a row, in the order in which people look for it."""
    run = runs[0]
    record, rest = run.record, dict(run.record.identity)
    model, plugin = record.model, record.frontend_plugin
    for known in ("model", "params", "frontend", "dataset", "protocol", "seed", "versions"):
        del rest[known]
    rest.pop("frontend_plugin", None)
    rest.pop("members", None)  # the hashes of their answers
    tuned = dict(rest.pop("tuned", {}))
    search = "nested" if tuned.pop("nested", False) else "tuned" if tuned else None
    origin = PurePath(model.file or model.name).name if model.is_file else model.distribution
    version = (model.version or "")[: 6 if model.is_file else None]
    return {
        "params": {f"{name}=": value for name, value in record.params.items()},
        "search": {"": search} | {f"{name} ": value for name, value in tuned.items()},
        "model": {"": f"{origin} {version}".rstrip()},
        "seed": {"": seeds or f"seed {record.seed}"},
        "frontend": {f"front end {name} ": value for name, value in record.frontend.items()}
        | {"weights ": plugin.package if plugin else None},
        "training": {f"{name} ": value for name, value in rest.items()} | _members(record),
        "versions": {f"{name} ": value for name, value in record.versions.items()},
        "run": {"run ": run.id},
        "folder": {"in ": "/".join(run.folder.parts[-3:-1])},
    }


def _members(record: RunRecord) -> dict[str, str]:
    """Return the members of an ensemble, those of each model as a trait."""
    found: dict[str, list[str]] = {}
    for member in record.members:
        model, dash, end = PurePath(member.run).name.rpartition("-")
        found.setdefault(model + dash, []).append(end)
    return {model: "+".join(ends) for model, ends in found.items()}
