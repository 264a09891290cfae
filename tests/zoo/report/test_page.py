"""The page of a board: complete, harmless, the same twice, and in need of nothing."""

import base64
import csv
import hashlib
import io
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.datasets import Track
from zoo.evaluate.board import Board, Row, score_text
from zoo.evaluate.comparison import signed
from zoo.evaluate.error_analysis import AlignedPredictions
from zoo.evaluate.side_by_side import side_by_side
from zoo.evaluate.vote import count_votes
from zoo.features.cache import features_folder
from zoo.plugins.registry import find_dataset
from zoo.report import decisive, error_section, excerpts, track_map
from zoo.report import page as page_module
from zoo.report.page import write_report
from zoo.report.ranking import rank_cell
from zoo.report.tables import explanations, worst_cell, worst_changes
from zoo.workspace import cache_folder, file_name, models_folder
from zoo_registry.errors import UsageError
from zoo_registry.runs import Run
from zoo_registry.text import shown

VOID = {"meta", "link", "input", "br", "image"}
MARKUP = {
    "html", "head", "meta", "link", "title", "style", "body", "a", "header", "div", "p", "fieldset",
    "legend", "label", "input", "span", "h1", "h2", "h3", "code", "nav", "ul", "li", "main",
    "section", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "abbr", "strong", "small", "details", "summary", "article", "audio", "footer", "script",
    "svg", "g", "path", "defs", "use", "text", "clippath", "rect", "image", "line",
}  # fmt: skip


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onclick='alert(1)",
    "two\nlines", "\x1b[31mred\x07", "\u202egnp.exe", "=cmd()", "&amp;", "{{ 7 * 7 }}",
    "</style></script></title>", "日本語 🎵", "$x^{2$", "a" * 300,
]  # fmt: skip


class Page(HTMLParser):
    """What a browser finds in a page, strictly nested."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}  # cells, by the name of the table
        self._open: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"{tag} says an attribute twice"
        if tag == "table":
            name = dict(attrs)["data-name"]
            assert name not in self.tables
            self.tables[name] = []
        elif tag == "tr":
            self.tables[list(self.tables)[-1]].append([])
        elif tag in ("td", "th"):
            self.tables[list(self.tables)[-1]][-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self._open):
            self.words.append(data)
        if {"td", "th"} & set(self._open):
            rows = self.tables[list(self.tables)[-1]]
            rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def values(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]


def pages(**given) -> dict[str, Page]:
    return {path.name: Page(path) for path in write_report(Path("report"), **given)}


@pytest.fixture
def forgetful(mistaken, workspace, monkeypatch) -> None:
    """Have a cache of one's own, in which nothing is remembered that an artefact said."""
    other = workspace / "cache"
    shutil.copytree(cache_folder(), other, ignore=shutil.ignore_patterns("spans-*", "decisive-*"))
    monkeypatch.setenv("ZOO_CACHE", str(other))


def edit(run: Run, **changed) -> None:
    path = run.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed), encoding="utf-8")


def turn(run: Run, track: str) -> None:
    """Exchange what a run says of the two classes on one track."""
    path = run.predictions_path
    text = path.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(track))
    cells = line.split(",")
    turned = ",".join([*cells[:5], cells[6], cells[5], cells[8], cells[7]])
    path.write_text(text.replace(line, turned), encoding="utf-8", newline="")
    edit(run, predictions=hashlib.sha256(path.read_bytes()).hexdigest())


def moved(folder: Path, copy: Path) -> Path:
    """Copy a dataset, and let the records of all runs name the copy."""
    shutil.copytree(folder, copy)
    for path in models_folder().rglob("run.json"):
        edit(run := Run.read(path.parent), dataset={**run.record.dataset, "source": str(copy)})
    return copy


def run_of(model: str, grouped: bool = True) -> Run:
    found = [Run.read(path.parent) for path in sorted(models_folder().rglob("run.json"))]
    return next(
        run
        for run in found
        if run.record.model.name == model and run.record.protocol.grouped == grouped
    )


class TestContent:
    def test_every_section_is_there_and_can_be_reached(self, mistaken):
        found = pages()
        assert list(found) == [
            "index.html", "tones-kfold-3.html", "tones-kfold-3-ungrouped.html",
        ]  # fmt: skip
        for name, its in list(found.items())[1:]:
            ids = its.values("id")
            assert len(ids) == len(set(ids)), name
            sections = [section["id"] for section in its.all("section")]
            assert sections == [
                "board", "confusion", "classes", "errors", "map", "doubts", "apart", "honesty",
                "calibration", "curves", "importance", "cost", "runs",
            ]  # fmt: skip
            links = [link["href"] for link in its.all("a")]
            assert [f"#{section}" for section in sections] == links[1 : len(sections) + 1]
            assert {link.removeprefix("#") for link in links} <= set(ids)
            assert set(its.values("aria-labelledby")) <= set(ids)

    def test_scores_are_those_of_the_leaderboard(self, mistaken):
        its = pages(protocol="kfold:3")["tones-kfold-3.html"]
        board = next(board for board in zoo.leaderboard() if board.grouped)
        for row in board.rows:
            for value in (row.accuracy, row.ci_low, row.ci_high, row.macro_f1, row.accuracy_mean):
                assert score_text(value) in its.text
            assert row.run in its.text

    def test_changes_are_shown_beside_the_unchanged_tracks(self, workspace, make_tones):
        data = str(make_tones(workspace / "tones", tracks=3, seconds=0.3))
        zoo.train("logistic", data, protocol="kfold:3", robustness=4, jobs=1)
        its = pages()["tones-kfold-3.html"]
        ((row,),) = [board.rows for board in zoo.leaderboard()]
        head, cells = its.tables["robustness"]
        assert head == ["model", "tracks", "mean", *row.by_change]
        assert cells[:3] == ["logistic", "4", score_text(row.robustness)]
        for cell, share in zip(cells[3:], row.by_change.values(), strict=True):
            assert cell.startswith(score_text(share))
        assert "silence-50ms: 50 ms of silence in front" in its.text
        assert explanations(zoo.leaderboard()[0])[0] in its.text

    def test_each_score_is_in_its_column(self, mistaken):
        its = pages(protocol="kfold:3")["tones-kfold-3.html"]
        board = next(board for board in zoo.leaderboard() if board.grouped)
        head, *cells = its.tables["board"]
        assert head == [
            "rank", "model", "accuracy", "95 % interval", "macro F1", "mean prob.", "folds",
            "train s", "ms per track", "kB",
        ]  # fmt: skip
        assert len(cells) == len(board.rows) == 2
        for line, row in zip(cells, board.rows, strict=True):
            assert line == [
                rank_cell(row),
                row.model,
                score_text(row.accuracy),
                f"{score_text(row.ci_low)}-{score_text(row.ci_high)}",
                score_text(row.macro_f1),
                score_text(row.accuracy_mean),
                f"{score_text(min(row.fold_accuracy))}-{score_text(max(row.fold_accuracy))}",
                f"{row.train_seconds:.1f}",
                f"{row.predict_ms_per_track:.2g}",
                f"{row.artefact_bytes / 1000:.0f}",
            ]

    def test_rows_of_a_matrix_are_labels(self, mistaken):
        """The stray carries the label high, and every model says low."""
        for its in pages(protocol="kfold:3").values():
            if "board" not in its.tables:
                continue
            for model in ("svm", "logistic"):
                assert its.tables[f"confusion-{model}"] == [
                    ["label", "high", "low"], ["high", "8 89", "1 11"], ["low", "", "7 100"],
                ]  # fmt: skip
            one, other = (row[1] for row in its.tables["board"][1:])
            # Precision and recall of high are 8/8 and 8/9, of low 7/8 and 7/7.
            assert its.tables["f1"] == [
                ["class", "tracks", one, other],
                ["high", "9", ".941", ".941"], ["low", "7", ".933", ".933"],
            ]  # fmt: skip
            assert its.tables["classes-svm"] == [
                ["class", "tracks", "answers", "right", "precision", "recall", "F1"],
                ["high", "9", "8", "8", "1.000", ".889", ".941"],
                ["low", "7", "8", "7", ".875", "1.000", ".933"],
            ]

    def test_classes_that_are_equally_hard(self):
        def said(right: dict[str, int]) -> str:
            """Of two tests of each class so many are right."""
            classes, labels = tuple(right), np.repeat(np.arange(len(right)), 2)
            is_right = np.array([[n < count for count in right.values() for n in range(2)]])
            winners = np.where(is_right, labels, labels - 1)
            found = AlignedPredictions(
                ("run",), classes, (), (), labels, np.ones_like(is_right), labels, labels, winners
            )
            return error_section._extremes(found)

        assert said({"a": 1, "b": 1}) == (
            "All classes are equally hard: accuracy .500 over all models."
        )
        assert said({"a": 1, "b": 2, "c": 1, "d": 2, "e": 2, "f": 2}) == (
            "Hardest classes: a and c (.500); easiest classes: b, d, e and 1 more (1.000); "
            "accuracy over all models."
        )

    def test_changes_that_are_equally_bad_are_marked(self):
        shares = {"quiet": 0.5, "noise": 0.5, "offset": 1.0}
        row = Row(
            model="m", run="r", status="complete", robustness=2 / 3, worst_change="quiet",
            worst_robustness=0.5, by_change=shares,
        )  # fmt: skip
        assert worst_changes(row) == ["quiet", "noise"]
        assert worst_cell(row) == ".500 quiet="
        board = Board("d", "f", "kfold:5", True, None, (row,))
        assert explanations(board)[0].endswith("; = others are as low.")
        alone = replace(row, by_change=shares | {"noise": 1.0})
        assert worst_cell(alone) == ".500 quiet"
        assert "=" not in explanations(replace(board, rows=(alone,)))[0]
        assert explanations(replace(board, rows=(replace(row, by_change={}),))) == []

    def test_the_summary_names_the_hardest_class(self, mistaken):
        its = pages()["tones-kfold-3.html"]
        assert "Hardest class: high (.889); easiest class: low (1.000); accuracy" in its.text
        assert "always answering 'high' gives .562" in its.text
        assert (
            "1 track is misclassified by more than half of the models; 1 label is in doubt"
            in its.text
        )

    def test_what_is_said_of_the_stray(self, mistaken):
        its = pages()["tones-kfold-3.html"]
        runs = {row[1]: run_of(row[1]) for row in its.tables["board"][1:]}
        said = {}
        for name, run in runs.items():
            with run.predictions_path.open(newline="") as file:
                rows = {row["track"]: row for row in csv.DictReader(file)}
            stray = next(row for track, row in rows.items() if track.endswith("stray.wav"))
            numbers = {key: float(v) for key, v in stray.items() if key.startswith(("p:", "prob"))}
            said[name] = {key.rpartition(":")[2].strip(): v for key, v in numbers.items()}
        (stray,) = [key for key in its.tables if key.endswith("-answers")]
        head, *lines = its.tables[stray]
        assert head == ["model", "answer", "prob.", "of label", "votes"]
        assert lines == [
            [name, "low", score_text(p["low"]), score_text(p["high"]), "low 1"]
            for name, p in said.items()
        ]
        mean = {label: sum(p[label] for p in said.values()) / 2 for label in ("high", "low")}
        assert its.tables["labels-in-doubt"][1:] == [
            ["high/stray.wav", "high", "low", "2 of 2", *map(score_text, mean.values())]
        ]
        assert its.tables["errors"] == [
            ["track", "label", "wrong", *runs], ["high/stray.wav", "high", "2", "low", "low"]
        ]  # fmt: skip
        assert its.tables["pairs"][1:] == [
            [one, *pair] for one, pair in zip(runs, (["", "0"], ["0", ""]), strict=True)
        ]

    def test_every_card_says_what_the_predictions_say(self, feature_table, monkeypatch):
        """Label, answers, votes and probabilities of all cards, in words and in figures."""
        for model in ("logistic", "decision-tree", "knn"):
            zoo.train(model, str(feature_table(spread=4.0, tracks=12)), protocol="kfold:3x2")
        (its,) = pages().values()
        stored = {}
        for row in its.tables["board"][1:]:
            found: dict[str, list[dict[str, str]]] = {}
            with run_of(row[1]).predictions_path.open(newline="") as file:
                for line in csv.DictReader(file):
                    found.setdefault(line["track"], []).append(line)
            stored[row[1]] = found
        cards = its.source.split('<article class="card" id="track-')[1:]
        assert len(cards) > 3
        for card in cards:
            track = re.search(r"<h3[^>]*>([^<]*)</h3>", card)[1]
            (label,) = {line["label"] for found in stored.values() for line in found[track]}
            answers = []
            for name, answer, *cells in its.tables[f"{file_name(track)}-answers"][1:]:
                tests = stored[name][track]
                votes, means = (
                    {
                        key.removeprefix(prefix): sum(float(test[key]) for test in tests)
                        for key in tests[0]
                        if key.startswith(prefix)
                    }
                    for prefix in ("votes:", "probability:")
                )
                winner = max(votes, key=lambda one: (votes[one], means[one]))
                counted = sorted((one for one in votes if votes[one]), key=lambda n: -votes[n])
                assert answer == winner
                assert cells == [
                    score_text(means[winner] / len(tests)), score_text(means[label] / len(tests)),
                    ", ".join(f"{one} {votes[one]:.0f}" for one in counted),
                ]  # fmt: skip
                best = max(means, key=lambda one: means[one])
                said = f"although {best} has the higher mean probability"
                assert (said in card) >= (means[best] > means[winner] + 1e-9)
                answers.append(answer)
            wrong = [answer for answer in answers if answer != label]
            assert f'Label: <strong class="good">{label}</strong>.' in card
            assert (
                f"Misclassified by {len(wrong)} of {len(answers)} models: {wrong[0]}" in card
                or (
                    f"Misclassified by {len(wrong)} of {len(answers)} models: " in card
                    and all(f"{one} ({wrong.count(one)})" in card for one in wrong)
                )
            )

    def test_many_models_are_named_and_the_best_are_drawn(self, mistaken, monkeypatch):
        monkeypatch.setattr(page_module, "_DETAILED", 1)
        its = pages(protocol="kfold:3")["tones-kfold-3.html"]
        assert len(its.tables["board"]) == len(its.tables["runs"]) == 3
        assert len(its.tables["f1"][0]) == 3
        assert "the sections below show the 1 best of 2 models" in its.text

    def test_the_leaderboard_is_such_a_page_too(self, mistaken, workspace):
        boards = zoo.leaderboard()
        path = workspace / "board.html"
        path.write_text(page_module.boards_page(boards), encoding="utf-8")
        its = Page(path)
        assert {tag for tag, _ in its.elements} <= MARKUP
        assert len(its.all("script")) == len(its.all("h1")) == 1
        for number, board in enumerate(boards, start=1):
            table = its.tables[f"board-{number}"]
            assert [row[1] for row in table[1:]] == [board.name(row) for row in board.rows]
        by_loss = zoo.leaderboard(protocol="kfold:3", by="log-loss")
        path.write_text(page_module.boards_page(by_loss[:1]), encoding="utf-8")
        assert Page(path).tables["board"][0][2] == "log loss"
        differences = side_by_side(boards)
        path.write_text(page_module.differences_page(differences), encoding="utf-8")
        assert len(Page(path).tables["grouped-and-by-track"]) == 1 + len(differences) == 3

    def test_both_splits_stand_in_their_columns(self, mistaken):
        turn(run_of("svm"), "high/high00.wav")  # or both would be the same
        its = pages()["tones-kfold-3.html"]
        grouped, split = (
            {row.model: row.accuracy for row in board.rows}
            for board in sorted(zoo.leaderboard(), key=lambda board: not board.grouped)
        )
        head, *lines = its.tables["grouped-and-by-track"]
        assert head == ["model", "grouped", "by track", "difference", "not new"]
        for name, one, two, difference, _ in lines:
            assert (one, two) == (score_text(grouped[name]), score_text(split[name]))
            assert difference == signed(split[name] - grouped[name])
        assert grouped == {"svm": 0.875, "logistic": 0.9375}
        assert set(split.values()) == {0.9375}

    def test_figures_and_tables_say_what_they_are(self, mistaken):
        for its in pages().values():
            canvases = [item for item in its.all("div") if item.get("class") == "canvas"]
            assert len(canvases) == len(its.all("figure")) == len(its.all("svg"))
            # A group holds links, which an image would hide.
            roles = [
                "group" if item["aria-label"].startswith("Map") else "img" for item in canvases
            ]
            assert [item["role"] for item in canvases] == roles
            assert len(its.all("caption")) == len(its.all("table"))
            boxes = [item for item in its.all("div") if "scroll" in (item.get("class") or "")]
            assert len(boxes) == len(its.all("table"))
            assert all(box["aria-label"] and box["tabindex"] == "0" for box in boxes)
            assert all(head.get("scope") in ("row", "col") for head in its.all("th"))
            assert its.all("html")[0]["lang"] == "en"
            assert len(its.all("h1")) == 1

    def test_both_splits_make_a_slope(self, mistaken):
        its = pages()["tones-kfold-3.html"]
        assert "grouped-and-by-track" in its.values("data-name")
        shutil.rmtree(models_folder() / "tones" / "kfold-3-ungrouped")
        (its,) = pages().values()
        assert "grouped-and-by-track" not in its.values("data-name")
        assert "nothing to compare" in its.text

    def test_the_stray_is_heard_and_its_label_in_doubt(self, mistaken):
        its = pages()["tones-kfold-3.html"]
        (player,) = its.all("audio")
        kind, _, content = player["src"].partition(";base64,")
        assert kind == "data:audio/mpeg"
        assert len(base64.b64decode(content)) > 1000
        for image in its.all("image"):
            assert image["href"].startswith("data:image/png;base64,")
        titles = re.findall(r"<title>([^<]*)</title>", its.source)
        for model in ("svm", "logistic"):
            assert model in titles
        assert [title for title in titles if title.startswith("0.0 to 1.")]
        assert "Label: high. Misclassified by 2 of 2 models: low." in its.text
        assert "1 label that all models contradict" in its.text

    def test_pairs_of_models_and_the_tracks_on_which_they_differ(self, mistaken):
        turn(run_of("svm"), "high/high00.wav")
        its = pages()["tones-kfold-3.html"]
        runs = [row["data-r"] for row in its.all("tr") if "data-r" in row]
        cells = [cell for cell in its.all("td") if "data-right" in cell]
        assert sorted((c["data-right"], c["data-wrong"]) for c in cells) == [("0", "1"), ("1", "0")]
        # The tree gets one track right that the other model gets wrong; the row is right.
        assert its.tables["pairs"] == [
            ["right", "logistic", "svm"],
            ["logistic", "", "1"],
            ["svm", "0", ""],
        ]
        assert its.tables["errors"] == [
            ["track", "label", "wrong", "logistic", "svm"],
            ["high/stray.wav", "high", "2", "low", "low"],
            ["high/high00.wav", "high", "1", "high", "low"],
        ]
        assert runs == ["00", "10"]  # in the order of the columns

    def test_learning_curves_where_there_are_some(self, mistaken):
        run = run_of("svm")
        for fold in run.record.folds:
            fold.curve = [{"fraction": n / 4, "loss": 1 / n, "held_out_loss": 1} for n in (1, 2)]
        run.write()
        found = pages()
        assert "learning-svm" in found["tones-kfold-3.html"].values("data-name")
        its = found["tones-kfold-3-ungrouped.html"]
        assert not [name for name in its.values("data-name") if name.startswith("learning")]
        assert "so there is no curve" in its.text

    def test_failed_and_unfinished_runs_are_listed(self, mistaken):
        edit(run_of("svm"), status="failed", error="it rained")
        its = pages()["tones-kfold-3.html"]
        assert "svm (failed)" in its.text
        # A long error is wrapped, or the board would be wider than the page.
        cells = its.all("td")
        assert any(cell.get("class") == "wrap" and "colspan" in cell for cell in cells)
        assert "it rained" in its.text
        edit(run_of("logistic"), status="running")
        its = pages()["tones-kfold-3.html"]
        assert "logistic (interrupted)" in its.text
        assert "no score to show" in its.text
        assert [section["id"] for section in its.all("section")] == ["board", "honesty", "runs"]

    def test_a_protocol_that_repeats(self, feature_table):
        zoo.train("logistic", str(feature_table(spread=3.0)), protocol="holdout:0.3x3")
        (its,) = pages().values()
        assert "Misclassified by 1 of 1 model:" in its.text

    def test_several_runs_of_one_model_go_by_what_differs(self, mistaken):
        zoo.train("svm", str(mistaken), protocol="kfold:3", params={"C": 9.0})
        named = zoo.train("svm", str(mistaken), protocol="kfold:3", params={"C": 8}, name="mine")
        found = pages()["tones-kfold-3.html"]
        names = {"svm C=9", "svm C=5", 'svm "mine"', "logistic"}
        files = {file_name(f"calibration-{name}") for name in names}
        assert files <= set(found.values("data-name"))
        assert named.id not in set(found.values("data-name"))
        assert names <= {row[1] for row in found.tables["board"][1:]}

    def test_no_run_no_page(self, workspace):
        assert write_report(Path("report")) == []
        assert not Path("report").exists()


class TestMap:
    def test_each_track_is_on_it_and_errors_are_outlined(self, mistaken):
        its = pages()["tones-kfold-3.html"]
        board = its.source.split('<section id="map"')[1].split("</section>")[0]
        right, wrong = board.split("<g stroke-width")[1:3]
        wrong = wrong.split("<g transform")[0]
        titles = re.findall(r"<title>(\S+): labelled (\w+), answer (\w+)</title>", right + wrong)
        assert len({track for track, *_ in titles}) == len(titles) == 16
        assert all((a == b) == (t in right) for t, a, b in titles)
        best = next(row for row in its.tables["board"][1:])
        assert score_text(right.count("<title>") / 16) == best[2]
        links = re.findall(r'<a href="#(track-\d+)" aria-label="Listen to (\S+)">', board)
        assert {link for link, _ in links} <= set(its.values("id"))
        assert len(links) == len(its.all("audio")) > 0

    def test_a_sample_of_many_and_all_that_can_be_played(self, mistaken, monkeypatch):
        monkeypatch.setattr(track_map, "MOST", 12)
        monkeypatch.setattr(track_map, "_FEWEST", 4)
        its = pages()["tones-kfold-3.html"]
        board = its.source.split('<section id="map"')[1].split("</section>")[0]
        assert 8 <= board.count("<title>") < 16
        assert f"{board.count('<title>')} of 16 tracks" in board
        assert board.count("<a href") == len(its.all("audio"))

    def test_nothing_is_computed_for_it(self, mistaken, tmp_path, monkeypatch):
        monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "empty"))
        its = pages()["tones-kfold-3.html"]
        assert "map" not in its.values("id")
        assert not features_folder().exists()


class TestSound:
    def test_a_feature_table_has_none_and_says_why(self, feature_table):
        zoo.train("logistic", str(feature_table(spread=3.0)))
        (its,) = pages().values()
        assert its.all("audio") == []
        assert "a table of features, so there is nothing to hear" in its.text
        assert "Misclassified by 1 of 1 model:" in its.text

    def test_no_file_of_a_folder_that_only_a_record_names(self, mistaken, tmp_path, monkeypatch):
        """A page may be handed on, and a record may name any folder of this disk."""
        private = moved(mistaken, tmp_path / "tones")
        its = pages()["tones-kfold-3.html"]
        assert its.all("audio") == []
        assert f"the record names '{private}', which no command was given here" in its.text
        assert len(pages(data=str(private))["tones-kfold-3.html"].all("audio")) == 1
        assert len(pages()["tones-kfold-3.html"].all("audio")) == 1  # the user has named it

        asked = []
        monkeypatch.setattr("zoo.datasets.remote.read_remote", lambda *given: asked.append(given))
        for path in models_folder().rglob("run.json"):
            edit(run := Run.read(path.parent), dataset={**run.record.dataset, "source": "s3://a/b"})
        its = pages()["tones-kfold-3.html"]
        assert (its.all("audio"), asked) == ([], [])
        assert "no address is opened because a record names it" in its.text

    def test_recordings_that_are_gone_moved_or_changed(self, mistaken, tmp_path):
        copy = moved(mistaken, tmp_path / "copy")
        find_dataset(str(copy))  # as by a command of the user

        stray = copy / "high" / "stray.wav"
        assert len(pages()["tones-kfold-3.html"].all("audio")) == 1
        shutil.copy(copy / "low" / "low01.wav", stray)
        its = pages()["tones-kfold-3.html"]
        assert its.all("audio") == []
        assert "is another one than the models heard" in its.text
        stray.unlink()
        its = pages()["tones-kfold-3.html"]
        assert its.all("audio") == []
        assert f"no longer in {copy}" in its.text
        shutil.rmtree(copy)
        its = pages()["tones-kfold-3.html"]
        assert its.all("audio") == []
        assert "recordings cannot be had" in its.text

    def test_an_artefact_that_cannot_be_run_leaves_its_reason(self, mistaken, forgetful):
        run_of("svm").artefact_path.write_bytes(b"nonsense")
        its = pages()["tones-kfold-3.html"]
        assert len(its.all("audio")) == 1
        assert "svm has no votes over time" in its.text
        assert "is not the file that its run wrote" in its.text

    def test_a_run_that_is_trained_again_meanwhile_has_times(self, hearing):
        run = hearing("frames")
        path = Path(run.record.dataset.source) / "low" / "low00.wav"
        record = json.loads((run.folder / "run.json").read_text())
        (run.folder / "run.json").write_text(json.dumps(record | {"status": "running"}))
        name = "low/low00.wav"
        found = excerpts.timelines(run, {name: Track(name, "low", "0", path)}, {name: "0"})
        assert found[name].reason is None

    def test_windows_have_times(self, hearing, workspace):
        run = hearing("frames")
        data = Path(run.record.dataset.source)
        path = data / "low" / "low00.wav"
        name = "low/low00.wav"
        found = excerpts.timelines(run, {name: Track(name, "low", "0", path)}, {name: "0"})[name]
        assert found.reason is None
        starts = [part.start for part in found.stretches]
        assert starts == sorted(starts)
        assert starts[0] == 0
        sound = excerpts.cut_excerpt(path)
        assert found.stretches[-1].end == pytest.approx(sound.seconds, abs=1e-2)
        for one, other in zip(found.stretches, found.stretches[1:], strict=False):
            assert one.end == other.start
            assert one.label != other.label

    def test_only_so_many_players(self, mistaken, monkeypatch):
        monkeypatch.setattr(error_section, "PLAYERS", 0)
        its = pages()["tones-kfold-3.html"]
        assert its.all("audio") == []

    def test_the_excerpt_is_from_the_middle(self, tmp_path):
        import soundfile

        rate = 8000
        time = np.arange(30 * rate) / rate
        loud = (time > 10) & (time < 20)
        soundfile.write(tmp_path / "x.wav", 0.5 * loud * np.sin(2000 * time), rate)
        sound = excerpts.cut_excerpt(tmp_path / "x.wav")
        assert (sound.seconds, sound.start, sound.end) == (30, 10, 20)
        (tmp_path / "x.mp3").write_bytes(base64.b64decode(sound.audio.partition(",")[2]))
        samples, _ = soundfile.read(tmp_path / "x.mp3")
        assert len(samples) / 22_050 == pytest.approx(10, abs=0.1)
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
        assert excerpts.cut_excerpt(tmp_path / "x.wav") == sound

    def test_time_runs_to_the_right_and_pitch_upwards(self, tmp_path):
        import soundfile
        from PIL import Image

        rate = 22_050
        time = np.arange(4 * rate) / rate
        pitch = np.where(time < 2, 150, 8000)
        soundfile.write(tmp_path / "x.wav", 0.4 * np.sin(2 * np.pi * pitch * time), rate)
        content = excerpts.cut_excerpt(tmp_path / "x.wav").picture.partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(content))) as image:
            shades = np.asarray(image.convert("L"), np.float64)
        rows, columns = shades.shape
        assert columns > rows
        for part, lowest in ((shades[:, : columns // 2], True), (shades[:, columns // 2 :], False)):
            brightest = int(part[:, 5:-5].mean(axis=1).argmax())
            assert (brightest > 0.85 * rows) is lowest
            assert (brightest < 0.3 * rows) is not lowest

    def test_a_strip_lies_below_what_it_is_about(self, mistaken):
        """The stray is a little longer than a second, and low to all that did not learn it."""
        its = pages()["tones-kfold-3.html"]
        image = its.all("image")[0]
        dashed, *strips = [
            rect for rect in its.all("rect") if "stroke-dasharray" in rect or "rx" in rect
        ]
        assert (image["x"], image["width"]) == ("108", "368")
        assert (float(dashed["x"]), float(dashed["width"])) == (108.0, pytest.approx(368.0))
        assert [(strip["x"], strip["width"]) for strip in strips] == [("108.0", "367.0")] * 2
        assert [float(strip["y"]) for strip in strips] == [100.0, 122.0]
        assert "var(--right)" not in {strip["fill"] for strip in strips}
        sound = excerpts.cut_excerpt(mistaken / "high" / "stray.wav")
        titles = re.findall(r"<title>(0\.0 to .*?)</title>", its.source)[: len(strips)]
        answers = its.tables[next(name for name in its.tables if name.endswith("-answers"))][1:]
        for title, strip, (_, says, probability, *_) in zip(titles, strips, answers, strict=True):
            assert says == "low"
            said = rf"0\.0 to {sound.seconds:.1f} s: low, mean probability ([\d.]+)"
            found = float(re.fullmatch(said, title)[1])
            assert found == pytest.approx(float(probability), abs=0.0011)
            assert float(strip["fill-opacity"]) == pytest.approx(0.15 + 0.3 * found, abs=0.01)
        label = next(
            item["aria-label"]
            for item in its.all("div")
            if "answers" in (item.get("aria-label") or "")
        )
        assert label.count(" answers low from 0 s") == 2

    def test_a_run_of_an_earlier_version_says_how_its_strips_are_had(self, mistaken):
        run = run_of("svm")
        plain = json.loads((run.folder / "run.json").read_text())
        del plain["windows"], plain["importance"]
        (run.folder / "run.json").write_text(json.dumps(plain))
        its = pages()["tones-kfold-3.html"]
        assert len([rect for rect in its.all("rect") if "rx" in rect]) == 1
        assert its.text.count(f"`zoo runs remove {run.id}`") == 2
        names = its.values("data-name")
        assert "importance-logistic" in names
        assert "importance-svm" not in names

    @pytest.mark.parametrize(
        ("tests", "spans", "expected"),
        [
            ([[0, 0, 1, 1, 1]], [None] * 5, [(0, 2, "a"), (2, 5, "b")]),
            # A front end of vectors gives silent windows no row.
            ([[0, 1]], [None, "silence: x", None], [(0, 1, "a"), (1, 2, "silence"), (2, 3, "b")]),
            ([[0, 1, 1]], [None, "silence: x", None], [(0, 1, "a"), (1, 3, "b")]),
            ([[1]], [None] * 4, [(0, 4, "b")]),  # the mean of all rows
            ([[0, 1], [1, 1], [0, 0]], [None] * 2, [(0, 1, "a"), (1, 2, "b")]),  # tested thrice
        ],
    )
    def test_windows_find_their_places(self, tests, spans, expected):
        windows = [np.array([[0.75, 0.25], [0.25, 0.75]])[own] for own in tests]
        places = [(n, n + 1, silence) for n, silence in enumerate(spans)]
        found = excerpts._timeline(("a", "b"), windows, places, None)
        assert [(one.start, one.end, one.shown) for one in found.stretches] == expected

    @given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=9))
    def test_the_strip_has_the_votes_of_the_table(self, rows):
        windows = np.array(rows) + 1e-3
        windows /= windows.sum(axis=1, keepdims=True)
        spans = [(n, n + 1, None) for n in range(len(windows))]
        found = excerpts._timeline(("a", "b", "c"), [windows], spans, None)
        lasting = dict.fromkeys("abc", 0)
        for one in found.stretches:
            lasting[one.label] += one.end - one.start
        assert list(lasting.values()) == count_votes(windows)[0].tolist()

    def test_a_second_picture_shows_what_speaks_for_the_wrong_class(self, mistaken, monkeypatch):
        def answers(kind, run, wanted, ask):
            without = [[0.5 - 0.1 * (band == 2) * piece for piece in range(5)] for band in range(4)]
            return dict.fromkeys(wanted, 0.5 if kind == "sure" else (0.5, without))

        monkeypatch.setattr(decisive, "_answers", answers)
        its = pages()["tones-kfold-3.html"]
        assert len([name for name in its.values("data-name") if name.endswith("-decisive")]) == 1
        assert len(its.all("image")) == 2
        keys = {"x", "y", "width", "height", "fill-opacity"}
        parts = [rect for rect in its.all("rect") if rect.keys() == keys]
        assert len(parts) == 20
        assert max(float(part["y"]) + float(part["height"]) for part in parts) == 80
        (lit,) = [part for part in parts if float(part["fill-opacity"]) == 0]
        # The second band from above, the last of five pieces of time.
        assert [float(lit[key]) for key in ("x", "y")] == pytest.approx([402.4, 26], abs=0.1)
        said = "its probability of low in the excerpt is .500. It falls to .100 without the part at"
        assert said in its.text
        scale = [rect for rect in its.all("rect") if rect.get("class") == "scale"]
        shades = [float(rect["fill-opacity"]) for rect in scale if "fill-opacity" in rect]
        assert shades == sorted(shades, reverse=True)
        assert shades[-1] == 0
        for label in (".500 or more", "prob. without it", "0 Hz", "11.0 kHz"):
            assert label in its.words

    def test_windows_that_lie_otherwise_have_no_places(self):
        windows = [np.full((3, 2), 0.5)]
        assert excerpts._timeline(("a", "b"), windows, [(0, 1, None)] * 2, None).reason
        assert excerpts._timeline(("a", "b"), [], [(0, 1, None)] * 2, None).reason
        assert excerpts._timeline(("a", "b"), windows, [], "broken").reason == "broken"

    def test_twelve_of_the_worst_stay_far_below_fifteen_megabytes(self, tmp_path):
        import soundfile

        noise = np.random.default_rng(0).uniform(-1, 1, 40 * 44_100)
        soundfile.write(tmp_path / "x.wav", noise, 44_100)
        sound = excerpts.cut_excerpt(tmp_path / "x.wav")
        assert error_section.PLAYERS * (len(sound.audio) + len(sound.picture)) < 5_000_000


class TestHarm:
    def test_the_page_loads_nothing(self, mistaken):
        for name, its in pages().items():
            for attribute in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                for value in its.values(attribute):
                    allowed = value.startswith(("data:", "#")) or value in pages_of(name)
                    assert allowed, (name, attribute, value[:80])
            assert "@import" not in its.source
            assert all(ref.startswith("#") for ref in re.findall(r"url\(([^)]*)\)", its.source))
            (policy,) = [m["content"] for m in its.all("meta") if m.get("http-equiv")]
            assert policy.startswith("default-src 'none'; img-src data:; media-src data:;")
            assert {tag for tag, _ in its.elements} <= MARKUP
            assert len(its.all("script")) == 1

    def test_the_same_runs_give_the_same_bytes(self, mistaken, forgetful, workspace, monkeypatch):
        def contents() -> dict[str, bytes]:
            return {path.name: path.read_bytes() for path in write_report(Path("report"))}

        first = contents()
        assert contents() == first
        for kind in cache_folder().glob("*-*"):  # all that was computed from runs
            shutil.rmtree(kind)
        monkeypatch.setenv("ZOO_MODELS", str(models_folder().absolute()))
        (workspace / "elsewhere").mkdir()
        monkeypatch.chdir(workspace / "elsewhere")
        assert contents() == first

    def test_pages_of_others_and_edited_ones_are_kept(self, mistaken, workspace):
        pages = write_report(Path("report"))
        own = {page: page.read_bytes() for page in pages}
        foreign = [
            b"<html>my site</html>",
            b'<meta name="generator" content="genre-zoo">',
            b'<meta name="generator" content="genre-zoo ' + b"0" * 64 + b'">',
            own[pages[0]].replace(b"</main>", b"<p>My notes.</p></main>"),
        ]
        for page in (pages[0], pages[-1]):  # the index, and a board
            for content in foreign:
                page.write_bytes(content)
                with pytest.raises(
                    UsageError, match=rf"{page.name} exists, .* earlier version; .* --force"
                ):
                    write_report(Path("report"))
                assert page.read_bytes() == content
                assert all(other.read_bytes() == own[other] for other in pages if other != page)
            write_report(Path("report"), force=True)
            assert page.read_bytes() == own[page]
        Path("report/notes.html").write_text("mine")
        write_report(Path("report"))
        assert Path("report/notes.html").read_text() == "mine"

    def test_another_process_with_another_order_of_sets_writes_the_same(
        self, mistaken, forgetful, run_python, monkeypatch
    ):
        written = []
        for number in ("1", "2"):
            monkeypatch.setenv("PYTHONHASHSEED", number)
            done = run_python(
                "import sys; from pathlib import Path; from zoo.report.page import write_report\n"
                "write_report(Path(sys.argv[1]))",
                number,
            )
            assert done.returncode == 0, done.stderr
            written.append({path.name: path.read_bytes() for path in Path(number).iterdir()})
            for kind in cache_folder().glob("*-*"):  # all that was computed from runs
                shutil.rmtree(kind)
        assert len(written[0]) == 3
        assert written[0] == written[1]

    def test_names_of_any_kind_are_seen_and_do_nothing(self, feature_table):
        """Each name is a class, and part of the names of its tracks."""
        table = feature_table(classes=len(HOSTILE), tracks=4, spread=3.0)
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            name = HOSTILE[int(row["label"].removeprefix("class"))]
            row["track"], row["label"] = f"{name} {row['track']}", name
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        for model in ("elasticnet", "decision-tree"):
            run = zoo.train(model, str(table), protocol="kfold:2")
            assert run.complete, run.record.error
        name = "".join(HOSTILE) + "\udc80"
        edit(
            run,
            model={**run.record.model, "title": name, "name": name},
            params={name: name},
            dataset={**run.record.dataset, "source": name},
        )
        (its,) = pages().values()
        assert {tag for tag, _ in its.elements} <= MARKUP
        assert len(its.all("script")) == 1
        assert not [key for _, attributes in its.elements for key in attributes if key[:2] == "on"]
        words = set(its.words)
        for label in HOSTILE:
            assert shown(label) in words
        assert [word for word in words if word.startswith(shown(f"{HOSTILE[0]} 0-"))]
        assert shown(name) in its.values("title")
        assert shown(f"{name}={name}") in its.text
        assert all(link["href"].startswith("#") for link in its.all("a"))


def pages_of(name: str) -> list[str]:
    """Return the pages to which a page may lead."""
    return ["tones-kfold-3.html", "tones-kfold-3-ungrouped.html"] if name == "index.html" else []
