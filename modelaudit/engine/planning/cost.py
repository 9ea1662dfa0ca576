"""What an audit costs in passes of the models, read off its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...contexts import needs_mask
from ...language import registry
from ...language.checks import CheckSettings
from .plan import PassAsk, PlanGroup
from .reruns import images_of, interventions_of, passes_of_rerun, passes_with_maps

#: a backward pass takes about as long as two forward ones: it multiplies by the weights, and by the activations
BACKWARD = 2.0


@dataclass(frozen=True)
class PassCost:
    """Passes of the models, in images."""

    forward: float = 0.0
    backward: float = 0.0

    def __add__(self, other: PassCost) -> PassCost:
        return PassCost(self.forward + other.forward, self.backward + other.backward)

    def times(self, count: float) -> PassCost:
        """For so many images."""
        return PassCost(self.forward * count, self.backward * count)

    @property
    def units(self) -> float:
        """In forward passes."""
        return self.forward + BACKWARD * self.backward


@dataclass(frozen=True)
class CheckCost:
    """A check and its passes for each of at most `images` images."""

    name: str
    images: int
    an_image: PassCost


@dataclass(frozen=True)
class AuditCost:
    """The passes of an audit for an image, and those of its checks."""

    an_image: PassCost
    checks: tuple[CheckCost, ...]

    def of(self, images: int) -> PassCost:
        """All of it, for so many images."""
        return sum((one.an_image.times(min(images, one.images)) for one in self.checks), self.an_image.times(images))


def cost_of(group: PlanGroup, checks: CheckSettings) -> AuditCost:
    """What a group's plan costs, where nothing is stored yet.

    Methods whose work varies count at most (``integrated_gradients(steps="auto")``); so does a search over many
    backgrounds, at the passes of one; a search for the worst change counts at most. Masks that are moved cost a pass
    only where the context is made with them. What is done once for a model (its probe, randomised weights) or on stored
    values (agreement) is not in it. What a limit on heat maps catches counts at most: maps that the audit makes anyhow
    are not made again.
    """
    found: dict[str, CheckCost] = {}
    for intervention in interventions_of(checks):
        passes = passes_of_rerun(group.run_passes, intervention)
        if intervention.of_masks:
            passes = tuple(one for one in passes if needs_mask(one.context))
        an_image = passes_of(passes)
        name = (
            "masks" if intervention.of_masks else {"redrawn": "noise", "blind": "blind", "seam": "seams"}[intervention]
        )
        if name in found:
            an_image = an_image + found[name].an_image
        found[name] = CheckCost(name, images_of(intervention, checks), an_image)
    of_maps = passes_with_maps(group.run_passes)
    if checks.sensitivity and of_maps:
        models = {ask.model for ask in of_maps}
        an_image = passes_of(of_maps) + PassCost(2 * len(models), 0)  # the originals, and a swap with another class
        found["sensitivity"] = CheckCost("sensitivity", checks.sensitivity, an_image)
    return AuditCost(passes_of(group.run_passes), tuple(found.values()))


def passes_of(asks: Iterable[PassAsk]) -> PassCost:
    """The passes for one image: one forward pass each, and those of its attributions."""
    return sum(map(_one, asks), PassCost())


def _one(ask: PassAsk) -> PassCost:
    own, shared = PassCost(), 0.0
    for one in ask.maps:
        declares = registry.entry_of(one.method).declares
        cost = declares.cost(one.method)
        if declares.own_passes:
            own = own + PassCost(cost.forward, cost.backward)
        else:  # one backward pass for all methods that read what it leaves
            shared = max(shared, cost.backward)
    searched = sum(one.declares.searches(one.spec) for one in ask.columns if one.declares.searches is not None)
    return own + PassCost(1 + searched, shared)
