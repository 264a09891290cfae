"""The contract has a version; what is newer is refused, what is to go warns its author."""

import copy
import re
import warnings
from pathlib import Path

import pytest

from tests.registry.test_plugins import EXTENSION, sound
from zoo_registry import CONTRACT, PluginError, Registry
from zoo_registry.discovery import EXTENSIONS
from zoo_registry.hooks import ModelSpec

DOCS = Path(__file__).parents[2] / "docs" / "contract.md"


def card_with(fields: str) -> str:
    return sound("mine").replace("frontend=Rows()", f"frontend=Rows(), {fields}")


def test_every_known_contract_is_kept(install_plugin):
    for number in range(1, CONTRACT + 1):
        point = install_plugin("mine", card_with(f"contract={number}"), module=f"mine_{number}")
        assert Registry(points=[point]).load("mine").card.contract == number


@pytest.mark.parametrize("more", ["", ", colour='red', shape=(1, 2)"])
def test_a_newer_one_is_refused_whatever_else_it_knows(install_plugin, more):
    point = install_plugin("mine", card_with(f"contract={CONTRACT + 1}{more}"))
    with pytest.raises(PluginError) as caught:
        Registry(points=[point]).load("mine")
    assert str(caught.value) == (
        f"it was written for contract {CONTRACT + 1}, and this genre-zoo keeps contract "
        f"{CONTRACT}: pip install --upgrade genre-zoo"
    )


@pytest.mark.parametrize("wrong", ["0", "-1", "'1'", "None", "1.0"])
def test_it_is_a_number(install_plugin, wrong):
    point = install_plugin("mine", card_with(f"contract={wrong}"))
    with pytest.raises(PluginError, match="its contract is"):
        Registry(points=[point]).load("mine")


def test_an_unknown_field_of_the_present_contract_is_the_authors(install_plugin):
    point = install_plugin("mine", card_with("colour='red'"))
    with pytest.raises(PluginError, match=r"TypeError.*colour"):
        Registry(points=[point]).load("mine")


def test_extensions_have_one_too(install_plugin, caplog):
    source = EXTENSION + f"contract = {CONTRACT + 1}\n"
    registry = Registry(points=[install_plugin("ext", source, group=EXTENSIONS)])
    assert registry.extensions == {}
    assert f"written for contract {CONTRACT + 1}" in caplog.text


def test_a_card_can_be_copied(install_plugin):
    card = Registry(points=[install_plugin("mine", card_with("contract=1"))]).load("mine").card
    assert copy.copy(card) == card
    assert hash(card) == hash(copy.copy(card))


def test_what_is_to_go_warns_at_the_line_of_its_author(install_plugin, monkeypatch, tmp_path):
    hook = ModelSpec.train
    gone = DeprecationWarning("`classes` is to go; use `names`")
    monkeypatch.setitem(hook.zoo_spec, "warn_on_impl_args", {"classes": gone})
    point = install_plugin("mine", sound("mine"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Registry(points=[point]).load("mine")
    assert {str(item.message) for item in caught} == {str(gone)}
    assert {item.filename for item in caught} == {str(tmp_path / "site" / "stranger_mine.py")}


def test_users_never_see_it(install_plugin, run_python, tmp_path):
    install_plugin("mine", sound("mine"))
    code = (
        "from zoo_registry.hooks import ModelSpec\nfrom zoo_registry import Registry\n"
        "ModelSpec.train.zoo_spec['warn_on_impl_args'] = {'classes': DeprecationWarning('gone')}\n"
        "print(Registry().load('mine').card.name)"
    )
    done = run_python(code, path=tmp_path / "site")
    assert (done.stdout, done.stderr) == ("mine\n", "")


def test_the_page_names_the_version():
    page = DOCS.read_text(encoding="utf-8")
    assert f"contract={CONTRACT})" in page
    assert re.search(rf"`contract = {CONTRACT}`", page)
