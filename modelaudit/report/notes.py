"""Translates the notes of decisions and what is missing from a run.

A note is an English sentence with numbers in the record. It is found by its form; one of another form stands as it is.
"""

from __future__ import annotations

import re
from collections import Counter

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.states import AbsentBy, absences
from .words import Words

_OF = r"images of (?P<n>\d+) (?P<what>clusters|donors|different pictures)"
_NEEDED = r"and at least (?P<least>\d+) are needed: add "
#: the form of a note, and the key of its text, which ``what`` completes where the form has it
_FORMS: dict[str, str] = {
    _OF + r": counts as about (?P<count>\d+) independent ones; more images help where they are of new ones": "counted",
    _OF + ": more images help where they are of new ones": "shared",
    _OF + r": at least (?P<least>\d+) are needed to decide anything": "few",
    r"(?P<n>\d+) different pictures among (?P<all>\d+) images: copies count as one image, and at least (?P<least>\d+) "
    "different ones are needed; add other pictures": "note.few_pictures",
    r"(?P<all>\d+) images that share clusters, donors or pictures form (?P<n>\d+) parts with nothing in common, and a "
    r"guaranteed bound needs (?P<least>\d+); add other images, or use Audit\(bounds='approximate'\)": "note.few_parts",
    r"the backgrounds of (?P<all>\d+) images come from (?P<n>\d+) donors, "
    + _NEEDED
    + r"pictures that lend backgrounds \(more images with the same ones do not help\), or limit the claim to these "
    r"backgrounds with Audit\(claim='these_clusters'\)": "note.few_donors",
    r"(?P<all>\d+) images of (?P<n>\d+) clusters, "
    + _NEEDED
    + r"images of other clusters \(more images of the same ones do not help\), or limit the claim to these clusters "
    r"with Audit\(claim='these_clusters'\)": "note.few_clusters",
    r"a measure without a range is decided from (?P<n>\d+) images on(?:, without spikes)?": "note.range_from",
    "a measure without a range: the bound is approximate and blind to rare extremes": "note.range_approximate",
    "a measure without a range is not decided before all images are there": "note.range_not_yet",
    "a measure without a range, with equal or spiked values, has no bound": "note.range_spiked",
    r"a measure without a range has no guaranteed bound; use Audit\(bounds='approximate'\)": "note.range_not_proven",
    r"(?P<n>\d+) of (?P<all>\d+) images are passed over: who lends them the background lent it before": "note.passed",
    r"a ratio, decided as numerator - threshold \* denominator": "note.ratio",
    "one of its denominators is 0 or cannot be told from 0: it prints what is left, and decides nothing": "note.zero",
    r"holds for (?P<what>these clusters and these backgrounds|these clusters|these backgrounds) alone "
    r"\(claim='these_clusters'\)": "limited",
    r"the least of (?P<n>\d+) groups lies below the true least on average": "note.least_of_groups",
    r"of (?P<all>\d+) groups the (?P<n>\d+) lowest are listed": "note.groups_listed",
    "no image has every value that the expression needs": "note.no_image",
    r"(?P<n>\d+) of (?P<all>\d+) images have no value; that share alone keeps the verdict open": "note.values_missing",
    "the estimate is too near the threshold for any number of images": "note.too_near",
    r"fails by (?P<part>.+?) alone, but not after Holm over (?P<n>\d+) of them": "note.holm",
}

#: why no such images could pass (statistics/feasibility.py), after "it"
_BETWEEN = r"it cannot pass: (?P<name>\S+) lies between (?P<low>[-\d.e+]+) and (?P<high>[-\d.e+]+)"
_INFEASIBLE: dict[str, str] = {
    r"it cannot pass with images of (?P<n>\d+) clusters; needs at least (?P<least>\d+) \(more images of the same "
    r"clusters do not help\), or a claim about these alone: Audit\(claim='these_clusters'\)": (
        "note.infeasible_clusters"
    ),
    _BETWEEN + r"; did you mean (?P<meant>[\d.]+)\?": "note.outside_meant",
    _BETWEEN: "note.outside",
    "it cannot pass(?: even where the context changes nothing)?: no number of images shows it; the threshold is the "
    "best value there is": "note.best_value",
}
_TOO_FEW = re.compile(
    r"it cannot pass with (?P<n>\d+) images(?: of (?P<stratum>.+?))?(?P<even> even where the context changes "
    r"nothing)?; needs at least (?P<least>\d+)(?:, of (?P<all>\d+) clusters as large as these (?P<clusters>\d+))?"
)


def note_text(note: str, words: Words) -> str:
    """The notes of a decision, joined as they are in the record, each in the language of the report."""
    for form, key in {**_FORMS, **_INFEASIBLE}.items():

        def translated(found: re.Match[str], key: str = key) -> str:
            values = found.groupdict()
            what = values.pop("what", None)
            return words._(key if what is None else f"{key}.{what.replace(' ', '_')}", **values)

        note = re.sub(form, translated, note)
    note = _TOO_FEW.sub(lambda found: _too_few(found, words), note)
    return note.replace(".; ", ". ").replace("。; ", "。")


def _too_few(found: re.Match[str], words: Words) -> str:
    n, stratum = words.count(int(found["n"])), found["stratum"]
    images = words._("too_few_of", n=n, stratum=stratum) if stratum else words._("too_few_images", n=n)
    even = words._("too_few_even") if found["even"] else ""
    least = words.count(int(found["least"]))
    if found["all"]:
        return words._("too_few_clusters", images=images, even=even, least=least, all=found["all"], n=found["clusters"])
    return words._("too_few", images=images, even=even, least=least)


def guard_notes(case: CaseRecord, words: Words) -> tuple[str, ...]:
    """The notes of a case's decisions, without what its checks say, which stands by itself."""
    decisions = [case.decision, *case.decision.parts] if case.decision else []
    said = [] if case.checks is None else case.checks.objections
    notes: list[str] = []
    for decision in decisions:
        parts = [part for part in decision.note.split("; ") if part and part not in said]
        notes.append(note_text("; ".join(parts), words))
    return tuple(dict.fromkeys(note for note in notes if note))


def missing_text(record: RunRecord, words: Words) -> str:
    """What is missing from the whole: how many requirements and audit files, and why; empty where nothing is."""
    if record.missing is None:
        return ""
    parts = []
    if cases := Counter(absences(record.cases, ())):
        parts.append(words._("missing_requirements", n=cases.total(), all=len(record.cases), why=_why(cases, words)))
    if files := Counter(absences((), record.absent_files)):
        parts.append(words.ngettext("missing_files", files.total(), why=_why(files, words)))
    return words._("semicolon").join(parts) or _nothing_met(record, words)


def _nothing_met(record: RunRecord, words: Words) -> str:
    alone = all(case.must_fail for case in record.cases)
    return words._("only_known_bad_models") if alone else words._("nothing_counted")


def _why(counts: Counter[AbsentBy], words: Words) -> str:
    return words._("comma").join(
        words._("reason_and_count_of_absent", reason=words.named("absent", by), n=count) for by, count in counts.items()
    )
