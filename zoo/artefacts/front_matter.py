"""The front matter of a model card: YAML that the Hugging Face Hub reads."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.evaluate.metrics import score
from zoo_registry.predictions import Predictions
from zoo_registry.record import RunRecord
from zoo_registry.text import shown

__all__ = ["front_matter", "licence_of_the_file"]

# Identifiers of the Hub, by the names that cards of plugins and collections use.
_LICENCES = (
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-3.0", "cc-by-4.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "gpl-3.0",
    "isc", "mit",
)  # fmt: skip


def front_matter(record: RunRecord, predictions: Predictions) -> str:
    """Return the front matter with its ``---`` lines.

    It has the metadata of `huggingface_hub.ModelCardData`. The results are those of the
    evaluation, out of fold, and marked as not verified by the Hub.

    Parameters
    ----------
    record, predictions : RunRecord, Predictions
        The record of a run, and its answers to all tested tracks.
    """
    scores, dataset = score(predictions), record.dataset
    metrics = [
        ("accuracy", scores.accuracy, "Accuracy, majority vote"),
        ("accuracy", scores.accuracy_mean, "Accuracy, mean probability"),
        ("f1", scores.macro_f1, "Macro F1"),
    ]
    grouped = "" if record.protocol.grouped else ", ungrouped"
    result = {
        "task": {"type": "audio-classification", "name": "Audio classification"},
        "dataset": {
            "type": _slug(dataset.collection or dataset.name),
            "name": shown(dataset.title),
            "split": f"out of fold, {record.protocol.spec}{grouped}, seed {record.seed}",
        },
        "metrics": [
            {"type": kind, "value": round(float(value), 4), "name": name, "verified": False}
            for kind, value, name in metrics
        ],
    }
    frontend = record.frontend_plugin
    encoder = record.frontend["name"] if frontend and frontend.has_weights else None
    form = ["onnx"] if record.artefact.sha256 else []
    labels = ["audio", *form, record.model.name, record.model.family, record.frontend["name"]]
    data: dict[str, Any] = {
        **_licence(record),
        "library_name": "genre-zoo",
        "pipeline_tag": "audio-classification",
        "tags": list(dict.fromkeys(map(_slug, labels))),
        "datasets": [_slug(dataset.collection or dataset.name)],
        "metrics": ["accuracy", "f1"],
        **({"base_model": _slug(encoder)} if encoder else {}),
        "model-index": [{"name": shown(record.id), "results": [result]}],
    }
    return "\n".join(["---", *_lines(data), "---", ""])


def licence_of_the_file(record: RunRecord) -> str | None:
    """Return the licence of the ONNX file as the Hub names it, None if it cannot be said.

    A model may depend on the code that made it, on the weights of its front end, and on the
    recordings. If all of them state the same licence, it is that of the file. If one states none,
    or they differ, nobody has said which one the file has.

    Parameters
    ----------
    record : RunRecord
        The record of a run.
    """
    stated = {record.model.licence, record.dataset.licence}
    if record.frontend_plugin and record.frontend_plugin.has_weights:
        stated.add(record.frontend_plugin.licence)
    (*names,) = {_slug(licence or "") for licence in stated}
    return names[0] if len(names) == 1 and names[0] in _LICENCES else None


def _licence(record: RunRecord) -> dict[str, str]:
    licence = licence_of_the_file(record)
    if licence:
        return {"license": licence}
    return {
        "license": "other",
        "license_name": "see-model-card",
        "license_link": "README.md#what-it-was-made-from",
    }


def _slug(name: str) -> str:
    """Return a name that the Hub takes for a tag or an identifier."""
    return re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-._") or "unnamed"


def _lines(value: Mapping[str, Any] | Sequence[Any]) -> Iterable[str]:
    """Yield mappings and lists as YAML in blocks; texts and numbers are JSON, which is YAML."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if isinstance(item, Mapping | list):
                yield f"{name}:"
                yield from (f"  {line}" for line in _lines(item))
            else:
                yield f"{name}: {_scalar(item)}"
        return
    for item in value:
        lines = list(_lines(item)) if isinstance(item, Mapping) else [_scalar(item)]
        yield from (f"{'  ' if number else '- '}{line}" for number, line in enumerate(lines))


def _scalar(value: Any) -> str:
    is_plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][a-z0-9]*(-[a-z0-9]+)*", value)
    words = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
    if is_plain and value.lower() not in words:
        return str(value)
    return json.dumps(value, ensure_ascii=False)
