"""The strips of an error card: the names of models stay within the picture."""

import re
from types import SimpleNamespace as Plain

import pytest

from zoo.report.html import open_templates


@pytest.mark.parametrize("name", ["svm", "ensemble members=svm+logistic"])
def test_a_long_name_is_as_wide_as_its_margin(name):
    excerpt = Plain(seconds=30, start=0, end=10, picture="", ticks=[0])
    card = Plain(excerpt=excerpt, timelines=[(name, Plain(stretches=[], reason="none"))], label="a")
    drawn = open_templates().get_template("figure.html").module.strips(card, ["a"])
    (attributes,) = re.findall(rf"<text ([^>]*)><title>{re.escape(name)}</title>", drawn)
    assert ('textLength="98"' in attributes) == (len(name) > 14)
