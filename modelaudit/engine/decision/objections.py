"""What the checks say against a verdict, from what they found alone: the same for a run and for its record."""

from __future__ import annotations

from collections.abc import Iterator

from ...statistics import Decision, Reason, Verdict
from ...statistics.objections import Objection
from ..results.checks import CheckResults

_WORDS = {
    "eroded": "eroded",
    "dilated": "dilated",
    "shifted_x": "shifted to the right",
    "shifted_y": "shifted down",
}


def objections_of(found: CheckResults, decision: Decision) -> Iterator[Objection]:
    """In the order in which a reader should hear of them."""
    if found.masks is not None and not found.masks.agree:
        other = [_WORDS[one.variant] for one in found.masks.variants if one.verdict != decision.verdict]
        yield Objection(Reason.MASK_UNCERTAIN, f"with masks {' or '.join(other)} the verdict is another one")
    if found.noise is not None and found.noise.passed is False:
        floor = f"{found.noise.floor:.3g}"
        yield Objection(Reason.BELOW_NOISE_FLOOR, f"the distance to the threshold is below the noise floor of {floor}")
    blind = found.blind
    if decision.verdict is Verdict.FAIL and blind is not None and blind.works is None and not blind.decides:
        yield Objection(
            Reason.BELOW_NOISE_FLOOR,
            f"a map with all on the object would get {blind.value:.3g} at this method's resolution",
        )
    if blind is not None and blind.works is False:
        yield Objection(
            Reason.INSTRUMENT_INSENSITIVE,
            f"a model that cannot see any background gets {blind.value:.3g} and must get none of it: the "
            "backgrounds are not what is changed",
        )
    sensitivity = found.sensitivity
    if decision.verdict is Verdict.PASS and sensitivity is not None and sensitivity.alone_passes:
        yield Objection(
            Reason.INSTRUMENT_INSENSITIVE,
            f"a heat map of the background's evidence alone gets {sensitivity.alone:.3g} and would pass this limit",
        )
