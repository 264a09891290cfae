"""Checks of the parameters of networks, before a training begins."""

from collections.abc import Mapping, Sequence
from typing import Any

from zoo.datasets import Dataset
from zoo.evaluate.protocols import Fold
from zoo.plugins.keras_data import inner_split
from zoo.plugins.keras_model import KERAS_PARAMS
from zoo_registry.errors import UsageError
from zoo_registry.model import Model

__all__ = ["check_network", "validation_lack"]

_HOOKS = "zoo.plugins.keras_model"  # the module of the hooks of `keras_model`


def _is_network(model: Model) -> bool:
    """Whether a model is trained by the hook of `keras_model`."""
    return getattr(getattr(model.module, "train", None), "__module__", None) == _HOOKS


def check_network(model: Model, params: Mapping[str, Any]) -> None:
    """Refuse parameters with which a network of `keras_model` cannot be trained.

    Parameters
    ----------
    model : Model
        Any model.
    params : mapping
        All its parameters.

    Raises
    ------
    UsageError
        If a number of things, such as epochs, is below 1.
    """
    for name, default in KERAS_PARAMS.items() if _is_network(model) else ():
        value = params.get(name)
        if isinstance(default, int) and isinstance(value, int) and value < 1:
            raise UsageError(
                f"parameter {name!r} of {model.card.name} cannot be {value!r}; give a whole number "
                "from 1"
            )


def validation_lack(
    model: Model,
    params: Mapping[str, Any],
    dataset: Dataset,
    folds: Sequence[Fold],
    seed: int,
) -> str | None:
    """Return a sentence if `validation` is asked for, and a training part is too small for it.

    Parameters
    ----------
    model : Model
        Any model.
    params : mapping
        All its parameters.
    dataset : Dataset
        The tracks.
    folds : sequence of Fold
        The folds that it is to be trained in.
    seed : int
        Random seed of the run.
    """
    share = params.get("validation")
    if not (_is_network(model) and isinstance(share, float) and share > 0):
        return None

    def lacking(tried: float) -> int:
        """Return in how many folds no tracks can be held out."""
        parts = [(dataset.labels[fold.train], dataset.groups[fold.train]) for fold in folds]
        return sum(len(inner_split(*part, tried, seed)[1]) == 0 for part in parts)

    lost = lacking(share)
    if not lost:
        return None
    larger = (round(1 / n, 2) for n in range(min(round(1 / share), len(dataset)), 1, -1))
    works = next((tried for tried in larger if tried > share and not lacking(tried)), None)
    advice = f"{works:g} is the smallest share that works here" if works else "no share works here"
    return (
        f"validation={share:g} of {model.card.name} holds no tracks out in {lost} of {len(folds)} "
        f"folds, since a class has too few tracks or groups, and the last epoch is taken; {advice}"
    )
