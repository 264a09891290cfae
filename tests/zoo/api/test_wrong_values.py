"""Wrong values for every parameter of every public function: one sentence, before any work."""

import inspect
from itertools import product
from types import FunctionType

import numpy as np
import pytest

import zoo
from zoo_registry.errors import UsageError, ZooError

FUNCTIONS = {
    name: found
    for name in zoo.__all__
    if isinstance(found := getattr(zoo, name), FunctionType)
    and found.__module__.startswith("zoo.api.")
}
METHODS = {
    f"TrainedRun.{name}": found
    for name, found in vars(zoo.TrainedRun).items()
    if isinstance(found, FunctionType) and not name.startswith("_") and name != "damage"
}
# With these there is nothing to do, so that a value which is taken costs nothing.
USUAL = {
    "model": "svm", "data": "no-such-data", "recordings": "no-such-file.wav", "run": "no-such-run",
    "runs": ["no-such-run", "no-such-other"], "first": "no-such-run", "second": "no-such-other",
}  # fmt: skip
WRONG = [
    None, 5, -1, "x", "", [], {}, object(), np.zeros(3), np.array(["a", "b"]), np.array(1.5),
    "a\0b", "\ud800", float("nan"), float("inf"), b"x", True,
]  # fmt: skip
PARAMETERS = [
    (name, parameter.name)
    for name, function in (FUNCTIONS | METHODS).items()
    for parameter in inspect.signature(function).parameters.values()
    if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
]


def call(name: str, values: dict[str, object]) -> object:
    function = (FUNCTIONS | METHODS)[name]
    names = inspect.signature(function).parameters
    usual = {key: value for key, value in USUAL.items() if key in names}
    usual |= {"self": zoo.load("gtzan")} if "self" in names else {}
    return function(**usual | values)


def outcome(name: str, values: dict[str, object]) -> str | None:
    """Return the sentence of the error, None without; any other error fails the test."""
    try:
        call(name, values)
    except ZooError as error:
        sentence = str(error)
    else:
        return None
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_a_wrong_value_is_refused_in_a_sentence_or_taken(name, parameter, workspace):
    for value in WRONG:
        outcome(name, {parameter: value})
    # What no parameter takes is refused by its check, and not by what comes later.
    later = outcome(name, {})
    for value in (object(), b"x", np.zeros((2, 2, 2))):
        assert outcome(name, {parameter: value}) not in (None, later)
    assert not (workspace / "models").exists()


def test_there_is_something_to_enumerate():
    assert {"train", "predict", "embed", "open_dataset"} < FUNCTIONS.keys()
    assert ("train", "engine") in PARAMETERS


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *product(["train"], [{"tuner": "nope"}, {"engine": "nope"}, {"engine": []}]),
        *product(["train", "tune", "ensemble"], [{"root": 5}, {"root": ""}, {"root": "a\0b"}]),
        *product(["write_report", "TrainedRun.report"], [{"folder": ""}, {"folder": "\ud800"}]),
        ("predict", {"min_confidence": None}),
        ("predict", {"recordings": [(np.zeros(99), float("inf"))]}),
        ("open_dataset", {"limit": "20"}),
    ],
    ids=str,
)
def test_the_sentence_names_the_value(name, wrong):
    (parameter,) = wrong
    word = "the rate inf" if parameter == "recordings" else f"{parameter} is "
    with pytest.raises(UsageError, match=f"^{word}"):
        call(name, wrong)


def test_hooks_are_made_of_a_function():
    for value in WRONG:
        with pytest.raises(ZooError, match="give a function"):
            zoo.classical(value)


def test_a_root_is_a_text_or_a_path(feature_table, tmp_path):
    options = {"protocol": "holdout:0.3", "jobs": 1}
    run = zoo.train("decision-tree", feature_table(), root=str(tmp_path / "own"), **options)
    assert tmp_path / "own" in run.folder.parents
