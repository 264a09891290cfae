"""A search that is shared by processes, in keras-tuner's own way: a chief, and workers.

The same command runs everywhere; what a process is stands in keras-tuner's own variables. The chief
has the oracle, tries the defaults, and is the only one who writes the search; a worker asks it for
parameters, tries them, and leaves each trial as a file in the search's folder, which all share.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from zoo.execution.progress import Bar
from zoo.tuning.keras_tuner_oracle import defaults, new_oracle, proposal
from zoo.tuning.trials import Trial, Tuning
from zoo.workspace import file_name
from zoo_registry.card import Card
from zoo_registry.errors import EngineError, UsageError
from zoo_registry.files import read_json, write_text
from zoo_registry.model import stdout_kept
from zoo_registry.structures import from_plain
from zoo_registry.text import first_line

__all__ = ["Post", "follow", "lead", "post_of_process"]

_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
_LOOK = 0.5  # seconds
_GRACE = 30.0  # seconds in which workers ask once more, and are told that nothing is left
_ASK = 5.0  # seconds for an answer
_PATIENCE = 3_600.0  # seconds for a chief to come
_LEFT = "shared"  # the folder of trials that workers leave
_WORKERS = "workers"  # that of what they need for going on
_STATE = "oracle"  # that of the oracle's own state

Try = Callable[[Trial, Path], Trial]
"""Scores a trial; what it needs for going on it keeps in the folder."""


@dataclass(frozen=True)
class Post:
    """What this process is in a shared search.

    Attributes
    ----------
    id : str
        Its name; that of the chief contains "chief".
    address : str
        Of the chief: host and port.
    """

    id: str
    address: str

    @property
    def chief(self) -> bool:
        """Whether this process has the oracle."""
        return "chief" in self.id


def post_of_process() -> Post | None:
    """Return what keras-tuner's variables say of this process; None if they say nothing.

    Raises
    ------
    UsageError
        If one of them is missing.
    """
    found = [os.environ.get(name) for name in _VARIABLES]
    if not found[1]:  # as keras-tuner has it
        return None
    if missing := [name for name, value in zip(_VARIABLES, found, strict=True) if not value]:
        raise UsageError(
            f"{_VARIABLES[1]} shares a search with other processes, which needs "
            f"{' and '.join(missing)}, too"
        )
    return Post(str(found[0]), f"{found[1]}:{found[2]}")


def lead(
    post: Post, card: Card, tuner: str, trials: int, seed: int, tuning: Tuning, try_: Try, bar: Bar
) -> Tuning:
    """Share out a search until nothing is left; be the only one who writes it.

    Parameters
    ----------
    post : Post
    card : Card
    tuner, trials, seed
        As for `zoo.tuning.keras_tuner_oracle.proposals`.
    tuning : Tuning
        As it is stored.
    try_ : callable
        For the defaults, which the chief tries itself.
    bar : Bar

    Raises
    ------
    UsageError
        If nobody can be served at the address, or an earlier state is damaged.
    """
    folder = tuning.folder
    if len(tuning.trials) > trials:
        return tuning
    oracle = new_oracle(card, tuner, trials, seed)
    oracle.max_trials = trials  # hyperband has no end of its own
    oracle._set_project_dir(str(folder), _STATE)
    if (folder / _STATE / "oracle.json").exists():
        try:
            with stdout_kept():
                oracle.reload()  # what was not ended is proposed again
        except Exception as error:
            raise UsageError(
                f"the oracle in {folder / _STATE} is damaged ({first_line(error)}); remove "
                f"{folder} and search anew"
            ) from error
    else:  # what was left by another oracle does not fit the proposals of this one
        shutil.rmtree(folder / _LEFT, ignore_errors=True)
        del tuning.trials[1:]
    with _served(oracle, post.address) as asked:
        if not tuning.trials:
            tuning.trials.append(try_(Trial(0, defaults(card)), folder))
            tuning.write()
        idle = 0.0
        while idle < _GRACE:
            _collect(tuning, bar)
            ended = asked.stop_triggered and not oracle.ongoing_trials
            known = len(tuning.trials) > len(set(oracle.end_order))
            if len(tuning.trials) > trials or (ended and known):
                if not oracle.tuner_ids:
                    break
                idle += _LOOK
            time.sleep(_LOOK)
    for name in (_LEFT, _WORKERS):
        shutil.rmtree(folder / name, ignore_errors=True)
    return tuning


def follow(
    post: Post, card: Card, tuner: str, trials: int, seed: int, tuning: Tuning, try_: Try, bar: Bar
) -> Tuning:
    """Try what the chief of a search hands out, until nothing is left.

    Parameters are those of `lead`.

    Returns
    -------
    Tuning
        The trials of this process.

    Raises
    ------
    UsageError
        If the chief searches another space.
    EngineError
        If there is no chief.
    """
    folder, own = tuning.folder, Tuning(tuning.folder, replace(tuning.record, trials=[]))
    if len(tuning.trials) > trials:
        return own
    oracle = new_oracle(card, tuner, trials, seed)  # first: it loads keras-tuner without its talk
    import grpc
    from keras_tuner.src.distribute import oracle_client

    oracle_client.TIMEOUT = _ASK  # its own is an hour, in which a search may have ended
    client = oracle_client.OracleClient(oracle)

    def ask(what: str, *arguments: Any) -> Any:
        """Call a method of the oracle; wait for a chief that is not there yet, or not any more."""
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                return getattr(client, what)(*arguments)
            except grpc.RpcError:
                if time.monotonic() > until or _over(folder, trials):
                    raise

    try:
        names = {item.name for item in ask("get_space").space}
        if names != set(card.space):
            raise UsageError(
                f"the chief at {post.address} searches {', '.join(sorted(names))}, and "
                f"{card.name} has {', '.join(sorted(card.space))}; give both the same command"
            )
        while (proposed := ask("create_trial", post.id)).status in ("RUNNING", "IDLE"):
            if proposed.status == "IDLE":  # what comes next depends on those that are running
                time.sleep(_LOOK)
                continue
            number = int(proposed.trial_id) + 1
            params, share = proposal(card, proposed)
            left = _left(folder, number)
            trial = _read(left)
            if trial is None or (trial.params, trial.share) != (params, share):
                trial = try_(Trial(number, params, share), _place(folder, post))
                write_text(left, json.dumps(trial.to_dict()))
            # A chief that was started anew asks again for what it had not been told.
            own.trials[:] = [*(t for t in own.trials if t.number != number), trial]
            proposed.status = "FAILED" if trial.score is None else "COMPLETED"
            if trial.score is not None:
                ask("update_trial", proposed.trial_id, {"accuracy": trial.score})
            ask("end_trial", proposed)
            bar.update(len(own.trials))
    except grpc.RpcError as error:
        if not _over(folder, trials):
            raise EngineError(
                f"the chief of the search at {post.address} does not answer; start it, and the "
                "same command goes on"
            ) from error
    shutil.rmtree(_place(folder, post), ignore_errors=True)
    return own


@contextmanager
def _served(oracle: Any, address: str) -> Iterator[Any]:
    """Let others ask an oracle; yield keras-tuner's servicer."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc
    from keras_tuner.src import protos
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError:
        bound = 0
    if not bound:
        raise UsageError(f"nobody can be served at {address}; choose another port, or this machine")
    server.start()
    try:
        yield servicer
    finally:
        server.stop(1).wait()


def _collect(tuning: Tuning, bar: Bar) -> None:
    """Store the trials that workers have left, in the order of their numbers."""
    before = len(tuning.trials)
    while (trial := _read(_left(tuning.folder, len(tuning.trials)))) is not None:
        tuning.trials.append(trial)
    if len(tuning.trials) > before:
        tuning.write()
        best = tuning.best
        bar.update(len(tuning.trials), f"best {best.score:.3f}" if best and best.score else "")


def _over(folder: Path, trials: int) -> bool:
    """Whether a search is stored with all its trials."""
    try:
        return len(Tuning.read(folder).trials) > trials
    except (OSError, ValueError):
        return False


def _read(path: Path) -> Trial | None:
    try:
        return from_plain(read_json(path), Trial)
    except (OSError, ValueError):
        return None


def _left(folder: Path, number: int) -> Path:
    return folder / _LEFT / f"{number}.json"


def _place(folder: Path, post: Post) -> Path:
    """Return where a worker keeps what it needs for going on."""
    return folder / _WORKERS / file_name(post.id)
