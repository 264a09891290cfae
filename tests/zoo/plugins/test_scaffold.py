"""What `zoo plugins new` writes is trained, installed and tested as it stands."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import onnx
import pytest
import typer
from typer.testing import CliRunner

import zoo
from zoo.artefacts import isolated
from zoo.cli.plugins import new
from zoo.plugins.registry import recorded_model
from zoo.plugins.scaffold import KINDS, write_module, write_package
from zoo.plugins.scaffold_network import read_network
from zoo_registry import Registry, UsageError
from zoo_registry.frontend import identity

ZOO = str(Path(sys.executable).with_name("zoo"))
SETTINGS = {"classical": {}, "deep": {"epochs": 1}}  # of models

kinds = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.deep] if kind == "deep" else []) for kind in SETTINGS],
)


def command(*arguments: str):
    """Run the command alone; what it raises is raised here."""
    app = typer.Typer()
    app.command()(new)
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


class TestModule:
    @kinds
    def test_trains_and_exports_at_once(self, kind, tone_folder, workspace):
        (workspace / "models.d").mkdir()
        done = command("my-model", "models.d", "--kind", kind)
        path = done.stdout.strip()
        assert path == "models.d/my_model.py"
        assert f"`zoo train ./{path}`" in done.stderr
        assert f"`zoo plugins check ./{path}`" in done.stderr
        data = str(tone_folder(tracks=5))
        run = zoo.train(f"./{path}", data, params=SETTINGS[kind], jobs=1)
        assert run.complete, run.record.error
        assert run.has_artefact, run.record.artefact.error
        assert run.record.model.family == kind
        if kind == "deep":
            assert all(fold.curve for fold in run.record.folds)
        else:
            assert zoo.leaderboard()[0].rows[0].accuracy > 0.6

    def test_is_about_a_dozen_lines(self, workspace):
        text = write_module("my-model", workspace).read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip(" )}]")]
        code = [line for line in lines if not line.lstrip().startswith("#")]
        assert len(code) <= 14
        assert len(lines) > len(code)

    def test_folders_are_made(self, workspace):
        assert write_module("my-model", workspace / "a" / "b").is_file()


class TestPackage:
    @kinds
    def test_is_found_listed_and_trained_by_its_name(self, kind, tone_folder, workspace):
        done = command("my-model", "--package", "--kind", kind)
        files = {path for path in everything(workspace) if Path(path).is_file()}
        assert set(done.stdout.split()) == files
        site = workspace / "site"
        install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
        install += ["--no-index", "--disable-pip-version-check", "--target", str(site)]
        subprocess.run([*install, "./my-model"], check=True, capture_output=True)
        given = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([str(site), *([given] if given else [])])

        def call(*arguments: str) -> str:
            ended = subprocess.run(
                arguments, env={**os.environ, "PYTHONPATH": paths},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ended.returncode == 0, ended.stdout + ended.stderr
            return ended.stdout

        states = {
            state["name"]: state for state in json.loads(call(ZOO, "models", "--format=json"))
        }
        assert len(states) > 1
        assert states["my-model"]["status"] == "ready"
        assert states["my-model"]["distribution"] == "my-model"
        if kind == "classical":  # TestModule trains the same module of the other kind
            call(ZOO, "train", "my-model", "--data", str(tone_folder(tracks=5)), "--jobs=1")
            (board,) = json.loads(call(ZOO, "leaderboard", "--format=json"))
            (row,) = board["rows"]
            assert (row["model"], row["status"]) == ("my-model", "complete")
        # All checks of networks take a minute; the built-in ones and a stranger's have them all.
        some = "card or import or shapes or parity"
        call(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", some, "my-model")

    @pytest.mark.parametrize("kind", SETTINGS)
    def test_declares_what_it_is(self, kind, workspace):
        write_package("my-model", workspace, kind)
        project = tomllib.loads((workspace / "my-model/pyproject.toml").read_text(encoding="utf-8"))
        assert project["project"]["name"] == "my-model"
        assert project["project"]["entry-points"] == {"zoo.plugins": {"my-model": "my_model"}}
        extra = {"classical": "", "deep": "[deep]"}[kind]
        assert project["project"]["dependencies"] == [f"genre-zoo{extra}"]
        test = (workspace / "my-model/tests/test_my_model.py").read_text(encoding="utf-8")
        assert len(test.split("\n\n\n")) == 2
        assert ("epochs" in test) is (kind == "deep")
        readme = (workspace / "my-model/README.md").read_text(encoding="utf-8")
        for line in ("zoo train my-model", "pytest", "twine upload"):
            assert line in readme

    def test_holds_the_same_module(self, workspace):
        alone = write_module("my-model", workspace)
        write_package("my-model", workspace)
        assert (workspace / "my-model/my_model.py").read_bytes() == alone.read_bytes()


def onnx_file(path, text):
    """Write an ONNX file of a graph in ONNX's own notation."""
    from onnx import parser, save

    save(parser.parse_model(f'<ir_version: 10, opset_import: ["": 18]> {text}'), path)
    return str(path)


LEVEL = """level (float[n, {samples}] sound) => (float[n, 1] embedding)
    {{ axis = Constant <value_ints = [1]> () embedding = ReduceL2 (sound, axis) }}"""
ENDLESS = """endless (float[n, 9] a) => (float[n, 9] c) {
    yes = Constant <value = bool {1}> ()
    c = Loop ("", yes, a) <body = again (int64 i, bool go, float[n, 9] x)
        => (bool goes, float[n, 9] y) { goes = Identity (go) y = Identity (x) }> }"""


class TestFrontEnd:
    def test_trains_and_exports_at_once(self, tone_folder, workspace):
        done = command("my-encoder", "--kind", "front-end")
        assert done.stdout.split() == ["my_encoder.py", "my_encoder.onnx"]
        assert "`zoo train svm --front-end ./my_encoder.py`" in done.stderr
        assert "`zoo plugins check ./my_encoder.py`" in done.stderr
        run = zoo.train("svm", str(tone_folder(tracks=5)), frontend="./my_encoder.py", jobs=1)
        assert run.complete, run.record.error
        assert run.has_artefact, run.record.artefact.error
        assert zoo.leaderboard()[0].rows[0].accuracy > 0.9

    def test_a_package_passes_its_own_test(self, workspace, tone_folder):
        done = command("my-encoder", "--package", "--kind", "front-end")
        files = {path for path in everything(workspace) if Path(path).is_file()}
        assert set(done.stdout.split()) == files
        assert "my-encoder/my_encoder.onnx" in files
        site = workspace / "site"
        install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
        install += ["--no-index", "--disable-pip-version-check", "--target", str(site)]
        subprocess.run([*install, "./my-encoder"], check=True, capture_output=True)
        given = os.environ.get("PYTHONPATH")
        paths = os.pathsep.join([str(site), *([given] if given else [])])
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "my-encoder",
             "-k", "not any_length"],
            env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def test_of_a_file_takes_its_patch_and_rate(self, workspace):
        path = onnx_file(workspace / "net.onnx", LEVEL.format(samples=4_000))
        done = command("other", "--kind", "front-end", "--from", path)
        assert "states no sample rate; 16000 Hz is taken, change `sample_rate`" in done.stderr
        assert "length of a patch" not in done.stderr
        frontend = Registry().frontend("./other.py").card.frontend
        assert (frontend.patch, frontend.sample_rate, frontend.step) == (4_000, 16_000, 0.25)
        assert Path("other.onnx").read_bytes() == Path(path).read_bytes()
        assert frontend(np.ones(4_000, np.float32)).shape == (1, 1)

    def test_of_a_file_without_a_patch_asks(self, workspace):
        path = onnx_file(workspace / "net.onnx", LEVEL.format(samples="m"))
        done = command("other", "--kind", "front-end", "--from", path)
        assert "states no length of a patch; 16000 is taken, change `patch`" in done.stderr
        assert "CHANGE THIS" in Path("other.py").read_text(encoding="utf-8")

    def test_another_network_is_another_identity(self, workspace):
        path = write_module("my-encoder", workspace, "front-end")
        first = Registry().frontend(str(path)).card.frontend
        onnx_file(workspace / "my_encoder.onnx", LEVEL.format(samples=8_000))
        second = Registry().frontend(str(path)).card.frontend
        assert identity(first) != identity(second)

    def test_a_run_of_another_network_says_whose_hash_differs(self, tone_folder, workspace):
        path = str(write_module("my-encoder", workspace, "front-end"))
        run = zoo.train(
            "knn", str(tone_folder(tracks=2)), frontend=path, protocol="kfold:2", jobs=1
        )
        recorded_model(run.record, None, "", frontend=path)
        onnx_file(workspace / "my_encoder.onnx", LEVEL.format(samples=8_000))
        with pytest.raises(UsageError, match=r"that was trained on: weights is '\w{12}' and was '"):
            recorded_model(run.record, None, "", frontend=path)

    def test_an_artefact_that_fails_is_named_without_a_temporary_path(self, tone_folder, workspace):
        path = str(write_module("my-encoder", workspace, "front-end"))
        wrong = LEVEL.format(samples=8_000).replace("[n, 1] emb", "[n, 7] emb")
        onnx_file(workspace / "my_encoder.onnx", wrong)
        run = zoo.train(
            "knn", str(tone_folder(tracks=2)), frontend=path, protocol="kfold:2", jobs=1
        )
        assert "has no artefact yet (model.onnx cannot be run: " in run.lack
        assert "): once that is corrected, run `zoo train knn" in run.lack

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            (None, "is not an ONNX file, or is cut off"),
            ("g (float[n, 9] a, float[n, 9] b) => (float[n, 9] c) { c = Add (a, b) }",
             "has 2 inputs (a, b) and 1 output (c); an encoder has one of each"),
            ("g (float[9] a) => (float[9] c) { c = Abs (a) }",
             "the input 'a' of net.onnx is of type float (9); an encoder's is float32 of shape"),
            ("g (float[n, 9] a) => (float[n, 9, 1] c) { i = Constant <value_ints = [2]> () "
             "c = Unsqueeze (a, i) }", "the output 'c' of net.onnx is of type float (any, 9, 1)"),
            ("g (double[n, 9] a) => (double[n, 9] c) { c = Abs (a) }", "is of type double"),
            ("g (float[n, 9] a) => (float[n, 9] c) { c = Log (a) }", "numbers that are not finite"),
            ("g (float[n, 9] a) => (float[n, 9] c) { s = Constant <value_ints = [7, 7]> () "
             "c = Reshape (a, s) }", "does not run on patches of 9 samples: "),
            ("g (float[n, 9] a) => (float[n, 7] c) { c = Abs (a) }",
             "the output 'c' of net.onnx is declared with 7 columns, and it gives 9"),
            ("", "is not an ONNX file: it has no graph"),
        ],
    )  # fmt: skip
    def test_no_encoder_is_one_sentence(self, text, sentence, workspace):
        path = Path("net.onnx")
        onnx_file(path, text) if text else path.write_bytes(b"no" if text is None else b"")
        with pytest.raises(UsageError) as caught:
            read_network(path)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_operators_of_the_future_are_one_sentence(self, workspace):
        onnx_file("net.onnx", LEVEL.format(samples=9))
        network = onnx.load("net.onnx")
        network.opset_import[0].version = 99
        onnx.save(network, "net.onnx")
        with pytest.raises(UsageError, match="uses version 99 of the operators, and versions up"):
            read_network(Path("net.onnx"))

    def test_weights_may_be_listed_as_inputs(self, workspace):
        text = """g (float[n, 9] a, float[9, 1] w) => (float[n, 1] c)
            <float[9, 1] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> { c = MatMul (a, w) }"""
        onnx_file("net.onnx", text)
        network = onnx.load("net.onnx")
        network.ir_version = 3
        assert [item.name for item in network.graph.input] == ["a", "w"]
        onnx.save(network, "net.onnx")
        path = write_module("mine", workspace, "front-end", read_network(Path("net.onnx")))
        assert Registry().frontend(str(path)).card.frontend(np.ones(9, "f")).shape == (1, 1)

    @pytest.mark.parametrize("rate", ["0", "99999999999999", "16k", "²"])
    def test_a_rate_that_is_none_is_asked_for(self, rate, workspace):
        onnx_file("net.onnx", LEVEL.format(samples=9))
        network = onnx.load("net.onnx")
        onnx.helper.set_model_props(network, {"sample_rate": rate})
        onnx.save(network, "net.onnx")
        (question,) = read_network(Path("net.onnx")).questions()
        assert "16000 Hz is taken" in question

    def test_an_endless_network_is_ended(self, workspace, monkeypatch):
        monkeypatch.setattr(isolated, "SECONDS", 4)
        onnx_file("net.onnx", ENDLESS)
        with pytest.raises(UsageError, match=r"net\.onnx cannot be run: it took longer than"):
            command("mine", "--kind", "front-end", "--from", "net.onnx")
        assert everything(workspace) == {"net.onnx"}

    def test_a_device_is_not_read(self, workspace):
        with pytest.raises(UsageError, match="/dev/zero cannot be read: it is not a file"):
            read_network(Path("/dev/zero"))

    def test_what_exists_is_left_alone(self, workspace):
        Path("my_encoder.onnx").write_bytes(b"mine")
        with pytest.raises(UsageError, match=r"my_encoder\.onnx exists, and is not overwritten"):
            write_module("my-encoder", workspace, "front-end")
        assert everything(workspace) == {"my_encoder.onnx"}

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("musicnn", "--kind", "front-end"), "there is a front end 'musicnn' already"),
            (("yamnet",), "there is a front end 'yamnet' already"),
            (("mine", "--from", "a.onnx"), "add --kind front-end"),
            (("mine", "--kind", "front-end", "--from", "a.onnx"), "a.onnx cannot be read: No such"),
        ],
    )
    def test_a_wrong_command_is_one_sentence(self, arguments, sentence, workspace):
        with pytest.raises(UsageError, match=sentence):
            command(*arguments)
        assert everything(workspace) == set()


class TestRefusals:
    @pytest.mark.parametrize("package", [False, True], ids=["module", "package"])
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("My_Model", "is malformed; use lower-case words joined by hyphens"),
            ("", "is malformed"),
            ("../away", "is malformed"),
            ("svm", "there is a model 'svm' already; choose another name"),
            ("class", "'class' is a word of Python's own"),
            ("json", "Python has a module 'json' already"),
            ("test", "Python has a module 'test' already"),
            ("tests", "Python has a module 'tests' already"),
            ("zoo", "Python has a module 'zoo' already"),
            ("zoo-plugins", "Python has a module 'zoo_plugins' already"),
            ("numpy", "Python has a module 'numpy' already"),
            ("genre-zoo", "a package 'genre-zoo' is installed already"),
            ("scikit-learn", "a package 'scikit-learn' is installed already"),
        ],
    )
    def test_name(self, name, sentence, package, workspace):
        write = write_package if package else write_module
        with pytest.raises(UsageError, match=sentence) as caught:
            write(name, workspace)
        assert caught.value.exit_status == 2
        assert everything(workspace) == set()

    def test_name_of_an_installed_model(self, install_plugin, workspace):
        install_plugin("my-model", "raise SystemExit")
        with pytest.raises(UsageError, match="there is a model 'my-model' already"):
            write_module("my-model", workspace)

    @pytest.mark.parametrize("what", ["file", "link", "folder"])
    @pytest.mark.parametrize("package", [False, True], ids=["module", "package"])
    def test_what_exists_is_left_alone(self, what, package, workspace):
        path = workspace / ("my-model" if package else "my_model.py")
        if what == "file":
            path.write_text("mine", encoding="utf-8")
        elif what == "link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
        before = everything(workspace)
        with pytest.raises(UsageError, match=f"{path} exists, and is not overwritten"):
            (write_package if package else write_module)("my-model", workspace)
        assert everything(workspace) == before
        assert what != "file" or path.read_text(encoding="utf-8") == "mine"

    @pytest.mark.parametrize("write", [write_module, write_package])
    def test_a_file_is_no_folder(self, write, workspace):
        (workspace / "file").write_text("mine", encoding="utf-8")
        with pytest.raises(UsageError, match=r"cannot be written: .*; choose another"):
            write("my-model", workspace / "file")
        assert everything(workspace) == {"file"}

    @pytest.mark.parametrize(
        ("write", "length"),
        # The longest that a file system takes for the folder is too long for the test in it.
        [(write_module, 300), (write_package, 300), (write_package, 250)],
    )
    def test_nothing_is_left_of_a_failure(self, write, length, workspace):
        with pytest.raises(UsageError, match="File name too long; choose another name"):
            write("a" * length, workspace)
        assert everything(workspace) == set()


class TestAuthorsFolder:
    def test_a_file_of_the_author_is_no_module_in_the_way(self, workspace, monkeypatch):
        """The folder of the file may be where Python looks for modules."""
        monkeypatch.syspath_prepend(str(workspace))
        write_module("my-model", workspace)
        assert (workspace / "my-model/my_model.py") in write_package("my-model", workspace)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["my-model", "knn3", "a-rather-long-name"])
def test_what_is_written_is_clean_and_formatted(kind, name, workspace):
    write_module(name, workspace, kind)
    write_package(name, workspace, kind)
    for arguments in (["check", "--extend-select=B,I,N,RUF,SIM,UP,W"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--line-length=100"]
        done = subprocess.run(
            [*ruff, "--no-cache", "."], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_the_command_offers_every_kind():
    option, *_ = get_args(get_type_hints(new, include_extras=True)["kind"])
    assert set(get_args(option)) == set(KINDS)
