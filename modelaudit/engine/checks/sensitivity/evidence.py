"""Evidence added to the background of a heat map, in known amounts, and a measure read off each of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ....attribution import Maps
from ....contexts.base import alone
from ....language.reasons import Missing
from ....language.sample import BACKGROUND, IGNORE
from ....measures.base import Regions
from ...images.batches import ContextBatch
from ...inference.running_model import Explained, ModelOutput, RunningModel
from ...inference.values import measure_input, measured_by
from ...planning.plan import ColumnAsk

#: the added evidence as a share of a map's whole positive evidence; 1 is a map of the background's evidence alone
FRACTIONS = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def positive_mass(maps: Maps, mask: Tensor) -> Tensor:
    """[n] float64: the sum of the positive part outside of the ignored ring; of a map on cells the sum over cells."""
    return _sums(_positive(maps, mask))


def with_evidence(maps: Maps, mask: Tensor, fraction: float) -> Maps:
    """The maps with evidence spread evenly over the background's pixels: that share of all positive evidence.

    Of a map on cells each cell gains by the share of it that is background. A map without positive evidence becomes
    that of the background alone.
    """
    own = maps.cells
    even = (mask == BACKGROUND).to(own.dtype)
    if maps.coarse is not None:
        even = alone(lambda one: adaptive_avg_pool2d(one[:, None], list(own.shape[1:]))[:, 0], even)  # type: ignore[arg-type]
    mass, spread = positive_mass(maps, mask), _sums(even)
    nothing = mass <= 0
    scale = torch.where(nothing, spread, mass) / spread.clamp_min(1e-12)
    if fraction < 1:
        added = torch.where(nothing, scale if fraction else 0 * scale, scale * fraction / (1 - fraction))
        found = own + added.to(own.dtype)[:, None, None] * even
    else:
        found = scale.to(own.dtype)[:, None, None] * even
    if maps.coarse is None:
        return Maps(found)
    return Maps.on_grid(found, (mask.shape[1], mask.shape[2]))


def curves(column: ColumnAsk, model: RunningModel, output: ModelOutput, labels: Tensor, shown: ContextBatch) -> Tensor:
    """[n, len(FRACTIONS)] float64: the measure with each share of added evidence, NaN where it is undefined.

    Args:
        output: logits, and under `column.map` the maps that are added to.
    """
    assert column.map is not None
    own, regions = output.maps[column.map], Regions(shown.mask)
    invalid = own.invalid.get(Missing.ATTRIBUTION_INVALID)  # a map without evidence gets that of the background
    found: list[Tensor] = []
    for fraction in FRACTIONS:
        maps = {column.map: Explained(with_evidence(own.maps, shown.mask, fraction), {})}
        reading = measured_by(column, measure_input(column, model, replace(output, maps=maps), labels, shown, regions))
        values = reading.values.double()
        for where in [*reading.undefined.values(), *(() if invalid is None else (invalid,))]:
            values = values.masked_fill(where, torch.nan)
        found.append(values)
    return torch.stack(found, dim=1)


def _positive(maps: Maps, mask: Tensor) -> Tensor:
    positive = maps.cells.nan_to_num(0.0, 0.0, 0.0).clamp_min(0)
    return positive if maps.coarse is not None else positive * (mask != IGNORE)


def _sums(maps: Tensor) -> Tensor:
    return alone(lambda one: one.flatten(1).sum(1, dtype=torch.float64), maps)
