"""Fetch the files of onnxruntime-web that the page in zoo/web/browser needs, by npm."""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "1.30.0"
INTEGRITY = (
    "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
)
# The WebAssembly backend alone, without those for WebGPU and WebNN.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
HERE = Path(__file__).parents[1] / "zoo" / "web" / "browser" / "ort"


def main() -> None:
    """Fetch the package and take out what is needed."""
    with tempfile.TemporaryDirectory(dir=HERE.parent) as folder:
        npm = [
            "npm",
            "pack",
            "--silent",
            "--fetch-retries=1",
            f"onnxruntime-web@{VERSION}",
            "--pack-destination",
        ]
        try:
            subprocess.run([*npm, folder], check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"npm gave no onnxruntime-web ({error}); the page stays without it")
        (archive,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if base64.b64encode(digest).decode() != INTEGRITY:
            sys.exit(f"{archive.name} is not the published onnxruntime-web {VERSION}; not taken")
        new = Path(folder) / HERE.name
        new.mkdir()
        with tarfile.open(archive) as package:
            for name in FILES:
                member = package.extractfile(f"package/dist/{name}")
                assert member is not None, name
                (new / name).write_bytes(member.read())
        HERE.mkdir(exist_ok=True)
        for name in FILES:
            (new / name).replace(HERE / name)


if __name__ == "__main__":
    main()
