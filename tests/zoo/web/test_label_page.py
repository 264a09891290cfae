"""The page of ``zoo label``: what it sends, what it writes, and whom it answers."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from zoo.inference.label_sheet import COLUMNS, LabelSheet
from zoo.web import label_page
from zoo.web.label_page import LabelPage, build

RATE = 16_000
NASTY = '"><img src=x onerror=alert(1)>.aiff'


@pytest.fixture
def page(workspace) -> LabelPage:
    """Return a page of three recordings, one of them with a nasty name."""
    rng = np.random.default_rng(0)
    for name in ("a.wav", "b.flac", NASTY):
        soundfile.write(name, 0.1 * rng.standard_normal(RATE), RATE)
    sheet = LabelSheet(Path("labels.csv"))
    files = [str(workspace / name) for name in ("a.wav", "b.flac", NASTY)]
    sheet.add([dict.fromkeys(COLUMNS, "") | {"path": file, "guess": "low"} for file in files])
    return LabelPage(sheet, files, ("high", "low"), "gtzan", "zoo train svm --data labels.csv")


@pytest.fixture
def client(page, tmp_path_factory) -> Iterator[TestClient]:
    app = build(page, tmp_path_factory.mktemp("decoded"))
    with TestClient(app, base_url="http://127.0.0.1:7000") as found:
        yield found


def labels() -> list[str]:
    with Path("labels.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


def test_a_label_is_in_the_table_before_the_answer(client):
    found = client.get("/recordings").json()
    assert [each["name"] for each in found["recordings"]] == ["a.wav", "b.flac", NASTY]
    assert found["classes"] == ["high", "low"]
    found = client.post("/labels", json={"number": 1, "label": " Überklasse "}).json()
    assert labels() == ["", "Überklasse", ""]
    assert found["classes"] == ["high", "low", "Überklasse"]
    assert [each["label"] for each in found["recordings"]] == labels()
    client.post("/labels", json={"number": 1, "label": ""})
    assert labels() == ["", "", ""]


def test_what_a_spreadsheet_writes_meanwhile_stays(client):
    text = Path("labels.csv").read_text(encoding="utf-8").replace("a.wav,,", "a.wav,mine,")
    Path("labels.csv").write_text(text, encoding="utf-8")
    client.post("/labels", json={"number": 1, "label": "low"})
    assert labels() == ["mine", "low", ""]
    Path("labels.csv").write_text(text.splitlines()[0], encoding="utf-8")
    answer = client.post("/labels", json={"number": 1, "label": "low"})
    assert (answer.status_code, labels()) == (409, [])
    assert "has no row of 'b.flac' any more" in answer.json()["error"]


@pytest.mark.parametrize(
    "sent",
    [
        *({}, [], 1, {"number": 1}, {"number": 1, "label": None}, {"label": "a"}),
        *({"number": 1, "label": text} for text in ("a\nb", "x" * 201, "\x1b[31m", "\u202e")),
        '{"number": 1, "label": "\\ud800"}',
        '{"number": 1,',
    ],
)
def test_what_is_no_label_is_refused(client, sent):
    content = sent if isinstance(sent, str) else json.dumps(sent)
    kind = {"Content-Type": "application/json; charset=utf-8"}
    answer = client.post("/labels", content=content, headers=kind)
    assert (answer.status_code, set(answer.json()), labels()) == (400, {"error"}, ["", "", ""])


@pytest.mark.parametrize("number", [3, -1, 10**6, True, 1.0, "1", "../a.wav", "/etc/passwd", None])
def test_only_what_was_chosen_is_sent_and_written(client, number, workspace):
    (workspace / "4.wav").write_bytes(b"other")
    answer = client.post("/labels", json={"number": number, "label": "low"})
    is_number = isinstance(number, int) and not isinstance(number, bool)
    assert (answer.status_code, labels()) == (404 if is_number else 400, ["", "", ""])
    if not isinstance(number, str) or not number.isdigit():
        assert client.get(f"/sound/{number}").status_code == 404
    for end in ("", ".wav"):
        assert client.get(f"/sound/{'1' * 5000}{end}").status_code == 404


def test_sound_is_sent_in_parts_so_that_players_can_seek(client):
    content = Path("a.wav").read_bytes()
    whole = client.get("/sound/0")
    assert (whole.content, whole.headers["accept-ranges"]) == (content, "bytes")
    part = client.get("/sound/0", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert client.get("/sound/0", headers={"Range": "bytes=9999999-"}).status_code == 416
    assert client.head("/sound/0").headers["content-length"] == str(len(content))


def test_what_a_browser_cannot_play_is_decoded(client, page, monkeypatch):
    answer = client.get("/sound/2.wav")
    assert answer.headers["content-type"] == "audio/wav"
    heard, rate = soundfile.read(io.BytesIO(answer.content))
    assert rate == RATE
    assert np.allclose(heard, soundfile.read(NASTY)[0], atol=1e-3)
    part = client.get("/sound/2.wav", headers={"Range": "bytes=0-43"})
    assert (part.status_code, part.content) == (206, answer.content[:44])
    monkeypatch.setattr(label_page, "_KEPT", 1)
    monkeypatch.setattr(label_page, "_MINUTES", 1 / 120)
    short, _ = soundfile.read(io.BytesIO(client.get("/sound/1.wav").content))
    assert short.size < RATE
    Path("b.flac").write_bytes(b"junk")
    client.get("/sound/0.wav")  # takes the place of the other
    answer = client.get("/sound/1.wav")
    assert (answer.status_code, list(answer.json())) == (415, ["error"])
    Path("b.flac").unlink()
    assert client.get("/sound/1").status_code == 404
    os.mkfifo("b.flac")
    assert client.get("/sound/1").status_code == 404


def test_a_recording_is_never_taken_for_a_page(page, workspace):
    for name in ("x.html", "x.svg", "x"):
        Path(name).write_text("<script>", encoding="utf-8")
    shown = LabelPage(
        page.sheet, [str(workspace / n) for n in ("x.html", "x.svg", "x")], (), "", ""
    )
    with TestClient(build(shown, workspace), base_url="http://127.0.0.1") as client:
        for number in range(3):
            answer = client.get(f"/sound/{number}")
            assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Origin": "http://127.0.0.1:7000"}, 200),
    ],
)
def test_pages_of_others_write_nothing(client, headers, status):
    sent = {"Content-Type": "application/json"} | headers
    answer = client.post("/labels", content='{"number": 0, "label": "low"}', headers=sent)
    assert answer.status_code == status
    assert labels()[0] == ("low" if status == 200 else "")


@pytest.mark.parametrize(
    "address",
    [
        *("/labels.csv", "/../labels.csv", "/%2e%2e/labels.csv", "/sound/"),
        *("/sound/a.wav", "/label.py", "/docs", "/openapi.json", "/sound/0.wav.wav", "/sound/٣"),
    ],
)
def test_there_is_nothing_else(client, address):
    assert client.get(address).status_code == 404


def test_the_page_asks_for_nothing_of_others(client):
    html = client.get("/").text
    for name in ("base.css", "label.css", "label.js", "icon.svg"):
        assert name in html
        assert client.get(f"/{name}").status_code == 200
        assert "http" not in client.get(f"/{name}").text.replace("http://www.w3.org/2000/svg", "")
    assert "<script>" not in html
    assert "style=" not in html
    assert client.put("/labels").status_code == 405


def test_a_click_survives_a_kill(hearing, workspace):
    run = hearing("seconds")
    rng = np.random.default_rng(0)
    Path("pool").mkdir()
    for name in "ab":
        soundfile.write(f"pool/{name}.wav", 0.1 * rng.standard_normal(22_050), 22_050)
    call = [str(Path(sys.executable).with_name("zoo")), "label", "pool", "--run", run.id, "--serve"]
    with subprocess.Popen(
        call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        address = server.stdout.readline().strip()
        with httpx.Client(base_url=address) as client:
            found = client.get("/recordings")
            policy = found.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'")
            client.post("/labels", json={"number": 1, "label": "rock"})
        server.send_signal(signal.SIGKILL)
    assert labels() == ["", "rock"]
    assert "--data labels.csv" in found.json()["command"]
