"""Oracles that propose parameters: keras-tuner's (O'Malley et al. 2019) over a card's space."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from zoo.plugins.keras_model import framework
from zoo_registry.card import Card, Choice, Float, Int, LogFloat, ParamValue
from zoo_registry.errors import UsageError
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import pip_install

__all__ = ["EPOCHS", "TUNERS", "Oracle", "Proposal", "oracle_version"]

TUNERS = ("random", "bayesian", "hyperband")
EPOCHS = "epochs"
_SHARES = 9  # steps of the budget of a model without epochs; hyperband takes thirds: 1, 3, 9


def oracle_version() -> str:
    """Return keras-tuner's version; raises `UsageError` if it is not installed."""
    try:
        return version("keras-tuner")
    except PackageNotFoundError as error:
        raise UsageError(f"tuning needs keras-tuner; {pip_install('deep')}") from error


@dataclass(frozen=True)
class Proposal:
    """Parameters to be tried.

    Attributes
    ----------
    number : int
        Number of the trial; 0 has the card's defaults.
    params : dict
        Parameters of the search space.
    share : float
        Share of the epochs, or of the training tracks, that the trial gets.
    trial : object
        The trial as keras-tuner knows it; None for the defaults.
    """

    number: int
    params: dict[str, ParamValue]
    share: float = 1.0
    trial: Any = None


class Oracle:
    """Proposals for the trials of a search; a context manager.

    Hyperband (Li et al. 2018, arXiv:1603.06560) gives a small share of the budget to many trials
    and all of it to few; the other tuners give all of it to each. The same seed and the same scores
    give the same proposals.

    Parameters
    ----------
    card : Card
        Card with a search space.
    tuner : str
        One of `TUNERS`.
    trials : int
        Number of trials in addition to that of the defaults; fewer are proposed if the space is
        exhausted.
    seed : int
        Random seed of the proposals.
    """

    def __init__(self, card: Card, tuner: str, trials: int, seed: int) -> None:
        self._card, self._tuner, self._trials, self._seed = card, tuner, trials, seed
        self._proposed = 0
        self._scratch = temporary_folder()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._scratch.cleanup()

    @cached_property
    def _oracle(self) -> Any:
        oracle = _keras_tuner(self._card, self._tuner, self._trials, self._seed)
        oracle._set_project_dir(self._scratch.name, "oracle")
        return oracle

    def propose(self) -> list[Proposal]:
        """Return all proposals that do not depend on a score that is missing; empty at the end."""
        return list(self._proposals())

    def _proposals(self) -> Iterator[Proposal]:
        if not self._proposed:
            self._proposed = 1
            yield Proposal(0, {name: self._card.params[name] for name in self._card.space})
        while self._proposed <= self._trials and self._is_independent():
            with warnings.catch_warnings():
                # A Gaussian process of few points warns that it has not converged.
                warnings.simplefilter("ignore")
                # keras-tuner gives one trial at a time to a tuner, so each gets a name of its own.
                trial = self._oracle.create_trial(f"zoo-{self._proposed}")
            if trial.status != "RUNNING":
                return
            values = trial.hyperparameters.values
            params = {
                name: item.values[values[name]] if isinstance(item, Choice) else values[name]
                for name, item in self._card.space.items()
                if name in values
            }
            budget = _budget(self._card)
            share = float(values.get("tuner/epochs", budget)) / budget
            yield Proposal(self._proposed, params, share, trial)
            self._proposed += 1

    def _is_independent(self) -> bool:
        """Return whether the next proposal is the same whatever the running trials score."""
        oracle = self._oracle
        running = len(oracle.ongoing_trials)
        if self._tuner == "random" or not running:
            return True
        if self._tuner == "bayesian":  # it begins with random points, until enough are completed
            completed = sum(trial.status == "COMPLETED" for trial in oracle.trials.values())
            return bool(completed + running < max(3 * len(self._card.space), 3))
        bracket = oracle._brackets[-1]  # hyperband fills a round with the best of the one before
        sizes = [len(found) for found in bracket["rounds"]]
        wanted = [oracle._get_size(bracket["bracket_num"], n) for n in range(len(sizes))]
        filled = next((n for n, size in enumerate(sizes) if size < wanted[n]), None)
        if filled is None:
            return False
        before = bracket["rounds"][filled - 1] if filled else []
        return all(oracle.trials[entry["id"]].status == "COMPLETED" for entry in before)

    def finish(self, proposal: Proposal, score: float | None) -> None:
        """Report the score of a proposal, or None for a failure."""
        if proposal.trial is None:
            return
        proposal.trial.status = "FAILED" if score is None else "COMPLETED"
        if score is not None:
            self._oracle.update_trial(proposal.trial.trial_id, {"accuracy": score})
        self._oracle.end_trial(proposal.trial)


def _budget(card: Card) -> int:
    return int(str(card.params.get(EPOCHS, _SHARES)))


def _keras_tuner(card: Card, tuner: str, trials: int, seed: int) -> Any:
    """Return keras-tuner's oracle over the card's space."""
    framework()  # keras-tuner imports it, not as quietly
    import keras_tuner

    space = keras_tuner.HyperParameters()
    for name, item in card.space.items():
        match item:
            case LogFloat():
                space.Float(name, item.low, item.high, sampling="log")
            case Float():
                space.Float(name, item.low, item.high)
            case Int():
                space.Int(name, item.low, item.high, step=item.step)
            case Choice():
                # By number, since keras-tuner takes values of one kind only.
                space.Choice(name, list(range(len(item.values))), ordered=False)
    common = {
        "objective": keras_tuner.Objective("accuracy", "max"),
        "hyperparameters": space,
        "seed": seed + 1,  # zero counts as none there, and none is another one every time
        "allow_new_entries": False,
        "max_consecutive_failed_trials": trials + 1,
    }
    if tuner == "hyperband":
        oracle = keras_tuner.oracles.HyperbandOracle(max_epochs=_budget(card), **common)
    elif tuner == "bayesian":
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(max_trials=trials, **common)
    else:
        oracle = keras_tuner.oracles.RandomSearchOracle(max_trials=trials, **common)
    oracle.verbose = 0
    return oracle
