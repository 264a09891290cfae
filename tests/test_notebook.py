"""The notebook of the documentation runs from top to bottom, and shows what it says."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first-session.ipynb"


@pytest.fixture
def cells(workspace, small_demo, monkeypatch) -> list[tuple[str, list[dict]]]:
    """Return source and outputs of each cell of code, after a run in a kernel of its own."""
    monkeypatch.setenv("ZOO_CACHE", str(small_demo))
    monkeypatch.setenv("IPYTHONDIR", str(workspace / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(workspace / "runtime"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(workspace)}}
    NotebookClient(notebook, timeout=300, resources=place).execute()
    return [(cell.source, cell.outputs) for cell in notebook.cells if cell.cell_type == "code"]


def test_stored_without_outputs_and_ready_to_run():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_it_runs_and_draws_tables_and_progress(cells):
    shown = dict(cells)
    results = {source: _result(outputs) for source, outputs in shown.items()}
    run = "run = runs[0]\nrun"
    for source in ("zoo.models()", run, "run.board()"):
        assert "<table>" in results[source]["text/html"]
    assert "background:rgba" in results[run]["text/html"]  # the confusion matrix
    (trained,) = [source for source in shown if source.startswith("runs = zoo.train")]
    bars = [out for out in shown[trained] if out.output_type == "display_data"]
    assert bars
    assert all(out.data["text/html"] == "" for out in bars)  # they vanish
    streams = [out for outputs in shown.values() for out in outputs if "name" in out]
    assert not any("Warning" in out.text for out in streams)
    assert {out.name for out in streams} <= {"stderr"}
    assert "demo-holdout-0.3.html" in results["run.report()"]["text/plain"]


def _result(outputs: list[dict]) -> dict[str, str]:
    (data,) = [out.data for out in outputs if out.output_type == "execute_result"] or [{}]
    return data
