"""Tagging of files: which ones get a genre, and which one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import zoo
from zoo.audio.files import audio_files
from zoo.commands import TerminalReporter
from zoo_plugins._tagging.genres import NO_TAGS, TagsError, read_tags, write_genre
from zoo_plugins._tagging.replacement import obstacle, replace_file
from zoo_plugins._tagging.undo import Entry, UndoFile
from zoo_registry.errors import FileUnavailable, StorageError
from zoo_registry.files import check_writable
from zoo_registry.text import in_a_line

__all__ = ["Result", "Wish", "tag"]


@dataclass(frozen=True)
class Wish:
    """What the user wants of a command.

    Attributes
    ----------
    paths : sequence of str
        Files, folders and patterns.
    run : str
        As for `zoo.predict`.
    replace : bool
        Whether a genre may be replaced.
    min_confidence, precision, jobs
        As for `zoo.predict`.
    """

    paths: Sequence[str]
    run: str
    replace: bool = False
    min_confidence: float | str = "auto"
    precision: float | None = None
    jobs: int | None = None


@dataclass(frozen=True)
class Result:
    """What became of a file.

    Attributes
    ----------
    path : str
        The file.
    genre : str or None
        Genre that it gets, None if none is written.
    confidence : float or None
        Confidence of the answer.
    former : tuple of str
        Genres that it had.
    written : bool
        Whether the genre was written.
    reason, error : str or None
        Why it gets no genre; and what failed.
    run : str or None
        Run of the model.
    guess : str or None
        The most likely genre where the answer is "unknown".
    """

    path: str
    genre: str | None = None
    confidence: float | None = None
    former: tuple[str, ...] = ()
    written: bool = False
    reason: str | None = None
    error: str | None = None
    run: str | None = None
    guess: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether it has a genre, and gets no other."""
        return bool(self.former) and self.genre is None and self.run is None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def tag(wish: Wish, undo_file: UndoFile | None, reporter: TerminalReporter) -> Iterator[Result]:
    """Write the genre into files, one after the other.

    Parameters
    ----------
    wish : Wish
        What the user wants.
    undo_file : UndoFile, optional
        Receives an entry before each file is replaced; without one nothing is written.
    reporter : TerminalReporter
        Receives progress and notes.

    Yields
    ------
    Result
        One per file.

    Raises
    ------
    UsageError
        If a path or the run does not exist, or no confidence reaches the precision.
    StorageError
        If nothing more can be written.
    """
    files = audio_files(wish.paths, reporter.note)
    former: dict[str, tuple[str, ...]] = {}
    places: set[str] = set()
    with reporter.bar(
        f"reading tags, {len(files)} file{'s' * (len(files) != 1)}", len(files)
    ) as bar:
        for done, file in enumerate(files, start=1):
            if (place := os.path.realpath(file)) not in places:
                places.add(place)
                looked = _look(file, wish)
                if isinstance(looked, Result):
                    yield looked
                else:
                    former[file] = looked
            bar.update(done)
    if not former:
        return
    predictions: Any = zoo.predict(
        wish.run,
        list(former),
        min_confidence=wish.min_confidence,
        precision=wish.precision,
        jobs=wish.jobs,
        reporter=reporter,
    )
    with closing(predictions):
        for found in predictions.stream():
            result = Result(found.path, former=former[found.path], run=found.run)
            if found.error or found.reason:
                yield replace(result, reason=found.reason, error=found.error, guess=found.guess)
            elif former[found.path] == (found.label,):
                yield replace(result, reason="it has this genre", run=None)
            else:
                result = replace(result, genre=found.label, confidence=found.confidence)
                yield result if undo_file is None else _written(result, wish, undo_file)


def _look(file: str, wish: Wish) -> Result | tuple[str, ...]:
    """Return the genres of a file, or the result if it gets none."""
    try:
        if reason := obstacle(Path(file), map(Path, wish.paths)):
            return Result(file, reason=reason)
        tags = read_tags(Path(file))
    except (TagsError, OSError) as error:
        return Result(file, error=_sentence(error))
    if tags is None:
        return Result(file, reason=NO_TAGS)
    if tags.genres and not wish.replace:
        return Result(file, former=tags.genres, reason="it has a genre")
    try:
        check_writable(Path(file))  # now, and not after the model has listened
    except OSError as error:
        return Result(file, error=_sentence(error))
    return tags.genres


def _written(result: Result, wish: Wish, undo_file: UndoFile) -> Result:
    """Write the genre of a file, and return what became of it."""
    path, genre = Path(os.path.realpath(result.path)), result.genre or ""
    try:
        seen, tags = path.stat(), read_tags(path)  # again, since the prediction took its time
        if tags is None or tags.genres != result.former:
            raise TagsError("another program has just changed it")
        replace_file(
            path,
            seen,
            lambda copy: write_genre(path, copy, tags, genre),
            lambda before, after: undo_file.add(
                Entry(
                    path=str(path),
                    kind=tags.kind,
                    genre=genre,
                    former=tags.values,
                    is_new=tags.is_new,
                    size=seen.st_size,
                    before=before,
                    after=after,
                    run=result.run or wish.run,
                    confidence=result.confidence or 0.0,
                )
            ),
        )
    except StorageError as error:
        if not isinstance(error, FileUnavailable):
            raise
        return replace(result, genre=None, error=_sentence(error))
    except (TagsError, OSError) as error:
        return replace(result, genre=None, error=_sentence(error))
    return replace(result, written=True)


def _sentence(error: Exception) -> str:
    """Return what went wrong with a file, without its path where that is known."""
    strerror = getattr(error, "strerror", None)
    return f"it cannot be written: {strerror}" if strerror else in_a_line(error)
