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

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from zoo.web import connection, limits
from zoo.web.api import add_api
from zoo.web.limits import Gate, Limits, Refused
from zoo.web.names import Names
from zoo.web.served_models import ServedModels
from zoo.web.service import Service
from zoo.web.uploads import Uploads
from zoo_registry.errors import UsageError

OWN = "127.0.0.1:7860"
FOREIGN = (
    *("null", "http://localhost.", "http://localhost.:7860", "http://localhost:7861"),
    *("http://[::1]:1", "http://evil.example", "http://127.0.0.1.evil.example:7860", "file://"),
    *("https://127.0.0.1:7860", "http://127.0.0.1", "http://127.0.0.1:78600", "", "*"),
)
OPEN = {
    *("/", "/api/models", "/api/predict", "/openapi.json", "/config", "/favicon.ico"),
    *("/manifest.json", "/theme.css", "/assets/{path:path}", "/static/{path:path}"),
    *("/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/file={ticket:path}"),
    *("/gradio_api/file={path_or_url:path}", "/gradio_api/queue/join", "/gradio_api/queue/data"),
    *("/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/heartbeat/{session_hash}"),
}


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


FORM = {"files": ("a.wav", b"sound")}
# All addresses of the application, also those of mounted and included ones.
ROUTES = """
import sys, warnings; warnings.simplefilter("ignore")
from pathlib import Path
from starlette.routing import Mount
from zoo.web.app import Limits, Names, ServedModels, Service, Uploads, build

def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(route, "original_router", None)
        if isinstance(route, Mount):
            inner = route.app
        if inner is None:
            print(prefix + route.path)
        else:
            walk(inner.routes, prefix + getattr(route, "path", ""))

walk(build(Service(ServedModels(), Uploads(Path("up")), Limits()), Names()).routes)
"""


class TestRoutes:
    def test_what_is_not_needed_is_shut(self, client, run_python, workspace):
        every = set(run_python(ROUTES).stdout.split())
        shut = {path for path in every if not limits._OPEN.fullmatch(path)}
        assert every - shut == OPEN
        assert len(shut) > 40
        for path in shut:
            answers = {client.request(method, path).status_code for method in ("GET", "POST")}
            assert answers == {404}, path

    @pytest.mark.parametrize("path", sorted(OPEN))
    def test_a_foreign_page_reads_nothing(self, client, path):
        asked = [{"origin": origin} for origin in FOREIGN[:6]]
        for headers in [*asked, {"host": "evil.example"}, {"sec-fetch-site": "cross-site"}]:
            for method in ("GET", "POST", "OPTIONS", "HEAD"):
                both = {**headers, "access-control-request-method": "POST"}
                answer = client.request(method, path, headers=both)
                assert answer.status_code == 403
                assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_its_own_page_gives_no_permission_to_others(self, client, server):
        for path in ("/", "/config", "/api/models", "/theme.css", "/assets/x", "/openapi.json"):
            answer = client.get(path, headers={"origin": server.address})
            assert answer.status_code == (404 if path == "/assets/x" else 200)
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"

    def test_foreign_uploads_take_no_place(self, client, server):
        for number in range(40):
            foreign = {"origin": "http://evil.example"} if number % 2 else {"host": "evil.example"}
            answer = client.post("/gradio_api/upload", files=FORM, headers=foreign)
            assert answer.status_code == 403
        assert not server.left()

    @pytest.mark.parametrize(
        ("query", "host", "status"),
        [
            ("api/predict?model=nobody", "localhost", 404),
            ("api/predict?timeline=x", "localhost", 400),
            ("api/predict", "evil.example", 403),
            ("nothing", "localhost", 404),
            ("gradio_api/queue/join", "localhost", 413),
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
    @pytest.mark.parametrize("path", ["/api/models", "/api/predict", "/nothing", "/assets/x", "/"])
    def test_other_methods_are_refused_with_a_sentence(self, method, path, client):
        answer = client.request(method, path)
        assert answer.status_code in (404, 405)
        assert list(answer.json()) == ["error"]
        assert ("allow" in answer.headers) is (answer.status_code == 405)

    def test_a_proxy_that_is_allowed(self, client):
        # What the configuration of nginx in docs/serving.md sends.
        proxy = {"Host": "zoo.example", "X-Forwarded-Proto": "https"}
        own, other = {"Origin": "https://zoo.example"}, {"Origin": "http://zoo.example"}
        page = client.get("/", headers=proxy)
        assert "https://zoo.example" in page.text
        question = {"data": [], "fn_index": 0, "session_hash": "proxy"}
        for headers, status in ((own, 200), (other, 403)):
            answer = client.post("/gradio_api/queue/join", json=question, headers=proxy | headers)
            assert answer.status_code == status
        assert client.get("/api/models", headers=proxy).status_code == 200

    def test_the_page_reads_back_what_it_has_sent_and_nothing_else(self, client):
        (ticket,) = client.post("/gradio_api/upload", files=FORM).json()
        answer = client.get(f"/gradio_api/file={ticket}")
        assert answer.content == b"sound"
        assert client.head(f"/gradio_api/file={ticket}").headers["content-length"] == "5"
        assert answer.headers["content-type"] in ("audio/wav", "audio/x-wav")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            others = ("/etc/passwd", __file__, f"/{ticket}", ticket[:-4], address)
            for path in (*others, address.replace("http", "HTTP"), address.replace("/", "%2F")):
                for method in ("GET", "HEAD"):
                    answer = client.request(method, f"/gradio_api/file={path}")
                    assert answer.status_code == 404, path
            stranger = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
            strange = (
                stranger,
                [stranger],
                [[stranger]],
                {"x": stranger},
                {**stranger, "path": ticket},
            )
            for function in client.get("/config").json()["dependencies"]:
                for value in strange if function["inputs"] else ():
                    data = [value] * len(function["inputs"])
                    question = {"data": data, "fn_index": function["id"], "session_hash": "s"}
                    question["event_data"] = stranger
                    assert client.post("/gradio_api/queue/join", json=question).status_code == 200
                    said = client.get("/gradio_api/queue/data?session_hash=s").text
                    assert "takes text only" in said
            listener.settimeout(0.01)
            with pytest.raises(TimeoutError):
                listener.accept()


async def through(receive: Callable, path: str = "/gradio_api/upload", app=None) -> list[dict]:
    """Return what the gate answers to a request whose body is received so."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    async def read_all(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    gate = Gate(app or read_all, Names(), 1_000_000)
    await gate(scope(("Host", OWN), method="POST", path=path), receive, send)
    return sent


class TestSlowBodies:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch):
        monkeypatch.setattr(limits, "_SECONDS", 0.3)
        monkeypatch.setattr(limits, "_BYTES", 1000)
        monkeypatch.setattr(limits, "_LINGER", 0.05)

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
        monkeypatch.setattr(limits, "_WHOLE", 0.2)

        async def receive() -> dict[str, object]:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": bytes(2000), "more_body": True}

        answer = asyncio.run(through(receive))
        assert answer[0]["status"] == 408
        assert b"has not ended" in answer[1]["body"]

    @pytest.mark.parametrize("size", [0, 1, 10_000])
    def test_a_body_is_read_on_for_a_while_only(self, size, monkeypatch):
        monkeypatch.setattr(limits, "_WASTE", 1_000_000)
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

    @pytest.mark.parametrize("as_form", [False, True])
    def test_thirty_three_of_them_block_for_a_moment_only(self, tmp_path, as_form):
        uploads = Uploads(tmp_path / "songs")
        app = FastAPI()
        add_api(app, Service(ServedModels(), uploads, Limits()))

        @app.post("/gradio_api/upload")
        async def upload(request: Request) -> list[str]:
            return [uploads.wait(await uploads.receive(request))]

        app.add_middleware(Gate, names=Names(), max_bytes=1_000_000)
        kind = "multipart/form-data; boundary=x" if as_form else "audio/flac"
        part = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + bytes(900)

        async def attack(client: httpx.AsyncClient) -> int:
            async def body():
                yield part
                while True:
                    await asyncio.sleep(0.05)
                    yield b"x"

            head = {"content-type": kind}
            return (
                await client.post("/gradio_api/upload", content=body(), headers=head)
            ).status_code

        async def crowd() -> tuple[list[int], int]:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{OWN}", timeout=60
            ) as client:
                found = await asyncio.gather(*[attack(client) for _ in range(33)])
                own = await client.post("/gradio_api/upload", content=b"sound")
                return found, own.status_code

        found, own = asyncio.run(crowd())
        assert sorted(found) == [408] * 32 + [503]
        assert own == 200


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


def test_a_page_that_is_gone_makes_room(tmp_path, monkeypatch):
    uploads, passed = Uploads(tmp_path / "songs"), [0.0]
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + passed[0])

    async def receive(count: int) -> None:
        async def body() -> dict[str, object]:
            return {"type": "http.request", "body": b"la", "more_body": False}

        for _ in range(count):
            uploads.wait(await uploads.receive(Request(scope(method="POST"), body)))

    asyncio.run(receive(32))
    with pytest.raises(Refused, match="32 uploads"):
        asyncio.run(receive(1))
    passed[0] = 11
    asyncio.run(receive(32))
