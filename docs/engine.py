"""Fetch by npm what pages need that Python packages do not have: `make setup` runs it once.

That is onnxruntime-web for the page in zoo/web/browser, and axe-core, with which the tests check
whether everybody can use the pages.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Package, integrity as npm publishes it, files, and the folder for them. Of onnxruntime-web the
# WebAssembly backend alone, without those for WebGPU and WebNN.
PACKAGES = (
    (
        "onnxruntime-web@1.30.0",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        (
            "dist/ort.wasm.min.mjs",
            "dist/ort-wasm-simd-threaded.mjs",
            "dist/ort-wasm-simd-threaded.wasm",
        ),
        ROOT / "zoo" / "web" / "browser" / "ort",
    ),
    (
        "axe-core@4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        ("axe.min.js",),
        ROOT / "tests" / "browser" / "axe",
    ),
)


def fetch(package: str, integrity: str, files: tuple[str, ...], target: Path) -> None:
    """Fetch a package, check it, and put some of its files into a folder."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        npm = ["npm", "pack", "--silent", "--fetch-retries=1", package, "--pack-destination"]
        try:
            subprocess.run([*npm, folder], check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"npm gave no {package} ({error}); {target} is not made")
        (archive,) = Path(folder).glob("*.tgz")
        digest = hashlib.sha512(archive.read_bytes()).digest()
        if base64.b64encode(digest).decode() != integrity:
            sys.exit(f"{archive.name} is not the published {package}; not taken")
        new = Path(folder) / "new"
        new.mkdir()
        with tarfile.open(archive) as content:
            for name in files:
                member = content.extractfile(f"package/{name}")
                assert member is not None, name
                (new / Path(name).name).write_bytes(member.read())
        target.mkdir(exist_ok=True)
        for file in new.iterdir():
            file.replace(target / file.name)


if __name__ == "__main__":
    for each in PACKAGES:
        fetch(*each)
