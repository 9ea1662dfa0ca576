"""Why a verdict is INCONCLUSIVE: the one reason that holds it up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..language.expression import Expectation
from .clusters import LEAST_CLUSTERS, Clusters, joined
from .compound import Tree, blocks, decidable
from .leaves import Leaves, mostly_invalid
from .verdict import Counts, Reason

#: whether a case would be decided: "complete" (over images without a missing value), "endless" (with any number of
#: images in the same shares)
Decided = Callable[[str], bool]
_LINKED = "linked"


def reason_of(
    expectation: Expectation,
    tree: Tree,
    known: bool,
    found: Counts,
    few: Clusters | None,
    leaves: Leaves,
    decided: Decided,
) -> Reason:
    """The first of these that holds; none of them asks for images where images do not help.

    1. ``too_few_clusters``: no bound is given, whatever the values are.
    2. ``undefined_values``: values are missing, and the measure has no range, or the case would be decided without
       them, or the missing values alone would keep it open with any number of images. ``attribution_invalid`` where
       most of them are invalid attributions.
    3. ``undefined_values``: the left side has no value (a denominator of 0).
    4. ``too_few_images``.

    (``missing_data``, where no image has every value, is found before there is anything to decide.)

    Args:
        known: whether the left side has an estimate.
        few: clusters of which there are too few (:func:`too_few`).
    """
    if few is not None:
        return Reason.TOO_FEW_CLUSTERS
    if found.measured < found.asked and (
        _without_range(expectation, leaves) or decided("complete") or not decided("endless")
    ):
        return Reason.ATTRIBUTION_INVALID if mostly_invalid(found) else Reason.UNDEFINED_VALUES
    return Reason.TOO_FEW_IMAGES if known and decidable(tree, leaves) else Reason.UNDEFINED_VALUES


def too_few(tree: Tree, leaves: Leaves, *, guaranteed: bool) -> Clusters | None:
    """The clustering of the fewest clusters of any block, where they are fewer than ten; copies of pictures first.

    A guaranteed bound counts what no chain of shared clusters and donors links.
    """
    every: list[Clusters] = []
    for block in blocks(tree):
        for form in (block.numerator, block.denominator):
            found = leaves.clusters(form.terms, leaves[next(iter(form.terms))].asked) if form.terms else ()
            every += [*found, replace(joined(found), name=_LINKED)] if guaranteed and len(found) > 1 else found
    few = [one for one in every if one.sizes.size < LEAST_CLUSTERS]
    order = ("copies", "cluster", "donor", _LINKED)
    return min(few, key=lambda one: (order.index(one.name), one.sizes.size), default=None)


def advice_on(few: Clusters) -> str:
    """What helps where there are too few clusters: never more images of the same ones."""
    count, images = few.sizes.size, few.codes.size
    if few.name == "copies":
        return (
            f"{count} different pictures among {images} images: copies count as one image, and at least "
            f"{LEAST_CLUSTERS} different ones are needed; add other pictures"
        )
    if few.name == _LINKED:
        return (
            f"{images} images that share clusters, donors or pictures form {count} parts with nothing in common, and a "
            f"guaranteed bound needs {LEAST_CLUSTERS}; add other images, or use Audit(bounds='approximate')"
        )
    if few.name == "donor":
        return (
            f"the backgrounds of {images} images come from {count} donors, and at least {LEAST_CLUSTERS} are needed: "
            "add pictures that lend backgrounds (more images with the same ones do not help), or limit the claim to "
            "these backgrounds with Audit(claim='these_clusters')"
        )
    return (
        f"{images} images of {count} clusters, and at least {LEAST_CLUSTERS} are needed: add images of other clusters "
        "(more images of the same ones do not help), or limit the claim to these clusters with "
        "Audit(claim='these_clusters')"
    )


def _without_range(expectation: Expectation, leaves: Leaves) -> bool:
    columns = [leaves[measure].column for measure in expectation.expression.measures()]
    return any(column.low is None or column.high is None for column in columns)
