"""Names and notes of runs: given, used in the place of ids, and no part of what a run is."""

import json
import shutil

import pytest

from zoo.cli.completion import complete_run
from zoo.execution.progress import Reporter
from zoo.training.names import named
from zoo.training.verify import verify_files
from zoo.workspace import find_removable, find_run, set_about
from zoo_registry import UsageError

RIGHT = ([0] * 4, [0] * 4)
HOSTILE = {
    " ": "it is empty",
    "x" * 61: "more than 60 characters",
    "a\nb": "cannot be seen",
    "\x1b[31mred": "cannot be seen",
    "\u202eevil": "cannot be seen",
    "\udcff": "cannot be seen",
    "a/b": "contains /",
    "a\\b": "contains",
    "svm@demo": "contains @",
    "best*": "contains *",
    'a "b"': 'contains "',
    "-x": "begins with -",
    "..": "begins with .",
    "song.mp3": "name of a file",
    "my_model.py": "name of a file",
    "svm-0123456789": "the id of a run",
    "Gtzan": "comes with the zoo",
    "SVM": "the name of a model",
    "mine": "the name of a model",  # which is not installed any more
    "knn-": "means the run knn-b already",
    "With Vibrato": "knn-b has the name 'with vibrato' already",
}


@pytest.fixture
def two(write_run):
    """Write two runs, of which the second has a name."""
    write_run("mine-a", *RIGHT)
    return set_about(write_run("knn-b", *RIGHT), "with vibrato", "the first try\nof two")


def test_a_name_means_the_run_wherever_a_run_is_named(two, command):
    for word in ("with vibrato", " with vibrato ", "with vibrato@tracks", "knn"):
        assert find_run(word).id == "knn-b"
    assert command("runs", "show", "with vibrato") == 0
    assert find_removable("with vibrato") == two.folder
    assert "with vibrato" in complete_run("")
    with pytest.raises(UsageError, match="the closest name is 'with vibrato'"):
        find_run("with vibrto")


def test_composed_and_decomposed_letters_are_one_name(two):
    assert set_about(two, "Müller").about.name == "Müller"
    assert find_run("Müller").id == "knn-b"


def test_it_is_no_part_of_the_record(two, write_run):
    plain = write_run("knn-c", *RIGHT)
    named = set_about(plain, "third")
    assert verify_files(named)[0] == verify_files(plain)[0]
    assert (named.folder / "run.json").read_bytes() == (two.folder / "run.json").read_bytes()


def test_one_is_changed_and_the_other_stays(two):
    assert set_about(two, note="again").about.name == "with vibrato"
    assert set_about(two, "").about.to_dict() == {"note": "again"}
    set_about(two, note=" ")
    assert not (two.folder / "about.json").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_a_name_is_refused_in_one_sentence(two, name):
    with pytest.raises(UsageError) as caught:
        set_about(find_run("mine"), name)
    assert HOSTILE[name] in str(caught.value)
    assert str(caught.value).isprintable()
    assert find_run("mine").about.name == ""


def test_a_run_may_be_given_its_own_name_again(two):
    assert set_about(two, "With vibrato").about.name == "With vibrato"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"name": 1}', '{"name": "a/b"}', '{"name": "\\u001b[31m"}', "\0", "[" * 99_999],
)
def test_a_damaged_file_costs_the_name_only(two, command, capsys, content):
    (two.folder / "about.json").write_text(content)
    assert command("runs", "show", "knn") == 0
    told = capsys.readouterr()
    assert "about.json is damaged" in told.err
    assert "`zoo runs edit knn-b --name NAME` writes it again" in told.err
    assert command("runs", "edit", "knn", "--name", "again") == 0
    assert find_run("again").about_fault == ""


def test_copies_of_a_named_run_are_told_apart_by_their_folders(two, workspace):
    shutil.copytree(two.folder, two.folder.with_name("knn-c"))
    with pytest.raises(UsageError, match=r"is the name of several runs: .*knn-b, .*knn-c"):
        find_run("with vibrato")


def test_the_commands(two, command, capsys):
    assert command("runs", "edit", "with vibrato", "--name", "without", "--note", "a note") == 0
    assert capsys.readouterr() == ("", "knn-b has the name 'without' and the note 'a note'\n")
    for words, said in {
        ("runs", "edit", "knn"): "give --name or --note",
        ("runs", "edit", "gtzan", "--name", "x"): "gtzan comes with the zoo",
        ("runs", "edit", "knn", "--note", "x" * 2_001): "at most 2000 characters",
        ("-q", "train", "svm", "knn", "--name", "x"): "this command trains 2",
        ("-q", "train", "svm", "--name", ""): "it is empty",
    }.items():
        assert command(*words) == 2
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n"), said in told.err) == ("", 1, True), told.err
    shown = command("runs", "show", "without", "--format", "json")
    said = json.loads(capsys.readouterr().out)
    assert (shown, said["name"], said["note"], said["preferred"]) == (0, "without", "a note", False)
    assert command("runs", "remove", "without", "--yes") == 0
    assert not two.folder.exists()


def test_training_gives_it_before_the_first_fold_and_finds_the_run_again(trained, workspace):
    import zoo

    shutil.copytree(trained("torn"), workspace, dirs_exist_ok=True)
    former = find_run("torn")
    again = {"protocol": "kfold:2", "jobs": 1, "name": "in two minds"}
    data = former.record.dataset.source
    run = zoo.train("./torn.py", data, **again, note="quiet")
    assert (run.id, run.about.name, run.about.note) == (former.id, "in two minds", "quiet")
    assert zoo.train("./torn.py", data, **again).about.note == "quiet"
    with pytest.raises(UsageError, match=f"{run.id} has the name 'in two minds' already"):
        zoo.train("./torn.py", data, **again, seed=1)
    assert [item.name for item in run.folder.parent.iterdir()] == [run.id]


@pytest.mark.parametrize(
    ("words", "refused"),
    [("knn --seed 1", True), ("knn --set k=7", True), ("svm", True), ("knn --data nowhere", False)],
)
def test_a_taken_name_is_refused_before_the_dataset_is_opened(
    write_run, command, capsys, monkeypatch, words, refused
):
    from zoo.plugins.registry import open_registry, usable_model

    params = usable_model(open_registry(), "knn").card.resolve({})
    set_about(write_run("knn-b", *RIGHT, params=params), "fifty")
    assert command("train", *words.split(), "--name", "fifty") == 2
    said = "knn-b has the name 'fifty' already" in capsys.readouterr().err
    assert said == refused


def test_a_former_name_is_said(two):
    said = Said()
    assert named(two, "again", None, said).about.name == "again"
    assert named(two, "again", "a note", said).about.note == "a note"
    assert said.notes == ["knn-b has the name 'again' now; its name was 'with vibrato'"]


class Said(Reporter):
    """A reporter that keeps its notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)
