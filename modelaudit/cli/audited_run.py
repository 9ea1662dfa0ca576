"""The data and the model of a run's record, opened again as the run used them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.audit import DEFAULT_OBJECT_KEPT
from ..language.errors import DataError, ModelError

if TYPE_CHECKING:
    from ..evidence.record import DataRecord, ModelRecord, RunRecord
    from ..models import LoadedModel


@dataclass(frozen=True)
class AuditedTarget:
    """The data that are measured on, and what a run says of them and of the model."""

    reference: str
    labels: Mapping[str | int, Any] | None = None
    without_object: tuple[str, ...] = ()
    object_kept: float = DEFAULT_OBJECT_KEPT
    pools: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    digest: str | None = None
    data: DataRecord | None = None
    model: ModelRecord | None = None


def target_of(record: RunRecord, data: DataRecord, model: ModelRecord) -> AuditedTarget:
    """What the record of a run says of one of its data sets and one of its models."""
    from ..evidence.record import record_digest

    return AuditedTarget(
        data.reference,
        None if data.label_classes is None else dict(data.label_classes.items()),
        tuple(data.without_object),
        DEFAULT_OBJECT_KEPT if data.object_kept is None else data.object_kept,
        data.pools,
        data.seed or 0,
        record_digest(record),
        data,
        model,
    )


def opened_model(reference: str, target: AuditedTarget, labels: int | None, root: Path, use: str) -> LoadedModel:
    """The model, with the preprocessing and the reading of scores of the run where one is named.

    Args:
        labels: how many labels the data have.
        use: what is done with it, for the message.

    Raises:
        ModelError: it cannot be opened, or is not that of the run.
    """
    from ..language.sample import Preprocessing
    from ..language.scores import recorded_settings
    from ..models import open_model

    if target.model is None:
        return open_model(reference, root=root, allow_code=True, labels=labels)
    loaded = open_model(
        reference,
        root=root,
        preprocessing=Preprocessing(**target.model.preprocessing),  # type: ignore[arg-type]
        classes=target.model.classes,
        allow_code=True,
        scores=recorded_settings(target.model.scores),
        labels=labels,
    )
    if loaded.fingerprint != target.model.fingerprint:
        raise ModelError(
            f"{reference}: is not the model of the run ({loaded.fingerprint[:12]} instead of "
            f"{target.model.fingerprint[:12]}); {use} the model that was audited, or run the audit again"
        )
    return loaded


def check_same_images(data: str, root: str, target: AuditedTarget) -> None:
    """Refuses images that are not those of the run.

    Raises:
        DataError: the Merkle root of the data is another.
    """
    known = target.data
    if known is None or known.root is None or known.images < known.available:  # not all images were looked at
        return
    if known.root != root:
        raise DataError(
            f"{data}: has other images than in the run ({root[:12]} instead of {known.root[:12]}); run the audit again"
        )
