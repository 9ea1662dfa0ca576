"""Images as the last layer of a model sees them: features, as photographed and under contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import fingerprint
from ..data.copies import Copies
from ..engine.images.batches import BatchBuilder, Chunk, ContextBatch
from ..engine.images.copies import PictureCopies
from ..engine.inference.batch_size import micro_batch
from ..engine.inference.values import pass_wide
from ..engine.results.measured import PassCounts
from ..engine.store.store import Store
from ..language.audit import DEFAULT_OBJECT_KEPT
from ..language.errors import ModelError
from ..language.merkle import merkle_root
from ..language.sample import Sample
from ..language.spec import Context
from ..models import LoadedModel, precision_context
from ..models.last_layer import LastLayer, differs, features_of

Values = NDArray[np.float64]
_CHUNK = 64


@dataclass(frozen=True, eq=False)
class Seen:
    """Images under one context: features [n, D] and logits [n, C] of those that can be shown so, NaN for others.

    ``donors`` [n]: the id of the image that lent each its background, None where none did.
    """

    features: Values
    logits: Values
    donors: tuple[str | None, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """[n]"""
        return np.asarray(~np.isnan(self.logits).any(axis=1), dtype=bool)


@dataclass(frozen=True, eq=False)
class SeenData:
    """A data set as a model sees it.

    Args:
        samples: those that can be decoded.
        contexts: what was seen under each context.
        fingerprint, root: digests of the data, as a run's record has them.
        unusable: the ids of those that cannot be decoded.
    """

    samples: tuple[Sample, ...]
    contexts: Mapping[Context, Seen]
    fingerprint: str
    root: str
    unusable: tuple[str, ...]


def see(
    samples: Sequence[Sample],
    contexts: Sequence[Context],
    loaded: LoadedModel,
    layer: LastLayer,
    *,
    seed: int,
    device: str,
    root: Path,
    advance: Callable[[int], None],
    object_kept: float = DEFAULT_OBJECT_KEPT,
    pools: Mapping[str, Any] | None = None,
) -> tuple[SeenData, BatchBuilder]:
    """Every image under every context, in passes of one size; donors come from the same samples, or from `pools`.

    Args:
        object_kept: the least share of an object that the model's crop must leave.

    Returns:
        What was seen, and the builder, which knows the signatures of the images.

    Raises:
        ModelError: on these images the layer does not yield the logits.
        ContextError, DataError: the images cannot be shown under a context.
    """
    counts = PassCounts()
    kept: list[Sample] = []
    found: dict[Context, list[tuple[Values, Values]]] = {context: [] for context in contexts}
    donors: dict[Context, list[str | None]] = {context: [] for context in contexts}
    builder = BatchBuilder(
        samples, seed=seed, device=device, passes=counts, root=root, object_kept=object_kept, pools=pools
    )
    preprocessing = loaded.preprocessing
    with builder, features_of(loaded, layer, device) as run:
        batch = micro_batch(loaded.pixel_model, loaded.input_size, device)
        builder.prepare_for([preprocessing])
        for first in range(0, len(samples), _CHUNK):
            chunk: Chunk = builder.chunk(samples[first : first + _CHUNK], first)
            kept += chunk.samples
            for context in contexts if chunk.samples else ():
                shown = builder.show(chunk, context, preprocessing)
                found[context].append(_passed(context, shown, run, batch))
                donors[context] += [donor and donor[0] for donor in shown.donors]
            advance(len(samples[first : first + _CHUNK]))
    seen = {
        context: Seen(
            np.concatenate([features for features, _ in several]),
            np.concatenate([logits for _, logits in several]),
            tuple(donors[context]),
        )
        for context, several in found.items()
        if several
    }
    for one in seen.values():
        rows = one.known
        if rows.any() and differs(layer, torch.from_numpy(one.features[rows]), torch.from_numpy(one.logits[rows])):
            raise ModelError(
                f"{loaded.ref}: on these images the layer {layer.name!r} does not yield the logits, though it does on "
                "noise; a model whose last layer differs from image to image cannot be probed"
            )
    digests = builder.digests
    data = SeenData(tuple(kept), seen, fingerprint(digests), merkle_root(digests), tuple(sorted(builder.unusable)))
    return data, builder


def copies_between(one: BatchBuilder, other: BatchBuilder) -> tuple[Copies, Callable[[str], str], Callable[[str], str]]:
    """Which images of two data sets are one picture: the copies among all of them, and how ids of each set are named
    there."""

    def of_one(name: str) -> str:
        return f"0/{name}"

    def of_other(name: str) -> str:
        return f"1/{name}"

    samples = [
        *(replace(sample, id=of_one(sample.id)) for sample in one.samples),
        *(replace(sample, id=of_other(sample.id)) for sample in other.samples),
    ]
    signatures = {
        **{of_one(name): signature for name, signature in one.signatures.items()},
        **{of_other(name): signature for name, signature in other.signatures.items()},
    }
    return PictureCopies(samples, signatures, Store(None), PassCounts()).of(samples), of_one, of_other


def _passed(
    context: Context, shown: ContextBatch, run: Callable[[Tensor], tuple[Tensor, Tensor]], batch: int
) -> tuple[Values, Values]:
    """Features and logits of a chunk, in passes of `batch` images, the last one filled up with its last image."""
    features, logits = [], []
    for first in range(0, len(shown.pixels), batch):
        pixels = shown.pixels[first : first + batch]
        count = len(pixels)
        filled = torch.cat([pixels, pixels[-1:].expand(batch - count, -1, -1, -1)])
        with precision_context("float32"):
            seen, answered = run(filled)
        features.append(seen[:count].numpy())
        logits.append(answered[:count].numpy())
    unable = torch.zeros(len(shown.pixels), dtype=torch.bool)
    for _, flags in pass_wide(context, shown):
        unable |= flags.cpu()
    all_features, all_logits = np.concatenate(features), np.concatenate(logits)
    all_logits[unable.numpy()] = np.nan
    return all_features, all_logits
