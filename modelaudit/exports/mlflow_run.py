"""A run of audits as a run of MLflow: metrics with their bounds, verdicts as tags, the report as an artefact."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..evidence.record import RunRecord, record_digest
from ..evidence.record_texts import shown_record
from ..language.errors import ResultsError
from ..language.plain_text import plain, quoted_lines, shortened
from .extras import needs
from .requirements import Requirement, requirements_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: what MLflow and the servers that speak its protocol take: characters of a key and of a value, items of a request
_KEY, _TAG, _PARAM = 200, 5000, 500
_METRICS, _OTHERS = 1000, 100
#: bytes of the description of a run
LONGEST_NOTE = 4900
_ARTEFACTS = "modelaudit"
_DIGEST, _REDACTED = "modelaudit.record_sha256", "modelaudit.redacted"
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class MlflowValues:
    """What is logged. Of a number that is missing there is no metric; a verdict is a tag, and never a number."""

    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True)
class LoggedRun:
    """Where a run was logged; ``new``: now, and not by an earlier export of the same record."""

    run_id: str
    experiment_id: str
    new: bool


def mlflow_values(record: RunRecord) -> MlflowValues:
    """The metrics, parameters and tags of a run.

    A requirement called ``robust`` has the metrics ``robust/estimate``, ``robust/lower``, ``robust/upper`` and
    ``robust/threshold``, the parameter ``robust/requires`` and the tag ``modelaudit.verdict.robust``.
    """
    shown, digest = shown_record(record), record_digest(record)
    metrics: dict[str, float] = {}
    params = {
        "modelaudit/models": ", ".join(one.reference for one in shown.models),
        "modelaudit/data": ", ".join(one.reference for one in shown.data),
        "modelaudit/seed": str(shown.provenance.seed),
    }
    tags = {
        "modelaudit.run": shown.id,
        "modelaudit.state": shown.overall,
        "modelaudit.version": shown.provenance.versions.get("pytest-modelaudit", ""),
        _DIGEST: digest,
        _REDACTED: "true" if shown.redacted else "false",
    }
    for key, one in zip(_keys(requirements := requirements_of(record)), requirements, strict=True):
        numbers = {"estimate": one.estimate, "lower": one.lower, "upper": one.upper, "threshold": one.threshold}
        metrics |= {f"{key}/{name}": value for name, value in numbers.items() if value is not None}
        params[f"{key}/requires"] = one.expectation
        tags |= {f"modelaudit.{name}.{key}": text for name, text in _told(one).items() if text}
    return MlflowValues(
        metrics,
        {key: shortened(plain(text), _PARAM - 60) for key, text in params.items()},
        {key: shortened(plain(text), _TAG - 60) for key, text in tags.items()},
    )


def _told(one: Requirement) -> dict[str, str | None]:
    """What stands beside the numbers of a requirement."""
    return {
        "verdict": one.verdict,
        "reason": one.reason,
        "clause": one.clause,
        "standing": None if one.standing == "counted" else one.standing,
        "known_bad": "true" if one.known_bad else None,
    }


def _keys(requirements: Sequence[Requirement]) -> list[str]:
    """A name of each requirement that MLflow takes on every system, each once."""
    found: list[str] = []
    for one in requirements:
        key = re.sub(r"[^\w.\- ]", "_", plain(one.key)).strip(" .")[:_KEY] or "_"
        free, number = key, 2
        while free in found:
            free, number = f"{key}_{number}", number + 1
        found.append(free)
    return found


def log_run(
    record: RunRecord,
    artefacts: Sequence[Path],
    *,
    tracking_uri: str | None = None,
    experiment: str = "modelaudit",
    run_id: str | None = None,
    note: str = "",
) -> LoggedRun:
    """Log a run; one whose record is already there is not logged twice.

    Args:
        artefacts: files that are put below ``modelaudit/``.
        tracking_uri: of the server or store; None for MLflow's own (``MLFLOW_TRACKING_URI``).
        experiment: made where it is missing; not used with `run_id`.
        run_id: an existing run, as that of the training, which gets the results beside its own.
        note: Markdown that describes a new run.

    Raises:
        ResultsError: MLflow is missing, cannot be reached, or refuses what is logged.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # what is audited is nobody else's business
    with needs("mlflow", "MLflow"):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    try:
        client = MlflowClient(tracking_uri=tracking_uri)
        return _logged(client, record, artefacts, experiment, run_id, note)
    except (MlflowException, OSError) as error:
        where = "MLflow" if tracking_uri is None else f"MLflow at {without_password(tracking_uri)}"
        first, *rest = quoted_lines(without_password(str(error)).strip())
        if "unsupported URI" in first:  # the client alone has no database
            first = "its client alone keeps no runs in a database; pip install mlflow, or give the URI of a server"
        raise ResultsError(f"{where}: {first}", *rest) from error


def _logged(
    client: MlflowClient,
    record: RunRecord,
    artefacts: Sequence[Path],
    experiment: str,
    run_id: str | None,
    note: str,
) -> LoggedRun:
    values = mlflow_values(record)
    run = client.get_run(run_id) if run_id is not None else None
    if run is None:
        known = client.get_experiment_by_name(experiment)
        experiment_id = client.create_experiment(experiment) if known is None else known.experiment_id
        same = " and ".join(f"tags.`{name}` = '{values.tags[name]}'" for name in (_DIGEST, _REDACTED))
        for there in client.search_runs([experiment_id], same, max_results=1):
            return LoggedRun(there.info.run_id, experiment_id, new=False)
        tags = {"mlflow.note.content": note} if note else {}
        run = client.create_run(experiment_id, _milliseconds(record.started), tags, run_name=f"modelaudit {record.id}")
        _log(client, run.info.run_id, values, artefacts, _milliseconds(record.finished))
        client.set_terminated(run.info.run_id, end_time=_milliseconds(record.finished))
    elif run.data.tags.get(_DIGEST) == values.tags[_DIGEST]:
        return LoggedRun(run.info.run_id, run.info.experiment_id, new=False)
    else:
        _log(client, run.info.run_id, values, artefacts, _milliseconds(record.finished))
    return LoggedRun(run.info.run_id, run.info.experiment_id, new=True)


def _log(client: MlflowClient, run_id: str, values: MlflowValues, artefacts: Sequence[Path], at: int) -> None:
    """Tags come last: a run that has them has everything."""
    from mlflow.entities import Metric, Param, RunTag

    for metrics in _portions([Metric(key, value, at, 0) for key, value in values.metrics.items()], _METRICS):
        client.log_batch(run_id, metrics=metrics)
    for params in _portions([Param(key, value) for key, value in values.params.items()], _OTHERS):
        client.log_batch(run_id, params=params)
    for file in artefacts:
        client.log_artifact(run_id, str(file), _ARTEFACTS)
    for tags in _portions([RunTag(key, value) for key, value in values.tags.items()], _OTHERS):
        client.log_batch(run_id, tags=tags)


def _portions(items: Sequence[_Item], most: int) -> Iterator[list[_Item]]:
    left = iter(items)
    while portion := list(islice(left, most)):
        yield portion


def _milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def without_password(uri: str) -> str:
    """The URIs in a text without the users and passwords that they may hold.

    >>> without_password("https://me:secret@mlflow.example/api")
    'https://mlflow.example/api'
    """
    return re.sub(r"(?<=://)[^/@\s]*@", "", uri)
