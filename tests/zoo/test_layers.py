"""One distribution of three packages, none of which is slow to import."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import zoo
from zoo_registry import Registry
from zoo_registry.discovery import BUILT_IN, EXTENSIONS, FRONTENDS, MODELS, OPTIONAL
from zoo_registry.published import NAMES

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = {"zoo": "zoo", "zoo_registry": "registry", "zoo_plugins": "plugins"}
HEAVY = {
    *("tensorflow", "keras", "sklearn", "librosa", "scipy", "onnx", "onnxruntime", "skl2onnx"),
    *("matplotlib", "jinja2", "PIL", "mlflow", "tensorboardX", "wandb"),
    *("starlette", "uvicorn", "prometheus_client"),
    *("dask", "distributed", "fsspec", "s3fs"),
}


def plugin_modules() -> list[str]:
    folder = ROOT / "plugins" / "zoo_plugins"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def front_end_modules() -> list[str]:
    folder = ROOT / "plugins" / "zoo_plugins" / "frontends"
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def declared_points(group: str) -> dict[str, str]:
    return PROJECT["project"]["entry-points"][group]


class TestWheel:
    def test_three_packages_are_declared(self):
        declared = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        assert {Path(path).name for path in declared} == set(PACKAGES)
        for path in declared:
            assert (ROOT / path / "__init__.py").is_file()
            assert (ROOT / path / "py.typed").is_file()
            assert [*(ROOT / path).rglob("*.so"), *(ROOT / path).rglob("*.onnx")] == []

    def test_folders_beside_the_packages_hold_nothing_else(self):
        for package, folder in PACKAGES.items():
            if folder != package:
                names = {path.name for path in (ROOT / folder).iterdir()}
                assert names - {"__pycache__"} == {package}

    @pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="needs hatchling")
    def test_it_has_the_three_packages_and_the_published_runs(self, tmp_path):
        """As built from a checkout in which somebody works, and from its source distribution."""
        checkout, made = tmp_path / "checkout", tmp_path / "made"
        for name in ("zoo", "registry", "plugins", "models"):
            ignored = shutil.ignore_patterns("__pycache__", "kfold-*", "predefined*")
            shutil.copytree(ROOT / name, checkout / name, ignore=ignored)
        for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
            shutil.copy(ROOT / name, checkout)
        for name in (*NAMES, "mine"):
            own = checkout / "models" / name / "kfold-5" / "svm-0123456789"
            own.mkdir(parents=True)
            (own / "run.json").write_text("{}")
        source = {
            path.relative_to(checkout / folder if folder != package else checkout).as_posix()
            for package, folder in PACKAGES.items()
            for path in (checkout / folder).rglob("*")
            if path.is_file() and path.parent.name != "ort"  # 14 MB, fetched by npm
        }
        runs = {
            f"zoo_registry/published/{name}/{path.name}"
            for name in NAMES
            for path in (checkout / "models" / name).iterdir()
            if path.is_file()
        }
        build = [sys.executable, "-m", "hatchling", "build", "-d", str(made)]
        subprocess.run([*build, "-t", "sdist"], cwd=checkout, check=True, capture_output=True)
        (archive,) = made.glob("*.tar.gz")
        with tarfile.open(archive) as file:
            file.extractall(tmp_path, filter="data")
        unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
        assert (unpacked / "models" / "publish.py").is_file()
        assert not list(unpacked.rglob("svm-0123456789"))
        for folder in (checkout, unpacked):
            subprocess.run([*build, "-t", "wheel"], cwd=folder, check=True, capture_output=True)
            (wheel,) = made.glob("*.whl")
            names = zipfile.ZipFile(wheel).namelist()
            info = "genre_zoo-" + PROJECT["project"]["version"] + ".dist-info"
            assert {name.split("/")[0] for name in names} == {*PACKAGES, info}
            assert source <= set(names)
            assert not [name for name in names if "/ort/" in name]
            assert {name for name in names if "/published/" in name} == runs
            wheel.unlink()


class TestBuiltInPlugins:
    def test_every_module_is_an_entry_point_of_its_name(self):
        expected = {name.replace("_", "-"): f"zoo_plugins.{name}" for name in plugin_modules()}
        groups = [declared_points(group) for group in (MODELS, EXTENSIONS, OPTIONAL)]
        assert sorted(point for group in groups for point in group.items()) == sorted(
            expected.items()
        )
        modules = front_end_modules()
        expected = {name.replace("_", "-"): f"zoo_plugins.frontends.{name}" for name in modules}
        assert declared_points(FRONTENDS) == expected

    @pytest.mark.parametrize("group", [MODELS, FRONTENDS, EXTENSIONS, OPTIONAL])
    def test_what_is_installed_is_what_is_declared(self, group):
        installed = [point for point in entry_points(group=group) if point.dist.name == BUILT_IN]
        assert {point.name: point.value for point in installed} == declared_points(group)

    def test_extensions_are_off_until_they_are_enabled(self, monkeypatch):
        assert not declared_points(OPTIONAL).keys() & Registry().extensions.keys()
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", ",".join(declared_points(OPTIONAL)))
        assert declared_points(OPTIONAL).keys() <= Registry().extensions.keys()

    def test_none_is_broken(self):
        found = [*Registry().models(), *Registry().frontends()]
        states = [state for state in found if state.distribution == BUILT_IN]
        declared = [*declared_points(MODELS), *declared_points(FRONTENDS)]
        assert sorted(state.name for state in states) == sorted(declared)
        assert {state.status for state in states} <= {"ready", "missing"}

    @pytest.mark.parametrize("name", sorted(declared_points(MODELS)))
    def test_card_is_complete(self, name):
        card = Registry().load(name).card
        assert card.references
        assert card.resolve(dict(card.params)) == dict(card.params)
        assert card.family in ("classical", "deep")
        assert (card.extra == "deep") is (card.family == "deep")
        assert bool(card.requires) is (card.family == "deep")


class TestImports:
    def test_nothing_heavy(self, run_python):
        """A name is listed, and a card read, without any framework."""
        modules = ["zoo_registry", "zoo", "zoo.cli", "zoo.audio.frontends"]
        modules += [f"zoo_plugins.{name}" for name in plugin_modules()]
        modules += [f"zoo_plugins.frontends.{name}" for name in front_end_modules()]
        code = (
            "import importlib, json, sys\n"
            "found = {}\n"
            "for name in json.loads(sys.argv[1]):\n"
            "    importlib.import_module(name)\n"
            "    found[name] = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))\n"
            "print(json.dumps(found))"
        )
        done = run_python(code, json.dumps(modules), json.dumps(sorted(HEAVY)))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {name: [] for name in modules}
        assert done.stderr == ""

    def test_registry_knows_neither_of_the_others(self, run_python):
        done = run_python(
            "import sys, zoo_registry\n"
            "print(sorted(name for name in sys.modules if name in ('zoo', 'zoo_plugins', 'numpy')))"
        )
        assert done.stdout == "[]\n", done.stderr


class TestPublicNames:
    def test_pinned(self):
        assert zoo.__all__ == [
            "CLASS_WEIGHT", "CannotExport", "Card", "Change", "Choice", "Dataset", "Embeddings",
            "Encoder", "Exported", "Float", "FrontEndCard", "Handcrafted", "Int", "KERAS_MEANINGS",
            "KERAS_PARAMS",
            "KERAS_SPACE", "LogFloat", "LogMel", "Neighbours", "Reporter", "Run", "TrainedOn",
            "TrainedRun", "ZooError", "__version__", "batch_normalisation", "classical", "compare",
            "embed", "ensemble", "front_ends", "hookimpl", "keras_model", "leaderboard", "load",
            "models", "open_dataset", "predict", "runs", "size_curve", "train", "tune",
            "write_report",
        ]  # fmt: skip

    @pytest.mark.parametrize("name", zoo.__all__)
    def test_is_there(self, name):
        assert getattr(zoo, name).__doc__ or name == "hookimpl" or name.isupper()
        assert name in dir(zoo)

    def test_no_other(self):
        with pytest.raises(AttributeError, match=r"zoo.*nothing"):
            _ = zoo.nothing
