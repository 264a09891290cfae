"""Experiment files: the options of a command as TOML, for what is kept under version control."""

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_registry.errors import UsageError
from zoo_registry.places import at_home
from zoo_registry.text import near, quoted

if TYPE_CHECKING:
    from zoo_registry.runs import Run

__all__ = ["ConfigOption", "SetOption", "as_toml"]

_SETTINGS = "settings"  # parameter of a command that has the values of --set
_ABOUT_PATHS = ("data", "models", "model", "frontends", "frontend", "from_run")
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _read(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the values of a file as the defaults of the command's options."""
    if path is not None:
        ctx.default_map = dict(_File(path, ctx).values())
        ctx.meta[_SETTINGS] = ctx.default_map.pop(_SETTINGS, [])
    return path


def _with_file(ctx: typer.Context, given: list[str] | None) -> list[str] | None:
    """Return the values of --set, those of the file first, so that the others win."""
    return [*ctx.meta.get(_SETTINGS, ()), *(given or ())] or None


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        callback=_read,
        is_eager=True,
        help="An experiment file: TOML whose keys are options of this command; options given here "
        "win.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", callback=_with_file, help="A parameter, such as C=10; repeatable."),
]


def _key(param: Any) -> str:
    """Return the key of an option, or an argument, in a file."""
    own: str = param.opts[0] if param.param_type_name == "option" else param.name
    return own.removeprefix("--")


def _by_key(params: Iterable[Any]) -> dict[str, Any]:
    """Return what a file may have by key; `--version` and the like are no values."""
    return {_key(each): each for each in params if each.expose_value and not each.is_eager}


class _File:
    """An experiment file.

    Parameters
    ----------
    path : Path
        The file.
    ctx : typer.Context
        Context of the command, whose options are the keys.
    """

    def __init__(self, path: Path, ctx: typer.Context) -> None:
        import tomllib

        self._path, self._ctx = path, ctx
        self._params = _by_key(ctx.command.params)
        try:
            self._text = path.read_text(encoding="utf-8-sig")
            self._content = tomllib.loads(self._text)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; --config takes a TOML file") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is no TOML file: {error}") from error

    def values(self) -> Iterator[tuple[str, Any]]:
        """Yield parameters of the command with the values of the file."""
        for key, value in self._content.items():
            if key not in self._params:
                raise self._error(key, self._unknown(key))
            param = self._params[key]
            yield param.name, self._checked(key, param, value)

    def _unknown(self, key: str) -> str:
        """Return what is wrong with a key that no option has."""
        options = {option for each in self._ctx.command.params for option in each.opts}
        if f"--{key}" in options | {"--help"}:
            return f"{key} is of the command line only; give --{key} there"
        keys = list(self._params)
        if key.removeprefix("--") in keys:
            return f"there is no key {quoted(key)}; write {key.removeprefix('--')}"
        return f"there is no key {quoted(key)}{near(key, keys) or '; keys: ' + ', '.join(keys)}"

    def _checked(self, key: str, param: Any, value: Any) -> Any:
        if param.name == _SETTINGS:
            if not isinstance(value, dict):
                raise self._error(key, "set is a table of parameters, such as [set] and C = 10")
            return [f"{name}={self._setting(name, each)}" for name, each in value.items()]
        if param.name == "sizes" and type(value) in (int, list):
            value = ",".join(map(str, value if isinstance(value, list) else [value]))
        several = param.param_type_name == "argument" and param.nargs == -1
        several = several or getattr(param, "multiple", False)
        given = value if isinstance(value, list) and several else [value]
        kind = _kind(param)
        for each in given:
            is_right = isinstance(each, (int, float) if kind is float else kind)
            if not is_right or (isinstance(each, bool) and kind is not bool):
                more = ", or a list of them" * several
                raise self._error(key, f"{key} is {_NAMES[kind]}{more}, not {_shown(each)}")
        if param.name in _ABOUT_PATHS:
            given = [self._place(param.name, each) for each in given]
        whole = given if several else given[0]
        try:
            param.type_cast_value(self._ctx, whole)
        except typer.BadParameter as error:
            raise self._error(key, f"{key}: {error.message}") from error
        return whole

    def _setting(self, name: str, value: Any) -> str:
        if isinstance(value, list | dict):
            raise self._error(name, f"the parameter {name} is one value, not {_shown(value)}")
        return str(value)

    def _place(self, name: str, value: str) -> str:
        """Return what is beside the file as a path from here; names stay as they are."""
        value = at_home(value)
        path, colon, fields = value.partition(".py:") if "frontend" in name else (value, "", "")
        is_path = value.startswith(("./", "../")) or ".py" in value
        is_there = (self._path.parent / value).exists() and value != "demo"
        if "://" in value or not (is_path or (name in ("data", "from_run") and is_there)):
            return value
        found = os.path.normpath(self._path.parent / path)
        # A plugin's file is known as a file by its suffix.
        return f"{found}{colon}{fields}"

    def _error(self, key: str, what: str) -> UsageError:
        sign = rf"\[*\s*[\"']?{re.escape(key)}[\"']?\s*[\]=.]"
        lines = (n for n, line in enumerate(self._text.splitlines(), 1) if re.match(sign, line))
        line = next(lines, None)
        return UsageError(f"{self._path}{f', line {line}' if line else ''}: {what}")


def _kind(param: Any) -> type:
    """Return the type that a value of an option has in a file."""
    if getattr(param, "is_flag", False):
        return bool
    name = param.type.name
    return int if name.startswith("int") else float if name.startswith("float") else str


def as_toml(run: "Run") -> str:
    """Return the experiment file that `zoo train --config` takes to make a run.

    Parameters
    ----------
    run : Run
        A run, but no ensemble.

    Raises
    ------
    UsageError
        If it is an ensemble, which nothing trains.
    """
    from zoo.cli.app import app

    if run.record.members:
        raise UsageError(f"{run.id} combines runs, and has no experiment file")
    command: Any = typer.main.get_command(app)
    params = command.commands["train"].params
    names = {option: each for each in params for option in each.opts}
    words = iter(shlex.split(run.record.command)[2:])
    values: dict[str, Any] = {"models": next(words)}
    settings = dict(run.record.params)
    for word in words:
        param = names[word]
        if param.is_flag:
            values[_key(param)] = True
        elif param.name == _SETTINGS:
            next(words)
        elif param.multiple and param.name != "seeds":
            values.setdefault(_key(param), []).append(next(words))
        else:
            kind = _kind(param)
            values[_key(param)] = kind(next(words))
    lines = [f"# {run.id}; paths are relative to this file", *_lines(values)]
    if settings:
        lines += ["", "[set]", *_lines(settings)]
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        name = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)
        yield f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    """Return a value in TOML, whose texts and numbers are those of JSON."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_value, value))}]"
    if value is None or isinstance(value, str):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def _shown(value: Any) -> str:
    """Return a value that is wrong, which may be a date."""
    return json.dumps(value, default=str)
