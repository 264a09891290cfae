"""The models and recordings that are named, one after the other."""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from zoo.audio.files import STDIN, audio_files
from zoo.inference.predictors import is_model, is_model_path, is_named, models_before
from zoo_registry.errors import UsageError
from zoo_registry.files import is_file
from zoo_registry.published import NAMES

__all__ = ["models_and_recordings", "recordings"]


def models_and_recordings(
    given: Sequence[str], note: Callable[[str], None]
) -> tuple[list[str], list[str]]:
    """Return the models at the begin of arguments, and the recordings behind them.

    The last argument is a recording, whatever else has its name. The first of several is a model if
    a run or a model has its name, or if nothing has it; ``./name`` always means what is on the
    disk. For those behind it see `models_before`.

    Parameters
    ----------
    given : sequence of str
        Arguments of a command, at least one.
    note : callable
        Receives a sentence on a model whose name a file or folder has, too.
    """
    first, *rest = given
    models = [first, *models_before(rest)] if rest and _begins_models(first) else []
    for word in models:
        if os.path.lexists(word) and (word in NAMES or not is_model_path(word)):
            note(f"{word} is the run or model of this name; ./{word} is the file or folder")
    return models, list(given[len(models) :])


def _begins_models(first: str) -> bool:
    if is_model(first) or not _is_there(first):
        return True
    # The name of a run has no dot, that of nearly every recording has one.
    return not (is_file(Path(first)) and Path(first).suffix) and is_named(first)


def _is_untrained(word: str) -> bool:
    """Whether a word, which names no recording and no run, is the name of a model."""
    from zoo.plugins.registry import open_registry  # pluggy, which answers can do without

    return word in open_registry().names()


def recordings(
    paths: str | Path | Iterable[str | Path], note: Callable[[str], None] | None = None
) -> list[str]:
    """Return the files of paths, folders and patterns, as `zoo.audio.files.audio_files` does.

    Parameters
    ----------
    paths : str, Path or iterable of them
        As for `zoo.inference.predict.predict`.
    note : callable, optional
        Receives a sentence on what is skipped in folders and by patterns.

    Raises
    ------
    UsageError
        If there is no such file; if it is the name of a model instead, the sentence says so.
    """
    words = [paths] if isinstance(paths, str | Path) else list(paths)
    for word in map(str, words):
        if word and not _is_there(word) and is_named(word):
            raise UsageError(
                f"{word} is a model, and there is no recording of this name; name the recordings "
                f"behind the models: `zoo predict {word} song.mp3`"
            )
        if word and not _is_there(word) and _is_untrained(word):
            raise UsageError(
                f"{word} is a model without a run, and there is no recording of this name; "
                f"`zoo train {word} --data FOLDER` makes a run, which "
                f"`zoo predict {word} song.mp3` uses"
            )
    return audio_files(words, note)


def _is_there(word: str) -> bool:
    # pathlib raises OSError for a long name
    return word == STDIN or os.path.lexists(word) or glob.has_magic(word)
