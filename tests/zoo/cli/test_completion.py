"""What the shell offers, asked as bash asks: with the line so far in variables."""

import json
import subprocess
import sys

import pytest

CODE = "import sys; sys.argv = ['zoo']; from zoo.cli import main; main()"


@pytest.fixture
def offered(monkeypatch):
    """Return a function that gives what can follow a line."""

    def ask(line: str) -> list[str]:
        words = line.split(" ")
        monkeypatch.setenv("_ZOO_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        done = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=False
        )
        assert done.stderr == ""
        return done.stdout.split()

    return ask


@pytest.fixture
def workspace_with_runs(workspace):
    for run in ("svm-0123456789", "random-forest-abcdef0123"):
        folder = workspace / "models" / "demo" / "kfold-5" / run
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({}))
    (folder / "about.json").write_text(json.dumps({"name": "with vibrato"}))
    (workspace / "music").mkdir()
    (workspace / "music" / "more").mkdir()
    (workspace / ".hidden").mkdir()
    for name in ("table.csv", "my_model.py", "model.onnx", "notes.txt"):
        (workspace / name).touch()


EXPECTED = {
    "zoo le": ["leaderboard"],
    "zoo plugins en": ["enable"],
    "zoo train s": ["svm"],
    "zoo train svm random": ["random-forest"],
    "zoo train my": ["my_model.py"],
    "zoo tune c": ["cnn2d"],
    "zoo train svm --data ": ["demo", "models/", "music/", "table.csv"],
    "zoo leaderboard --data music/": ["music/more/"],
    "zoo data info d": ["demo"],
    "zoo predict s": ["svm", "svm-0123456789"],
    "zoo predict mod": ["model.onnx", "models/"],
    "zoo runs show random-forest-": ["random-forest-abcdef0123"],
    "zoo compare svm ran": ["random-forest", "random-forest-abcdef0123"],
    "zoo compare svm svm --by b": ["balanced-accuracy"],
    "zoo runs verify sv": ["svm", "svm-0123456789"],
    "zoo runs remove z": [],
    "zoo predict wi": ["with\\", "vibrato"],  # bash inserts it as it is
    "zoo runs list --model s": ["svm"],
    "zoo runs list --status no": ["no-artefact"],
    "zoo runs list --sort a": ["accuracy"],
    "zoo plugins disable vg": ["vgg16"],
}


@pytest.mark.usefixtures("workspace_with_runs")
@pytest.mark.parametrize("line", EXPECTED)
def test_completion(offered, line):
    assert offered(line) == EXPECTED[line]


def test_nothing_breaks_a_line_that_is_being_typed(offered, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plugins.json").write_text("{")
    assert offered("zoo train s") == []
