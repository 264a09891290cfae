"""What ``zoo serve`` is made of, without a socket: queue, uploads and limits."""

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PosixPath

import anyio
import numpy as np
import pytest
import soundfile
from starlette.requests import Request

import zoo
from zoo.inference.prediction import UNKNOWN
from zoo.web import recordings
from zoo.web import service as service_module
from zoo.web import uploads as uploads_module
from zoo.web.recordings import Song
from zoo.web.refusals import Refused
from zoo.web.served_models import ServedModels
from zoo.web.service import Loudness, Service
from zoo.web.settings import Settings
from zoo.web.uploads import Upload, Uploads
from zoo.workspace import find_run, recency


def request(*pieces: bytes, kind: str = "audio/flac") -> Request:
    left = list(pieces)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/predict", "headers": headers}
    return Request(scope, receive)


@pytest.fixture
def uploads(workspace: Path) -> Uploads:
    return Uploads(workspace / "songs")


@pytest.fixture
def service(uploads: Uploads) -> Service:
    return Service(ServedModels(), uploads, Settings())


class TestQueue:
    def test_two_are_computed_and_the_others_wait_for_their_turn(self, service, in_seconds):
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

        async def crowd() -> list[Loudness]:
            held = [service.measure(Song(Stuck(path), "-")) for _ in range(34)]
            tasks = [asyncio.create_task(item) for item in held]
            while at_once[0] < 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            gate.set()
            return await asyncio.gather(*tasks)

        assert [sound.seconds for sound in asyncio.run(crowd())] == [1.0] * 34
        assert at_once[1] == 2


class TestUploads:
    def test_an_upload_is_there_until_it_is_closed(self, uploads):
        upload = asyncio.run(uploads.receive(request(b"la la")))
        (song,) = upload.songs
        assert song.path.read_bytes() == b"la la"
        assert uploads.taken == 1
        upload.close()
        assert not song.path.parent.exists()
        assert uploads.taken == 0

    def test_who_finds_no_place_waits_and_nothing_of_its_body_is_read(self, uploads, monkeypatch):
        monkeypatch.setattr(uploads_module, "_WAITING", 3)
        read: list[int] = []

        def numbered(number: int) -> Request:
            async def receive() -> dict[str, object]:
                read.append(number)
                return {"type": "http.request", "body": b"la", "more_body": False}

            scope = {"type": "http", "method": "POST", "path": "/api/predict", "headers": []}
            return Request(scope, receive)

        async def crowd() -> None:
            there = [await uploads.receive(numbered(n)) for n in range(32)]
            later = [asyncio.create_task(uploads.receive(numbered(32 + n))) for n in range(3)]
            await asyncio.sleep(0.05)
            assert (uploads.taken, uploads.waiting) == (32, 3)
            assert read == list(range(32))
            with pytest.raises(Refused, match="3 requests are waiting") as caught:
                await uploads.receive(numbered(99))
            assert caught.value.status == 503
            assert caught.value.headers == {"Retry-After": "60"}
            for upload in there[:2]:
                upload.close()
            first: list[Upload] = await asyncio.gather(*later[:2])  # in the order of arrival
            assert read == list(range(34))
            later[2].cancel()  # it hangs up
            await asyncio.wait(later)
            for upload in (*there[2:], *first):
                upload.close()
            assert (uploads.taken, uploads.waiting) == (0, 0)

        asyncio.run(crowd())

    def test_a_refused_upload_gives_its_place_back(self, uploads, monkeypatch):
        async def store(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(uploads_module, "store", store)
        with pytest.raises(Refused, match="cannot be stored: No space left"):
            asyncio.run(uploads.receive(request(b"la")))
        assert uploads.taken == 0

    def test_an_upload_that_cannot_be_deleted_is_a_warning(self, uploads, monkeypatch, caplog):
        def fail(folder: Path) -> None:
            raise PermissionError(13, "Permission denied", str(folder))

        monkeypatch.setattr(shutil, "rmtree", fail)
        asyncio.run(uploads.receive(request(b"la"))).close()
        assert uploads.taken == 0
        assert "an upload cannot be deleted: [Errno 13] Permission denied" in caplog.text

    def test_whatever_is_not_there_yet_is_refused_when_the_server_stops(self, uploads):
        async def silent() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        async def ask() -> Refused:
            scope = {"type": "http", "method": "POST", "path": "/api/predict", "headers": []}
            with pytest.raises(Refused) as caught:
                await uploads.receive(Request(scope, silent))
            return caught.value

        async def crowd() -> list[Refused]:
            tasks = [asyncio.create_task(ask()) for _ in range(34)]  # two wait for a place
            await asyncio.sleep(0.05)
            assert (uploads.taken, uploads.waiting) == (32, 2)
            uploads.ending.come()
            return [*await asyncio.gather(*tasks), await ask()]

        for refused in asyncio.run(crowd()):
            assert (refused.status, list(refused.headers)) == (503, ["Retry-After"])
            assert "the server is stopping" in str(refused)
        assert (uploads.taken, uploads.waiting) == (0, 0)


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    """Return the body of a form with the boundary x, of headers and contents."""
    pieces = (
        f"--x\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
        for head, content in parts
    )
    return b"".join(pieces) + end


class TestForms:
    KIND = "multipart/form-data; boundary=x"

    @pytest.mark.parametrize("size", [1, 7, 100_000])
    @pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=punycode"])
    def test_files_arrive_in_any_pieces_and_names_are_in_utf_8(self, uploads, size, charset):
        contents = [b"la\r\n--xla" * 9, b"\0" * 999]
        body = form(
            ('name="file"; filename="Sålsa.wav"', contents[0]),
            ('name="file"; filename="b"', contents[1]),
        )
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        upload = asyncio.run(uploads.receive(request(*pieces, kind=self.KIND + charset), 2))
        assert [song.name for song in upload.songs] == ["Sålsa.wav", "b"]
        assert [song.path.name for song in upload.songs] == ["0.wav", "1"]
        assert [song.path.read_bytes() for song in upload.songs] == contents
        upload.close()

    def test_no_codec_is_looked_up_for_a_client(self, uploads, monkeypatch):
        asked = set()
        monkeypatch.setattr("codecs.lookup", asked.add)
        body = form(('name="file"; filename="a"', b"la"))
        kind = f"{self.KIND}; charset=punycode"
        asyncio.run(uploads.receive(request(body, kind=kind))).close()
        assert not asked

    def test_one_file_is_open_at_a_time(self, uploads, monkeypatch):
        opened: list[int] = []

        def name(given: str) -> str:
            opened.append(len([*Path("/dev/fd").iterdir()]))
            return given

        monkeypatch.setattr(recordings, "plain_name", name)
        for count in (1, 8):
            body = form(*[('name="file"; filename="a"', bytes(2_000_000))] * count)
            pieces = [body[at : at + 1_000_000] for at in range(0, len(body), 1_000_000)]
            asyncio.run(uploads.receive(request(*pieces, kind=self.KIND), 8)).close()
        assert len(opened) == 9
        assert len(set(opened)) == 1

    @pytest.mark.parametrize(
        ("body", "kind", "reason"),
        [
            (form(('name="file"; filename="a"', b"la"), end=b""), KIND, "its end is missing"),
            (form(('name="file"; filename="a"', b"la")), "multipart/form-data", "no boundary"),
            (form(*[('name="file"; filename="a"', b"la")] * 2), KIND, "too many files"),
            (form(('name="a"; filename="a"', b"la")), KIND, "it has a field 'a'"),
            (form(('name="file"', b"la")), KIND, "`file` is a text"),
            (form(), KIND, "the form holds no file"),
            (form(('name="file"; filename="' + "a" * 5000 + '"', b"la")), KIND, "header"),
            (b"no form", KIND, "boundary"),
        ],
    )
    def test_what_is_no_form_is_refused(self, uploads, body, kind, reason):
        with pytest.raises(Refused, match=reason) as caught:
            asyncio.run(uploads.receive(request(body, kind=kind)))
        assert caught.value.status == 400
        assert (uploads.taken, [*uploads._folder.iterdir()]) == (0, [])


class TestService:
    def test_a_song_is_measured(self, service, in_seconds):
        found = asyncio.run(service.measure(Song(in_seconds(0.1, 0.4, 0.0), "a")))
        assert found.seconds == 3.0
        # A cell is 220 samples, so that two of them lie across the ends of seconds.
        levels = [round(found.peaks[n], 2) for n in (0, 99, 101, 199, 201, 300)]
        assert levels == [0.1, 0.1, 0.4, 0.4, 0.0, 0.0]

    def test_the_work_of_a_cancelled_request_ends(self, service, in_seconds, monkeypatch):
        begun = threading.Event()

        def endless(*_: object) -> Iterator[np.ndarray]:
            begun.set()
            while True:
                yield np.zeros(1)

        monkeypatch.setattr(service_module, "waveform", endless)

        async def hang_up() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(service.measure, Song(in_seconds(0.1), "a"))
                await anyio.to_thread.run_sync(begun.wait)
                group.cancel_scope.cancel()

        asyncio.run(hang_up())

    def test_what_does_not_notice_the_end_is_refused_all_the_same(
        self, service, in_seconds, monkeypatch
    ):
        begun, gate = threading.Event(), threading.Event()

        def stuck(*_: object) -> Iterator[np.ndarray]:
            begun.set()
            assert gate.wait(60)
            yield np.zeros(1)

        monkeypatch.setattr(service_module, "waveform", stuck)

        async def end() -> list[object]:
            songs = [Song(in_seconds(0.1), "a")] * 3  # the last waits for its turn
            tasks = [asyncio.create_task(service.measure(song)) for song in songs]
            await anyio.to_thread.run_sync(begun.wait)
            await service.stop()
            found = await asyncio.gather(*tasks, service.measure(songs[0]), return_exceptions=True)
            gate.set()
            return found

        for refused in asyncio.run(end()):
            assert isinstance(refused, Refused)
            assert (refused.status, list(refused.headers)) == (503, ["Retry-After"])

    def test_as_long_as_is_taken_is_not_too_long(self, uploads, in_seconds):
        service = Service(ServedModels(), uploads, Settings(minutes=0.05))
        assert asyncio.run(service.measure(Song(in_seconds(0.1, 0.1, 0.1), "a"))).seconds == 3.0
        with pytest.raises(Refused, match=r"^a is longer than the 0\.05 minutes") as caught:
            asyncio.run(service.measure(Song(in_seconds(0.1, 0.1, 0.1, 0.1), "a")))
        assert caught.value.status == 413

    def test_of_many_channels_fewer_minutes_are_taken(self, uploads, tmp_path):
        service = Service(ServedModels(), uploads, Settings(minutes=0.1))  # 6 s
        for seconds, fits in ((2, True), (4, False)):
            path = tmp_path / "a.flac"
            soundfile.write(path, np.full((96_000 * seconds, 4), 0.1), 96_000)
            if fits:
                assert asyncio.run(service.measure(Song(path, "a"))).seconds == seconds
            else:
                words = "longer than the 0.05 minutes of 4 channels at 96000 Hz that are taken here"
                with pytest.raises(Refused, match=words):
                    asyncio.run(service.measure(Song(path, "a")))

    def test_it_is_measured_how_long_a_song_is_whatever_it_promises(self, uploads, in_seconds):
        service = Service(ServedModels(), uploads, Settings(minutes=0.05))
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
            (expected,) = zoo.predict("torn", [path], timeline=True)
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
            service = Service(ServedModels(), uploads, Settings(min_confidence=wanted))
            song = Song(torn_song, "torn.wav")
            found, _ = asyncio.run(service.predict(service.models.find("torn"), song, None))
            assert (found.label, found.guess) == (label, None if label == "high" else "high")
        assert found.reason == "unsure: 0.340 is below 0.9"
        service = Service(ServedModels(), uploads, Settings(precision=0.9))
        with pytest.raises(Refused, match="was tested on 8 tracks, too few") as refused:
            asyncio.run(service.predict(service.models.find("torn"), song, None))
        assert refused.value.status == 503

    @pytest.mark.parametrize("is_link", [True, False])
    def test_a_run_that_cannot_be_described_is_reported_and_the_others_are_served(
        self, hearing, caplog, is_link
    ):
        odd, _ = hearing("torn"), hearing("seconds")
        if is_link:
            (odd.folder / "about.json").symlink_to("about.json")
        else:
            record = json.loads((odd.folder / "run.json").read_text())
            record["dataset"]["name"] = "a\udcffb"
            (odd.folder / "run.json").write_text(json.dumps(record))
        for _ in range(2):
            served = [model.model for model in ServedModels().all() if not model.published]
            assert sorted(served) == (["seconds", "torn"] if is_link else ["seconds"])
        assert caplog.text.count("is not served") == (0 if is_link else 1)

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


@pytest.mark.parametrize("count", [0, 1, 100, 400, 401, 12_345])
def test_an_outline_has_the_loudest_sample_of_each_part(count):
    peaks = [0.1] * count
    peaks[count // 2 : count // 2 + 1] = [1.5] if count else []
    outline = Loudness(count / 100, peaks).outline()
    assert len(outline) == 400
    assert (max(outline), min(outline)) == ((1.0, 0.1 if count > 1 else 1.0) if count else (0, 0))
    if count:
        assert outline[min(399, 400 * (count // 2) // count)] == 1.0
