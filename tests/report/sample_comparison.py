"""A comparison of two runs with every outcome that a requirement can have, and pictures drawn for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from report.sample_record import LIGHTING, OTHER_CLASS, _part, joined, known, measure, wording

from modelaudit.engine.gallery.contours import contours_of
from modelaudit.engine.gallery.drawing import heat_bytes
from modelaudit.evidence.record import ArithmeticNode, Node, Panel, PhraseRecord, WordingRecord
from modelaudit.language import registry
from modelaudit.language.wording import Wording
from modelaudit.releases.comparison_record import (
    AnswerComparison,
    ChangedAnswer,
    ChangedImage,
    ComparedRun,
    ComparisonRecord,
    ImagesCompared,
    NoPictures,
    PartComparison,
    RenamedImage,
    RequirementComparison,
    RunDifference,
    SideValue,
)

OLD_MODEL, NEW_MODEL = (
    "model:torchvision:resnet18?checkpoint=models/v1.pt",
    "model:torchvision:resnet18?checkpoint=models/v2.pt",
)
DROP = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
MAPS = measure("background_dependence", OTHER_CLASS, methods=["gradcam"])


def side(verdict: str | None, estimate: float | None, wide: float = 0.03, **changed: Any) -> SideValue:
    """A side with bounds `wide` to both sides of its estimate."""
    bounds = (None, None) if estimate is None else (estimate - wide, estimate + wide)
    fields: dict[str, Any] = {
        "verdict": verdict,
        "estimate": estimate,
        "lower": bounds[0],
        "upper": bounds[1],
        "images": 240,
    }
    return SideValue(**fields | changed)


def requirement(
    name: str, outcome: str | None, change: tuple[float, float, float] | None, **changed: Any
) -> RequirementComparison:
    """A requirement whose change is (estimate, lower, upper)."""
    left: Node = changed.pop("left", measure("accuracy", OTHER_CLASS))
    fields: dict[str, Any] = {
        "name": name,
        "id": f"audits/audit_line_a.py::{name}",
        "expectation": f"{getattr(left, 'text', 'accuracy - accuracy.under(swap_background(other_class))')} > 0.9",
        "unit": "percent",
        "higher_is_better": True,
        "left": left,
        "op": ">",
        "threshold": 0.9,
        "outcome": outcome,
        "old": side("PASS", 0.942),
        "new": side("PASS", 0.938),
        "margin": 0.02,
        "confidence": 0.95,
        "images": 236,
        "rule": "tango",
        "guaranteed": True,
    }
    if change is not None:
        estimate, lower, upper = change
        fields |= {"change": estimate, "lower": lower, "upper": upper}
        fields |= {"lower_diff": 1.25 * lower - 0.25 * estimate, "upper_diff": 1.25 * upper - 0.25 * estimate}
        fields |= {"lower_equivalence": lower, "upper_equivalence": upper}
    return RequirementComparison(**fields | changed)


def requirements() -> list[RequirementComparison]:
    """One of each outcome."""
    words = {"en": "The part decides, whatever lies behind it.", "ja": "背景が何であっても、部品そのもので判定する。"}
    drop = {"left": DROP, "op": "<", "threshold": 0.05, "unit": "points", "higher_is_better": False}
    return [
        requirement("right", "equivalent", (-0.004, -0.013, 0.005), left=measure(), clause="PoC 4.1"),
        requirement(
            "survives_layout_change",
            "worse",
            (-0.114, -0.151, -0.079),
            old=side("PASS", 0.93),
            new=side("FAIL", 0.816, 0.04),
            clause="PoC 4.2",
        ),
        requirement(
            "falls_by_little",
            "worse",
            (0.11, 0.072, 0.148),
            old=side("PASS", 0.012),
            new=side("FAIL", 0.122),
            **drop,  # type: ignore[arg-type]
        ),
        requirement(
            "survives_lighting", "better", (0.034, 0.011, 0.056), left=measure("accuracy", LIGHTING), guaranteed=False
        ),
        requirement(
            "looks_at_the_part",
            "cannot_tell",
            (0.012, -0.024, 0.047),
            left=MAPS,
            op="<",
            threshold=0.4,
            unit="number",
            higher_is_better=False,
            old=side("PASS", 0.31),
            new=side("INCONCLUSIVE", 0.38),
            without_value=12,
            clusters=41,
            more_images=340,
            says=words,
            guaranteed=False,
        ),
        requirement(
            "margin_kept",
            "not_comparable",
            None,
            left=measure("margin"),
            unit="number",
            differences=[
                RunDifference(
                    kind="definition", code="measure", where="margin", old="margin(version=1)", new="margin(version=2)"
                )
            ],
        ),
        requirement("new_lot", None, None, change_of="added", old=None),
        requirement(
            "survives_blur",
            "cannot_tell",
            (-0.01, -0.08, 0.06),
            standing="advisory",
            paired=False,
            images=60,
            notes=["few_common"],
        ),
        requirement(
            "catches_the_shortcut", None, None, old=side("FAIL", 0.41), new=side("FAIL", 0.44), notes=["known_bad"]
        ),
    ]


def panels(folder: Path, number: int, model: str, answers: tuple[bool, bool], heat_left: bool) -> list[Panel]:
    """The original, the changed image and a map, as one model saw them."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    made = []
    for (kind, surface), right in zip(
        (("original", (176, 160, 138)), ("context", (96, 116, 128))), answers, strict=True
    ):
        file = f"images/{number}_{kind}.webp"
        _part(surface, number).save(folder / file)  # type: ignore[arg-type]
        made.append(
            Panel(
                kind=kind,  # type: ignore[arg-type]
                context=None if kind == "original" else OTHER_CLASS.text,
                model=model,
                prediction="gear" if right else "bolt",
                probability=0.93 - number / 20,
                right=right,
                file=file,
                outline="M230 520l200-260 140 0 200 260-200 260-140 0z",
            )
        )
    rows, columns = np.mgrid[:56, :56]
    heat = np.exp(-((columns - (10 if heat_left else 28)) ** 2 + (rows - 24) ** 2) / 150).astype(np.float32)
    name = f"images/map_{number}_{heat_left}.png"
    (folder / name).write_bytes(heat_bytes(heat))
    over = {
        "kind": "attribution",
        "method": "gradcam",
        "map": name,
        "outline": None,
        "contours": list(contours_of(heat)),
    }
    return [*made, made[1].model_copy(update=over | {"share_on_object": 0.24 if heat_left else 0.71})]


def answers(folder: Path | None) -> list[AnswerComparison]:
    """Originals, where little changed, and swapped backgrounds, where much did."""

    def image(number: int, lost: bool) -> ChangedAnswer:
        drawn = folder is not None and number < 6
        rights = ((True, True), (True, False)) if lost else ((True, False), (True, True))
        return ChangedAnswer(
            id=f"gear/IMG_{number:04}.jpg",
            id_old=f"gear/old_{number}.jpg" if number == 2 else f"gear/IMG_{number:04}.jpg",
            label="gear",
            group="camera 2" if number % 2 else "camera 1",
            predicted_old="gear" if lost else "bolt",
            predicted_new="bolt" if lost else "gear",
            panels_old=panels(folder, number, OLD_MODEL, rights[0], not lost) if drawn else [],  # type: ignore[arg-type]
            panels_new=panels(folder, number, NEW_MODEL, rights[1], lost) if drawn else [],  # type: ignore[arg-type]
        )

    def part(name: str, old: float, new: float, outcome: str, **changed: Any) -> PartComparison:
        bounds = {"lower": new - old - 0.05, "upper": new - old + 0.05}
        return PartComparison(
            **{"name": name, "images": 80, "old": old, "new": new, "outcome": outcome} | bounds | changed
        )

    pair = {"data": "data:folder:data/line_a", "model_old": OLD_MODEL, "model_new": NEW_MODEL, "images": 236}
    return [
        AnswerComparison(context=None, newly_wrong=[image(20, True)], recovered=[], **pair),  # type: ignore[arg-type]
        AnswerComparison(
            context=OTHER_CLASS.text,
            newly_wrong=[image(n, True) for n in range(4)] + [image(n, True) for n in range(30, 55)],
            recovered=[image(4, False), image(60, False)],
            by_class=[
                part("bolt", 0.94, 0.95, "equivalent", recovered=1),
                part("gear", 0.95, 0.62, "worse", newly_wrong=27, recovered=1),
                part("nut", 0.91, 0.89, "cannot_tell", newly_wrong=2),
            ],
            by_group=[
                part("camera 1", 0.93, 0.85, "cannot_tell"),
                part("camera 2", 0.93, 0.78, "worse", newly_wrong=20),
            ],
            **pair,  # type: ignore[arg-type]
        ),
        AnswerComparison(context=LIGHTING.text, newly_wrong=[], recovered=[], **pair),  # type: ignore[arg-type]
    ]


def run(name: str, **changed: Any) -> ComparedRun:
    fields: dict[str, Any] = {
        "name": f"audit-results/{name}",
        "id": name,
        "sha256": name[-1] * 64,
        "started": "2026-11-23T09:20:00+00:00",
        "finished": "2026-11-23T09:21:47+00:00",
        "overall": "PASS",
        "git_commit": "12ab" * 10,
        "images": 240,
    }
    return ComparedRun(**fields | changed)


def comparison(folder: Path | None = None, **changed: Any) -> ComparisonRecord:
    """The comparison, with pictures in `folder` where one is given; some of its fields changed."""
    methods = registry.find("attribution", "gradcam").declares.wording
    assert isinstance(methods, Wording)
    labels = {each: PhraseRecord(label=getattr(methods, each).label) for each in ("en", "ja")}
    found = requirements()
    fields: dict[str, Any] = {
        "created": datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
        "version": "0.3.0",
        "margin": 0.02,
        "confidence": 0.95,
        "old": run("20261101-090000-aaaa", models=[OLD_MODEL]),
        "new": run("20261123-091947-bbbb", models=[NEW_MODEL], overall="FAIL"),
        "outcome": "worse",
        "requirements": found,
        "answers": answers(folder),
        "images": [
            ImagesCompared(
                data_old="data:folder:data/line_a",
                data_new="data:folder:data/line_a",
                common=236,
                new=["gear/IMG_0300.jpg", "gear/IMG_0301.jpg"],
                missing=["bolt/IMG_0007.jpg"],
                changed=[
                    ChangedImage(id="nut/IMG_0011.jpg", what=["mask"]),
                    ChangedImage(id="nut/IMG_0012.jpg", what=["image", "label"], label_old="nut", label_new="bolt"),
                ],
                renamed=[RenamedImage(old="gear/old_2.jpg", new="gear/IMG_0002.jpg")],
                doubled_new=[f"nut/copy_{n}.jpg" for n in range(7)],
            )
        ],
        "differences": [
            RunDifference(kind="model", code="fingerprint", where="resnet18", old="1f" * 32, new="2e" * 32),
            RunDifference(kind="version", code="torch", where="", old="2.6.0", new="2.7.1"),
            RunDifference(kind="option", code="seed", where="", old="0", new="1"),
            RunDifference(kind="data", code="images", where="folder:data/line_a", old="240", new="244"),
            RunDifference(kind="machine", code="device", where="", old="cuda", new="cpu"),
        ],
        "notes": ["paired_by_id", "partial_new"],
        "wording": joined(
            WordingRecord(methods={"gradcam": labels}),
            *(known(lambda left=one.left: wording(left)) for one in found if one.left is not None),  # type: ignore[misc]
        ),
        "no_pictures": [NoPictures(side="old", model=OLD_MODEL, why="needs_code", images=3)],
    }
    return ComparisonRecord(**fields | changed)
