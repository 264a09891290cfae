"""A short campaign over all parsers, in the suite; the long one is `make fuzz`."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import build
from tests.fuzz.mutate import mutated
from tests.fuzz.run import campaign
from tests.fuzz.targets import TARGETS, Targets
from zoo_registry.errors import DatasetError, PluginError, RunError, UsageError

# In a process of their own, since they run what they are given.
_APART = {"artefact", "plugin file"}
_VARIABLES = ("ZOO_MODELS", "ZOO_CACHE", "ZOO_CONFIG")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        for name in _VARIABLES:
            patch.setenv(name, str(folder))  # so that it is as before afterwards
        yield folder, build(folder)


@pytest.fixture
def targets(corpus, monkeypatch) -> Targets:
    for name in _VARIABLES:
        monkeypatch.setenv(name, os.environ[name])
    return Targets(corpus[0])


def test_every_parser_takes_what_the_zoo_writes(corpus, targets):
    _, files = corpus
    assert files.keys() == TARGETS.keys()
    for name, contents in files.items():
        assert contents, name
        sentences = [targets.check(name, content) for content in contents]
        assert None in sentences, (name, sentences)


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - _APART))
def test_damage_is_survived_or_named(name, corpus, targets):
    @given(st.randoms(use_true_random=False))
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    def check(rng):
        targets.check(name, mutated(rng, corpus[1][name]))

    check()


def test_a_short_campaign_finds_nothing(corpus, targets):
    outcomes = list(campaign(*corpus, inputs=400, seed=0))
    assert sorted(outcome.number for _, _, outcome in outcomes) == list(range(400))
    kinds = {outcome.kind for _, _, outcome in outcomes}
    assert kinds == {"answered", "refused"}, [
        (name, outcome) for name, _, outcome in outcomes
        if outcome.kind not in ("answered", "refused")
    ]  # fmt: skip


def test_the_campaign_names_a_parser_that_raises_hangs_or_ends(tmp_path, monkeypatch):
    def raises(_: Targets, data: bytes) -> None:
        raise KeyError(data[:1])

    def hangs(_: Targets, data: bytes) -> None:
        while True:
            pass

    def ends(_: Targets, data: bytes) -> None:
        os.abort()

    def eats(_: Targets, data: bytes) -> None:
        bytearray(4 << 30)

    for name in _VARIABLES:
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("tests.fuzz.run.LONGEST", 5.0)
    bad = {"--set": raises, "answers csv": hangs, "artefact": ends, "audio": eats}
    for name, target in (dict.fromkeys(TARGETS, lambda _, data: None) | bad).items():
        monkeypatch.setitem(TARGETS, name, target)
    files = {name: [b"x"] for name in TARGETS}
    outcomes = campaign(tmp_path, files, len(TARGETS), workers=1)
    found = {name: outcome for name, _, outcome in outcomes}
    assert {name: found[name].kind for name in bad} == {
        "--set": "finding", "answers csv": "hang", "artefact": "crash", "audio": "finding",
    }  # fmt: skip
    assert "MemoryError" in found["audio"].detail
    assert "test_fuzz.py" in found["artefact"].detail  # the traceback of `faulthandler`
    assert all(found[name].kind == "answered" for name in TARGETS.keys() - bad.keys())


SEEDS = Path(__file__).with_name("seeds")


@pytest.mark.parametrize("path", sorted(SEEDS.iterdir()), ids=lambda path: path.name)
def test_what_was_found_stays_mended(path, targets):
    name = path.name.rsplit(".", 1)[0]
    assert name in TARGETS
    targets.check(name, path.read_bytes())


def test_a_forged_run_is_refused_by_the_part_that_is_wrong(corpus, targets):
    """By hand, what a fuzzer would have to be lucky for."""
    import json

    (content, *_) = corpus[1]["run.json"]
    for change, word in (
        (lambda r: r["folds"][0].update(train_tracks=10**400), "folds"),
        (lambda r: r["folds"][0].pop("predict_seconds"), "folds"),
        (lambda r: r["audit"]["folds"][0].pop("tested"), "audit.folds"),
        (lambda r: r["artefact"].pop("bytes"), "artefact"),
        (lambda r: r["dataset"]["classes"].append(3), "dataset.classes"),
        (lambda r: r.update(seed=-1), "seed"),
        (lambda r: r.update(tuned={"trials": 1}), "tuned.seen"),
        (lambda r: r.update(finished=7), "finished"),
    ):
        record = json.loads(content)
        change(record)
        sentence = targets.check("run.json", json.dumps(record).encode())
        assert sentence is not None
        assert f"'{word}" in sentence
    deep = content.replace(b'"seed"', b'"x": ' + b"[" * 9000 + b"]" * 9000 + b', "seed"')
    assert "nested too deeply" in (targets.check("run.json", deep) or "")


def test_errors_are_of_the_tree(targets):
    with pytest.raises(DatasetError):
        TARGETS["metadata.csv"](targets, b"path,label\nnowhere.wav,high\n")
    with pytest.raises(PluginError):
        TARGETS["plugin file"](targets, b"import nothing_like_it")
    with pytest.raises(RunError):
        TARGETS["predictions.csv"](targets, b"")
    with pytest.raises(UsageError):
        TARGETS["--set"](targets, b"=")
