"""Runs as they may end, each as a whole record: what every view of the report must stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from report.sample_record import (
    LIGHTING,
    OTHER_CLASS,
    case,
    cases,
    decision,
    draw_gallery,
    draw_pictures,
    measure,
    record,
)
from report.test_matrix import cells, matrix, wanted

from modelaudit.evidence.record import (
    Absence,
    AbsentFile,
    ArithmeticNode,
    ByClass,
    CaseRecord,
    EarlierRun,
    GalleryRow,
    ImageValue,
    Panel,
    RequirementHistory,
    RequirementPoint,
    RunRecord,
    SinceLastRun,
    UnreadRun,
)

#: markup, quotes, template syntax, control and reordering characters, and no place to break a line
HOSTILE = (
    "</style><script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}{0}%s\x00\x1b[31m\n\t\u202egpj.exe\u2066"
    "\u200b عربي فارسي " + "too_long_for_any_line_" * 12
)
REQUIREMENTS, IMAGES = 200, 40


def passing(folder: Path) -> RunRecord:
    lighting = case(
        "survives_lighting",
        measure("accuracy", LIGHTING),
        ">",
        0.85,
        "PASS",
        decision=decision("PASS", 0.917, 0.881, 0.944),
    )
    return record(cases=[*named(folder, "decides_on_the_part", "shortcut_is_caught"), lighting])


def failing(folder: Path) -> RunRecord:
    return record(
        cases=named(folder, "decides_on_the_part", "survives_layout_change", "shortcut_is_caught"),
        by_class=ByClass(matrices=[matrix(cells())], wanted=[wanted()]),
    )


def inconclusive(folder: Path) -> RunRecord:
    found = record(cases=named(folder, "decides_on_the_part", "survives_lighting", "shortcut_is_caught"))
    return found.model_copy(update={"since_last_run": earlier(found.cases)})


def errored(folder: Path) -> RunRecord:
    return record(cases=named(folder, "decides_on_the_part", "robust_to_dust"))


def partial(folder: Path) -> RunRecord:
    """A requirement that was skipped, and an audit file that cannot be collected."""
    skipped = Absence(by="skip", why="no time today")
    (unrun,) = named(folder, "recognises_small_parts")
    return record(
        cases=[*named(folder, "decides_on_the_part"), unrun.model_copy(update={"absence": skipped})],
        absent_files=[AbsentFile(file="audits/audit_line_b.py", by="error", why="SyntaxError: line 3")],
    )


def quick_look(folder: Path) -> RunRecord:
    def looked_at(one: CaseRecord) -> CaseRecord:
        return one.model_copy(update={"outcome": "quick_look"})

    return record(cases=list(map(looked_at, named(folder, "decides_on_the_part", "survives_lighting"))), quick_look=6)


def two_models(folder: Path) -> RunRecord:
    """The candidate fails where the current model passes."""
    (model,) = record().models
    both = [
        model.model_copy(update={"key": key, "names": [name], "reference": f"file:{name}.safetensors"})
        for key, name in (("m0", "current"), ("m1", "candidate"))
    ]
    found = []
    ended = (decision("PASS", 0.021, 0.004, 0.043, rule="tango"), decision("FAIL", 0.121, 0.087, 0.161, rule="tango"))
    for model, decided in zip(both, ended, strict=True):
        (name,) = model.names
        left = ArithmeticNode(op="-", left=measure(model=name), right=measure("accuracy", OTHER_CLASS, model=name))
        rows = draw_gallery(folder)[:1] if decided.verdict == "FAIL" else []
        end: dict[str, Any] = {"decision": decided, "models": [model.key], "gallery": rows}
        found.append(case(f"survives_layout_change[{name}]", left, "<", 0.05, decided.verdict, **end))
    return record(cases=found, models=both)


def many(folder: Path, requirements: int = REQUIREMENTS, images: int = IMAGES) -> RunRecord:
    """Many requirements on one small set of images, each with pictures; one in ten fails, one in ten is undecided."""
    pictures = draw_pictures(folder, images)
    endings = ("FAIL", "INCONCLUSIVE", *["PASS"] * 8)
    bounds = {"FAIL": (0.5, 0.39, 0.62), "INCONCLUSIVE": (0.85, 0.7, 0.94), "PASS": (0.975, 0.87, 0.999)}
    found = []
    for at in range(requirements):
        verdict = endings[at % len(endings)]
        reason = {"reason": "too_few_images"} if verdict == "INCONCLUSIVE" else {}
        node = measure("accuracy", OTHER_CLASS if at % 2 else LIGHTING, stratum=f"label({at})")
        rows = [] if verdict == "PASS" else gallery_of(pictures, at)
        worst = [ImageValue(sample=row.sample, value=0.0) for row in rows]
        more = {"more_images": 140} if reason else {}
        ended = decision(verdict, *bounds[verdict], **reason, **more)
        found.append(
            case(f"requirement_{at:03}", node, ">", 0.8, verdict, decision=ended, gallery=rows, worst=worst, **reason)
        )
    return record(cases=found)


def hostile(folder: Path) -> RunRecord:
    """Wherever a user, a model or a file chose a text, it is one that means harm."""
    base = record(folder)

    def case_named(at: int, one: CaseRecord) -> CaseRecord:
        text = f"{at}{HOSTILE}"
        rows = [renamed(row, text) for row in one.gallery]
        worst = [value.model_copy(update={"sample": text}) for value in one.worst]
        chosen = dict.fromkeys(("name", "clause", "message", "reproduce", "file", "expectation"), text)
        return one.model_copy(update={**chosen, "id": f"{text}::{text}", "gallery": rows, "worst": worst})

    model = base.models[0].model_copy(
        update={"names": [HOSTILE], "reference": HOSTILE, "classes": [HOSTILE] * 4, "notes": [HOSTILE]}
    )
    data = base.data[0].model_copy(update={"reference": HOSTILE, "labels": {HOSTILE: 3}, "notes": [HOSTILE]})
    found_cells = [cell.model_copy(update={"label": f"{at}{HOSTILE}"}) for at, cell in enumerate(cells(3, 2))]
    by_class = ByClass(matrices=[matrix(found_cells)], wanted=[wanted(HOSTILE)])
    found = [case_named(at, one) for at, one in enumerate(base.cases)]
    changes: dict[str, Any] = {"cases": found, "models": [model], "data": [data], "by_class": by_class}
    changes |= {"notes": [HOSTILE], "missing": HOSTILE, "command": HOSTILE, "since_last_run": earlier(found, HOSTILE)}
    return base.model_copy(update=changes)


def earlier(cases: Sequence[CaseRecord], name: str = "v1", runs: int = 20) -> SinceLastRun:
    """Many earlier runs of these cases: the first have other images, one an ERROR, and the model changes twice."""
    shown = [
        EarlierRun(
            id=f"202610{at + 1:02}-091402-7f3a",
            sha256=f"{at:064x}",
            started=f"2026-10-{at + 1:02}T09:14:02+09:00",
            finished=f"2026-10-{at + 1:02}T09:21:47+09:00",
            overall="FAIL",
            baseline=name if at == runs - 1 else None,
        )
        for at in range(runs)
    ]
    found = []
    for number, one in enumerate(each for each in cases if each.decision is not None):
        points = []
        for at in range(runs):
            value = None if at == 9 else 0.8 + 0.006 * at + 0.01 * (at % 3)
            points.append(
                RequirementPoint(
                    run=at,
                    verdict="ERROR" if value is None else "PASS" if at > 12 else "FAIL",
                    estimate=value,
                    lower=None if value is None else value - 0.04,
                    upper=None if value is None else min(1.0, value + 0.04),
                    threshold=0.9 if at > 4 else 0.85,
                    apart=["data"] if at < 6 else [],
                    new_data=at == 6,
                    new_model=at in (8, 15),
                )
            )
        since: Any = ("worse", "better", "cannot_tell")[number % 3]
        found.append(RequirementHistory(case=one.id, points=points, since=since, change=0.031, new_model=True))
    unread = [UnreadRun(name=name, why="unreadable"), UnreadRun(name=name, why="not_compared", why_not=name)]
    return SinceLastRun(runs=shown, requirements=found, last=runs - 1, margin=0.02, unread=unread)


def named(folder: Path, *names: str) -> list[CaseRecord]:
    """These of the sample's cases, with pictures."""
    by_name = {one.name: one for one in cases(draw_gallery(folder))}
    return [by_name[name] for name in names]


def renamed(row: GalleryRow, text: str) -> GalleryRow:
    panels = [panel.model_copy(update={"prediction": text}) for panel in row.panels]
    return row.model_copy(update={"sample": text, "label": text, "panels": panels})


def gallery_of(pictures: Sequence[tuple[str, str]], at: int) -> list[GalleryRow]:
    """Three of the images, each turned wrong by the context."""
    rows = []
    for n in range(3):
        original, changed = pictures[(at * 3 + n) % len(pictures)]
        panels = [
            Panel(kind="original", model="m0", prediction="gear", probability=0.93, right=True, file=original),
            Panel(
                kind="context",
                context=OTHER_CLASS.text,
                model="m0",
                prediction="bolt",
                probability=0.61,
                right=False,
                file=changed,
            ),
        ]
        shown: dict[str, Any] = {"label": "gear", "value": 0.0, "object_area": 0.21, "panels": panels}
        rows.append(GalleryRow(rank="worst", sample=f"gear/{Path(original).name}", **shown))
    return rows


WHOLE_RECORDS: dict[str, Callable[[Path], RunRecord]] = {
    each.__name__: each
    for each in (passing, failing, inconclusive, errored, partial, quick_look, two_models, many, hostile)
}
