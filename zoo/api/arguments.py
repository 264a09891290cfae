"""What people pass to the functions of `import zoo`, checked and in one form."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from zoo.audio.samples import Samples
from zoo.datasets import Dataset
from zoo_registry.errors import UsageError
from zoo_registry.places import at_home
from zoo_registry.runs import Run
from zoo_registry.text import shown

__all__ = [
    "A_RUN",
    "Data",
    "Recordings",
    "data_of",
    "is_array",
    "is_iterable",
    "is_path",
    "models_of",
    "one_of",
    "one_or_many",
    "placed",
    "recordings_of",
    "said",
]

Data: TypeAlias = str | Path | Dataset
Recordings: TypeAlias = Any
"""A path, an array, a pair of an array and its rate, or an iterable of these."""

A_RUN = 'the name of a run or model, such as "svm", or a run that zoo.train returns'  # for messages

_T = TypeVar("_T")
_PAIR = 2


def data_of(data: Any) -> str | Dataset:
    """Return a dataset, or a value of ``--data``; raises `UsageError` for anything else."""
    if isinstance(data, Dataset):
        return data
    if is_path(data):
        return at_home(str(data))
    if _is_frame(data):
        raise UsageError(
            'data is a data frame; write it with `frame.to_csv("labels.csv", index=False)`, and '
            "give the path of that file"
        )
    raise UsageError(
        f'data is {said(data)}; give the name of a dataset, such as "demo", the path of a folder '
        "or table, or what zoo.open_dataset returns"
    )


def one_of(given: Any, kinds: tuple[type, ...], what: str) -> Any:
    """Return a single value of one of the types; the parameters are those of `one_or_many`."""
    if not isinstance(given, kinds) or isinstance(given, bool):
        raise UsageError(f"{said(given)} was given; give {what}")
    return placed(given)


def one_or_many(given: Any, kinds: tuple[type, ...], what: str) -> tuple[list[Any], bool]:
    """Return what was given as a list, and whether it was one.

    Parameters
    ----------
    given : object
        A value of one of the types, or an iterable of such values.
    kinds : tuple of type
        The types; a string counts as one value.
    what : str
        What is wanted, for the message.

    Raises
    ------
    UsageError
        If it is of another type, or empty.
    """
    is_one = isinstance(given, kinds) and not isinstance(given, bool)
    if is_one:
        return [placed(given)], True
    if not is_iterable(given) or isinstance(given, bytes | dict) or _is_frame(given):
        raise UsageError(f"{said(given)} was given; give {what}, or a list of them")
    found = list(given)
    if not found:
        raise UsageError(f"an empty list was given; give {what}, or a list of them")
    for each in found:
        if not isinstance(each, kinds) or isinstance(each, bool):
            raise UsageError(f"the list holds {said(each)}; give {what}, or a list of them")
    return list(map(placed, found)), False


def placed(value: Any) -> Any:
    """Return a value; of a path in which ``~`` is the home, the whole path.

    Parameters
    ----------
    value : object
        Any value.
    """
    is_short = isinstance(value, str | Path) and str(value).startswith("~")
    return type(value)(at_home(str(value))) if is_short else value


def is_path(value: Any) -> bool:
    """Return whether something is a path that a file system can have.

    Parameters
    ----------
    value : object
        Any value.
    """
    if not isinstance(value, str | Path):
        return False
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def is_iterable(value: Any) -> bool:
    """Return whether something has items; an array without axes has none.

    Parameters
    ----------
    value : object
        Any value.
    """
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0


def _is_frame(given: Any) -> bool:
    return hasattr(given, "columns") and hasattr(given, "iloc")


def models_of(given: Any) -> tuple[list[Any], bool]:
    """Return what can be asked, as `zoo.predict` takes it, and whether it was one."""
    if hasattr(given, "stream") and hasattr(given, "classes"):  # of `open_model`
        return [given], True
    if isinstance(given, Sequence) and any(hasattr(each, "stream") for each in given):
        return list(given), False
    found, is_one = one_or_many(given, (str, Path, Run), A_RUN)
    return found, is_one


def is_array(given: Any) -> bool:
    """Return whether something is an array of samples: of numpy or alike, of numbers."""
    if isinstance(given, str | bytes | Path) or not hasattr(given, "__array__"):
        return False
    import numpy as np

    array = np.asarray(given)
    return array.ndim > 0 and array.dtype.kind not in "OUSTV"


def recordings_of(
    given: Recordings, rate: float | None = None
) -> tuple[list[str | Path | Samples], bool]:
    """Return recordings, and whether it was one.

    Parameters
    ----------
    given : path, array, pair of an array and its rate, or iterable of these
        What the user passed.
    rate : float, optional
        Rate of the arrays that come without one, in Hz.

    Raises
    ------
    UsageError
        If it is something else, empty, or an array without a rate.
    """
    is_one = isinstance(given, str | Path | Samples) or is_array(given) or _is_pair(given)
    is_one = is_one and not _is_frame(given)
    if is_one:
        items = [given]
    else:
        if not is_iterable(given) or isinstance(given, bytes | dict):
            raise UsageError(_NO_RECORDING.format(said(given)))
        if _is_frame(given):
            raise UsageError(
                "a data frame is no recording; give its column of paths, such as "
                '`list(frame["path"])`'
            )
        items = list(given)
        if not items:
            raise UsageError(_NO_RECORDING.format("an empty list"))
    found: list[str | Path | Samples] = []
    used_rate = False
    for number, item in enumerate(items, start=1):
        name = "array" if is_one else f"array {number}"
        if isinstance(item, str | Path | Samples):
            found.append(placed(item))
        elif _is_pair(item):
            found.append(Samples.of(item[0], item[1], name))
        elif is_array(item):
            found.append(Samples.of(item, rate, name))
            used_rate = True
        else:
            # scipy.io.wavfile.read returns the rate first.
            order = "; in a pair the array comes first, and then its rate"
            turned = isinstance(given, tuple) and len(given) == _PAIR and is_array(given[1])
            raise UsageError(_NO_RECORDING.format(said(item)) + order * turned)
    if rate is not None and not used_rate:
        raise UsageError("rate is that of arrays, and files have their own; leave it out")
    return found, is_one


def _is_pair(given: Any) -> bool:
    """Whether it is an array and its rate, as librosa.load and soundfile.read return them."""
    is_pair = isinstance(given, tuple) and len(given) == _PAIR
    return is_pair and is_array(given[0]) and not is_array(given[1])


_NO_RECORDING = (
    "{} is no recording; give a path, an array with its rate, such as `rate=22050`, or a list of "
    "these"
)


def said(value: Any) -> str:
    """Return a value in a few words, or its type.

    Parameters
    ----------
    value : object
        Any value.
    """
    text = f"a value of type {type(value).__name__}"
    with suppress(Exception):
        if isinstance(value, int | float | str | None):
            text = shown(repr(value))[:60]
    return text
