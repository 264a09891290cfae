"""Cards of models, front ends and published runs, as ``zoo models NAME`` prints them."""

import json
import shlex

import pytest

from zoo_registry.plugins import Registry
from zoo_registry.published import published

ENTRIES = [entry for entry in Registry().entries if entry.kind in ("model", "front-end")]


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_a_card_says_what_can_be_set_and_how_it_is_used(name, command):
    status, out, err = command("models", name, "--format", "json")
    assert status == 0, err
    card = json.loads(out)
    assert card["references"]
    assert set(card["fields"])
    assert all(
        shlex.split(line)[:2] in (["zoo", "train"], ["zoo", "tune"]) for line in card["examples"]
    )
    used = [
        run.id
        for run in published()
        if name in (run.record.model.name, run.record.frontend["name"])
    ]
    assert card["published_runs"] == used
    if "params" in card:
        assert set(card["meanings"]) == set(card["params"])
        assert set(card["ranges"]) == set(card["space"]) <= set(card["params"])


def test_the_table_of_a_card_fits(command, terminal):
    lines = command("models", "svm")[1].splitlines()
    assert max(map(len, lines)) <= terminal
    text = " ".join(" ".join(lines).split())
    for part in ("window=30.0", "0.1 to 100", "zoo tune svm --trials 20", "Cortes & Vapnik 1995"):
        assert part in text


@pytest.mark.parametrize("run", [run.id for run in published()])
def test_a_published_run_has_its_model_parameters_and_front_end(run, command):
    card = json.loads(command("models", run, "--format", "json")[1])
    text = command("models", run)[1]
    assert f"model       {card['model']}" in text
    assert card["frontend"] in text
    assert set(card["params"])
