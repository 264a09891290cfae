"""Fuzzing of one parser that is guided by coverage, with atheris, where it is installed.

``python tests/fuzz/guided.py run.json -runs=20000`` hands the rest of its arguments to libFuzzer.
"""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

_WATCHED = (
    *(
        "zoo.inference.output_file",
        "zoo.artefacts.artefact",
        "zoo.features.cache",
        "zoo.audio.decode",
        "zoo.datasets.folder",
    ),
    *(
        "zoo.datasets.collections.gtzan",
        "zoo.datasets.hashing",
        "zoo.datasets.table",
        "zoo.artefacts.model_card",
    ),
    *(
        "zoo.evaluate.leaderboard",
        "zoo.tuning.trials",
        "zoo_registry.card",
        "zoo_registry.discovery",
    ),
    *("zoo_registry.runs", "zoo_registry.plugin_status", "zoo_registry.enabled", "zoo.cli.app"),
)
with atheris.instrument_imports(include=["zoo", "zoo_registry", "csv", "json"]):
    for watched in _WATCHED:
        importlib.import_module(watched)

from tests.fuzz.corpus import build  # noqa: E402
from tests.fuzz.targets import TARGETS, Targets  # noqa: E402

_RUNS = 2_000


def main() -> None:
    """Fuzz the parser that the command line names, or all of them, each in a process."""
    name, *options = sys.argv[1:] or [""]
    if not name:
        for each in TARGETS:
            print(f"{each}: {_RUNS} inputs", flush=True)
            call = [sys.executable, __file__, each, f"-runs={_RUNS}", "-verbosity=0"]
            if status := subprocess.run(call, check=False).returncode:
                sys.exit(status)
        return
    if name not in TARGETS:
        sys.exit(f"give one of: {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory(prefix="zoo-fuzz-") as folder:
        place = Path(folder)
        corpus = place / "corpus"
        corpus.mkdir()
        for number, content in enumerate(build(place)[name]):
            (corpus / str(number)).write_bytes(content)
        targets = Targets(place)
        found = f"-artifact_prefix={Path.cwd()}/"
        arguments = [sys.argv[0], found, "-timeout=20", "-rss_limit_mb=4096", *options, str(corpus)]
        atheris.Setup(arguments, lambda data: targets.check(name, data) and None)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
