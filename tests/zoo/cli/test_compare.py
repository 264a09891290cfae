"""``zoo compare``: what it prints on a terminal, as Markdown, and as a page."""

import re
from pathlib import Path

import pytest

from zoo.workspace import set_about

LABELS = [0] * 10 + [1] * 10 + [2] * 10


@pytest.fixture
def two_runs(write_run):
    """Two runs with long names that differ in many tracks."""
    wrong = [(label + (n % 3 > 0)) % 3 for n, label in enumerate(LABELS)]
    one = write_run("svm-a", LABELS, LABELS, params={"C": 5.0})
    other = write_run("svm-b", LABELS, wrong, params={"C": 10.0, "gamma": "x" * 200})
    set_about(one, "the first one, with vibrato")
    return one, other


def test_on_a_terminal_all_lines_fit(two_runs, command, terminal):
    status, out, err = command("compare", "svm-a", "svm-b")
    assert (status, err) == (0, "")
    assert max(map(len, out.splitlines())) <= terminal
    plain = " ".join(out.split())
    assert 'svm "the first one, with vibrato" is better by .667' in plain
    assert "parameter C" in out
    assert "10 more are not shown; `--format json` lists all." in plain


def test_as_markdown(two_runs, command):
    status, out, _ = command("compare", "svm-a", "svm-b", "--format", "markdown", "--by", "top3")
    assert (status, out) == (2, "")
    _, out, _ = command("compare", "svm-a", "svm-b", "--format", "markdown", "--by", "log-loss")
    assert re.search(
        r"^\| accuracy \| 1.000 \| .333 \| \+.667 \| \+.\d+ to \+.\d+ \| <.001 \|$", out, re.M
    )
    assert "is better in log loss by" in out


def test_a_page_is_written_and_replaced_unless_it_is_anothers(two_runs, command):
    status, _, err = command("compare", "svm-a", "svm-b", "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert (status, err) == (0, "Next: open page.html in a browser.\n")
    assert page.count("<svg") == 2
    assert "random flips of the signs of all groups" in page
    assert "only svm" in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert command("compare", "svm-a", "svm-b", "--html", "page.html")[0] == 0
    assert Path("page.html").read_text(encoding="utf-8") == page
    Path("page.html").write_text("my own")
    status, _, err = command("compare", "svm-a", "svm-b", "--html", "page.html")
    assert (status, "page.html exists" in err, Path("page.html").read_text()) == (2, True, "my own")
    assert command("compare", "svm-a", "svm-b", "--html", "page.html", "--force")[0] == 0
    status, _, err = command("compare", "svm-a", "svm-b", "--html", "none/at/all/page.html")
    assert (status, len(err.splitlines())) == (0, 1)


def test_runs_without_a_common_track_and_one_run_are_refused(two_runs, command):
    for pair, word in (
        (("svm-a", "svm-a"), "both are the run svm-a"),
        (("svm-a", "gtzan"), "dataset tracks and gtzan"),
        (("svm-a", "nosuch"), "no run or trained model 'nosuch'"),
    ):
        status, out, err = command("compare", *pair)
        assert (status, out, word in err, err.count("\n")) == (2, "", True, 1)


def test_published_runs_are_compared(command):
    status, out, _ = command("compare", "gtzan", "gtzan-light", "--by", "macro-f1")
    assert status == 0
    assert "gtzan is better in macro F1 by " in out
    assert re.search(r"^ front end +musicnn +log-mel *$", out, re.M)
    assert re.search(r"^ mp3-64k +100 +\.", out, re.M)


def test_which_run_of_a_model_was_taken_is_said(write_run, command):
    for name, folder in (("svm-a", "tracks"), ("knn-a", "tracks"), ("svm-b", "other")):
        dataset = {"name": folder, "source": folder, "fingerprint": folder, "classes": list("abc")}
        write_run(name, LABELS, LABELS, dataset=dataset | {"tracks": 30})
    _, out, err = command("compare", "svm", "knn")
    assert "svm is the run svm-a (dataset tracks, " in err
    assert "nothing differs" not in out.lower()
