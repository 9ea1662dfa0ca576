"""A measurement cut down to some of its images."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .measured import ColumnData, Measured


def restricted(measured: Measured, kept: Sequence[int], reads: Collection[tuple[str, str]]) -> Measured:
    """What was measured of some images alone, in the order of `kept`, and only the columns in `reads`."""
    numbers = {at: number for number, at in enumerate(kept)}

    def column(one: ColumnData) -> ColumnData:
        values, missing = one.array()[list(kept)].tolist(), one.missing
        return ColumnData.model_construct(
            model=one.model,
            key=one.key,
            scale=one.scale,
            values=values,
            missing={numbers[at]: reason for at, reason in missing.items() if at in numbers},
            steps={},
        )

    models = [
        one.model_copy(update={"indices": [one.indices[at] for at in kept], "areas": [one.areas[at] for at in kept]})
        for one in measured.models
    ]
    shown = [one.model_copy(update={"donors": [one.donors[at] for at in kept]}) for one in measured.shown]
    samples = [measured.samples[at] for at in kept]
    columns = [column(one) for one in measured.columns if (one.model, one.key) in reads]
    return measured.model_copy(update={"samples": samples, "models": models, "shown": shown, "columns": columns})
