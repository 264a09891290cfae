"""Scaffold of ``zoo plugins new``: a model or front end that works, as a file or as a package.

The texts are files of the folder ``templates``, with placeholders such as ``$name``.
"""

import importlib.util
import keyword
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from string import Template

from zoo.plugins.scaffold_network import Network, small_network
from zoo_registry.errors import PluginError, UsageError
from zoo_registry.files import TEMPORARY_SUFFIX, atomic_path, sync, unwritable, write_text

__all__ = ["KINDS", "write_module", "write_package"]

_MODEL = {
    "what": "model", "group": "zoo.plugins", "typed": "zoo train {name}",
    "suite": "ModelSuite", "argument": "model", "more": "",
    "requirement": "genre-zoo", "included": '"{module}.py"', "readme": "model",
}  # fmt: skip
KINDS = {
    "classical": _MODEL,
    "deep": _MODEL | {"requirement": "genre-zoo[deep]", "more": ', params={{"epochs": 1}}'},
    "front-end": _MODEL | {
        "what": "front end", "group": "zoo.frontends", "typed": "zoo train svm --front-end {name}",
        "suite": "FrontEndSuite", "argument": "frontend",
        "included": '"{module}.py", "{module}.onnx"', "readme": "front-end",
    },
}  # fmt: skip
"""Kinds of plugin to start from, and the texts that differ between them."""

_TEMPLATES = Path(__file__).with_name("templates")


def write_module(
    name: str, folder: Path, kind: str = "classical", network: Network | None = None
) -> Path:
    """Write a plugin as one file, for ``zoo train ./my_model.py``.

    Parameters
    ----------
    name : str
        Name of the plugin; hyphens become underscores in the name of the file.
    folder : Path
        Folder of the file, made if it is missing.
    kind : {"classical", "deep", "front-end"}
        An estimator of scikit-learn, a network of Keras, or an encoder.
    network : Network, optional
        Network of the encoder, written to a file of the same name that ends with ``.onnx``; by
        default a small one to be replaced.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UsageError
        If the name is malformed or taken, or the file exists already or cannot be written.
    """
    network = network or (small_network() if kind == "front-end" else None)
    texts = _texts(name, kind, network)
    path = folder / f"{texts['module']}.py"
    with _creating(path), _creating(path.with_suffix(".onnx") if network else path):
        if network:
            _write_bytes(path.with_suffix(".onnx"), network.content)
        write_text(path, _filled(f"{kind}.py", texts))
    return path


def write_package(
    name: str, folder: Path, kind: str = "classical", network: Network | None = None
) -> list[Path]:
    """Write a plugin as a package that can be installed, tested and published.

    Parameters
    ----------
    name : str
        Name of the plugin, of the package, and of its folder, which is made.
    folder : Path
        Parent of that folder.
    kind : {"classical", "deep", "front-end"}
        As for `write_module`.
    network : Network, optional
        As for `write_module`.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UsageError
        As for `write_module`.
    """
    network = network or (small_network() if kind == "front-end" else None)
    texts = _texts(name, kind, network)
    module, project = texts["module"], folder / name
    templates = {
        "pyproject.toml": "pyproject.toml",
        f"{module}.py": f"{kind}.py",
        f"tests/test_{module}.py": "test.py",
        "README.md": f"{texts['readme']}.README.md",
        ".gitignore": "gitignore",
    }
    paths = [project / path for path in templates]
    with _creating(project):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(TEMPORARY_SUFFIX, ".zoo-", folder) as place:
            unfinished = Path(place, name)
            for path, template in templates.items():
                write_text(unfinished / path, _filled(template, texts))
            if network:
                _write_bytes(unfinished / f"{module}.onnx", network.content)
                paths.append(project / f"{module}.onnx")
            unfinished.rename(project)
            sync(folder)
    return paths


def _texts(name: str, kind: str, network: Network | None) -> dict[str, str]:
    """Return the values of the placeholders, or raise `UsageError` if the name is not free."""
    module = name.replace("-", "_")
    _check_name(KINDS[kind]["what"], name, module)
    title = name.replace("-", " ").capitalize()
    camel = "".join(word.capitalize() for word in name.split("-"))
    if camel in ("Encoder", "FrontEndCard", "TrainedOn"):  # of the module
        camel = f"Own{camel}"
    texts = {"name": name, "module": module, "title": title, "camel": camel}
    return texts | {key: text.format_map(texts) for key, text in KINDS[kind].items()} | (
        network.texts() if network else {}
    )  # fmt: skip


def _check_name(what: str, name: str, module: str) -> None:
    from zoo_registry.frontend import check_name
    from zoo_registry.plugins import Registry

    try:
        check_name(what, name)
    except PluginError as error:
        raise UsageError(str(error)) from error
    for entry in Registry().entries:
        if entry.name == name and entry.kind in ("model", "front-end"):
            what = entry.kind.replace("-", " ")
            raise UsageError(f"there is a {what} {name!r} already; choose another name")
    if keyword.iskeyword(module):
        raise UsageError(f"{module!r} is a word of Python's own; choose another name")
    # Python's own list has no `test`; `tests` is a folder of the written package.
    reserved = sys.stdlib_module_names | {"test", "tests"}
    origin = getattr(importlib.util.find_spec(module), "origin", None)
    # A module in the current folder is the author's own, such as the file that becomes a package.
    if module in reserved or (origin and Path(origin).parent != Path.cwd()):
        raise UsageError(f"Python has a module {module!r} already; choose another name")
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    raise UsageError(f"a package {found.name!r} is installed already; choose another name")


@contextmanager
def _creating(path: Path) -> Iterator[None]:
    """Refuse a path that exists, and turn errors of writing it into a sentence."""
    choose = "choose another name or folder"
    if os.path.lexists(path):  # also a broken link
        raise UsageError(f"{path} exists, and is not overwritten; {choose}")
    try:
        yield
    except OSError as error:
        raise UsageError(unwritable(path, error, choose)) from error


def _filled(template: str, texts: dict[str, str]) -> str:
    text = (_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")
    return Template(text).substitute(texts)


def _write_bytes(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
