"""The sentence on an interruption: what a command has kept, and what it does when given again."""

import signal
import subprocess
import sysconfig
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo.cli.app import BUILT_IN
from zoo.cli.ending import CONTINUES, resumption
from zoo.inference.predict import _Parts
from zoo.report.tables import problems

CONTINUED = "progress is saved; run the same command to continue"
AGAIN = "run the same command again"
STARTS_AGAIN = {
    *("models", "leaderboard", "compare", "ensemble", "report", "serve", "label", "runs", "data"),
    *("plugins", "similar", "tag"),
}


def test_it_is_known_of_every_command():
    names = BUILT_IN | {"similar", "tag"}  # these are of extensions
    assert names == STARTS_AGAIN | CONTINUES.keys()
    assert {resumption(name, [name], True) for name in STARTS_AGAIN} == {AGAIN}
    kept = {name for name in names if resumption(name, [name], True) == CONTINUED}
    assert kept == {"train", "tune"}
    assert {resumption(name, [name], False) for name in kept} == {AGAIN}  # nothing is done yet
    assert resumption("tag", ["tag", "music"], True) == AGAIN  # of an extension


@pytest.mark.parametrize(
    ("arguments", "is_kept"),
    [
        ("a.wav", False),
        ("a.wav --output b.csv", True),
        ("a.wav --output=b.csv", True),
        ("--output - a.wav", False),
        ("a.wav --output=-", False),
    ],
)
def test_answers_are_kept_in_a_file_only(arguments, is_kept):
    text = resumption("predict", ["predict", *arguments.split()], True)
    assert text == (
        CONTINUED
        if is_kept
        else "nothing was saved; --output FILE keeps what is done and continues"
    )


@pytest.mark.parametrize("options", [(), ("--output", "answers.csv")], ids=["printed", "kept"])
def test_predictions_that_are_interrupted(options, hearing, in_seconds):
    hearing("seconds")
    song = in_seconds(0.5, 0.5)
    zoo = Path(sysconfig.get_path("scripts"), "zoo")
    with subprocess.Popen(
        [zoo, "predict", "seconds", song, "-", "--jobs", "1", *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        if options:
            while not (
                Path("answers.csv").exists() and str(song) in Path("answers.csv").read_text()
            ):
                time.sleep(0.05)
        else:
            process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        last = process.stderr.read().splitlines()[-1]
    assert process.returncode == 130
    assert last == f"zoo: interrupted; {resumption('predict', options, True)}"


def test_a_file_that_looks_like_an_option(command):
    Path("-dash.wav").touch()
    status, _, err = command("predict", "-dash.wav")
    assert status == 2
    assert "the file of this name is ./-dash.wav" in " ".join(err.split())


def test_the_same_problem_of_many_runs_is_one_sentence():
    def rows(count: int) -> list[SimpleNamespace]:
        names = [f"svm-{number}" for number in range(count)]
        return [SimpleNamespace(run=name, problem=f"{name} has no artefact") for name in names]

    assert problems(rows(2)) == ["svm-0 has no artefact", "svm-1 has no artefact"]
    (sentence,) = problems(rows(40))
    assert sentence.startswith("40 runs have the same problem (svm-0, svm-1, svm-2, 37 more)")


def test_files_at_a_time_are_parts_of_one_bar():
    seen: list[float] = []
    whole = SimpleNamespace(update=seen.append)
    parts = _Parts(whole, 2)  # two models
    with parts.bar("one", 10.0) as one, parts.bar("other", 4.0) as other:
        one.update(5.0)
        other.update(1.0)
    assert seen == pytest.approx([0.25, 0.375, 0.75, 1.0])
