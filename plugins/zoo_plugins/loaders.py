"""Extension that offers the datasets of mirdata and soundata, where these packages are installed.

``--data mirdata:gtzan_genre`` reads what the loader `gtzan_genre` finds in its folder, by default
``~/mir_datasets/gtzan_genre`` or ``~/sound_datasets/urbansound8k``; another folder follows an @:
``--data soundata:urbansound8k@/data/UrbanSound8K``. Nothing is downloaded: recordings, annotations
and the index of a loader are fetched with the packages themselves.

The label is the one attribute of the tracks that is a class, such as `genre` or, for soundata, a
single tag. Artists and other sources become groups; published folds and splits are kept.
"""

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zoo_registry import hookimpl
from zoo_registry.errors import DatasetError
from zoo_registry.text import in_a_line, pip_install, quoted

__all__ = ["zoo_datasets"]

_PACKAGES = {"mirdata": "track", "soundata": "clip"}  # and what each calls a recording
_LABELS = ("genre", "genres", "style", "instrument", "instrument_full", "stroke_name", "tags")
_GROUPS = (
    "artist", "artist_name", "drummer", "player_id", "src_file", "freesound_id", "identifier",
)  # fmt: skip
_PARTS = {"training": "train", "validation": "valid", "testing": "test"}


@hookimpl
def zoo_datasets() -> dict[str, Callable[[str], Any]]:
    """Offer a dataset for each name of a loader, behind the name of its package and a colon."""
    return {f"{package}:": partial(_dataset, package) for package in _PACKAGES}


def _dataset(package: str, wanted: str) -> Any:
    """Return the dataset of a loader, ``name`` or ``name@folder``."""
    from zoo.datasets import Dataset, Track
    from zoo.datasets.collections.gtzan import with_facts
    from zoo.datasets.hashing import file_digests

    name, _, folder = wanted.partition("@")
    called = f"{package}'s {name}"
    loader = _loader(package, name, folder)
    home = Path(loader.data_home)
    if not home.is_dir():
        raise DatasetError(
            f"there is no folder {home}, where {package} looks for {name}; "
            f"give the folder of your copy as --data {package}:{name}@FOLDER"
        )
    items = _items(loader, package, name)
    paths = {key: getattr(item, "audio_path", None) for key, item in items.items()}
    here = {key: Path(path) for key, path in paths.items() if path and Path(path).is_file()}
    if not here:
        raise DatasetError(
            f"none of the {len(items)} recordings of {called} is in {home}; "
            f"{package} describes which folders it expects there"
        )
    found = {key: item for key, item in items.items() if key in here}
    try:
        attribute, labels = _labels(called, found)
        groups = _values(found, _GROUPS)
        folds, parts = _values(found, ("fold",)), _values(found, ("split",))
    except (OSError, ValueError, AttributeError, LookupError) as error:
        raise DatasetError(f"the annotations of {called} cannot be read: {error}") from error
    digests = file_digests(home, list(here.values()))
    tracks = [
        Track(
            path.relative_to(home).as_posix(),
            labels[key],
            digest,
            path,
            group=groups.get(key),
            fold=folds.get(key),
            split=_PARTS.get(parts.get(key, ""), parts.get(key)),
        )
        for (key, path), digest in zip(here.items(), digests, strict=True)
    ]
    said = f"{called}: {len(here)} of {len(items)} recordings, classes by {attribute}"
    source = f"{package}:{wanted}"
    return with_facts(Dataset(f"{package}:{name}", source, tracks, said=f"{said}."))


def _loader(package: str, name: str, folder: str) -> Any:
    """Return the dataset object of mirdata or soundata."""
    spec = find_spec(package)
    if spec is None:
        raise DatasetError(f"{package} is not installed; {pip_install('collections')} brings it")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies, about theirs
        module = importlib.import_module(package)
        names = module.list_datasets()
        if name not in names:
            close = get_close_matches(name, names, n=3) or names[:3]
            raise DatasetError(
                f"{package} has no dataset {quoted(name)}; it has {len(names)}, such as "
                f"{', '.join(close)}"
            )
        try:
            return module.initialize(name, data_home=folder or None)
        except Exception as error:  # a loader may need a package that is not there
            reason = in_a_line(error)
            raise DatasetError(f"{package} cannot load {quoted(name)}: {reason}") from error


def _items(loader: Any, package: str, name: str) -> Mapping[str, Any]:
    """Return the recordings of a loader by their ids."""
    what = _PACKAGES[package]
    try:
        keys = getattr(loader, f"{what}_ids")
        return {key: getattr(loader, what)(key) for key in keys}
    except FileNotFoundError as error:
        fetch = f"import {package}; {package}.initialize('{name}').download(['index'])"
        raise DatasetError(
            f"{package} has no index of {name} on this machine; fetch it once with "
            f'python -c "{fetch}"'
        ) from error
    except (OSError, ValueError, AttributeError, LookupError) as error:
        raise DatasetError(
            f"{package}'s {name} has no {what}s that can be read: {error}"
        ) from error


def _labels(called: str, items: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the attribute that is a class of each recording, and its values."""
    single, several = {}, []
    for attribute in _LABELS:
        if not all(hasattr(item, attribute) for item in items.values()):
            continue
        values = {key: _names(getattr(item, attribute)) for key, item in items.items()}
        if all(len(own) == 1 for own in values.values()):
            single[attribute] = {key: own[0] for key, own in values.items()}
        else:
            several.append(attribute)
    if len(single) == 1:
        return next(iter(single.items()))
    if single:
        reason = f"has more than one class of each recording ({', '.join(single)})"
    elif several:
        reason = f"has no, or more than one, {several[0]} of some recordings"
    else:
        reason = "has no classes of whole recordings"
    raise DatasetError(
        f"{called} {reason}; write the one you want into a table with the columns path and label, "
        "and give that as --data"
    )


def _names(value: Any) -> Sequence[str]:
    """Return the labels that an attribute holds: a text, a list, or annotations with labels."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    value = getattr(value, "labels", value)
    return [str(each) for each in value] if isinstance(value, list | tuple) else []


def _values(items: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, str]:
    """Return the values of the first of these attributes that the recordings have."""
    for attribute in attributes:
        own = {key: getattr(item, attribute, None) for key, item in items.items()}
        if found := {key: str(value) for key, value in own.items() if value not in (None, "")}:
            return found
    return {}
