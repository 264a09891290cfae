"""A record that lacks a field: no command prints "None" in place of it."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from zoo.artefacts.model_card import model_card
from zoo.cli.app import run as run_command
from zoo_registry import RunError
from zoo_registry.runs import Run

_FREE = {"params", "versions", "frontend", "extensions", "extraction"}  # of any content


def _fields(record: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in record.items():
        yield (*above, name)
        if isinstance(value, dict) and name not in _FREE:
            yield from _fields(value, (*above, name))


def _sparse(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield copies in which one field is null, and in which as many as possible are absent."""
    for path in _fields(record):
        changed = copy.deepcopy(record)
        place = changed
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = None
        yield ".".join(path), changed
    bare = copy.deepcopy(record)
    bare["model"] = {name: bare["model"][name] for name in ("name", "title", "family")}
    for name in ("artefact", "machine", "started", "finished"):
        del bare[name]
    yield "bare", bare
    for status in ("running", "failed"):
        yield status, bare | {"status": status, "error": None, "predictions": None}


def test_no_none_is_printed(hearing, monkeypatch, capsys):
    run = hearing("seconds")
    path = run.folder / "run.json"
    record = json.loads(path.read_text())
    read = 0
    for name, changed in _sparse(record):
        path.write_text(json.dumps(changed))
        for command in (["list"], ["show", str(run.folder)]):
            monkeypatch.setattr("sys.argv", ["zoo", "runs", *command])
            run_command()
            out, err = capsys.readouterr()
            assert out or err
            found = [line for line in (out + err).splitlines() if re.search(r"\bNone\b", line)]
            assert not found, (name, found)
        try:
            text = model_card(Run.read(run.folder), run.predictions())
        except RunError:
            continue
        read += 1
        assert not re.search(r"\bNone\b(?!: )", text), name
    assert read > 10


@pytest.mark.parametrize("lacks", ["distribution", "version", "file"])
def test_a_card_of_an_unknown_plugin(hearing, lacks):
    run = hearing("seconds")
    setattr(run.record.model, lacks, None)
    assert not re.search(r"\bNone\b", model_card(run, run.predictions()))
