"""Prediction and embedding of recordings: files, folders and arrays."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from zoo.api.arguments import Recordings, is_array, models_of, one_of, recordings_of
from zoo.api.checked import check_values
from zoo.api.progress import usual_reporter
from zoo.audio.samples import Samples
from zoo.execution.progress import Reporter
from zoo_registry.errors import AudioError, UsageError
from zoo_registry.files import is_file
from zoo_registry.runs import Run
from zoo_registry.temporary import temporary_folder

if TYPE_CHECKING:
    from zoo.features.files import Embeddings
    from zoo.inference.answers import Answers
    from zoo.inference.prediction import Prediction

__all__ = ["embed", "predict"]


def predict(
    model: "str | Path | Run | Sequence[str | Path | Run] | Recordings | None" = None,
    recordings: Recordings = None,
    *,
    rate: float | None = None,
    timeline: bool = False,
    min_confidence: float | str = 0.0,
    precision: float | None = None,
    jobs: int | None = None,
    in_order: bool = True,
    reporter: Reporter | None = None,
) -> "Prediction | Answers":
    """Classify recordings.

    Parameters
    ----------
    model : str, Path or Run, or list of them, optional
        Name of a published run; id or folder of a run; name of a model, which means its newest
        complete run, or file of one, as it was when it was trained, each with ``@`` and the name of
        a dataset if runs on that are meant; an ONNX file or a folder with one; or a run, such as
        the result of `zoo.train`. Models on one front end compute it once. By default it is the
        newest run of the workspace that takes audio, or else the best published one.
    recordings : path, array, or list of these
        Files; folders, which are searched for audio files; patterns such as
        ``music/**/*.mp3``; "-" for standard input; and arrays of samples, of float with full scale
        -1 to 1, or int16, int32 or uint8. An array of one channel has the shape (samples,), one of
        at most 16 channels (channels, samples) or (samples, channels). A pair of an array and its
        rate, as librosa and soundfile return it, is one recording, too. If `recordings` is left
        out, `model` is taken for them.
    rate : int, optional
        Sample rate in Hz of the arrays that come without one.
    timeline : bool
        Whether predictions contain their windows.
    min_confidence : float or "auto"
        Mean probability below which the label is "unknown"; "auto" is a precision of 0.9.
    precision : float, optional
        Share of right answers, in place of a confidence: an answer needs the least confidence at
        or above which out-of-fold answers of the run were right that often.
    jobs : int, optional
        Number of recordings at a time; number of cores by default.
    in_order : bool
        Whether predictions are returned in the order of the files, or as soon as each is ready.
    reporter : Reporter, optional
        Receives the progress, and notes; see `zoo.api.progress.usual_reporter`.

    Returns
    -------
    Prediction or Answers
        For one file or array and one model its `Prediction`. For a list, a folder, a pattern or a
        list of models `Answers`: a sequence of one `Prediction` per recording and model, each
        computed when it is first read. A recording that is named twice is in it once. A recording
        that cannot be decoded has an `error`.

    Raises
    ------
    UsageError
        If the run or a path does not exist, the run is not complete, an array has no rate or an
        ambiguous shape, or no confidence reaches the precision.
    ArtefactError
        If the ONNX file was changed, or cannot be run.
    LimitError
        If it came from elsewhere, and opening it takes too long or too much memory.
    PluginError
        If the model has no ONNX form and its plugin is missing, or is a file that the user has
        not named: no code is loaded because a record names it.

    Examples
    --------
    >>> import zoo
    >>> demo = zoo.open_dataset("demo")
    >>> run = zoo.train("logistic", demo, protocol="holdout:0.3")
    >>> prediction = zoo.predict(run, demo.tracks[0].path)
    >>> prediction.label, prediction.votes
    ('ambient', {'ambient': 1})

    Without a model, the newest run is asked.

    >>> zoo.predict(demo.tracks[0].path).run == run.id
    True

    Several recordings give several predictions, and an array is a recording.

    >>> import soundfile
    >>> answers = zoo.predict(run, [track.path for track in demo.tracks[:3]])
    >>> [answer.label for answer in answers]
    ['ambient', 'ambient', 'ambient']
    >>> samples, rate = soundfile.read(demo.tracks[0].path)
    >>> zoo.predict(run, samples, rate=rate).label
    'ambient'
    """
    from zoo.inference.predict import predict as predicted
    from zoo.inference.predictors import is_model

    check_values(
        rate=rate, timeline=timeline, min_confidence=min_confidence, precision=precision, jobs=jobs,
        in_order=in_order, reporter=reporter,
    )  # fmt: skip
    if recordings is None and isinstance(model, str) and is_model(model):
        raise UsageError(f'name a recording, too: `zoo.predict({model!r}, "song.mp3")`')
    if recordings is None:
        model, recordings = None, model
    if is_array(model) or (isinstance(recordings, Run) and model is not None):
        raise UsageError("the model comes first, and then the recordings")
    if recordings is None or isinstance(recordings, Run):
        raise UsageError('name a recording: `zoo.predict("song.mp3")`')
    asked, is_one_model = (None, True) if model is None else models_of(model)
    given, is_one = recordings_of(recordings, rate)
    answers = predicted(
        asked,
        given,
        timeline=timeline,
        min_confidence=min_confidence,
        precision=precision,
        jobs=jobs,
        in_order=in_order,
        reporter=usual_reporter(reporter),
    )
    # A folder or a pattern with a single file is still one that may have several.
    if is_one and is_one_model and (isinstance(given[0], Samples) or _is_one_file(given[0])):
        return answers[0]
    return answers


def _is_one_file(path: str | Path) -> bool:
    from zoo.audio.files import STDIN

    return str(path) == STDIN or is_file(path)


def embed(
    recordings: Recordings,
    run: str | Path | Run | None = None,
    *,
    rate: float | None = None,
    frontend: str | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> "Embeddings":
    """Compute the embeddings of recordings.

    Parameters
    ----------
    recordings : path, array, or list of these
        As for `zoo.predict`.
    run : str, Path or Run, optional
        Run whose front end is used, as for `zoo.load`; by default the first published one.
    rate : int, optional
        Sample rate in Hz of the arrays that come without one.
    frontend : str, optional
        Front end in its place, such as "musicnn"; of rows per window.
    jobs : int, optional
        Number of processes; all cores by default.
    reporter : Reporter, optional
        Receives the progress, and notes; see `zoo.api.progress.usual_reporter`.

    Returns
    -------
    Embeddings
        What was computed, or was in the cache: arrays are kept by the content of the files. What
        cannot be decoded, is silent or too short is among its `failed`.

    Raises
    ------
    UsageError
        If a path, the run or the front end does not exist, or cannot be used here.
    AudioError
        If no recording has an embedding.
    StorageError
        If the cache cannot be written.

    Examples
    --------
    >>> import zoo
    >>> tracks = zoo.open_dataset("demo").tracks[:3]
    >>> found = zoo.embed([track.path for track in tracks], frontend="handcrafted")
    >>> found.rows.shape
    (3, 163)
    >>> int(found.distances(found.files[0]).argmin())
    0
    """
    from zoo.features.files import embed as embedded

    check_values(rate=rate, frontend=frontend, jobs=jobs, reporter=reporter)
    given, _ = recordings_of(recordings, rate)
    asked = run
    if run is not None:
        asked = one_of(run, (str, Path, Run), 'the name of a run, such as "gtzan"')
    with ExitStack() as stack:
        # Work is done in other processes, and cached by the content of files.
        folder = Path(stack.enter_context(temporary_folder())) if _has_samples(given) else None
        names: dict[str, str] = {}
        paths: list[str | Path] = []
        for each in given:
            if isinstance(each, Samples):
                paths.append(_written(each, cast("Path", folder) / f"{len(names)}.au"))
                names[str(paths[-1])] = each.name
            else:
                paths.append(each)
        try:
            found = embedded(
                paths,
                str(asked) if isinstance(asked, Path) else asked,
                front_end=frontend,
                jobs=jobs,
                reporter=usual_reporter(reporter),
            )
        except AudioError as error:
            if (text := _named(str(error), names)) == str(error):
                raise
            raise AudioError(text) from None
    return replace(
        found,
        files=[names.get(file, file) for file in found.files],
        failed={names.get(file, file): _named(why, names) for file, why in found.failed.items()},
    )


def _named(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence with the names of arrays in the place of their temporary files."""
    for file, name in names.items():
        text = text.replace(file, name)
    return text


def _has_samples(given: Sequence[object]) -> bool:
    return any(isinstance(each, Samples) for each in given)


def _written(samples: Samples, path: Path) -> Path:
    """Write samples without loss into a file that is the same every time."""
    import soundfile

    soundfile.write(path, samples.values, samples.rate, format="AU", subtype="FLOAT")
    return path
