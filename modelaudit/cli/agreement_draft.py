"""The first ``agreement.yaml``: the expectations and labels that are there, and the rest to be filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

from .agreed_audits import AgreedAudits

FILL_IN = "FILL IN"
#: an attribute with more values than this is taken for a name or a measurement and is not drafted
_MOST_VALUES = 12

_HEAD = """\
# What the parties agree on before the numbers are known. modelaudit agree check tells what does not fit,
# modelaudit agree show makes the document that is signed. Every text may be one, or one for each language:
# {{en: Acceptance of line A, ja: ライン A の受入れ}}
title: {fill}
# number: PoC-2026-014

parties:
  vendor:
    name: {fill}
    role: {{en: delivers the model, ja: モデルの納入者}}
    # public_key: keys/vendor.pem
  customer:
    name: {fill}
    role: {{en: accepts the model, ja: モデルの受入者}}
    # public_key: keys/customer.pem

system:
  name: {fill}
  # version: "1.0"
  purpose: {fill}

# The operating domain: the values that the test set must represent. Shares are per cent, and 100 in all;
# they need a tolerance, in points. Attributes are label, group, and what the data say of their images.
domain:
  # tolerance: 10
  attributes:
"""
#: what stands under the attributes
_TOGETHER = """\
  # Values that must occur together: every light with every product, in at least so many images each.
  # combinations:
  #   - {of: [light, product], least: 5, impossible: [[night, bolt]]}
"""
_COSTS = """
# What a mistake costs, and how many per cent of the parts are defective in operation.
# costs: {missed_defect: 40000, false_alarm: 300, currency: JPY, per: {en: part, ja: 部品}, defect_share: 2}
"""
_DECISION = """
# No expectation may be decided at a lower confidence, or on fewer images.
decision:
  confidence: {confidence:g}
  # images: 100
  inconclusive: fail  # what stays undecided counts as not met (warn: it does not)

signs: [vendor, customer]
# waivers: {{signed_by: customer}}
# review: {{pictures: 12}}  # of each expectation with reviewed_by

# What stands at the head of the report, as in about.yaml: title, customer, issuer, number, model, data.
# about: {{number: R-1}}
"""


def draft(audits: AgreedAudits) -> str:
    """The text of the file."""
    counted = [one.record.confidence for one in audits.cases if not one.record.must_fail]
    domain = "\n".join(_domain(audits)) or f"    label: [{FILL_IN}]"
    head = _HEAD.format(fill=FILL_IN)
    clauses = "\n".join(_clauses(audits))
    decision = _DECISION.format(confidence=min(counted, default=0.95))
    return f"{head}{domain}\n{_TOGETHER}{_COSTS}\nclauses:\n{clauses}\n{decision}"


def _domain(audits: AgreedAudits) -> Iterator[str]:
    samples = audits.samples()
    labels = sorted({one.label for one in samples})
    if labels:
        yield f"    label: {_listed(labels)}"
    found = {
        name: sorted({one.columns.get(name, "") for one in samples} - {""}) for one in samples for name in one.columns
    }
    found = {"group": sorted({one.group for one in samples if one.group}), **dict(sorted(found.items()))}
    for name, values in found.items():
        if 0 < len(values) <= _MOST_VALUES:
            yield f"    # {_quoted(name)}: {_listed(values)}"


def _clauses(audits: AgreedAudits) -> Iterator[str]:
    """One clause for each that the audits name, and one for every expectation without one."""
    grouped: dict[str, dict[str, str]] = {}
    declared = [one.record for one in audits.cases if not one.record.must_fail]
    numbers = {one.clause for one in declared}
    free = (number for at in count(1) if (number := str(at)) not in numbers)
    given: dict[str, str] = {}
    for one in declared:
        name = one.name.partition("[")[0]
        number = one.clause or given.get(name) or next(free)
        given[name] = number
        grouped.setdefault(number, {})[name] = one.expectation
    for number, named in grouped.items():
        yield f"  {_quoted(number)}:"
        yield "    # text: {en: The clause in full., ja: 条文}"
        yield "    expectations:"
        yield from (f"      - {_quoted(name)}  # {' '.join(text.split())}" for name, text in named.items())


def _listed(values: list[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _quoted(text: str) -> str:
    """A text that YAML reads as this text, whatever it looks like."""
    return json.dumps(text, ensure_ascii=False)
