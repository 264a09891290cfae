"""What ``zoo serve`` is made of, without a socket: queue, uploads, limits, and what is drawn."""

import asyncio
import re
import shutil
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PosixPath

import pytest
from starlette.requests import Request
from zoo.web.result_html import ModelResult, render_result

import zoo
from zoo.inference.prediction import UNKNOWN, Prediction, Section
from zoo.web.limits import Limits, Refused
from zoo.web.served_models import ServedModel, ServedModels
from zoo.web.service import Loudness, Service
from zoo.web.uploads import Song, Uploads
from zoo.workspace import find_run, recency


def request(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/api/predict", "headers": []}
    return Request(scope, receive)


@pytest.fixture
def uploads(workspace: Path) -> Uploads:
    return Uploads(workspace / "songs")


@pytest.fixture
def service(uploads: Uploads) -> Service:
    return Service(ServedModels(), uploads, Limits())


@pytest.fixture
def later(monkeypatch):
    """Return a function that lets seconds pass."""
    passed, monotonic = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + passed[0])

    def later(seconds: float) -> None:
        passed[0] += seconds

    return later


class TestQueue:
    def test_two_are_computed_thirty_two_wait_and_more_are_refused(self, service, in_seconds):
        path = in_seconds(0.4)
        opened, at_once, gate = threading.Lock(), [0, 0], threading.Event()

        class Stuck(PosixPath):
            """A file that is looked at only once the gate is open."""

            def stat(self, **given):
                with opened:
                    at_once[0] += 1
                    at_once[1] = max(at_once)
                assert gate.wait(60)
                with opened:
                    at_once[0] -= 1
                return super().stat(**given)

        async def crowd() -> tuple[Refused, list[Loudness]]:
            held = [service.measure(Song(Stuck(path), "-")) for _ in range(34)]
            tasks = [asyncio.create_task(item) for item in held]
            try:
                while at_once[0] < 2:
                    await asyncio.sleep(0.01)
                with pytest.raises(Refused) as caught:
                    await asyncio.wait_for(service.measure(Song(path, "-")), 10)
            finally:
                gate.set()
            found = await asyncio.gather(*tasks)
            return caught.value, [*found, await service.measure(Song(path, "-"))]

        refused, found = asyncio.run(crowd())
        assert refused.status == 503
        assert str(refused) == "32 predictions are waiting; try again in a minute"
        assert [sound.seconds for sound in found] == [1.0] * 35
        assert at_once[1] == 2


class TestUploads:
    def test_nobody_asks_for_ten_minutes(self, uploads, later):
        song = asyncio.run(uploads.receive(request(b"la la")))
        ticket = uploads.wait(song)
        later(590)
        other = asyncio.run(uploads.receive(request(b"la")))
        uploads.wait(other)
        uploads.expire()
        assert song.path.read_bytes() == b"la la"
        later(20)
        uploads.expire()
        assert not song.path.exists()
        assert not song.path.parent.exists()
        assert uploads.take(ticket) is None
        assert other.path.read_bytes() == b"la"  # this one came later

    def test_a_ticket_is_valid_once(self, uploads):
        song = asyncio.run(uploads.receive(request(b"la")))
        ticket = uploads.wait(song)
        assert uploads.take(ticket) == song
        assert uploads.take(ticket) is None
        assert uploads.take("/etc/passwd") is None

    def test_what_is_being_answered_does_not_expire(self, uploads, later):
        song = asyncio.run(uploads.receive(request(b"la")))
        ticket = uploads.wait(song)
        assert uploads.take(ticket) == song
        later(3600)
        uploads.expire()
        with closing(song):
            assert song.path.is_file()
        assert not song.path.parent.exists()

    def test_there_is_room_for_thirty_two(self, uploads, later):
        async def fill(count: int) -> list[Song]:
            return [await uploads.receive(request(b"la")) for _ in range(count)]

        songs = asyncio.run(fill(32))
        assert len({song.path for song in songs}) == 32
        with pytest.raises(Refused, match="32 uploads are waiting") as caught:
            asyncio.run(fill(1))
        assert caught.value.status == 503
        songs[0].close()
        asyncio.run(fill(1))
        uploads.wait(songs[1])
        later(601)  # whom nobody asked about makes room by itself
        asyncio.run(fill(1))
        assert not songs[1].path.exists()
        with pytest.raises(Refused):
            asyncio.run(fill(1))


class TestService:
    def test_a_song_is_measured(self, service, in_seconds):
        found = asyncio.run(service.measure(Song(in_seconds(0.1, 0.4, 0.0), "a")))
        assert found.seconds == 3.0
        # A cell is 220 samples, so that two of them lie across the ends of seconds.
        levels = [round(found.peaks[n], 2) for n in (0, 99, 101, 199, 201, 300)]
        assert levels == [0.1, 0.1, 0.4, 0.4, 0.0, 0.0]

    def test_as_long_as_is_taken_is_not_too_long(self, uploads, in_seconds):
        service = Service(ServedModels(), uploads, Limits(minutes=0.05))
        assert asyncio.run(service.measure(Song(in_seconds(0.1, 0.1, 0.1), "a"))).seconds == 3.0
        with pytest.raises(Refused, match=r"^a is longer than the 0\.05 minutes") as caught:
            asyncio.run(service.measure(Song(in_seconds(0.1, 0.1, 0.1, 0.1), "a")))
        assert caught.value.status == 413

    def test_it_is_measured_how_long_a_song_is_whatever_it_promises(self, uploads, in_seconds):
        service = Service(ServedModels(), uploads, Limits(minutes=0.05))
        for count, fits in ((3, True), (4, False)):
            path = in_seconds(*[0.1] * count, name=f"{count}.flac")
            content = bytearray(path.read_bytes())
            content[21] &= 0xF0  # the last 36 bits of STREAMINFO before the checksum (RFC 9639)
            content[22:26] = bytes(4)
            path.write_bytes(content)
            if fits:
                assert asyncio.run(service.measure(Song(path, "a"))).seconds == 3.0
            else:
                with pytest.raises(Refused, match="longer than"):
                    asyncio.run(service.measure(Song(path, "a")))

    def test_silence_and_short_songs_are_answered_as_predict_answers_them(
        self, service, hearing, odd_songs
    ):
        hearing("torn")
        model = service.models.find("torn")
        names = ("front", "constant", "50 ms", "0.1 s")
        songs = [Song(odd_songs[name], name) for name in names]
        found = [asyncio.run(service.predict(model, song, None))[0] for song in songs]
        for answer, path in zip(found, (song.path for song in songs), strict=True):
            (expected,) = zoo.predict("torn", path, timeline=True)
            assert replace(answer, path=str(path)) == expected
        assert [answer.label for answer in found] == ["low", UNKNOWN, UNKNOWN, "low"]

    def test_the_answer_is_that_of_predict(self, service, hearing, torn_song):
        run = hearing("torn")
        model = service.models.find("torn")
        for timeline in (None, True, False):
            (expected,) = zoo.predict("torn", [torn_song], timeline=timeline is not False)
            found, _ = asyncio.run(service.predict(model, Song(torn_song, "a song"), timeline))
            assert found.to_json() == {**expected.to_json(), "path": "a song"}
            assert (found.label, found.label_mean, found.run) == ("high", "low", run.id)

    def test_the_least_confidence_of_the_server_holds_for_all(self, uploads, hearing, torn_song):
        hearing("torn")
        for wanted, label in (("0.33", "high"), (0.9, UNKNOWN)):
            service = Service(ServedModels(), uploads, Limits(), min_confidence=wanted)
            song = Song(torn_song, "torn.wav")
            found, _ = asyncio.run(service.predict(service.models.find("torn"), song, None))
            assert (found.label, found.guess) == (label, None if label == "high" else "high")
        result = ModelResult(service.models.find("torn"), found)
        page = render_result("torn.wav", Loudness(3.0, [0.1]), [result])
        assert "unsure: 0.340 is below 0.9; guess: high" in page
        service = Service(ServedModels(), uploads, Limits(), precision=0.9)
        with pytest.raises(Refused, match="was tested on 8 tracks, too few") as refused:
            asyncio.run(service.predict(service.models.find("torn"), song, None))
        assert refused.value.status == 503

    def test_the_newest_run_of_a_model_goes_by_its_name(self, hearing, workspace, shelf):
        newest = hearing("torn")
        for age, year in (("older", "2001"), ("oldest", "2000"), ("ahead", "2100")):
            folder = newest.folder.with_name(f"torn-{age}")
            shutil.copytree(newest.folder, folder)
            record = folder / "run.json"
            finished = f"{year}-01-01T00:00:00+00:00"
            record.write_text(record.read_text().replace(newest.record.finished, finished))
        hearing("seconds")
        served = ServedModels().all()
        torn = [(model.run, model.newest) for model in served if model.model == "torn"]
        others = [(f"torn-{age}", False) for age in ("older", "oldest", "ahead")]
        assert torn == [(newest.id, True), *others]
        assert find_run("torn").id == newest.id
        assert [model.newest for model in served if model.model == "seconds"] == [True]
        assert ServedModels().find("torn").run == newest.id
        assert ServedModels().find("torn-older").run == "torn-older"
        assert [model.run for model in ServedModels(["./torn.py"]).all()] == [newest.id]
        assert ServedModels().find(None).run == served[0].run
        finished = [model.finished for model in served]
        assert finished == sorted(finished, key=recency, reverse=True)
        with pytest.raises(Refused, match="there are: seconds, torn") as caught:
            ServedModels().find("nobody")
        assert caught.value.status == 404


CLASSES = ("blues", "disco", "jazz", "metal", "pop", "rock", "soul")


def result(
    title: str, label: str, *sections: Section, classes: tuple[str, ...] = CLASSES
) -> ModelResult:
    """Return the result of a model that says this, the classes behind it in alphabetical order."""
    model = ServedModel(f"{title}-1", title, title.title(), "data", classes, None, "", "")
    weights = [8.0 if name == label else len(classes) - n for n, name in enumerate(classes)]
    shares = {name: weight / sum(weights) for name, weight in zip(classes, weights, strict=True)}
    confidence = shares.get(label)
    found = Prediction(
        "x", label, label, confidence, {label: 3}, shares, 3, 4.0, timeline=list(sections) or None
    )
    return ModelResult(model, found, 0.5)


class TestDrawing:
    SOUND = Loudness(4.0, [0.1] * 20 + [0.2] * 20)

    def test_most_models_name_the_winner(self):
        results = [result("a", "jazz"), result("b", "rock"), result("c", "rock")]
        html = render_result("song", self.SOUND, results)
        assert '<h2 id="winner">rock</h2>' in html
        assert "2 of 3 models" in html
        html = render_result("song", self.SOUND, results[:2])
        assert '<h2 id="winner">jazz or rock</h2>' in html
        assert "2 models do not agree" in html
        html = render_result(
            "song", self.SOUND, [results[1], results[2], ModelResult(results[0].model)]
        )
        assert '<h2 id="winner">rock</h2>' in html
        assert "all 2 models agree; 1 still listening" in " ".join(html.split())
        assert 'data-waiting="1"' in html
        html = render_result(
            "song", self.SOUND, [results[0], ModelResult(results[1].model, error="it broke")]
        )
        assert '<h2 id="winner">jazz</h2>' in html
        assert 'data-waiting="0"' in html
        assert "it broke" in html

    def test_the_most_probable_classes_come_first_and_the_others_fold_away(self):
        html = render_result("song", self.SOUND, [result("a", "metal")])
        assert "song · 0:04" in html
        seen, folded = html.split("<details>")
        name = '<span class="zoo-name">(.*?)</span>'
        assert re.findall(name, seen) == ["metal", "blues", "disco", "jazz", "pop"]
        assert re.findall(name, folded) == ["rock", "soul"]
        assert "2 more" in folded
        total = 8 + sum((7, 6, 5, 3, 2, 1))
        values = re.findall(r'width:([\d.]+)%"></i></span><span class="zoo-value">([\d.]+)', html)
        assert values[0] == (f"{800 / total:.2f}", f"{8 / total:.3f}")
        assert values[1] == (f"{700 / total:.2f}", f"{7 / total:.3f}")
        assert f"metal <span>{8 / total:.3f}</span>" in html

    def test_a_piece_of_the_strip_lasts_until_the_next_begins(self):
        sections = (
            Section(0.0, 2.0, "jazz", 0.9),
            Section(1.0, 3.0, "rock", 0.6),
            Section(2.0, 4.5, UNKNOWN, None, "silence"),
        )
        html = render_result("song", self.SOUND, [result("a", "jazz", *sections)])
        piece = (
            r'<i class="(.*?)" style="left:([\d.]+)%;width:([\d.]+)%;opacity:([\d.]+)"'
            r' title="(.*?)"'
        )
        assert re.findall(piece, html) == [
            ("zoo-c2", "0.000", "25.000", f"{0.35 + 0.65 * 0.9:.2f}", "0:00 to 0:01: jazz 0.900"),
            ("zoo-c5", "25.000", "25.000", f"{0.35 + 0.65 * 0.6:.2f}", "0:01 to 0:02: rock 0.600"),
            ("", "50.000", "50.000", "0.35", "0:02 to 0:04: silence"),
        ]

    def test_what_was_not_heard_is_said(self):
        sections = [Section(n, n + 1.0, UNKNOWN, None, "silence: none") for n in range(3)]
        silent = result("a", "jazz", *sections, Section(3.0, 4.0, "jazz", 0.9))
        found = replace(
            silent.prediction,
            windows=1,
            silent=3,
            heard="it has 2 sound <tracks>",
            band="nothing <above>",
        )
        html = render_result("song", self.SOUND, [replace(silent, prediction=found)])
        assert "3 of 4 windows are silent and do not vote" in html
        assert "it has 2 sound &lt;tracks&gt;" in html
        assert "nothing &lt;above&gt;" in html
        assert re.findall('<li><i class=".*?"></i>(.*?)</li>', html) == ["silence", "jazz"]
        html = render_result("song", self.SOUND, [silent])
        assert "do not vote" not in html
        assert "sound" not in html

    def test_a_class_has_one_colour_and_the_most_frequent_is_named_first(self):
        rock = [Section(n, n + 1.0, "rock", 0.6) for n in range(3)]
        jazz = [Section(n, n + 1.0, "jazz", 0.6) for n in range(2)]
        results = [
            result("a", "jazz", *jazz, rock[2]),
            result("b", "rock", *rock, classes=("rock", "jazz")),
        ]
        html = render_result("song", self.SOUND, results)
        legend = html[html.index("zoo-legend") :]
        assert re.findall(r'<li><i class="(.*?)"></i>(.*?)</li>', legend) == [
            ("zoo-c5", "rock"), ("zoo-c2", "jazz"),
        ]  # fmt: skip
        for name, colour in (("rock", 5), ("jazz", 2)):
            found = set(re.findall(rf'"(zoo-c\d+)" style="left[^>]*title="[^"]*: {name} ', html))
            assert found == {f"zoo-c{colour}"}

    def test_the_waveform_is_as_high_as_the_sound_is_loud(self):
        html = render_result("song", self.SOUND, [])
        (outline,) = re.findall(r'<path d="M(.*?)Z"', html)
        points = [tuple(map(float, point.split())) for point in outline.split(" L")]
        upper, lower = points[: len(points) // 2], points[len(points) // 2 :]
        assert (min(x for x, _ in points), max(x for x, _ in points)) == (0.0, 1000.0)
        assert all(y == pytest.approx(-0.5 if x < 500 else -1.0) for x, y in upper if x != 500)
        assert [(x, -y) for x, y in reversed(lower)] == upper
        # Of more peaks than can be drawn the loudest of its neighbours stands for them.
        html = render_result("song", Loudness(80.0, [0.1, 0.4] * 200 + [0.4] * 400), [])
        assert set(re.findall(r" (-?[\d.]+)(?: L|Z)", html)) == {"-1.000", "1.000"}

    @pytest.mark.parametrize(
        ("seconds", "times"),
        [(4.0, ["0:00", "0:01", "0:02", "0:03", "0:04"]), (95.0, ["0:00", "0:30", "1:00", "1:30"])],
    )
    def test_the_axis_has_round_times(self, seconds, times):
        html = render_result("song", Loudness(seconds, [0.1]), [])
        ticks = re.findall(r'<span[^>]* style="left:([\d.]+)%">([\d:]+)</span>', html)
        assert [time_ for _, time_ in ticks] == times
        for left, time_ in ticks:
            minutes, rest = map(int, time_.split(":"))
            assert float(left) == pytest.approx(100 * (60 * minutes + rest) / seconds, abs=0.01)
