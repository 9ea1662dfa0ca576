"""A method whose maps do not depend on what the model has learnt decides nothing alone."""

from __future__ import annotations

from collections.abc import Sequence

from .guards import Objection
from .verdict import Decision, Reason, Verdict

_WAY_OUT = "maps are nearly the same with random weights; take another method"


def over_sane(whole: Decision, sane: Decision | None, insane: Sequence[str]) -> tuple[Decision, Objection | None]:
    """The decision that counts, and what speaks against it.

    The methods that are sane decide. Where the left side FAILs over all methods and not over these, only a method that
    means nothing on this model fails: that is no FAIL, and what is left is no PASS that anybody asked for.

    Args:
        whole: over all methods.
        sane: over those that passed their sanity check; None where no measure that needs a map is left with one.
        insane: the names of the others.
    """
    if not insane:
        return whole, None
    names = ", ".join(insane)
    if sane is None:
        return whole, Objection(Reason.ATTRIBUTION_INVALID, f"no method is sane on this model: {names}; {_WAY_OUT}")
    if whole.verdict is Verdict.FAIL and sane.verdict is not Verdict.FAIL:
        return whole, Objection(
            Reason.ATTRIBUTION_INVALID, f"it fails only by what is not sane on this model: {names}; {_WAY_OUT}"
        )
    return sane, None
