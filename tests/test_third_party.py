"""Real packages of strangers, installed: sound ones count, broken ones harm nobody.

The packages lie in `tests/third_party`, each as its author would have it. Which of them a command
has imported is told by Python itself, which keeps the bytecode of what it imports.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from zoo_registry.discovery import BUILT_IN, FRONTENDS, MODELS, read_entries
from zoo_registry.enabled import Switches, switch

HERE = Path(__file__).with_name("third_party")
PACKAGES = {
    kind: sorted(HERE.glob(f"{kind}/*/pyproject.toml"))
    for kind in ("models", "front_ends", "extensions", "broken", "failing")
}
BUILT_INS = {
    offer.name
    for offer in read_entries(Switches())
    if offer.kind in ("model", "front-end") and offer.source.distribution == BUILT_IN
}

OPTIONAL_WEIGHTS = {"yamnet"}  # which `make setup` does not install

# What `zoo models` says of what each broken package brings, and of how many it is one.
STATES = {
    ("zoo-exits", "exits"): ("broken", "SystemExit: usage: zoo_exits FILE"),
    ("zoo-import-error", "import-error"): ("broken", "No module named 'a_package_that_is_not"),
    ("zoo-missing-extra", "missing-extra"): ("missing", "[deep]'"),
    ("zoo-misspelt-hook", "misspelt-hook"): ("broken", "unknown hook 'predikt'"),
    ("zoo-newer-contract", "newer-contract"): ("broken", "contract 99"),
    ("zoo-no-card", "no-card"): ("broken", "declares no `card`"),
    ("zoo-noisy", "noisy"): ("ready", None),
    ("zoo-odd-exception", "odd-exception"): ("broken", "Unhappy: there is no GPU here"),
    ("zoo-sick-encoders", "ends-encoder"): ("broken", "ended the process (exit status 3)"),
    ("zoo-sick-encoders", "handcrafted"): ("broken", "'handcrafted' is taken by genre-zoo"),
    ("zoo-sick-encoders", "misspelt-encoder"): ("broken", "its card is named 'log-mel'"),
    ("zoo-sick-encoders", "model-encoder"): ("broken", "declares no `card` of a front end"),
    ("zoo-sick-encoders", "raises-encoder"): ("broken", "FileNotFoundError"),
    ("zoo-sick-encoders", "sleeps-encoder"): ("slow", "loaded only when it is named"),
    ("zoo-slow", "slow"): ("slow", "loaded only when it is named"),
    ("zoo-syntax-error", "syntax-error"): ("broken", "SyntaxError"),
    ("zoo-taken-name", "svm"): ("broken", "'svm' is taken by genre-zoo"),
    ("zoo-wrong-signature", "wrong-signature"): ("broken", "'learning_rate'"),
    # Beyond those that an issue named.
    ("zoo-worse", "closes"): ("broken", "ended the process"),
    ("zoo-worse", "crashes"): ("broken", "ended the process (exit status -11)"),
    ("zoo-worse", "endless"): ("slow", "loaded only when it is named"),
    ("zoo-worse", "leaves"): ("broken", "ended the process (exit status 3)"),
    ("zoo-worse", "lingers"): ("ready", None),
    ("zoo-worse", "meddles"): ("ready", None),
    ("zoo-worse", "vanishes"): ("broken", "KeyError"),
}  # fmt: skip

OF_MANY = ("zoo-sick-encoders", "zoo-worse")


def described(pyproject: Path) -> dict:
    return tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]


BROKEN = {project["name"]: project for project in map(described, PACKAGES["broken"])}
GOOD = {name: path.parent for path in PACKAGES["models"]
        for name in described(path)["entry-points"][MODELS]}  # fmt: skip
DEEP = {name for name, folder in GOOD.items()
        if "genre-zoo[deep]" in described(folder / "pyproject.toml")["dependencies"]}  # fmt: skip


def model_cases() -> list:
    return [pytest.param(name, marks=pytest.mark.deep if name in DEEP else ()) for name in GOOD]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """Install all packages as pip does it."""
    folder = tmp_path_factory.mktemp("third_party")
    packages = [str(pyproject.parent) for found in PACKAGES.values() for pyproject in found]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--no-index", "--no-build-isolation", "--no-compile",
         "--target", str(folder), *packages],
        check=True,
    )  # fmt: skip
    return folder


class Installed:
    """What is installed for the processes of one test, beside the zoo."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def forget(self) -> None:
        for cache in list(self._folder.rglob("__pycache__")):
            shutil.rmtree(cache)

    @property
    def imported(self) -> set[str]:
        """Modules whose bytecode Python has kept: those that any process has imported."""
        found = set()
        for path in self._folder.rglob("*.pyc"):
            module = path.name.split(".")[0]
            package = path.relative_to(self._folder).parts[:-2]
            found.add(".".join([*package, *([] if module == "__init__" else [module])]))
        return found


@pytest.fixture
def install(site, tmp_path, monkeypatch) -> Callable[..., Installed]:
    """Return a function that installs packages, all of a kind or by name, for one test."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def put(*wanted: str) -> Installed:
        folder = tmp_path / "site"
        folder.mkdir()
        names = {described(path)["name"] for kind in wanted for path in PACKAGES.get(kind, ())}
        for package in distributions(path=[str(site)]):
            if package.name in names.union(wanted):
                for top in {file.parts[0] for file in package.files or ()}:
                    source = site / top
                    copy = shutil.copytree if source.is_dir() else shutil.copy
                    copy(source, folder / top)
        given = os.environ.get("PYTHONPATH")
        path = [str(folder), *([given] if given else [])]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
        return Installed(folder)

    return put


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run ``zoo`` in a process."""
    code = "import sys; sys.argv[0] = 'zoo'; from zoo.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=os.environ | more,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def answer(*arguments: str, **more: str):
    """Return the JSON that is all that a command prints."""
    done = run(*arguments, "--format", "json", **more)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def check_states(listed: list[dict], packages: set[str]) -> None:
    """Compare what `zoo models` lists with the table above."""
    ready = {entry["name"] for entry in listed if entry["distribution"] == BUILT_IN
             and (entry["status"], entry["reason"]) == ("ready", None)}  # fmt: skip
    assert ready | OPTIONAL_WEIGHTS == BUILT_INS
    strangers = {(entry["distribution"], entry["name"]): entry for entry in listed
                 if entry["distribution"] in packages}  # fmt: skip
    expected = {key: value for key, value in STATES.items() if key[0] in packages}
    assert {key: entry["status"] for key, entry in strangers.items()} == {
        key: status for key, (status, _) in expected.items()
    }
    for key, (_, reason) in expected.items():
        found = strangers[key]
        assert found["version"] == BROKEN[key[0]]["version"]
        assert (reason in found["reason"]) if reason else (found["reason"] is None), key


def test_every_broken_model_is_in_the_table():
    assert len(BUILT_INS) == 8 + 4
    assert set(STATES) == {
        (name, model) for name, project in BROKEN.items()
        for group in (MODELS, FRONTENDS)
        for model in project["entry-points"].get(group, ())
    }  # fmt: skip


class TestBroken:
    @pytest.mark.parametrize("package", BROKEN)
    def test_alone_is_shown_beside_the_built_ins(self, install, package):
        install(package)
        check_states(answer("models"), {package})

    def test_all_at_once(self, install):
        installed = install("broken")
        first = answer("models")
        check_states(first, set(BROKEN))
        assert {"zoo_slow", "zoo_worse.endless", "zoo_exits"} <= installed.imported
        # Nobody waits twice for what is slow.
        installed.forget()
        assert answer("models") == first
        assert "zoo_exits" in installed.imported
        assert not {"zoo_slow", "zoo_worse.endless"} & installed.imported

    def test_the_table_tells_the_same(self, install):
        install("broken")
        done = run("models")
        assert (done.returncode, done.stderr) == (0, "")
        for package, model in STATES:
            assert f" {package} " in done.stdout
            assert model in done.stdout

    def test_training_another_imports_none(self, install, tone_folder):
        installed = install("broken", "models")
        done = run("train", "svm", "--data", str(tone_folder()), "--protocol", "kfold:2")
        assert done.returncode == 0, done.stderr
        assert "svm" in done.stdout
        assert installed.imported == set()

    @pytest.mark.parametrize(
        "name", [model for (package, model), (status, _) in STATES.items()
                 if status in ("broken", "missing")
                 and package not in (*OF_MANY, "zoo-taken-name")],
    )  # fmt: skip
    def test_naming_one_is_one_sentence(self, install, tone_folder, name):
        installed = install("broken")
        done = run("-q", "train", name, "--data", str(tone_folder()))
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert done.stderr.startswith("zoo: ")
        assert done.stderr.count("\n") == 1
        assert installed.imported == {f"zoo_{name.replace('-', '_')}"}

    def test_slow_and_noisy_ones_are_trained_when_they_are_named(self, install, tone_folder):
        installed = install("broken")
        given = ("--data", str(tone_folder()), "--protocol", "kfold:2")
        done = run("train", "slow", "noisy", *given)
        assert done.returncode == 0, done.stderr
        assert installed.imported == {"zoo_slow", "zoo_noisy"}
        # What is printed is the board, and no word of a plugin.
        assert "Thank you" not in done.stdout + done.stderr
        assert "C library" not in done.stdout
        (board,) = answer("leaderboard", *given)
        assert {row["model"] for row in board["rows"]} == {"slow", "noisy"}

    @pytest.mark.parametrize("how", ["variable", "file"])
    def test_what_is_switched_off_is_not_imported(self, install, monkeypatch, how):
        installed = install("broken")
        # By name, but for the one whose name is a built-in's, and the package of many.
        names = [package if package in ("zoo-taken-name", *OF_MANY) else model
                 for package, model in STATES]  # fmt: skip
        if how == "variable":
            monkeypatch.setenv("ZOO_PLUGINS_DISABLED", ",".join(names))
        else:
            for name in names:
                switch(name, on=False)
        listed = {(entry["distribution"], entry["name"]): entry for entry in answer("models")}
        assert {key: listed[key]["status"] for key in STATES} == dict.fromkeys(STATES, "disabled")
        ready = {name for (_, name), entry in listed.items() if entry["status"] == "ready"}
        assert ready | OPTIONAL_WEIGHTS == BUILT_INS
        assert installed.imported == set()


class TestModels:
    @pytest.mark.parametrize(
        "names", [sorted(GOOD.keys() - DEEP), pytest.param(sorted(DEEP), marks=pytest.mark.deep)],
        ids=" ".join,
    )  # fmt: skip
    def test_stand_on_the_board_with_a_built_in(self, install, workspace, tone_folder, names):
        installed = install("models", "broken")
        data = str(tone_folder(classes=("high", "low", "mid"), tracks=6))
        given = ("--data", data, "--protocol", "kfold:2")
        done = run("train", "svm", *names, *given)
        assert done.returncode == 0, done.stderr
        assert installed.imported == {f"zoo_{name}" for name in names}
        (board,) = answer("leaderboard", *given)
        rows = {row["model"]: row for row in board["rows"]}
        assert set(rows) == {"svm", *names}
        for name in names:
            assert rows[name]["status"] == "complete"
            assert rows[name]["accuracy"] > 1 / 3
            (folder,) = workspace.glob(f"models/*/*/{name}-*")
            artefact = json.loads((folder / "run.json").read_text())["artefact"]
            assert "error" not in artefact
            assert artefact["same_winner"] == artefact["parity_tracks"] == 18

    @pytest.mark.skipif(not importlib.util.find_spec("zoo.testing"), reason="there is no suite yet")
    @pytest.mark.parametrize("name", model_cases())
    def test_passes_its_own_test_file(self, install, tmp_path, name):
        install("models")
        home = shutil.copytree(GOOD[name], tmp_path / "home")
        # Every check of a network is in tests/plugins/test_conformance.py.
        some = "card or import or shapes or parity or saved" if name in DEEP else "test"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", some],
            cwd=home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        assert " passed" in done.stdout


class TestFrontEnds:
    def test_stands_on_the_board_with_a_built_in(self, install, workspace, tone_folder):
        installed = install("front_ends", "broken")
        data = str(tone_folder(classes=("high", "low", "mid"), tracks=6))
        given = ("--data", data, "--protocol", "kfold:2")
        both = ("--front-end", "peaks", "--front-end", "handcrafted")
        done = run("train", "svm", *both, *given)
        assert done.returncode == 0, done.stderr
        assert installed.imported == {"zoo_peaks"}
        (board,) = answer("leaderboard", *given)
        rows = {row["frontend"]: row for row in board["rows"]}
        assert set(rows) == {"peaks", "handcrafted"}
        assert rows["peaks"]["accuracy"] > 0.6
        for path in workspace.glob("models/*/*/svm-*/run.json"):
            artefact = json.loads(path.read_text())["artefact"]
            assert artefact["same_winner"] == artefact["parity_tracks"] == 18

    def test_passes_its_own_test_file(self, install, tmp_path):
        install("front_ends")
        home = shutil.copytree(HERE / "front_ends/zoo-peaks", tmp_path / "home")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
             "-k", "not any_length"],
            cwd=home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("misspelt-encoder", "its card is named 'log-mel'"),
            ("model-encoder", "declares no `card` of a front end"),
            ("raises-encoder", "No such file or directory"),
            ("peeks", "there is no front end 'peeks'"),
        ],
    )
    def test_naming_a_broken_one_is_one_sentence(self, install, tone_folder, name, sentence):
        install("broken", "front_ends")
        done = run("-q", "train", "svm", "--front-end", name, "--data", str(tone_folder()))
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1

    def test_the_suite_says_what_is_wrong_with_a_broken_one(self, install):
        install("broken")
        done = run("plugins", "check", "raises-encoder")
        assert done.returncode == 1
        assert "raises-encoder fails 1 of 14 checks: card-complete" in done.stderr
        assert "No such file or directory" in done.stdout

    def test_one_that_is_switched_off_is_not_imported(self, install, tone_folder):
        installed = install("front_ends")
        switch("peaks", on=False)
        done = run("train", "svm", "--front-end", "peaks", "--data", str(tone_folder()))
        assert done.returncode == 2
        assert "the front end 'peaks' cannot be used: it is switched off" in done.stderr
        assert installed.imported == set()


class TestExtensions:
    def test_data_of_a_package(self, install):
        install("extensions", "models")
        for _ in range(2):  # made, then found
            info = answer("data", "info", "chirps")
            assert (info["dataset"], info["tracks"]) == ("chirps", 18)
        done = run("train", "nearest", "svm", "--data", "chirps", "--protocol", "kfold:2")
        assert done.returncode == 0, done.stderr
        (board,) = answer("leaderboard", "--data", "chirps", "--protocol", "kfold:2")
        assert {row["model"] for row in board["rows"]} == {"nearest", "svm"}

    def test_a_command_of_a_package(self, install):
        install("extensions")
        overview = run("--help")
        assert "Say hello, and how many tracks" in overview.stdout
        assert "zoo count [OPTIONS]" in run("count", "--help").stdout
        done = run("count", "chirps")
        assert (done.returncode, done.stdout) == (0, "Hello! chirps has 18 tracks.\n")
        wrong = run("count", "no-such-data")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert "datasets with a name: demo, chirps" in wrong.stderr

    def test_built_in_commands_know_nothing_of_them(self, install):
        installed = install("extensions", "failing")
        assert answer("models")
        assert installed.imported == set()


class TestFailingExtensions:
    def test_data_of_others_can_be_had(self, install):
        install("extensions", "failing")
        done = run("data", "info", "chirps", "--format", "json")
        assert done.returncode == 0
        assert json.loads(done.stdout)["tracks"] == 18
        for said in (
            "the extension absent is left out: importing zoo_bad_manners.absent raised",
            "the extension zoo_bad_manners.data failed in zoo_datasets: ConnectionError",
            "the extension newer is left out: it was written for contract 99",
            "an extension offers its data sets as a list, and is left out",
        ):
            assert sum(said in line for line in done.stderr.splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("offline", "'offline' failed with ConnectionError: the archive does not answer"),
            ("nothing", "'nothing' gave a NoneType"),
            ("unpaid", "'unpaid' failed with SystemExit: register first"),
            ("archive", "there is no folder or file 'archive'"),
        ],
    )
    def test_data_that_cannot_be_had_is_one_sentence(self, install, name, reason):
        install("extensions", "failing")
        done = run("data", "info", name)
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        assert reason in done.stderr.splitlines()[-1]

    def test_commands_of_others_can_be_used(self, install):
        install("extensions", "failing")
        for arguments in (("--help",), ("count", "chirps")):
            done = run(*arguments)
            assert done.returncode == 0
            assert "Hello! chirps" in done.stdout or "Say hello" in done.stdout
            assert "Instead of what everybody expects" not in done.stdout
            for said in (
                "zoo_bad_manners.commands failed in zoo_commands: AttributeError",
                "a command of the extension zoo_bad_manners.greedy is left out: RuntimeError",
                "a command of the extension zoo_bad_manners.greedy is left out: the name 'train'",
            ):
                assert sum(said in line for line in done.stderr.splitlines()) == 1, done.stderr
            assert "Traceback" not in done.stderr
