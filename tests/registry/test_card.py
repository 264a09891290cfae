"""Cards, their parameters and their search spaces."""

import json
import math
from dataclasses import FrozenInstanceError, dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_registry import Card, Choice, Float, Int, LogFloat, PluginError, UsageError, identity
from zoo_registry.card import Distribution
from zoo_registry.frontend import FrontEnd, shortest


@dataclass(frozen=True)
class Rows:
    name: ClassVar[str] = "rows"
    version: ClassVar[int] = 3
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8000
    width: int = 2

    def __call__(self, audio):
        return audio.reshape(-1, self.width)


@dataclass(frozen=True)
class Bounded(Rows):
    shortest: object = 0

    def __init__(self, shortest):
        object.__setattr__(self, "shortest", shortest)


class Undeclared:
    name, version, layout, sample_rate = "undeclared", 1, "vectors", 8000

    def __call__(self, audio):
        return audio[:, None]


def make(**changes) -> Card:
    return Card(**({"name": "m", "title": "M", "family": "test", "frontend": Rows()} | changes))


FINITE = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(categories=["L"]), min_size=1).filter(
    lambda text: text.lower() not in {"true", "false", "null", "none", "nan", "infinity"}
)


class TestName:
    @pytest.mark.parametrize("name", ["m", "svm", "my-model", "cnn2d", "a1-b2-3"])
    def test_good(self, name):
        assert make(name=name).name == name

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "M",
            "my_model",
            "my model",
            "-m",
            "m-",
            "a--b",
            "2d",
            "é",
            "a/b",
            "m\n",
            "../m",
            "m.py",
        ],
    )
    def test_malformed(self, name):
        with pytest.raises(PluginError, match="malformed"):
            make(name=name)


class TestFrontEnd:
    def test_identity_is_name_version_and_fields(self):
        assert identity(Rows(width=5)) == {
            "name": "rows", "version": 3, "sample_rate": 8000, "width": 5,
        }  # fmt: skip

    def test_satisfies_the_protocol(self):
        assert isinstance(Rows(), FrontEnd)

    def test_the_shortest_length_is_optional_and_a_number_of_samples(self):
        assert shortest(Rows()) == 0
        assert shortest(Bounded(80)) == 80
        assert make(frontend=Bounded(0)).frontend == Bounded(0)
        for wrong in (-1, 0.5, None, "80", 2**24 + 1):
            with pytest.raises(PluginError, match=r"shortest of .* give a whole number"):
                make(frontend=Bounded(wrong))

    @pytest.mark.parametrize("given", [Undeclared(), Rows], ids=["no dataclass", "a class"])
    def test_identity_needs_a_dataclass_instance(self, given):
        with pytest.raises(PluginError, match="dataclass"):
            identity(given)

    @pytest.mark.parametrize("given", [None, "log-mel", 3, len], ids=repr)
    def test_card_wants_a_front_end(self, given):
        with pytest.raises(PluginError, match="front end"):
            make(frontend=given)

    def test_card_wants_an_instance_of_it(self):
        with pytest.raises(PluginError, match="front end"):
            make(frontend=Rows)


class TestDistributions:
    @pytest.mark.parametrize("kind", [Float, LogFloat, Int])
    @pytest.mark.parametrize("ends", [(2, 1), (1, 1)], ids=repr)
    def test_empty_interval(self, kind, ends):
        with pytest.raises(PluginError, match="empty"):
            kind(*ends)

    @pytest.mark.parametrize("kind", [Float, LogFloat, Int])
    @pytest.mark.parametrize("end", [math.nan, math.inf, "1", None, True], ids=repr)
    def test_ends_are_finite_numbers(self, kind, end):
        for ends in ((end, 1), (1, end)):
            with pytest.raises(PluginError, match="two finite numbers"):
                kind(*ends)

    @pytest.mark.parametrize("low", [0, -1])
    def test_logarithms_start_above_zero(self, low):
        with pytest.raises(PluginError, match="above zero"):
            LogFloat(low, 1)

    def test_choice_has_values(self):
        with pytest.raises(PluginError, match="at least one"):
            Choice(())
        assert Choice(["a", None]).values == ("a", None)

    @pytest.mark.parametrize(
        "one", [Float(0, 1), LogFloat(1, 2), Int(1, 9, 2), Choice((1, "a"))], ids=repr
    )
    def test_frozen_hashable_and_all_there_are(self, one):
        assert isinstance(one, Distribution)
        assert hash(one) == hash(type(one)(**vars(one)))
        with pytest.raises(FrozenInstanceError):
            one.low = 0


class TestCard:
    def test_is_frozen_through_and_through(self):
        params = {"C": 1.0}
        card = make(params=params, space={"C": LogFloat(1, 2)}, references=["a"], requires=["b"])
        params["C"] = 2.0
        assert card.params == {"C": 1.0}
        with pytest.raises(TypeError):
            card.params["C"] = 3.0
        with pytest.raises(TypeError):
            card.space["C"] = Float(0, 1)
        assert (card.references, card.requires) == (("a",), ("b",))

    def test_equal_cards_have_equal_hashes(self):
        one, other = make(params={"a": 1, "b": "x"}), make(params={"b": "x", "a": 1})
        assert one == other
        assert hash(one) == hash(other)
        assert one != make(params={"a": 2, "b": "x"})

    def test_space_names_parameters(self):
        with pytest.raises(PluginError, match="names D, E,"):
            make(params={"C": 1.0}, space={"E": Float(0, 1), "C": Float(0, 1), "D": Float(0, 1)})

    @pytest.mark.parametrize("value", [[1], {"a": 1}, (1,), int, b"a", 1j], ids=repr)
    def test_defaults_are_plain(self, value):
        with pytest.raises(PluginError, match="default of parameter 'x'"):
            make(params={"x": value})


class TestResolve:
    card = make(
        params={"rate": 0.5, "count": 3, "flag": False, "rule": "scale", "depth": None, "one": "a"},
        space={"one": Choice(("a", "b", None)), "count": Int(1, 9)},
    )

    def test_defaults(self):
        assert self.card.resolve({}) == dict(self.card.params)

    @given(FINITE)
    def test_floats_round_trip(self, value):
        assert self.card.resolve({"rate": repr(value)})["rate"] == value
        assert self.card.resolve({"rate": value})["rate"] == value

    @given(st.integers(1))
    def test_integers_round_trip(self, value):
        resolved = self.card.resolve({"count": str(value)})["count"]
        assert resolved == value
        assert type(resolved) is int

    @given(st.integers(-(2**53), 2**53))
    def test_integers_become_floats_where_the_default_is_one(self, value):
        resolved = self.card.resolve({"rate": str(value)})["rate"]
        assert resolved == value
        assert type(resolved) is float

    @given(WORDS)
    def test_words_round_trip(self, value):
        assert self.card.resolve({"rule": value})["rule"] == value

    @pytest.mark.parametrize("text", ["true", "True", "false", "False"])
    def test_booleans(self, text):
        assert self.card.resolve({"flag": text})["flag"] is (text.lower() == "true")

    def test_null(self):
        assert self.card.resolve({"rule": "null", "one": "null"})["rule"] is None

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "rate": FINITE, "count": st.integers(1), "flag": st.booleans(),
                "rule": WORDS | FINITE, "depth": st.none() | st.integers() | WORDS,
                "one": st.sampled_from(["a", "b", None]),
            },
        )
    )  # fmt: skip
    def test_what_was_resolved_resolves_to_itself_through_json(self, settings):
        resolved = self.card.resolve(settings)
        assert resolved == dict(self.card.params) | settings
        assert self.card.resolve(json.loads(json.dumps(resolved))) == resolved
        texts = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in resolved.items()
        }
        assert self.card.resolve(texts) == resolved
        # So the command of a record writes them.
        assert self.card.resolve({name: f"{value}" for name, value in resolved.items()}) == resolved

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("rate", "fast"), ("rate", "true"), ("rate", "null"), ("rate", "[1]"),
            ("rate", "1" + "0" * 400), ("rate", "1e999"), ("rate", "NaN"), ("rate", "-Infinity"),
            ("rate", math.inf), ("rate", math.nan),
            ("count", "1.5"), ("count", "true"), ("count", "three"), ("count", 2.0),
            ("flag", "1"), ("flag", "yes"), ("flag", 0),
            ("rule", "true"), ("one", "c"), ("one", "1"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_refused_by_name(self, name, value):
        with pytest.raises(UsageError, match=f"parameter '{name}' of m cannot be"):
            self.card.resolve({name: value})

    @pytest.mark.parametrize(("low", "default"), [(1, 5), (3, 5), (1, None)])
    @pytest.mark.parametrize("value", [0, -3, "0"])
    def test_no_number_below_one_where_the_space_starts_there(self, low, default, value):
        card = make(params={"k": default}, space={"k": Int(low, 9)})
        with pytest.raises(UsageError, match=r"'k' of m cannot be .*; give a whole number from 1"):
            card.resolve({"k": value})
        assert card.resolve({"k": 1})["k"] == 1  # a space is where a tuner looks, and no more
        assert make(params={"k": 5}, space={"k": Int(0, 9)}).resolve({"k": value})

    def test_unknown_parameter(self):
        with pytest.raises(UsageError, match=r"no parameter 'c'; its parameters are: rate, count"):
            self.card.resolve({"c": 1})
        with pytest.raises(UsageError, match="none"):
            make().resolve({"c": 1})

    @given(
        st.text()
        | st.sampled_from(["NaN", "-Infinity", "1e999", "[]", '"NaN"', "{}", "9" * 5000, '"', " 1"])
    )
    def test_no_text_is_too_odd_for_an_error_of_ours(self, text):
        for name in self.card.params:
            try:
                value = self.card.resolve({name: text})[name]
            except UsageError:
                continue
            json.dumps(value, allow_nan=False)
