"""``zoo serve`` as programs, strangers and operators meet it: one process, real sockets."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.audio.kinds import SUFFIXES
from zoo.web.openapi import OPERATIONS
from zoo.web.recordings import plain_name
from zoo.web.served_models import ServedModels
from zoo_registry.errors import UsageError
from zoo_registry.published import published

MEGABYTES, MINUTES = 2, 0.5
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def models(trained, tmp_path_factory) -> Path:
    """Return a workspace with both small models."""
    folder = tmp_path_factory.mktemp("both")
    for name in ("frames", "seconds"):
        shutil.copytree(trained(name), folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def server(serve, models):
    return serve(models, "--max-megabytes", str(MEGABYTES), "--max-minutes", str(MINUTES))


@pytest.fixture
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=60) as found:
        yield found


@pytest.fixture
def song(workspace: Path) -> Path:
    """Return three seconds that are low, then high."""
    rate = 22_050
    time_ = np.arange(3 * rate) / rate
    pitch = np.where(time_ < 1.5, 150.0, 300.0)
    path = workspace / "song.flac"
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * pitch * time_), rate)
    return path


def eventually(fulfilled: Callable[[], object]) -> bool:
    """Wait for what another process does; twenty seconds mean never."""
    end = time.monotonic() + 20
    while not fulfilled():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def refusal(response: httpx.Response) -> str:
    assert list(response.json()) == ["error"], response.text
    return response.json()["error"]


@pytest.fixture
def unharmed(server, client, song) -> Iterator[None]:
    """Whatever a test does, afterwards the server answers, and has kept nothing."""
    yield
    assert client.post("/api/predict", content=song.read_bytes()).status_code == 200
    assert eventually(lambda: not server.left()), server.left()
    assert "Traceback" not in server.said()


class TestAnswers:
    @pytest.mark.parametrize("model", ["frames", "seconds"])
    @pytest.mark.parametrize("timeline", [False, True])
    def test_they_are_those_of_predict_bit_for_bit(
        self, model, timeline, models, song, client, monkeypatch
    ):
        monkeypatch.setenv("ZOO_MODELS", str(models / "models"))
        (expected,) = zoo.predict(model, [song.name], timeline=timeline)
        query = {"model": model, "timeline": timeline}
        form = {"file": (song.name, song.read_bytes(), "audio/flac")}
        assert client.post("/api/predict", params=query, files=form).json() == expected.to_json()
        raw = client.post("/api/predict", params=query, content=song.read_bytes())
        assert raw.json() == {**expected.to_json(), "path": "-"}

    def test_the_line_is_that_of_the_command(self, models, song, client, monkeypatch):
        monkeypatch.setenv("ZOO_MODELS", str(models / "models"))
        command = [
            str(Path(sys.executable).with_name("zoo")), "predict", "seconds", "song.flac",
            "--format", "json",
        ]  # fmt: skip
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        form = {"file": ("song.flac", song.read_bytes())}
        assert client.post("/api/predict?model=seconds", files=form).text == printed

    def test_models_are_listed_with_what_they_answer_to(self, client, song):
        everything = client.get("/api/models").json()
        listed = [item for item in everything if not item["published"]]
        assert everything[: len(listed)] == listed
        assert [item["run"] for item in everything[len(listed) :]] == [r.id for r in published()]
        assert {item["model"] for item in listed} == {"frames", "seconds"}
        assert all(item["newest"] and item["classes"] == ["high", "low"] for item in listed)
        for item in everything:
            for name in (item["model"], item["run"]):
                answer = client.post(f"/api/predict?model={name}", content=song.read_bytes())
                assert answer.json()["run"] == item["run"]
        default = client.post("/api/predict", content=song.read_bytes()).json()
        assert default["run"] == listed[0]["run"]

    def test_a_waveform_and_its_time_come_on_demand(self, client, song):
        asked = client.post("/api/predict?waveform=true", content=song.read_bytes()).json()
        plain = client.post("/api/predict?waveform=false", content=song.read_bytes()).json()
        assert 0 < asked.pop("seconds_taken") < 60
        peaks = asked.pop("waveform")
        assert asked == plain
        assert len(peaks) == 400
        assert all(0.3 < peak < 0.5 for peak in peaks)

    @pytest.mark.usefixtures("unharmed")
    def test_a_batch_answers_line_by_line_and_goes_on_after_a_broken_recording(self, client, song):
        runs = [item["run"] for item in client.get("/api/models").json() if not item["published"]]
        sent = [
            ("a/one.flac", song.read_bytes()),
            ("bad.wav", b"x" * 99),
            ("none.wav", b""),
            ("two", song.read_bytes()),
        ]
        files = [("file", each) for each in sent]
        query = {"model": runs, "timeline": True, "waveform": True}
        with client.stream("POST", "/api/batch", params=query, files=files) as answer:
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines = [json.loads(line) for line in answer.iter_lines()]
        assert [(line["file"], line["path"], line["run"]) for line in lines] == [
            (number, name.rpartition("/")[2], run)
            for number, (name, _) in enumerate(sent)
            for run in runs
        ]
        for line in lines:
            if line["file"] in (1, 2):
                assert list(line) == ["path", "run", "file", "error"]
                words = "bad.wav is not audio" if line["file"] == 1 else "none.wav is empty"
                assert words in line["error"]
                continue
            query = {"model": line["run"], "timeline": True, "waveform": True}
            single = client.post("/api/predict", params=query, content=song.read_bytes()).json()
            for changing in ("path", "seconds_taken"):
                del line[changing], single[changing]
            del line["file"]
            assert line == single

    @pytest.mark.usefixtures("unharmed")
    def test_lines_of_progress_come_between_the_answers_on_demand(self, client, song):
        files = [("file", (name, song.read_bytes())) for name in ("a.flac", "b.flac")]
        schema = client.get("/openapi.json").json()["components"]["schemas"]["Progress"]
        query = "model=seconds&model=frames"
        plain = client.post(f"/api/batch?{query}", files=files).text.splitlines()
        lines = client.post(f"/api/batch?{query}&progress=true", files=files).text.splitlines()
        steps: list[dict] = []
        for text in lines:
            line = json.loads(text)
            if "progress" in line:
                assert list(line) == list(schema["properties"])
                steps.append(line)
                continue
            # In order, to the end, and about the next answer.
            shares = [step["progress"] for step in steps]
            assert shares == sorted(shares)
            assert 0 < shares[0] <= shares[-1] == 1
            assert all(step[k] == line[k] for step in steps for k in ("path", "run", "file"))
            assert text == plain.pop(0)
            steps = []
        assert not plain
        assert not steps

    @pytest.mark.usefixtures("unharmed")
    def test_a_batch_that_cannot_begin_is_refused_as_a_whole(self, client, song):
        many = [("file", (f"{n}.flac", b"x")) for n in range(33)]
        for query, files, status, words in (
            ("model=nobody", many[:1], 404, "no model or run 'nobody'"),
            ("", many, 400, "it takes at most 32 files"),
            ("model=seconds&model=seconds", many[:1], 400, "more than once"),
            ("", [*many[:1], ("other", ("a", b"x"))], 400, "it has a field 'other'"),
            ("&".join(["model=seconds"] * 33), many[:1], 400, "32 is the most"),
            ("precision=1", many[:1], 400, "there is no parameter 'precision'"),
        ):
            answer = client.post(f"/api/batch?{query}", files=files)
            assert answer.status_code == status
            assert words in refusal(answer)

    @pytest.mark.usefixtures("unharmed")
    def test_a_client_that_hangs_up_on_a_batch_leaves_nothing(self, client, song, server):
        files = [("file", (f"{n}.flac", song.read_bytes())) for n in range(8)]
        with client.stream("POST", "/api/batch?model=seconds&model=frames", files=files) as answer:
            next(answer.iter_lines())
        assert eventually(lambda: not server.left())
        assert eventually(lambda: "zoo_uploads 0.0" in client.get("/metrics").text)

    def test_the_endpoint_describes_itself(self, client, song):
        described = client.get("/openapi.json").json()
        assert described["openapi"] == "3.1.0"
        assert set(described["paths"]) == {operation.path for operation in OPERATIONS}
        schemas = described["components"]["schemas"]
        found = {
            "Predicted": client.post(
                "/api/predict?timeline=true&waveform=true", content=song.read_bytes()
            ).json(),
            "ServedModel": client.get("/api/models").json()[0],
            "Limit": client.get("/api/limits").json(),
            "Health": client.get("/health").json(),
            "Error": client.get("/nothing").json(),
        }
        found["Section"] = found["Predicted"]["timeline"][0]
        for name, answer in found.items():
            known = schemas[name]["properties"]
            assert set(schemas[name]["required"]) <= set(answer) <= set(known), name
            sentences = [value["description"] for value in known.values()]
            assert len({*sentences}) == len(sentences), name  # each key has its own
            assert not re.search(r"\bNone\b", " ".join(sentences))
        for name in set(re.findall(r"schemas/(\w+)", json.dumps(described))):
            assert name in schemas

    def test_the_page_on_the_endpoint_needs_nothing_from_elsewhere(self, client):
        page = client.get("/docs").text
        assert not re.findall(r"<script|https?://|style=", page)
        for path in (operation.path for operation in OPERATIONS):
            assert f"</span> {path}</h2>" in page
        for reference in re.findall(r'(?:href|src)="([^"#]+)"', page):
            assert client.get(f"/{reference.removeprefix('./')}").status_code == 200

    def test_limits_and_health_are_those_of_the_command(self, client):
        limits = client.get("/api/limits").json()
        assert limits.pop("suffixes") == sorted(SUFFIXES)
        assert limits == {
            "megabytes": MEGABYTES,
            "minutes": MINUTES,
            "read_only": False,
            "version": zoo.__version__ if hasattr(zoo, "__version__") else limits["version"],
        }
        count = len(client.get("/api/models").json())
        assert client.get("/health").json() == {"status": "ok", "models": count}

    def test_figures_count_what_was_asked_and_name_no_song(self, client, song):
        def figure(name: str) -> float:
            text = client.get("/metrics").text
            return float(re.search(rf"^{re.escape(name)} (.+)$", text, re.MULTILINE)[1])

        form = {"file": ("secret.flac", song.read_bytes())}
        run = client.post("/api/predict", files=form).json()["run"]
        answered = 'zoo_requests_total{method="POST",path="/api/predict",status="200"}'
        before = figure(answered), figure(f'zoo_predictions_total{{run="{run}"}}')
        client.post("/api/predict", files=form)
        after = figure(answered), figure(f'zoo_predictions_total{{run="{run}"}}')
        assert after == (before[0] + 1, before[1] + 1)
        assert figure('zoo_recordings_total{outcome="answered"}') >= 2
        failed = figure('zoo_recordings_total{outcome="failed"}')
        broken = [("file", ("bad.wav", b"x"))] * 2
        client.post("/api/batch?model=seconds&model=frames", files=broken)
        client.post("/api/predict", content=b"x")
        assert figure('zoo_recordings_total{outcome="failed"}') == failed + 5
        client.get("/nothing/of/secret")
        assert figure('zoo_requests_total{method="GET",path="other",status="404"}') >= 1
        assert figure("process_resident_memory_bytes") > 10_000_000
        assert "secret" not in client.get("/metrics").text

    @pytest.mark.usefixtures("unharmed")
    def test_fifty_at_once_are_all_answered(self, server, song):
        def ask(number: int) -> dict:
            form = {"file": (f"{number}.flac", song.read_bytes())}
            return httpx.post(f"{server.address}/api/predict", files=form, timeout=60).json()

        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(ask, range(50)))
        assert [answer.pop("path") for answer in answers] == [f"{n}.flac" for n in range(50)]
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["label"] in ("high", "low")


def silence(path: Path, hours: float, promised: bool = True) -> bytes:
    """Return a small file of much silence, its length in the header or not."""
    with soundfile.SoundFile(path, "w", 1000, 1, format="FLAC") as file:
        for _ in range(round(36 * hours)):
            file.write(np.zeros(100_000, np.int16))
    content = bytearray(path.read_bytes())
    if not promised:  # the last 36 bits before the checksum of STREAMINFO (RFC 9639)
        content[21] &= 0xF0
        content[22:26] = bytes(4)
    return bytes(content)


@pytest.mark.usefixtures("unharmed")
class TestHostile:
    @pytest.mark.parametrize(
        ("content", "status", "words"),
        [
            (b"", 400, "empty (0 bytes)"),
            (b"Dear server,\n\nplease classify me.\n" * 100, 415, "not audio"),
            (b"fLaC" + bytes(1000), 415, "decoded"),
            (b"\0" * 100_000, 415, "decoded"),
            (b"RIFF\xff\xff\xff\xffWAVE", 415, "decoded"),
        ],
    )
    @pytest.mark.parametrize("as_form", [False, True])
    def test_what_is_no_sound_is_refused_in_a_sentence(
        self, content, status, words, as_form, client, server
    ):
        carried = {"files": {"file": ("a.wav", content)}} if as_form else {"content": content}
        answer = client.post("/api/predict", **carried)
        assert answer.status_code == status
        assert words in refusal(answer)
        assert ("a.wav" in refusal(answer)) is as_form
        assert str(server.temporary) not in answer.text

    @pytest.mark.parametrize("path", ["/api/predict", "/api/batch"])
    def test_a_body_that_is_empty_or_compressed_is_refused(self, path, client, song):
        assert "empty (0 bytes)" in refusal(client.post(path))
        assert client.post(path).status_code == 400
        for encoding, status in (("gzip", 415), ("br, gzip", 415), ("identity", 200)):
            headers = {"Content-Encoding": encoding}
            answer = client.post(path, content=song.read_bytes(), headers=headers)
            assert answer.status_code == status
            assert status == 200 or f"Content-Encoding '{encoding}'" in refusal(answer)

    def test_a_recording_that_is_cut_off_is_refused(self, client, song):
        answer = client.post("/api/predict", content=song.read_bytes()[:-8000])
        assert answer.status_code == 415
        assert "cut off" in refusal(answer)

    @pytest.mark.parametrize(
        ("given_name", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd.flac", "passwd.flac"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", ".."),
            ("a\0b\nc\x1b[2J.flac", "abc[2J.flac"),
            ("x" * 3000 + ".flac", "x" * 94 + "….flac"),
            ("\u202egnp.flac", "gnp.flac"),
            ("<b>ä&%22'.mp3", "<b>ä&\"'.mp3"),
            ("<script>alert(1)</script>.flac", "script>.flac"),
        ],
    )
    def test_a_name_is_only_a_name(self, given_name, shown, client, song):
        # Written by hand: httpx escapes what a stranger would not.
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="'
            + given_name.replace("\\", "\\\\").replace("\n", "\\n").encode()
            + b'"\r\n\r\n' + song.read_bytes() + b"\r\n--x--\r\n"
        )  # fmt: skip
        body = body.replace(b"\\n", b"%0A")  # as browsers do
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = client.post("/api/predict", content=body, headers=kind)
        assert answer.status_code == 200, answer.text
        assert answer.json()["path"] == shown

    def test_a_name_of_5000_characters_is_refused(self, client, song):
        answer = client.post("/api/predict", files={"file": ("x" * 5000, song.read_bytes())})
        assert answer.status_code == 400
        assert "4,000 characters at most" in refusal(answer)

    def test_the_type_of_a_form_in_any_case(self, client, song):
        body = (
            b'--BB\r\nContent-Disposition: form-data; name="file"; filename="a.flac"\r\n\r\n'
            + song.read_bytes() + b"\r\n--BB--\r\n"
        )  # fmt: skip
        for kind in ("MULTIPART/FORM-DATA; BOUNDARY=BB", "Multipart/Form-Data ;boundary=BB"):
            answer = client.post("/api/predict", content=body, headers={"Content-Type": kind})
            assert answer.json()["path"] == "a.flac"

    @pytest.mark.parametrize(
        "form",
        [
            {"data": {"file": "a text"}},
            {"files": [("other", ("1.flac", b"x"))]},
            {"files": [("a", ("1.flac", b"x")), ("b", ("2.flac", b"x"))]},
            {"content": b"no form", "headers": {"Content-Type": "multipart/form-data"}},
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}},
        ],
    )
    def test_a_form_without_one_file_is_refused(self, form, client):
        if "data" in form:
            form = {"files": {"file": (None, "a text")}}
        answer = client.post("/api/predict", **form)
        assert answer.status_code == 400
        assert refusal(answer)

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ("model=nobody", 404),
            ("model=../../../etc/passwd", 404),
            ("model=", 404),
            ("timeline=perhaps", 400),
            ("timline=true", 400),
            ("waveform=", 400),
            ("model=seconds&model=frames", 400),
            ("timeline=true&timeline=true", 400),
            ("timeline=1", 400),
            ("timeline=True", 400),
        ],
    )
    def test_a_wrong_query_is_refused(self, query, status, client, song):
        answer = client.post(f"/api/predict?{query}", content=song.read_bytes())
        assert answer.status_code == status
        assert refusal(answer)

    def test_an_unknown_parameter_is_named(self, client):
        assert refusal(client.post("/api/predict?model=seconds&timline=true", content=b"x")) == (
            "there is no parameter 'timline'; there are model, timeline, waveform"
        )
        assert refusal(client.get("/api/models?x=1")) == "there is no parameter 'x'"

    @pytest.mark.parametrize("promised", [True, False])
    def test_hours_in_a_small_file_are_refused(self, promised, client, workspace):
        content = silence(workspace / "bomb.flac", 10, promised)
        assert len(content) < 300_000
        answer = client.post("/api/predict", content=content)
        assert answer.status_code == 413
        assert f"longer than the {MINUTES:g} minutes" in refusal(answer)

    @pytest.mark.parametrize("announced", [True, False])
    @pytest.mark.parametrize(
        ("path", "limit", "fits"),
        [("/api/predict", 2_000_000, 415), ("/api/batch", 2_000_000, 200)],
    )
    def test_a_body_may_be_as_large_as_the_limit(self, path, limit, fits, announced, client):
        def zeros(size: int) -> Iterator[bytes]:
            yield from (bytes(1000) for _ in range(size // 1000))
            yield bytes(size % 1000)

        for size, status in ((limit, fits), (limit + 1, 413)):
            content = bytes(size) if announced else zeros(size)
            answer = client.post(path, content=content)
            assert answer.status_code == status, answer.text
        assert f"larger than the {limit / 1e6:g} MB" in answer.text

    @pytest.mark.parametrize("path", ["/api/predict", "/api/batch"])
    @pytest.mark.parametrize("announced", [True, False])
    def test_two_gigabytes_are_refused_before_they_are_sent(self, path, announced, client):
        total, sent = 30_518 << 16, 0

        def zeros() -> Iterator[bytes]:
            nonlocal sent
            while sent < total:
                sent += 1 << 16
                yield bytes(1 << 16)

        headers = {"Content-Length": str(total)} if announced else {}
        try:
            answer = client.post(path, content=zeros(), headers=headers)
        except httpx.TransportError:  # a client that insists on sending is hung up on
            assert 0 < sent < total
            return
        assert answer.status_code == 413
        assert "MB that are taken here" in answer.text
        assert sent < total

    def test_who_waits_for_the_answer_before_sending_gets_it(self, server):
        host, port = server.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as wire:
            wire.sendall(
                b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                b"Content-Length: 2000000000\r\n\r\n"
            )
            answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")

    @pytest.mark.parametrize("path", ["/api/predict", "/api/batch"])
    @pytest.mark.parametrize("as_form", [False, True])
    def test_a_client_that_hangs_up_half_way_leaves_nothing(self, path, as_form, server):
        host, port = server.address.removeprefix("http://").split(":")
        kind = b"Content-Type: multipart/form-data; boundary=x\r\n" if as_form else b""
        begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        with socket.create_connection((host, int(port)), timeout=60) as wire:
            wire.sendall(
                b"POST " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n" + kind
                + b"Content-Length: 1900000\r\n\r\n" + (begin if as_form else b"") + bytes(900_000)
            )  # fmt: skip
            if not as_form:
                assert eventually(server.left)


@given(st.text(max_size=300))
def test_a_shown_name_is_short_printable_and_no_path(text):
    name = plain_name(text)
    assert 0 < len(name) <= 100
    assert name.isprintable()
    assert not set(name) & {"/", "\\"}


class TestWorkspace:
    def test_published_runs_answer_until_a_model_is_trained_which_is_then_served(
        self, serve, trained, workspace, song
    ):
        empty = serve(workspace / "empty")
        with httpx.Client(base_url=empty.address, timeout=60) as client:
            names = [run.id for run in published()]
            assert [item["model"] for item in client.get("/api/models").json()] == names
            answer = client.post("/api/predict", content=song.read_bytes()).json()
            assert (answer["run"], answer["dataset"]) == ("gtzan", "gtzan")
            shutil.copytree(trained("seconds"), workspace / "empty")
            listed = [item["model"] for item in client.get("/api/models").json()]
            assert listed == ["seconds", *names]
            for query, run in {
                "": "seconds-",
                "?model=seconds@TONES": "seconds-",
                "?model=gtzan": "gtzan",
                "?model=gtzan@gtzan": "gtzan",
            }.items():
                answer = client.post(f"/api/predict{query}", content=song.read_bytes()).json()
                assert answer["run"].startswith(run)
            answer = client.post("/api/predict?model=seconds@x", content=song.read_bytes())
            assert answer.status_code == 404
            assert "no run of seconds on that dataset is served; there are: tones" in refusal(
                answer
            )
            (artefact,) = (workspace / "empty/models").rglob("model.onnx")
            artefact.write_bytes(artefact.read_bytes()[:-1])
            # What is open stays open; who starts again is told.
            assert client.post("/api/predict", content=song.read_bytes()).status_code == 200
        damaged = serve(workspace / "empty")
        answer = httpx.post(f"{damaged.address}/api/predict", content=song.read_bytes())
        assert answer.status_code == 503
        assert "hash differs" in refusal(answer)
        assert [damaged.stop(), empty.stop()] == [0, 0]

    def test_named_models_only(self, serve, models, workspace, song):
        from zoo.workspace import find_run

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZOO_MODELS", str(models / "models"))
            shutil.copy(find_run("frames").artefact_path, workspace / "foreign.onnx")
            with pytest.raises(UsageError, match=r"^frames and .*foreign\.onnx both have the run"):
                ServedModels(["frames", str(workspace / "foreign.onnx")])
        served = serve(models, "seconds", str(workspace / "foreign.onnx"))
        listed = httpx.get(f"{served.address}/api/models").json()
        assert {item["model"] for item in listed} == {"seconds", "frames"}
        said = re.findall(r"Serving (\S+), .+, trained on \S+\.\n", served.said())
        assert said == [item["run"] for item in listed]
        for item in listed:
            query = {"model": item["run"]}
            answer = httpx.post(
                f"{served.address}/api/predict", params=query, content=song.read_bytes(), timeout=60
            )
            assert answer.json()["run"] == item["run"]
        assert served.stop() == 0


class TestProcess:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_it_ends_cleanly_whatever_is_going_on(self, number, serve, models, song):
        served = serve(models)
        host, port = served.address.removeprefix("http://").split(":")
        with (
            socket.create_connection((host, int(port)), timeout=60) as sending,
            socket.create_connection((host, int(port)), timeout=60) as looking,
        ):
            looking.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert looking.recv(100)
            sending.sendall(
                b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n"
                + bytes(5000)
            )
            assert eventually(served.left)
            assert served.stop(number) == 0
        assert list(served.temporary.iterdir()) == []
        assert "Traceback" not in served.said()

    def test_what_is_being_answered_is_answered_and_what_comes_later_refused(
        self, serve, models, song
    ):
        served = serve(models)
        files = [("file", (f"{n}.flac", song.read_bytes())) for n in range(32)]

        def batch() -> list[dict]:
            address = f"{served.address}/api/batch?model=seconds&model=frames&model=gtzan"
            with httpx.stream("POST", address, files=files, timeout=60) as answer:
                assert answer.status_code == 200
                found = []
                for line in answer.iter_lines():
                    found.append(json.loads(line))
                    if len(found) == 1:
                        served.process.send_signal(signal.SIGTERM)
                return found

        with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=served.address) as client:
            lines = pool.submit(batch)
            assert eventually(lambda: client.get("/health").status_code == 503)
            assert client.get("/health").json()["status"] == "stopping"
            for path in ("/api/predict", "/api/batch"):
                answer = client.post(path, content=song.read_bytes())
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
                assert "the server is stopping" in refusal(answer)
            for line in lines.result():
                assert "label" in line or "the server is stopping" in line["error"], line
        assert len(lines.result()) == 32 * 3
        assert served.stop(0) == 0  # no signal

    def test_an_upload_is_refused_when_the_server_stops(self, serve, models):
        served = serve(models)
        host, port = served.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as wire:
            wire.sendall(
                b"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx"
            )
            assert eventually(served.left)
            served.process.send_signal(signal.SIGTERM)
            with wire.makefile("rb") as reader:
                answer = reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'{"error":"the server is stopping' in answer
        assert served.stop(0) == 0  # no signal

    @pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--allow-host", "zoo.example"]])
    def test_it_warns_where_others_can_reach_it(self, arguments, serve, models):
        served = serve(models, *arguments)
        assert f"no token: whoever reaches {arguments[1]} can use" in served.said()
        assert served.stop() == 0

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["nobody"], "there is no run or trained model 'nobody'"),
            (["--host", "256.0.0.1"], "cannot be listened on"),
            (["--port", "{taken}"], "port {taken} cannot be listened on"),
        ],
    )
    def test_what_cannot_be_served_is_one_sentence(self, arguments, words, server):
        taken = server.address.rpartition(":")[2]
        arguments = [argument.replace("{taken}", taken) for argument in arguments]
        zoo_ = str(Path(sys.executable).with_name("zoo"))
        done = subprocess.run(
            [zoo_, "-q", "serve", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert words.replace("{taken}", taken) in done.stderr
        assert done.stderr.count("\n") == 1

    def test_each_request_is_a_line_without_queries_and_names(self, serve, models, song, tmp_path):
        log = tmp_path / "log"
        served = serve(models, "--log", str(log))
        with httpx.Client(base_url=served.address, timeout=60) as client:
            form = {"file": ("secret.flac", song.read_bytes())}
            client.post("/api/predict?model=seconds", files=form)
            client.get("/health?key=secret")
            client.get("/%0A%1B[2Jforged")
            client.get("/" + "x" * 500)
        assert served.stop() == 0
        when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 127\.0\.0\.1"
        figures = r"\d+ ms, \d+ bytes in, \d+ out"
        lines = [line for line in served.said().splitlines() if re.match(when, line)]
        for line, request in zip(
            lines,
            (
                "POST /api/predict 200",
                "GET /health 400",
                r"GET /\\n\\x1b\[2Jforged 404",
                f"GET /{'x' * 79} 404",
            ),
            strict=True,
        ):
            assert re.fullmatch(f"{when} {request} {figures}", line), line
            assert f" zoo.web.metrics: {line.partition(' ')[2]}\n" in log.read_text()
        begin, *_, stopping, end = (
            line for line in log.read_text().splitlines() if " zoo.web." in line
        )
        assert f"the server starts at {served.address}" in begin
        assert "the server is stopping; 0 requests" in stopping
        assert "the server has ended" in end
        quiet = serve(models, "--no-log-requests")
        httpx.get(f"{quiet.address}/health")
        assert quiet.stop() == 0
        assert not re.search(when, quiet.said())

    def test_the_work_for_a_client_that_hangs_up_ends(self, serve, models, workspace):
        served = serve(models)
        rng = np.random.default_rng(0)
        long = workspace / "long.flac"  # it takes minutes
        soundfile.write(long, 0.1 * rng.standard_normal(28 * 60 * 8000), 8000)
        for path in ("predict", "batch"):
            url = f"{served.address}/api/{path}?model=gtzan"
            form = {"file": long.read_bytes()}
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(url, files=form, timeout=httpx.Timeout(60, read=1))
            ended = f"POST /api/{path} 499 "
            assert eventually(lambda ended=ended: ended in served.said()), served.said()
            assert not served.left()
        figures = httpx.get(f"{served.address}/metrics").text
        assert 'path="/api/batch",status="499"' in figures
        assert "zoo_predictions_total{" not in figures
        assert served.stop() == 0
        assert "Traceback" not in served.said()
        assert "leaked" not in served.said()  # by the resamplers of what was cancelled

    def test_read_only_writes_nothing_and_works_where_nothing_can_be_written(
        self, serve, models, song, tmp_path
    ):
        shutil.copytree(models, tmp_path / "kept")
        for path in [*(tmp_path / "kept").rglob("*"), tmp_path / "kept"]:
            path.chmod(0o555 if path.is_dir() else 0o444)

        def state() -> dict[Path, tuple[int, ...]]:
            found = {path: path.lstat() for path in (tmp_path / "kept").rglob("*")}
            return {path: (s.st_ino, s.st_mtime_ns, s.st_ctime_ns) for path, s in found.items()}

        before = state()
        served = serve(tmp_path / "kept", "--read-only")
        with httpx.Client(base_url=served.address, timeout=60) as client:
            assert client.get("/api/limits").json()["read_only"] is True
            for model in ("seconds", "frames", "gtzan"):
                query = {"model": model, "timeline": True}
                answer = client.post("/api/predict", params=query, content=song.read_bytes())
                assert answer.status_code == 200, answer.text
            form = [("file", ("a.flac", song.read_bytes()))]
            assert client.post("/api/predict", files=form).status_code == 200
            assert client.post("/api/batch", files=form * 2).status_code == 200
            assert client.post("/api/predict", content=b"no sound").status_code == 415
            assert eventually(lambda: not [*served.temporary.rglob("song-*")])
            assert client.get("/docs").status_code == client.get("/").status_code == 200
        assert state() == before
        assert not served.cache.exists()
        assert served.stop() == 0
        assert list(served.temporary.iterdir()) == []
        for path in [tmp_path / "kept", *(tmp_path / "kept").rglob("*")]:
            path.chmod(0o755)

    def test_read_only_is_a_rule_of_the_process(self, run_python, workspace):
        done = run_python(
            "import os, pathlib, shutil, subprocess, tempfile\n"
            "from zoo.web.read_only import write_only_below\n"
            "own = pathlib.Path('own').resolve(); own.mkdir(); pathlib.Path('kept').touch()\n"
            "write_only_below(own)\n"
            "(own / 'a').write_text('x'); (own / 'a').rename(own / 'b'); (own / 'c').mkdir()\n"
            "(own / 'c' / 'd').mkdir(); (own / 'c' / 'e').touch()\n"
            "shutil.rmtree(own / 'c'); assert not (own / 'c').exists(); open('kept').close()\n"
            "subprocess.run(['true'])\n"
            "open(os.devnull, 'w').close(); tempfile.TemporaryFile(dir=own).close()\n"
            "tries = [lambda: open('new', 'w'), lambda: open('kept', 'a'), lambda: os.mkdir('d'),\n"
            "         lambda: os.remove('kept'), lambda: (own / 'b').rename('out'),\n"
            "         lambda: (own / '..' / 'x').write_text(''), lambda: os.utime('kept'),\n"
            "         lambda: os.open('kept', os.O_RDWR), lambda: os.symlink('a', 'link'),\n"
            "         lambda: os.remove('kept', dir_fd=os.open('.', os.O_RDONLY)),\n"
            "         lambda: os.rename('b', '../out', src_dir_fd=os.open(own, os.O_RDONLY),\n"
            "                           dst_dir_fd=os.open(own, os.O_RDONLY))]\n"
            "for attempt in tries:\n"
            "    try: attempt()\n"
            "    except PermissionError as error: print(error)\n"
        )
        assert done.stdout.count("this is `zoo serve --read-only`") == 11, done.stderr
        assert sorted(path.name for path in workspace.iterdir()) == ["kept", "own"]

    def test_no_framework_is_loaded_to_serve(self, models, song, run_python):
        done = run_python(
            "import asyncio, shutil, sys, warnings; from pathlib import Path\n"
            "warnings.simplefilter('ignore')\n"
            "from zoo.web.app import ServedModels, Service, Settings, Uploads, build\n"
            "from zoo.web.recordings import Song\n"
            "async def main():\n"
            "    service = Service(ServedModels(), Uploads(Path('up')), Settings())\n"
            "    build(service)\n"
            "    song = Song(Path(sys.argv[1]), 'song')\n"
            "    await service.measure(song)\n"
            "    for model in service.models.all(): await service.predict(model, song, None)\n"
            "asyncio.run(main())\n"
            "heavy = {'tensorflow', 'keras', 'sklearn', 'librosa', 'torch', 'skl2onnx'}\n"
            "print(sorted(heavy & set(sys.modules)))",
            str(song),
        )
        assert done.stdout == "[]\n", done.stderr


PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "code"), re.findall(r"```(python|sh)\n(.*?)```", PAGE, re.DOTALL)
)
@pytest.mark.usefixtures("song")
def test_the_examples_of_the_page_work_as_they_stand(language, code, server):
    if language == "sh" and shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    runner = [sys.executable, "-c"] if language == "python" else ["sh", "-ec"]
    code = code.replace("http://127.0.0.1:7860", server.address)
    done = subprocess.run([*runner, code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    answers = code.count("/api/predict")
    assert len(re.findall(r"\b(?:seconds|frames)-[0-9a-f]{10}\b", done.stdout)) >= answers > 0
    assert '"error": "' not in done.stdout


def test_every_status_and_option_stands_on_the_page():
    import typer.main

    from zoo.cli.app import app
    from zoo.web.openapi import document

    named = {
        int(status)
        for methods in document()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }
    on_page = [int(status) for status in re.findall(r"^\| (\d{3}) ", PAGE, re.MULTILINE)]
    assert on_page == sorted({*named, 405} - {200})
    for operation in OPERATIONS:
        assert operation.path in PAGE
        for parameter in operation.parameters:
            assert f"| `{parameter.name}` |" in PAGE
    options = typer.main.get_command(app).commands["serve"].params
    for option in options[1:]:
        row = rf"^\|[^|]*`{option.opts[0]}`[^|]*\|"  # which may be about several options
        assert re.search(row, PAGE, re.MULTILINE), option.opts[0]
