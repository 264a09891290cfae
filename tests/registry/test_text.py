"""Texts for people."""

import pytest

from zoo_registry.text import first_line


@pytest.mark.parametrize("given", [(None,), ("",), ("\n",), ()])
def test_an_error_without_a_message(given):
    assert first_line(ValueError(*given)) == "no message"
