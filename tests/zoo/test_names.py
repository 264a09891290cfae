"""Names that would steer a terminal or leave the workspace: seen, kept, and held inside."""

import ast
import contextlib
import csv
import io
import json
import os
import pty
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.audio.decode import decode
from zoo.cli.app import run
from zoo.datasets import open_dataset
from zoo.workspace import file_name
from zoo_registry.errors import AudioError, ZooError
from zoo_registry.files import write_text
from zoo_registry.text import brief, encodable, json_text, shown

_DEEP = 1_200
ROOT = Path(__file__).parents[2]
# A name that colours, sets the window's title, turns its direction, ends a line, and is markup.
NASTY = "a\x1b[31m\x1b]0;x\x07\u202eb\nc[/red][bold]\u2028|\x9b2J"


class TestText:
    @given(st.text(st.characters()))
    def test_what_is_shown_is_one_line_of_what_can_be_seen(self, text):
        line = shown(text)
        line.encode()
        assert len(line.splitlines()) <= 1
        unseen = {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not unseen & {unicodedata.category(sign) for sign in line}
        assert shown(line) == line
        assert len(brief(text * 400)) < 2_000

    @given(st.dictionaries(st.text(st.characters()), st.text(st.characters())))
    def test_json_keeps_names_and_cannot_steer(self, value):
        for indent in (None, 2):
            text = json_text(value, indent)
            assert json.loads(text) == value
            text.encode()
            assert all(shown(line) == line for line in text.split("\n"))

    def test_json_has_no_other_numbers_than_json(self):
        text = json_text([float("nan"), float("inf"), 1.5])
        assert json.loads(text, parse_constant=pytest.fail) == [None, None, 1.5]

    def test_what_utf8_does_not_have_is_written_as_its_number(self, tmp_path):
        write_text(tmp_path / "x", os.fsdecode(b"\xff"))
        assert (tmp_path / "x").read_bytes() == b"\\udcff"
        assert encodable("é") == "é"


def test_only_one_module_writes():
    """So that no command prints a name past the one place that makes it fit to be shown."""
    for path in (ROOT / "zoo" / "cli").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        called = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for call in called:
            allowed = (
                path.name in ("output.py", "ending.py") or "shown(" in call or "version(" in call
            )
            for forbidden in ("typer.echo", "typer.secho", "print(", "sys.stdout.write",
                              "sys.stderr.write", "typer.confirm"):  # fmt: skip
                assert allowed or not call.startswith(forbidden), f"{path.name}: {call}"
            if call.startswith("table.add_row") and path.name != "console.py":
                assert "map(cell, " in path.read_text(encoding="utf-8"), call


@pytest.fixture
def command(monkeypatch, capfdbinary):
    """Return a function that runs ``zoo`` in this process: status, stdout, stderr."""

    def call(*arguments: str | bytes) -> tuple[int, bytes, bytes]:
        capfdbinary.readouterr()
        monkeypatch.setattr(sys, "argv", ["zoo", *map(os.fsdecode, arguments)])
        return (run(), *capfdbinary.readouterr())

    return call


def at_a_terminal(*arguments: str) -> bytes:
    """Return what ``zoo`` writes to a terminal."""
    call = [sys.executable, "-c", "from zoo.cli import main; main()", *arguments]
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "200", "NO_COLOR": "1"}
    process = subprocess.Popen(call, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    heard = b""
    with contextlib.suppress(OSError):  # raised when the other side is closed
        while part := os.read(master, 65_536):
            heard += part
    os.close(master)
    process.wait()
    return heard


def fit(text: bytes) -> None:
    """Fail if anything of the names acts; rich's own signs are those of a progress bar."""
    for act in (b"\x1b[31m", b"\x1b]0;", b"\x07", b"\xc2\x9b", "\u202e".encode(),
                "\u2028".encode(), b"Traceback", b"should not have happened"):  # fmt: skip
        assert act not in text, text
    text.decode()


@pytest.fixture
def nasty(tone_folder, workspace) -> Path:
    """Return a data folder whose name, classes and tracks are nasty, with a run on it."""
    folder = tone_folder("tones").rename(workspace / f"d{NASTY.replace('/', '')}")
    (folder / "high").rename(folder / NASTY.replace("/", ""))
    first = sorted(next(folder.glob("a*")).iterdir())[0]
    first.rename(first.with_name(f"{NASTY.replace('/', '')}.wav"))
    (folder / "low" / f"cut{NASTY.replace('/', '')}.wav").write_bytes(b"RIFF")
    return folder


def test_nasty_names_are_seen_and_json_keeps_them(nasty, command):
    data, label = str(nasty), NASTY.replace("/", "")
    status, out, err = command("train", "logistic", "--data", data, "--protocol", "kfold:2")
    assert status == 0, err
    fit(out + err)
    assert b"left out" in err
    assert rb"\x1b[31m" in err
    (folder,) = Path("models").glob("*/*/*")
    for call in (
        ["leaderboard"], ["leaderboard", "--format", "markdown"], ["runs", "list"],
        ["runs", "show", "logistic"], ["data", "info", data], ["data", "check", data],
        ["runs", "verify"], ["predict", "logistic", data], ["report"],
        ["leaderboard", "--format", "json"], ["data", "info", data, "--format", "json"],
        ["predict", "logistic", data, "--format", "json"],
    ):  # fmt: skip
        status, out, err = command(*call)
        assert status == (call[0] in ("data", "predict") and call[1] != "info"), err
        fit(out + err)
        if call[0] == "predict" and "json" in call:
            answers = [json.loads(line) for line in out.splitlines()]
            assert {label, "low"} == {answer["label"] for answer in answers} - {None}
            assert all(Path(answer["path"]).exists() for answer in answers)
        elif "json" in call:
            found = json.loads(out)
            assert nasty.name == (found if isinstance(found, dict) else found[0])["dataset"]
    for page in Path("report").iterdir():
        assert NASTY[:6] not in page.read_text(encoding="utf-8")
    assert "\x1b" not in (folder / "README.md").read_text(encoding="utf-8")
    for call in (["runs", "list"], ["predict", "logistic", data],
                    ["predict", "logistic", data, "--format", "csv"]):  # fmt: skip
        fit(at_a_terminal(*call))


def test_names_that_are_not_in_utf8(hearing, tmp_path, command):
    hearing("seconds")
    (sound,) = list(tmp_path.rglob("high00.wav"))[:1] or [tmp_path / "high00.wav"]
    if not sound.exists():
        soundfile.write(sound, [0.1, -0.1] * 8000, 16_000)
    folder = os.fsencode(tmp_path) + b"/m\xff"
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"\xff\x1b[31m.wav", b"plain.wav"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(sound.read_bytes())
    status, out, err = command("predict", "seconds", folder, "--format", "json")
    assert (status, err) == (0, b"")
    paths = {os.fsencode(json.loads(line)["path"]) for line in out.splitlines()}
    assert paths == {folder + b"/\xff\x1b[31m.wav", folder + b"/plain.wav"}
    for form in ("table", "csv"):
        status, out, err = command("predict", "seconds", folder, "--format", form)
        assert (status, err) == (0, b"")
        assert rb"\udcff" in out
    for kind in ("csv", "jsonl"):
        for _ in range(2):  # the second time all are answered
            status, _, err = command("predict", "seconds", folder, "--output", f"answers.{kind}")
            assert status == 0, err
        assert b"2 of 2 files are in" in err
        assert Path(f"answers.{kind}").read_bytes().count(b"plain.wav") == 1
    status, _, err = command("data", "info", folder)
    assert (status, err[:5]) == (2, b"zoo: ")
    fit(err)


def test_a_folder_whose_name_is_not_in_utf8_can_be_trained_on(tone_folder, command):
    folder = os.fsdecode(b"m\xff")
    tone_folder("tones").rename(folder)
    trained = zoo.train("logistic", folder, protocol="kfold:2", jobs=1)
    assert trained.complete, trained.record.error
    assert trained.has_artefact
    (board,) = zoo.leaderboard()
    assert board.dataset == folder
    status, out, err = command("leaderboard")
    assert (status, err) == (0, b"")
    assert rb"m\udcff" in out


def test_what_a_plugin_says_is_one_line(tone_folder, workspace, command):
    Path("bad.py").write_text(f"raise RuntimeError({NASTY!r})", encoding="utf-8")
    status, out, err = command("-q", "train", "./bad.py", "--data", str(tone_folder()))
    assert (status, out) == (1, b"")
    fit(err)
    assert err.count(b"\n") == 1
    assert rb"a\x1b[31m" in err


@pytest.mark.parametrize("broken", ["x" * 300, "[/red]", "a\x1b[31m", "-\u202e", "x/" * 3000])
def test_arguments_that_are_no_names(broken, command):
    for call in (
        ["train", broken], ["train", "svm", "--data", broken], ["predict", "svm", broken],
        ["predict", broken, "x.wav"], ["runs", "show", broken], ["data", "info", broken],
        ["train", "svm", "--set", broken], ["leaderboard", "--protocol", broken],
    ):  # fmt: skip
        status, out, err = command(*call)
        assert (status, out) == (2, b""), (call, err)
        fit(err)


class TestPlaces:
    """Nothing is written outside of the workspace, whatever things are called."""

    NAMES = (
        "..",
        "../../x",
        "/tmp/x",
        "a/../../b",
        "~",
        "-",
        ".",
        "C:\\x",
        "é" * 200,
        "\0",
        "🎵" * 99,
    )

    @pytest.mark.parametrize("name", NAMES)
    def test_a_name_becomes_the_name_of_a_file(self, name):
        found = file_name(name)
        assert Path(found).name == found
        assert found not in ("", ".", "..")
        assert len(found.encode()) <= 200

    @pytest.fixture
    def inside(self, workspace, monkeypatch):
        """Stand in a folder far below `workspace`, and return what lies outside of it."""
        place = workspace / "a" / "b" / "c"
        place.mkdir(parents=True)
        monkeypatch.chdir(place)
        for name in ("MODELS", "CACHE", "CONFIG"):
            monkeypatch.setenv(f"ZOO_{name}", str(place / name.lower()))
        return (
            place,
            lambda: {path for path in workspace.rglob("*") if place not in (path, *path.parents)},
        )

    def test_classes_groups_and_runs(self, inside, make_tones, command):
        place, outside = inside
        make_tones(place / "tones")
        rows = [["path", "label", "group"]]
        for path in sorted((place / "tones").rglob("*.wav")):
            label = "../../../../up" if path.parent.name == "high" else "/etc/down"
            rows.append([str(path.relative_to(place / "tones")), label, f"../{path.stem}"])
        with (place / "tones" / "metadata.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        before = outside()
        trained = zoo.train("logistic", "tones", protocol="kfold:2", jobs=1)
        assert trained.complete
        # A record that claims another name, dataset and protocol.
        record = json.loads((trained.folder / "run.json").read_text())
        record["model"]["name"] = "../../../m"
        record["dataset"]["name"] = "../../../../d"
        record["protocol"]["spec"] = "../../p"
        (trained.folder / "run.json").write_text(json.dumps(record))
        for call in (["report"], ["report", "--output", "r"], ["leaderboard"],
                        ["runs", "export", str(trained.folder), "handed"],
                        ["data", "check", "tones", "--write"], ["runs", "verify"],
                        ["plugins", "new", "../x"], ["plugins", "new", "../x", "--package"],
                        ["plugins", "disable", "../svm"]):  # fmt: skip
            command(*call)
        assert outside() == before
        assert {path.name for path in Path("r").iterdir()} == {"d-..-..-p.html"}
        assert sorted(path.name for path in Path("handed").iterdir()) == [
            "README.md", "model.onnx", "predict.py",
        ]  # fmt: skip

    @pytest.mark.parametrize("path", ["../tones/low/low00.wav", "/etc/passwd", "low/../../x.wav"])
    def test_metadata_that_leave_their_folder(self, inside, make_tones, path):
        make_tones(inside[0] / "tones")
        (inside[0] / "tones" / "metadata.csv").write_text(f"path,label\n{path},x\n")
        with pytest.raises(ZooError, match="leaves"):
            zoo.train("logistic", "tones")


class TestSpecialFiles:
    @pytest.fixture
    def pipe(self, tone_folder) -> Path:
        path = tone_folder() / "low" / "pipe.wav"
        os.mkfifo(path)
        return path

    @pytest.mark.parametrize("address", ["", "file://"])
    def test_a_pipe_in_a_data_folder_is_passed_over(self, pipe, address, command):
        folder = pipe.parents[1]
        status, out, err = command("data", "info", f"{address}{folder}", "--format", "json")
        assert (status, json.loads(out)["tracks"]) == (0, 8)
        assert "Skipped 1 file: 1 no regular file (pipe.wav)." in err.decode()
        (folder / "metadata.csv").write_text("path\nlow/low00.wav\nlow/pipe.wav\n")
        status, out, err = command("data", "info", f"{address}{folder}")
        assert status == 2
        assert "line 3: there is no file 'low/pipe.wav'" in err.decode()

    def test_a_pipe_is_not_predicted(self, pipe, hearing):
        hearing("seconds")
        (found,) = zoo.predict("seconds", [pipe])
        assert "is not a file" in found.error
        assert len(list(zoo.predict("seconds", [pipe.parents[1]]))) == 8  # among the others

    @pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty"])
    def test_devices(self, path):
        with pytest.raises(AudioError, match=r"is not a file|cannot be opened"):
            decode(Path(path), 22_050)

    def test_a_socket(self, tone_folder):
        import socket

        folder = tone_folder()
        with socket.socket(socket.AF_UNIX) as server:
            os.chdir(folder / "low")  # a socket's name is short
            server.bind("s.wav")
            assert len(open_dataset(str(folder))) == 8

    def test_links_to_nowhere_and_to_themselves(self, tone_folder):
        for target in ("nowhere", "link.wav"):
            folder = tone_folder(f"to-{target}")
            (folder / "low" / "link.wav").symlink_to(target)
            with pytest.raises(ZooError, match=r"link\.wav cannot be read"):
                zoo.train("logistic", str(folder))

    @pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
    def test_what_may_not_be_read(self, tone_folder):
        folder = tone_folder()
        (folder / "low").chmod(0)
        with pytest.raises(ZooError, match="low cannot be read: Permission denied"):
            zoo.train("logistic", str(folder))
        (folder / "low").chmod(stat.S_IRWXU)

    @pytest.fixture
    def nested(self, tone_folder) -> Iterator[Path]:
        """Return a data folder nested so deeply that pytest could not remove it."""
        folder, place = tone_folder(), Path.cwd()
        os.chdir(folder / "low")
        for _ in range(_DEEP):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(place)
        yield folder
        os.chdir(folder / "low" / Path(*"d" * _DEEP))
        for _ in range(_DEEP):
            os.chdir("..")
            Path("d").rmdir()
        os.chdir(place)

    def test_folders_nested_deeper_than_pythons_stack(self, nested, hearing):
        hearing("seconds")
        assert len(list(zoo.predict("seconds", [nested]))) == 8
        assert zoo.train("logistic", str(nested), protocol="kfold:2", jobs=1).complete

    def test_long_names(self, tone_folder, command):
        folder = tone_folder("d" * 255)
        (folder / "low").rename(folder / ("é" * 127))
        (folder / "high" / "high00.wav").rename(folder / "high" / ("h" * 251 + ".wav"))
        trained = zoo.train("logistic", str(folder), protocol="kfold:2", jobs=1)
        assert trained.complete
        status, out, err = command("report")
        assert status == 0, err
        assert csv.reader(io.StringIO(out.decode()))
