"""Built-in models and front ends keep the contract that strangers' keep, by the same suites."""

import types
from importlib.metadata import entry_points

import pytest

from zoo.testing import FrontEndSuite, ModelSuite
from zoo_registry import Registry
from zoo_registry.discovery import BUILT_IN, FRONTENDS, MODELS

POINTS = [point for point in entry_points(group=MODELS) if point.dist.name == BUILT_IN]

# Small networks on small windows, to be quick; all those epochs are for the demo set alone.
SMALL = {"epochs": 12, "batch": 8, "frames": 54, "width": 8}
QUICK = {"random-forest": {"n_estimators": 100}}


def suite(name: str) -> type[ModelSuite]:
    """Return the subclass that an author would write."""
    deep = Registry().load(name).card.family == "deep"
    return types.new_class(
        f"Test{name.title().replace('-', '')}",
        (ModelSuite,),
        {"model": name, "params": SMALL if deep else QUICK.get(name)},
        lambda body: body.update(pytestmark=[pytest.mark.deep] * deep, __module__=__name__),
    )


SUITES = {point.name: suite(point.name) for point in POINTS}
globals().update({made.__name__: made for made in SUITES.values()})


def test_every_built_in_model_is_here():
    assert sorted(SUITES) == sorted(
        state.name for state in Registry().models() if state.distribution == BUILT_IN
    )


def front_end_suite(name: str) -> type[FrontEndSuite]:
    """Return the subclass that an author would write."""
    return types.new_class(
        f"Test{name.title().replace('-', '')}FrontEnd",
        (FrontEndSuite,),
        {"frontend": name},
        lambda body: body.update(__module__=__name__),
    )


FRONT_ENDS = {
    point.name: front_end_suite(point.name)
    for point in entry_points(group=FRONTENDS)
    if point.dist.name == BUILT_IN
}
globals().update({made.__name__: made for made in FRONT_ENDS.values()})


def test_every_built_in_front_end_is_here():
    assert sorted(FRONT_ENDS) == ["handcrafted", "log-mel", "musicnn", "yamnet"]
