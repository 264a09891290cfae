"""Run all benchmarks and write what comes out to a page.

Usage: python benchmarks/run.py [DATA] [--rounds N] [--only NAME ...] [--output FILE]
"""

import argparse
import ast
import datetime
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from _common import Row, note, rows_of

HERE = Path(__file__).parent
# In this order; what is short comes first.
BENCHMARKS = (
    *("overhead", "extract", "predict", "serve_load", "growth", "scaling", "ranks", "train"),
)
PACKAGES = (
    *("genre-zoo", "numpy", "scipy", "scikit-learn", "librosa", "soxr", "soundfile"),
    *("onnxruntime", "keras", "tensorflow", "audioflux"),
)


def main() -> None:
    """Run them, one at a time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", nargs="?", default="demo")
    parser.add_argument("--rounds", default="5")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS)
    parser.add_argument("--output", type=Path, default=HERE.parent / "docs" / "benchmarks.md")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    sections = []
    for name in given.only:
        script = HERE / f"{name}.py"
        note(name)
        found = []
        for row in rows_of(script, [given.data, "--rounds", given.rounds]):
            print(f"  {row.what}: {row.spread()}; {row.figures}", flush=True)
            found.append(row)
        sections.append(_section(script, found))
        # After each, since all take long.
        text = "\n".join([_head(given.data, int(given.rounds), load), *sections])
        given.output.write_text(text, encoding="utf-8")
    note(f"written: {given.output}")


def _head(data: str, rounds: int, load: float) -> str:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"no {package}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {
        "Day": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "Data": "the demo set" if data == "demo" else f"the folder `{Path(data).name}`",
        "Processor": f"{_processor()}, {os.cpu_count()} cores",
        "Load when it began": f"{load:.1f}; on a machine that is busy only ratios mean anything",
        "Memory": f"{memory:.0f} GB",
        "System": platform.platform(),
        "Python": platform.python_version(),
        "Packages": ", ".join(versions),
    }
    lines = "\n".join(f"| {name} | {fact} |" for name, fact in facts.items())
    return (
        "# Benchmarks\n\n`make bench` wrote this page; it measures anew, on any machine, and with "
        f"`BENCH_DATA=FOLDER` on other recordings. Contestants take turns, {rounds} times. A ratio "
        f"is a median, with the least and the greatest of the rounds.\n\n| | |\n| --- | --- |\n"
        f"{lines}\n"
    )


def _processor() -> str:
    """Return the name of the processor, where the system tells it."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2] for line in told.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def _section(script: Path, rows: list[Row]) -> str:
    doc = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    title, _, more = doc.partition("\n")
    paragraphs = [text for text in more.strip().split("\n\n") if not text.startswith("Usage:")]
    lines = [f"| {row.what} | {row.spread()} | {row.figures} |" for row in rows]
    table = "\n".join(["| what | ratio | figures |", "| --- | --- | --- |", *lines])
    return "\n".join(
        [f"## {title.rstrip('.')}\n", *(f"{text}\n" for text in paragraphs), table, ""]
    )


if __name__ == "__main__":
    sys.exit(main())
