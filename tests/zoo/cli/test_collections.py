"""``zoo data`` and the model card tell of a published collection what its card says."""

import json

from tests import published
from zoo.artefacts.model_card import model_card
from zoo.datasets import open_dataset
from zoo.datasets.collections.known import COLLECTIONS
from zoo.evaluate.protocols import parse_protocol
from zoo.plugins.registry import open_registry, usable_model
from zoo.training.record import new_record


def test_the_list(workspace, command):
    published.esc(workspace / "unpacked" / "ESC-50-master")
    status, out, _ = command("data", "list")
    assert status == 0
    for collection in COLLECTIONS.values():
        assert collection.name in out
        assert collection.title in out
    status, out, _ = command("data", "list", "--data", "unpacked", "--format", "json")
    found = json.loads(out)
    assert [item["name"] for item in found] == list(COLLECTIONS)
    assert {item["name"]: item["is_data"] for item in found if item["is_data"]} == {"esc-10": True}
    ten = next(item for item in found if item["is_data"])
    assert (ten["files"], ten["classes"], ten["licence"]) == (400, 10, "CC BY 3.0")
    assert ten["address"] == "https://github.com/karolpiczak/ESC-10"
    assert command("data", "list", "--data", "unpacked")[1].endswith(
        "unpacked is ESC-10, 20 tracks.\n"
    )
    published.esc(workspace / "mine" / "ESC", (("dog", 0), ("cat", 5)))
    (workspace / "mine" / "ESC" / "meta" / "esc50.csv").unlink()
    (workspace / "mine" / "ESC" / "audio").rename(workspace / "mine" / "dog")
    published.clip(workspace / "mine" / "cat" / "a.wav", 1)
    assert command("data", "list", "--data", "mine")[1].endswith("mine is none of them.\n")


def test_info_and_check(workspace, command):
    published.urbansound8k(workspace / "urban")
    card = COLLECTIONS["urbansound8k"]
    for what in (("info", "urban"), ("check", "urban", "--jobs", "1")):
        status, out, _ = command("data", *what)
        assert status == 0
        assert f"UrbanSound8K has the licence: {card.licence}" in out
        is_whole = what[0] == "info"  # a check names the command that has the rest
        assert (card.faults in out.replace("\n", " ")) == (card.citation in out) == is_whole
        assert ("`zoo data info urban`" in out) != is_whole
        _, out, _ = command("data", *what, "--format", "json")
        assert json.loads(out)["collection"]["citation"] == card.citation
    (problem,) = json.loads(out)["problems"]
    assert (problem["kind"], problem["distorts"]) == ("collection-incomplete", False)
    assert problem["detail"] == "40 of UrbanSound8K's 8732 tracks are here"
    _, out, _ = command("data", *what, "--limit", "5", "--format", "json")
    assert "collection-incomplete" not in out  # the user left them out


def test_more_files_than_there_should_be():
    card = COLLECTIONS["ballroom"]
    assert card.missing(700) == "2 tracks more than Ballroom's 698 tracks are here"
    assert card.missing(697) == "1 of Ballroom's 698 tracks are not here"
    assert COLLECTIONS["fma-large"].missing(3) == ""  # how many have a root genre is not known


def test_check_writes_paths_and_folds(workspace, command):
    published.esc(workspace / "esc")
    read = open_dataset("esc")
    assert command("data", "check", "esc", "--write")[0] == 0
    written = open_dataset("esc")
    assert (written.fingerprint, written.collection) == (read.fingerprint, "esc-10")
    rows = (workspace / "esc" / "metadata.csv").read_text().splitlines()
    assert rows[:2] == [
        "path,label,group,fold,id", "audio/1-10001-A-0.wav,dog,10001,1,dog/1-10001-A.wav",
    ]  # fmt: skip
    assert "says all of this already" in command("data", "check", "esc", "--write")[2]


def test_the_model_card_cites_it(workspace, hearing):
    dataset = open_dataset(str(published.esc(workspace / "esc")))
    model = usable_model(open_registry(), "decision-tree")
    record = new_record(model, {}, dataset, parse_protocol("predefined"), grouped=True, seed=0)
    run = hearing("seconds")
    former = model_card(run, run.predictions())  # its recordings are no published collection
    assert "; the recordings have their own |" in former
    assert "cite" not in former
    run.record.dataset = record.dataset
    card = model_card(run, run.predictions())
    assert "; the recordings: CC BY 3.0 |" in card
    cited = COLLECTIONS["esc-10"].citation.replace("\n", "\n    ")
    assert card.endswith(f"\n## To cite the recordings\n\n    {cited}\n")


def test_info_counts_many_groups(workspace, command):
    """Ten names of artists per class would hide the numbers of tracks."""
    published.urbansound8k(workspace / "city")
    out = command("data", "info", "city")[1]
    assert out.count("groups: 10, of 2 tracks") == 2
    assert "1003" not in out
    published.esc(workspace / "esc")
    assert "groups: 10001 (2), 10002 (2)" in command("data", "info", "esc")[1]
