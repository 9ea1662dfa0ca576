"""The record of a run that audited a model, as far as a monitor reads it."""

from __future__ import annotations

from report.sample_record import record

from modelaudit.evidence.record import ModelRecord, RunRecord
from modelaudit.models import LoadedModel


def audited_run(loaded: LoadedModel) -> RunRecord:
    model = ModelRecord(
        key="m0",
        names=["model"],
        reference=loaded.ref,
        architecture=loaded.architecture,
        parameters=loaded.parameters,
        outputs=loaded.outputs,
        classes=None if loaded.classes is None else list(loaded.classes),
        preprocessing=dict(vars(loaded.preprocessing)),
        fingerprint=loaded.fingerprint,
        probe_digest=loaded.probe_digest,
    )
    return record(models=[model])
