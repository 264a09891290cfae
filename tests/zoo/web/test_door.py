"""Who is let in to ``zoo serve``: names, origins, addresses, and clients that are slow."""

import asyncio
import contextlib
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import httpx
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

import zoo
from zoo.cli.messages import messages
from zoo.web import connection, gate
from zoo.web.app import build
from zoo.web.gate import Gate
from zoo.web.host_names import Names
from zoo.web.openapi import OPERATIONS
from zoo.web.served_models import ServedModels
from zoo.web.server import application
from zoo.web.service import Service
from zoo.web.settings import Settings
from zoo.web.token import Token
from zoo.web.uploads import Uploads
from zoo_registry.errors import UsageError

OWN = "127.0.0.1:7860"
FOREIGN = (
    *("null", "http://localhost.", "http://localhost.:7860", "http://localhost:7861"),
    *("http://[::1]:1", "http://evil.example", "http://127.0.0.1.evil.example:7860", "file://"),
    *("https://127.0.0.1:7860", "http://127.0.0.1", "http://127.0.0.1:78600", "", "*"),
)


def scope(
    *headers: tuple[str, str], method: str = "GET", path: str = "/", scheme: str = "http"
) -> dict[str, object]:
    return {
        "type": "http", "method": method, "path": path, "scheme": scheme,
        "server": ("192.168.1.5", 7860),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }  # fmt: skip


class TestNames:
    @pytest.mark.parametrize(
        "host",
        [
            *(
                "127.0.0.1",
                "127.0.0.1:1",
                "localhost",
                "LOCALHOST:80",
                "localhost.",
                "localhost.:1",
            ),
            *("[::1]", "[::1]:7860", "[0:0::1]:1", "[::ffff:127.0.0.1]:1", "127.0.0.2"),
            *("192.168.1.5:7860", "zoo.example", "ZOO.example.:443", "10.0.0.9"),
        ],
    )
    def test_own_names(self, host):
        names = Names("127.0.0.1", ["Zoo.Example", "10.0.0.9"])
        assert names.refusal(scope(("Host", host))) is None

    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "evil.example:7860", "localhost.evil.example", "evil.localhost"),
            *("127.0.0.1.evil.example", "127.0.0.1.nip.io", "192.168.1.6", "[fe80::1]", "0.0.0.0"),
            *(
                "",
                ":7860",
                "localhost:",
                "localhost:x",
                "localhost..",
                "a@localhost",
                "localhost/x",
            ),
            *("localhost, evil.example", "[localhost]", "::1", "2130706433", "0x7f.1", "[::1"),
            *("127.0.0.1%00.evil.com", "127.0.0.1%eth0:80", "127.0.0.1.%", "localhost%00.evil.com"),
            *("localhost#x", "localhost?x", "localhost\\x", "zoo.example.evil", "xzoo.example"),
        ],
    )
    def test_other_names(self, host):
        refusal = Names("127.0.0.1", ["zoo.example"]).refusal(scope(("Host", host)))
        assert refusal is not None
        assert repr(host) in refusal
        assert "--allow-host" in refusal

    @given(st.text(min_size=1, max_size=30))
    def test_a_name_that_is_not_given_is_not_own(self, text):
        sent = scope(("Host", "127.0.0.1"))
        sent["headers"] = [(b"host", f"{text}.example".encode("utf-8", "replace"))]
        assert Names("127.0.0.1").refusal(sent)

    def test_only_an_address_of_version_6_has_a_zone(self):
        connected = {**scope(("Host", "[fe80::1]:7860")), "server": ("fe80::1%eth0", 7860)}
        assert Names().refusal(connected) is None
        for name in ("127.0.0.1%eth0", "10.0.0.9%00.evil.com"):
            with pytest.raises(UsageError, match="takes a name"):
                Names(allowed=[name])

    def test_without_a_name(self):
        assert Names().refusal(scope()) is not None

    def test_the_machine_is_known_by_its_name_where_others_reach_it(self, monkeypatch):
        monkeypatch.setattr(socket, "gethostname", lambda: "Box.lan")
        sent = scope(("Host", "box.lan:7860"))
        assert Names("0.0.0.0").refusal(sent) is Names("192.168.1.5").refusal(sent) is None
        assert Names("0.0.0.0").refusal(scope(("Host", "0.0.0.0:7860"))) is None
        assert Names("studio").refusal(scope(("Host", "studio"))) is None
        for host in ("127.0.0.1", "localhost", "::1"):
            assert Names(host).refusal(sent)

    @pytest.mark.parametrize(
        "name", ["http://zoo.example", "zoo.example:80", "*", "", "a b", "a/b"]
    )
    def test_what_is_no_name_cannot_be_allowed(self, name):
        with pytest.raises(UsageError, match="takes a name"):
            Names("localhost", [name])

    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
    @pytest.mark.parametrize("origin", FOREIGN)
    def test_foreign_origins(self, origin, method):
        own = [("Host", OWN), ("Origin", f"http://{OWN}")]
        assert Names().refusal(scope(*own, method=method)) is None
        for headers in ([("Host", OWN), ("Origin", origin)], [*own, ("Origin", origin)]):
            refusal = Names().refusal(scope(*headers, method=method))
            assert refusal == f"a page of another origin ({origin}) cannot use this server"

    @pytest.mark.parametrize(
        ("host", "origin", "scheme"),
        [
            ("zoo.example", "https://zoo.example", "https"),
            ("zoo.example:443", "https://zoo.example", "https"),
            ("Zoo.example:8443", "https://zoo.example:8443", "https"),
            ("zoo.example:80", "http://zoo.example", "http"),
            ("[::1]:7860", "http://[::1]:7860", "http"),
            ("localhost.:7860", "http://localhost.:7860", "http"),
        ],
    )
    def test_own_origins(self, host, origin, scheme):
        sent = scope(("Host", host), ("Origin", origin), method="POST", scheme=scheme)
        assert Names(allowed=["zoo.example"]).refusal(sent) is None

    @pytest.mark.parametrize("site", ["cross-site", "same-site", "none", "same-origin", "x"])
    def test_a_browser_says_where_a_request_comes_from(self, site):
        own = site in ("none", "same-origin")
        sent = [("Host", OWN), ("Sec-Fetch-Site", site)]
        assert (Names().refusal(scope(*sent)) is None) is own
        # A link on another page opens this one; a form and a frame do not.
        followed = [*sent, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
        assert Names().refusal(scope(*followed)) is None
        assert (Names().refusal(scope(*followed, method="POST")) is None) is own
        followed[-1] = ("Sec-Fetch-Dest", "iframe")
        assert (Names().refusal(scope(*followed)) is None) is own


@pytest.fixture(scope="module")
def server(serve, tmp_path_factory):
    return serve(tmp_path_factory.mktemp("empty"), "--allow-host", "zoo.example")


@pytest.fixture
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address, timeout=60) as found:
        yield found


FORM = {"file": ("a.wav", b"sound")}
PAGE = Path(zoo.__file__).parent / "web" / "browser"
FILES = {f"/{path.name}" for path in PAGE.iterdir() if path.is_file()}
ADDRESSES = {each.path: each.method for each in OPERATIONS} | {"/": "GET", "/favicon.ico": "GET"}


class TestRoutes:
    def test_there_are_these_addresses_and_no_others(self, workspace):
        observed = build(Service(ServedModels(), Uploads(workspace), Settings()))
        known = {path for path in observed._paths if not path.startswith("/ort/")}
        assert known == {*ADDRESSES, *FILES, "/docs.css"}

    @pytest.mark.parametrize("path", sorted(ADDRESSES))
    def test_a_foreign_page_reads_nothing(self, client, path):
        asked = [{"origin": origin} for origin in FOREIGN[:6]]
        for headers in [*asked, {"host": "evil.example"}, {"sec-fetch-site": "cross-site"}]:
            for method in ("GET", "POST", "OPTIONS", "HEAD"):
                both = {**headers, "access-control-request-method": "POST"}
                answer = client.request(method, path, headers=both)
                assert answer.status_code == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]

    @pytest.mark.parametrize("path", [*sorted(p for p, m in ADDRESSES.items() if m == "GET"), "/x"])
    def test_its_own_page_gives_no_permission_to_others(self, client, server, path):
        answer = client.get(path, headers={"origin": server.address})
        assert answer.status_code == (404 if path == "/x" else 200)
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'" in policy
        )
        assert "http" not in policy
        head = client.head(path, headers={"origin": server.address})
        assert (head.status_code, head.content) == (answer.status_code, b"")

    def test_the_files_of_the_page_are_sent_as_what_they_are(self, client):
        for path in FILES:
            answer = client.get(path)
            assert answer.content == (PAGE / path[1:]).read_bytes()
            kind = {"css": "text/css", "js": "text/javascript", "html": "text/html"}
            assert kind.get(path.rpartition(".")[2], "image/") in answer.headers["content-type"]
            known = {"If-None-Match": answer.headers["etag"]}
            assert client.get(path, headers=known).status_code == 304
            for part in ("bytes=0-9", "foo", "bytes=a-b", "bytes=9-0", "bytes=99999999-"):
                whole = client.get(path, headers={"Range": part})
                assert (whole.status_code, whole.content) == (200, answer.content), part
        assert client.get("/").content == client.get("/index.html").content
        outside = ("/../api.py", "/%2e%2e/api.py", "/..%2fapi.py", "//etc/passwd", "/docs/")
        for path in (*outside, "/label.js", "/docs.html", "/index.html/", "/ort"):
            assert client.get(path).status_code == 404, path

    def test_foreign_uploads_take_no_place(self, client, server):
        for number in range(40):
            foreign = {"origin": "http://evil.example"} if number % 2 else {"host": "evil.example"}
            answer = client.post("/api/predict", files=FORM, headers=foreign)
            assert answer.status_code == 403
        assert not server.left()

    @pytest.mark.parametrize(
        ("query", "host", "status"),
        [
            ("api/predict?model=nobody", "localhost", 404),
            ("api/predict?timeline=x", "localhost", 400),
            ("api/predict", "evil.example", 403),
            ("nothing", "localhost", 413),
            ("api/batch", "evil.example", 403),
        ],
    )
    def test_who_sends_everything_before_reading_sees_the_refusal(
        self, query, host, status, server
    ):
        sent = urllib.request.Request(f"{server.address}/{query}", bytes(30_000_000))
        sent.add_header("Host", host)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(sent, timeout=60)
        with caught.value as answer:
            assert answer.code == status
            assert answer.read()

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
    @pytest.mark.parametrize("path", ["/api/models", "/api/predict", "/nothing", "/docs", "/"])
    def test_other_methods_are_refused_with_a_sentence(self, method, path, client):
        answer = client.request(method, path)
        assert answer.status_code == (404 if path == "/nothing" else 405)
        assert list(answer.json()) == ["error"]
        allowed = answer.headers.get("allow", "").split(", ")
        get = {"GET", "HEAD"}
        assert set(allowed) == {"/api/predict": {"POST"}, "/nothing": {""}}.get(path, get)

    def test_a_proxy_that_is_allowed(self, client):
        # What the configuration of nginx in docs/serving.md sends.
        proxy = {"Host": "zoo.example", "X-Forwarded-Proto": "https"}
        own, other = {"Origin": "https://zoo.example"}, {"Origin": "http://zoo.example"}
        for headers, status in ((own, 400), (other, 403)):
            answer = client.post("/api/predict", content=b"", headers=proxy | headers)
            assert answer.status_code == status
        assert client.get("/", headers=proxy).status_code == 200
        assert client.get("/api/models", headers=proxy).status_code == 200

    def test_no_address_that_a_client_names_is_ever_opened(self, client, server):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            here = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            forms = (here, here.upper(), here.replace("/", "%2F"), f"file={here}", f"proxy={here}")
            named = [form for address in forms for form in (address, f"@{address}", f"x@{address}")]
            paths = ("/", "/api/models", "/api/predict", "/api/batch", "/docs", "/gradio_api/")
            for path, name, method in product(paths, named, ("GET", "POST")):
                answer = client.request(method, path + name)
                assert answer.status_code in (404, 405), path + name
            for name in named:
                for path in ("/api/predict", "/api/batch"):
                    for content in (name.encode(), b'{"path": "%s"}' % name.encode()):
                        answer = client.post(path, params={"model": name}, content=content)
                        assert answer.status_code == 404
                        assert client.post(path, content=content).status_code in (200, 415)
                    form = {"file": (name, name.encode(), "text/uri-list")}
                    data = {"file": name, "url": name}
                    assert client.post(path, files=form).status_code in (200, 415)
                    assert client.post(path, files=form, data=data).status_code == 400
                    assert client.post(path, params={"url": name}).status_code == 400
                headers = {"Referer": name, "Link": name, "X-Forwarded-Host": name}
                assert client.get("/api/models", headers=headers).status_code == 200
            listener.settimeout(0.01)
            with pytest.raises(TimeoutError):
                listener.accept()
        assert "Traceback" not in server.said()


class TestFailure:
    def test_the_log_has_the_reason(self, capsys):
        async def fail(_: Request) -> Response:
            raise KeyError("rea\x1bson")

        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(application([Route("/", fail)]), log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        with messages(), listener:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            answer = httpx.get("http://{}:{}/".format(*listener.getsockname()))
            server.should_exit = True
            thread.join()
        assert answer.status_code == 500
        assert "its log has the reason" in answer.json()["error"]
        printed = capsys.readouterr().err
        assert "Traceback" in printed
        assert printed.count("KeyError: 'rea\\x1bson'") == 1

    def test_whatever_is_cut_off_by_the_end_is_refused(self):
        begun, sent = asyncio.Event(), []

        async def endless(_: Request) -> Response:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b""}

        async def send(message: dict) -> None:
            sent.append(message)

        async def cut_off() -> None:
            door = Gate(application([Route("/", endless)]), Names())
            task = asyncio.create_task(door(scope(("Host", OWN)), receive, send))
            await begun.wait()
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(cut_off())
        assert sent[0]["status"] == 503
        assert (b"retry-after", b"60") in sent[0]["headers"]
        assert b"the server is stopping" in sent[1]["body"]


class TestToken:
    TOKEN = "a token of ours".replace(" ", "-")

    @pytest.fixture(scope="class")
    def locked(self, serve, tmp_path_factory):
        folder = tmp_path_factory.mktemp("locked")
        (folder / "token").write_text(self.TOKEN + "\n")
        return serve(folder, "--token-file", str(folder / "token"), "--host", "0.0.0.0")

    @pytest.mark.parametrize("path", sorted({*ADDRESSES, *FILES, "/nothing"}))
    def test_the_page_is_open_and_the_rest_wants_it(self, locked, path):
        address = locked.address.replace("0.0.0.0", "127.0.0.1") + path
        method = ADDRESSES.get(path, "GET")
        is_open = path not in ("/nothing", "/metrics") and not path.startswith("/api/")
        wrong = (f"Bearer {self.TOKEN}x", f"Basic {self.TOKEN}", self.TOKEN, "Bearer", "Bearer ä")
        for sent in (None, *wrong):
            headers = {"Authorization": sent.encode("latin-1")} if sent else {}
            answer = httpx.request(method, address, headers=headers, timeout=60)
            assert answer.status_code == (200 if is_open else 401)
            if not is_open:
                assert answer.headers["www-authenticate"].startswith("Bearer")
                lack = "this token is wrong" if sent else "this server wants a token"
                sentence = f"{lack}; send it as `Authorization: Bearer TOKEN`"
                assert answer.json() == {"error": sentence}
        twice = [("Authorization", f"Bearer {self.TOKEN}")] * 2
        assert (httpx.request(method, address, headers=twice).status_code == 401) is not is_open
        right = {"Authorization": f"bearer {self.TOKEN}"}
        assert httpx.request(method, address, headers=right).status_code not in (401, 403)
        assert self.TOKEN not in locked.said()

    @pytest.mark.parametrize("token", ["short", "with a space", "größerlänger", "a\nb-------"])
    def test_what_no_header_carries_is_no_token(self, token):
        with pytest.raises(UsageError, match="at least 8 characters"):
            Token(token)

    def test_it_comes_from_one_place(self, workspace):
        Path("token").write_text("twelve-letters\n")
        asked = {"type": "http", "headers": [(b"authorization", b"Bearer twelve-letters")]}
        for token in (Token.chosen(None, Path("token")), Token.chosen("twelve-letters", None)):
            assert token
            assert token.refusal(asked) is None
        assert Token.chosen(None, None) is None
        with pytest.raises(UsageError, match="not both"):
            Token.chosen("twelve-letters", Path("token"))
        with pytest.raises(UsageError, match="missing cannot be read: No such file"):
            Token.chosen(None, Path("missing"))

    def test_a_variable_that_is_empty_lets_nobody_in(self, workspace, monkeypatch):
        monkeypatch.setenv("ZOO_TOKEN", "twelve-letters")
        assert Token.chosen(None, None)
        monkeypatch.setenv("ZOO_TOKEN", "")
        with pytest.raises(UsageError, match="ZOO_TOKEN is empty"):
            Token.chosen(None, None)

    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
    def test_a_file_that_every_user_can_read_is_a_warning(self, workspace, mode, caplog):
        Path("token").write_text("twelve-letters\n")
        Path("token").chmod(mode)
        Token.chosen(None, Path("token"))
        assert ("every user can read the token" in caplog.text) is (mode == 0o644)


async def through(receive: Callable, path: str = "/api/predict", app=None) -> list[dict]:
    """Return what the gate answers to a request whose body is received so."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def read_all(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    behind = application([Mount("/", app or read_all)])
    gate = Gate(behind, Names(), {path: 1_000_000})
    await gate(scope(("Host", OWN), method="POST", path=path), receive, send)
    return sent


class TestSlowBodies:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(gate, "_SECONDS", 0.3)
        monkeypatch.setattr(gate, "_BYTES", 1000)
        monkeypatch.setattr(gate, "_LINGER", 0.05)

    @pytest.mark.parametrize(("size", "status"), [(1, 408), (0, 408), (2000, 200)])
    def test_a_body_has_to_go_on(self, size, status):
        left = 40

        async def receive() -> dict[str, object]:
            nonlocal left
            left -= 1
            await asyncio.sleep(0.02 if size else 60)
            return {"type": "http.request", "body": bytes(size), "more_body": left > 0}

        answer = asyncio.run(through(receive))
        assert answer[0]["status"] == status
        if status == 408:
            assert b"too slowly" in answer[1]["body"]

    def test_much_at_first_buys_no_time(self):
        first = True

        async def receive() -> dict[str, object]:
            nonlocal first
            await asyncio.sleep(0 if first else 0.05)
            size, first = 900_000 if first else 1, False
            return {"type": "http.request", "body": bytes(size), "more_body": True}

        begin = time.monotonic()
        assert asyncio.run(through(receive))[0]["status"] == 408
        assert time.monotonic() - begin < 20

    def test_a_body_has_to_end(self, monkeypatch):
        monkeypatch.setattr(gate, "_WHOLE", 0.2)

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": bytes(2000), "more_body": True}

        answer = asyncio.run(through(receive))
        assert answer[0]["status"] == 408
        assert b"has not ended" in answer[1]["body"]

    @pytest.mark.parametrize("size", [0, 1, 10_000])
    def test_a_body_is_read_on_for_a_while_only(self, size, monkeypatch):
        monkeypatch.setattr(gate, "_WASTE", 1_000_000)
        read = 0

        async def receive() -> dict[str, object]:
            nonlocal read
            await asyncio.sleep(0.001 if size else 60)
            read += size
            return {"type": "http.request", "body": bytes(size), "more_body": True}

        async def unread(scope, receive, send) -> None:
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"no"})

        start, answer, end = asyncio.run(through(receive, app=unread))
        assert start["status"] == 404
        assert answer["body"] == b"no"
        assert answer["more_body"]
        assert not end.get("more_body")
        assert read <= 1_010_000

    def test_an_answer_may_take_longer_than_its_body(self):
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"x", "more_body": False}

        async def slow(scope, receive, send) -> None:
            await receive()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await asyncio.Event().wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        assert asyncio.run(through(receive, app=slow))[0]["status"] == 200

    def test_time_counts_from_when_the_body_is_asked_for(self):
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"x", "more_body": False}

        async def waits(scope, receive, send) -> None:
            await asyncio.sleep(0.5)  # for a place
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        assert asyncio.run(through(receive, app=waits))[0]["status"] == 200

    @pytest.mark.parametrize("as_form", [False, True])
    def test_forty_of_them_block_for_a_moment_only(self, tmp_path, as_form):
        uploads = Uploads(tmp_path / "songs")
        app = build(Service(ServedModels(), uploads, Settings()))
        kind = "multipart/form-data; boundary=x" if as_form else "audio/flac"
        part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(
            900
        )

        async def attack(client: httpx.AsyncClient) -> int:
            async def body():
                yield part
                while True:
                    await asyncio.sleep(0.05)
                    yield b"x"

            head = {"content-type": kind}
            return (await client.post("/api/predict", content=body(), headers=head)).status_code

        async def crowd() -> tuple[list[int], int]:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{OWN}", timeout=60
            ) as client:
                tasks = [asyncio.create_task(attack(client)) for _ in range(40)]
                while not uploads.waiting and not any(task.done() for task in tasks):
                    await asyncio.sleep(0.01)
                own = await client.post("/api/predict", content=b"no sound")  # behind them
                return await asyncio.gather(*tasks), own.status_code

        found, own = asyncio.run(crowd())
        assert found == [408] * 40
        assert own == 415
        assert (uploads.taken, list((tmp_path / "songs").iterdir())) == (0, [])


@pytest.fixture
def begun() -> threading.Event:
    """Return what is set once a request has reached the application."""
    return threading.Event()


@pytest.fixture
def answering(monkeypatch, begun) -> Iterator[int]:
    """Return the port of a server with short time limits that answers with 20 MB."""
    monkeypatch.setattr(connection, "_HEADERS", 0.3)
    monkeypatch.setattr(connection, "_READING", 0.3)

    async def app(scope, receive, send) -> None:
        assert scope["type"] == "http"
        begun.set()
        await asyncio.sleep(0.6 if scope["path"] == "/slow" else 0)
        size = 20_000_000 if scope["path"] == "/large" else 2
        head = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": bytes(size)})

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=connection.Connection, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


class TestSlowClients:
    @pytest.mark.parametrize(
        "begin",
        [
            b"",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        ],
    )
    def test_headers_that_do_not_end(self, answering, begin):
        with socket.create_connection(("127.0.0.1", answering), timeout=60) as wire:
            wire.sendall(begin)
            end = time.monotonic() + 30
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < end:  # a few bytes now and then do not help
                    wire.sendall(b"1")
                    time.sleep(0.05)
            assert time.monotonic() < end

    def test_whoever_says_nothing_gives_way(self, answering, begun, monkeypatch):
        monkeypatch.setattr(connection, "_HEADERS", 60)
        monkeypatch.setattr(connection, "_CONNECTIONS", 20)
        address = ("127.0.0.1", answering)
        with contextlib.ExitStack() as stack:
            slow = stack.enter_context(httpx.Client(timeout=60))
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(slow.get, f"http://127.0.0.1:{answering}/slow")
                assert begun.wait(60)
                wires = [socket.create_connection(address, timeout=60) for _ in range(40)]
                for wire in wires:
                    stack.enter_context(wire)
                assert httpx.get(f"http://127.0.0.1:{answering}/").status_code == 200
                assert answer.result().status_code == 200
            with contextlib.suppress(ConnectionResetError):
                assert wires[0].recv(1) == b""
            wires[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wires[-1].recv(100).startswith(b"HTTP/1.1 200")

    def test_whoever_leaves_answers_unread_gives_way(self, answering, monkeypatch):
        monkeypatch.setattr(connection, "_READING", 60)
        monkeypatch.setattr(connection, "_CONNECTIONS", 4)
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                wire = socket.create_connection(("127.0.0.1", answering), timeout=60)
                stack.enter_context(wire)
                wire.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert wire.recv(12) == b"HTTP/1.1 200"
            address = f"http://127.0.0.1:{answering}/"
            assert [httpx.get(address, timeout=60).status_code for _ in range(5)] == [200] * 5

    def test_an_answer_that_is_not_read(self, answering):
        with socket.create_connection(("127.0.0.1", answering), timeout=60) as wire:
            wire.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(1)
            received = 0
            with contextlib.suppress(ConnectionError):
                while part := wire.recv(1 << 20):
                    received += len(part)
        assert received < 20_000_000

    def test_whoever_waits_for_an_answer_may_wait(self, answering, monkeypatch):
        monkeypatch.setattr(connection, "_READING", 60)
        with httpx.Client(base_url=f"http://127.0.0.1:{answering}") as client:
            assert client.get("/slow").status_code == client.get("/slow").status_code == 200
            assert len(client.get("/large").content) == 20_000_000
