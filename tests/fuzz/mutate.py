"""Damage to files: what disks, transfers and enemies do."""

import json
from collections.abc import Sequence
from random import Random

__all__ = ["TOKENS", "mutated"]

TOKENS = (
    b"", b"\0", b"\n", b"\r\n", b"\r", b"\x1b[31m", b"\x1b]0;x\x07", b"\x9b31m", b"\xff\xfe",
    b"\xef\xbb\xbf", "\u202egnp.exe\u2069".encode(), "\u2028".encode(), b"\xed\xb3\xbf",
    b"../../../escape", b"/etc/passwd", b"..", b"C:\\x", b"~", b"%n%s", b"{0}", b"[/red]", b"[red]",
    b"<script>", b"=1+1", b'"', b"'", b",", b"|", b"\\", b"\\ud800", b"null", b"true", b"{}", b"[]",
    b"[[]]", b'""', b"-1", b"0", b"NaN", b"-Infinity", b"nan", b"inf", b"1e999", b"1e-999", b"-0.0",
    b"9223372036854775808", b"18446744073709551616", b"9" * 400, b"9" * 5000, b"1_0",
    "\u0663".encode(), b"0x10", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x80",
    b"[" * 3000, b"{\"a\":" * 3000, b"(" * 300, b"-" * 3000 + b"1", b"A" * 256, b"x" * 140_000,
)  # fmt: skip


def mutated(rng: Random, corpus: Sequence[bytes]) -> bytes:
    """Return a file of the corpus with one to six kinds of damage."""
    data = bytearray(rng.choice(corpus))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_DAMAGE)(rng, data, corpus)
    return bytes(data)


def _place(rng: Random, data: bytearray) -> int:
    # The header is where the dangers are.
    return rng.randrange(min(len(data), rng.choice((64, 512, len(data)))) + 1 if data else 1)


def _flip(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 4, 32))):
        if data:
            data[min(_place(rng, data), len(data) - 1)] ^= 1 << rng.randrange(8)


def _number(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    size, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
    top = 2 ** (8 * size)
    value = rng.choice((0, 1, top // 2 - 1, top // 2, top - 1, rng.randrange(top)))
    place = _place(rng, data)
    data[place : place + size] = value.to_bytes(size, order)


def _cut(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    del data[_place(rng, data) :]


def _remove(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    place = _place(rng, data)
    del data[place : place + rng.choice((1, 2, 8, 200))]


def _repeat(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    place = _place(rng, data)
    data[place:place] = data[place : place + rng.choice((1, 8, 200))] * rng.choice((1, 2, 30))


def _splice(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    other = rng.choice(corpus)
    begin = rng.randrange(len(other) + 1)
    data[_place(rng, data) :] = other[begin : begin + 20_000]


def _insert(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    place = _place(rng, data)
    data[place:place] = rng.choice(TOKENS)


def _lines(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    lines = bytes(data).splitlines(keepends=True) or [b"\n"]
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if rng.random() < 0.5:  # twice
        lines.insert(other, lines[one])
    else:
        lines[one], lines[other] = lines[other], lines[one]
    data[:] = b"".join(lines)


def _value(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    """Put a token in the place of a value of JSON, CSV or Python."""
    ends = [place for place, byte in enumerate(data) if byte in b',:=[]{}()\n" ']
    if len(ends) < 2:
        return
    first = rng.randrange(len(ends) - 1)
    data[ends[first] + 1 : ends[first + rng.choice((1, 1, 1, 2)) - len(ends)]] = rng.choice(TOKENS)


_VALUES = (
    None, True, 0, -1, 1.5, float("nan"), float("inf"), 10**30, 10**400, "", "x", "a\nb",
    "\x1b[31m", "\ud800", "\u202e", "../../x", "/x", "[/red]", [], [[]], {}, {"a": 1}, ["x", 1],
)  # fmt: skip


def _json(rng: Random, data: bytearray, corpus: Sequence[bytes]) -> None:
    """Put another value, key or nothing in the place of one somewhere in JSON."""
    try:
        whole = json.loads(bytes(data))
    except (ValueError, RecursionError):
        return
    places: list[tuple[dict | list, object]] = []
    waiting = [whole]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict | list):
            keys = list(inner) if isinstance(inner, dict) else range(len(inner))
            places += [(inner, key) for key in keys]
            waiting += [inner[key] for key in keys]
    if not places:
        return
    inner, key = rng.choice(places)
    action = rng.random()
    if action < 0.2:
        del inner[key]
    elif action < 0.35 and isinstance(inner, dict):
        inner[str(rng.choice(_VALUES))] = inner.pop(key)
    elif action < 0.5:
        inner[key] = rng.choice(places)[0]
        try:
            json.dumps(whole)
        except (ValueError, RecursionError):  # a circle
            inner[key] = None
    else:
        inner[key] = rng.choice(_VALUES)
    data[:] = json.dumps(whole).encode()


_DAMAGE = (
    _flip, _number, _cut, _remove, _repeat, _splice, _insert, _insert, _lines, _value,
    _value, *[_json] * 4,
)  # fmt: skip
