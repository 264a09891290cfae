"""Who proposes parameters: keras-tuner's oracles (O'Malley et al. 2019) over a card's space."""

import tempfile
import warnings
from collections.abc import Callable, Generator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from zoo_registry.card import Card, Choice, Float, Int, LogFloat, ParamValue
from zoo_registry.errors import UsageError
from zoo_registry.silence import quiet_stderr

__all__ = [
    "EPOCHS",
    "TUNERS",
    "Finish",
    "defaults",
    "new_oracle",
    "oracle_version",
    "proposal",
    "proposals",
]

TUNERS = ("random", "bayesian", "hyperband")
EPOCHS = "epochs"
_SHARES = 9  # steps of the budget of a model without epochs; hyperband takes thirds: 1, 3, 9

Finish = Callable[[float | None], None]
"""Tells an oracle how its proposal did: the score, or None for a failure."""


def oracle_version() -> str:
    """Return keras-tuner's version; raises `UsageError` if it is not installed."""
    try:
        return version("keras-tuner")
    except PackageNotFoundError as error:
        raise UsageError("tuning needs keras-tuner; pip install 'genre-zoo[deep]'") from error


def proposals(
    card: Card, tuner: str, trials: int, seed: int
) -> Generator[tuple[dict[str, ParamValue], float, Finish], None, None]:
    """Yield parameters, their budget, and where to tell how they did; the defaults first.

    The budget is a share of the epochs or of the training tracks: hyperband (Li et al. 2018,
    arXiv:1603.06560) gives little of it to many and all of it to few, the others all to each.
    The same seed and the same scores give the same proposals.

    Parameters
    ----------
    card : Card
    tuner : str
        One of `TUNERS`.
    trials : int
        Beside the defaults; fewer come if the space is exhausted.
    seed : int
    """
    yield defaults(card), 1.0, lambda score: None
    if trials < 1:
        return
    with tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        oracle = new_oracle(card, tuner, trials, seed)
        oracle._set_project_dir(scratch, "oracle")
        for number in range(trials):
            with warnings.catch_warnings():
                # A Gaussian process of few points says that it has not settled.
                warnings.simplefilter("ignore")
                # Of one tuner the oracle would wait for the score before it proposes more.
                proposed = oracle.create_trial(f"zoo-{number}")
            if proposed.status != "RUNNING":
                return
            params, share = proposal(card, proposed)

            def finish(score: float | None, proposed: Any = proposed) -> None:
                proposed.status = "FAILED" if score is None else "COMPLETED"
                if score is not None:
                    oracle.update_trial(proposed.trial_id, {"accuracy": score})
                oracle.end_trial(proposed)

            yield params, share, finish


def defaults(card: Card) -> dict[str, ParamValue]:
    """Return what the card itself says of the parameters of its space."""
    return {name: card.params[name] for name in card.space}


def proposal(card: Card, proposed: Any) -> tuple[dict[str, ParamValue], float]:
    """Return parameters and budget of what an oracle proposes."""
    values = proposed.hyperparameters.values
    params = {
        name: item.values[values[name]] if isinstance(item, Choice) else values[name]
        for name, item in card.space.items()
        if name in values
    }
    return params, float(values.get("tuner/epochs", _budget(card))) / _budget(card)


def _budget(card: Card) -> int:
    return int(str(card.params.get(EPOCHS, _SHARES)))


def new_oracle(card: Card, tuner: str, trials: int, seed: int) -> Any:
    """Return keras-tuner's oracle over the card's space."""
    with quiet_stderr():  # keras-tuner loads TensorFlow, and that talks
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
