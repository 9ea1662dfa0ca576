"""A run record as a real run writes it, with every ending a case can have, and pictures drawn for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from modelaudit.engine.gallery.contours import contours_of
from modelaudit.engine.gallery.drawing import heat_bytes
from modelaudit.evidence.record import (
    Absence,
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    ContextNode,
    CountsRecord,
    CurveNode,
    DataRecord,
    DecisionRecord,
    GalleryRow,
    ImageValue,
    LayerRecord,
    MeasureNode,
    ModelRecord,
    Node,
    Panel,
    PassesRecord,
    PhraseRecord,
    Provenance,
    RunRecord,
    Unusable,
    WordingRecord,
)
from modelaudit.evidence.states import exit_status, is_partial, is_whole, missing_text, run_state
from modelaudit.evidence.wording import spec_phrases, wording_record
from modelaudit.language import registry
from modelaudit.language.audit import deciding_text
from modelaudit.language.errors import AuditError
from modelaudit.language.parser import parse_context, parse_expression
from modelaudit.language.wording import Wording
from modelaudit.report.sentences import text_of
from modelaudit.report.words import Words, words_of

OTHER_CLASS = ContextNode(
    name="swap_background",
    family="change",
    arguments={"donors": "other_class", "feather": 0.0, "fill": "tile"},
    text="swap_background(other_class)",
)
LIGHTING = ContextNode(name="lighting", family="perturbation", arguments={"severity": 3}, text="lighting(3)")
ORIGINAL = ContextNode(name="original", family="control", arguments={}, text="original")


def measure(name: str = "accuracy", *contexts: ContextNode, **changed: Any) -> MeasureNode:
    methods = changed.pop("methods", [])
    text = name + (f"({', '.join(methods)})" if methods else "")
    text += f".under({' | '.join(c.text for c in contexts)})" if contexts else ""
    fields: dict[str, Any] = {
        "measure": name,
        "methods": methods,
        "target": "prediction" if methods else None,
        "scale": "mean" if methods else "proportion",
        "better": "low" if methods else "high",
        "contexts": list(contexts),
        "model": None,
        "stratum": None,
        "text": text,
        "percent": name in registry.names("measure") and registry.find("measure", name).declares.percent,
        "specs": [f"{name}({method})" for method in methods] or [name],
    }
    return MeasureNode(**{**fields, **changed})


def wording(node: Node) -> WordingRecord:
    """The words that a real case with this left side would have; what is not registered has none."""
    if isinstance(node, ArithmeticNode):
        return joined(wording(node.left), wording(node.right))
    if isinstance(node, CurveNode):
        return wording(node.of)
    if isinstance(node, CompositeNode):
        return joined(known(lambda: wording_record(parse_expression(node.text))), *map(wording, node.of))
    if not isinstance(node, MeasureNode):
        return WordingRecord()
    contexts = [*node.contexts, *(each for dose in node.doses for each in dose.contexts)]
    return joined(
        *(known(lambda text=text: wording_record(parse_expression(text))) for text in node.specs),  # type: ignore[misc]
        *(
            known(lambda text=text: WordingRecord(contexts={text: spec_phrases(parse_context(text))}))  # type: ignore[misc]
            for text in (each.text for each in contexts)
        ),
    )


def worded(language: str) -> Words:
    """One language with the words of every method, and of the contexts and measures that these tests name."""
    methods = {name: registry.find("attribution", name).declares.wording for name in registry.names("attribution")}
    labels = {
        name: {language: PhraseRecord(label=getattr(words, language).label)}
        for name, words in methods.items()
        if isinstance(words, Wording)
    }
    nodes = [measure("accuracy", *(_node(text) for text in CONTEXTS)), measure("flip_rate"), measure("margin")]
    maps = [measure(name, methods=["gradcam"]) for name in ("background_dependence", "background_share")]
    return replace(words_of(language), names=joined(WordingRecord(methods=labels), *map(wording, [*nodes, *maps])))


CONTEXTS = (
    *("swap_background(other_class)", "swap_background(same_class)", "swap_background(random)", "lighting(3)"),
    *("fade(0)", "fade(0.5)", "fade(1)", "fade(each=[0, 0.5, 1])", "remove_background"),
)


def _node(text: str) -> ContextNode:
    return ContextNode(name=text.partition("(")[0], family="change", arguments={}, text=text)


def known(make: Callable[[], WordingRecord]) -> WordingRecord:
    try:
        return make()
    except AuditError:
        return WordingRecord()


def joined(*parts: WordingRecord) -> WordingRecord:
    kinds = ("contexts", "methods", "measures")
    return WordingRecord(**{kind: {k: v for part in parts for k, v in getattr(part, kind).items()} for kind in kinds})


def decision(
    verdict: str, estimate: float | None, lower: float | None, upper: float | None, **changed: Any
) -> DecisionRecord:
    fields: dict[str, Any] = {
        "reason": None,
        "confidence": 0.95,
        "rule": "clopper_pearson",
        "guaranteed": True,
        "counts": CountsRecord(asked=240, measured=240, undefined=0, errored=0),
    }
    return DecisionRecord(verdict=verdict, estimate=estimate, lower=lower, upper=upper, **{**fields, **changed})  # type: ignore[arg-type]


def case(name: str, left: Node, op: str, threshold: float, verdict: str | None, **changed: Any) -> CaseRecord:
    """A case as it ended; without a verdict one that was not selected."""
    outcome = {"PASS": "passed", "FAIL": "failed", "INCONCLUSIVE": "failed", "ERROR": "error"}
    fields: dict[str, Any] = {
        "id": f"audits/audit_line_a.py::{name}",
        "name": name,
        "file": "audits/audit_line_a.py",
        "line": 12,
        "clause": None,
        "says": None,
        "expectation": f"{text_of(left)} {op} {threshold}",
        "confidence": 0.95,
        "about": "process",
        "must_fail": False,
        "importance": "major",
        "outcome": outcome.get(str(verdict), "not_run"),
        "standing": "not_run" if verdict is None else "counted",
        "absence": Absence(by="selection", why="not selected (-k 'easy')") if verdict is None else None,
        "models": ["m0"],
        "data": "d0",
        "reproduce": f"pytest 'audits/audit_line_a.py::{name}'",
    }
    text = str({**fields, **changed}["expectation"])
    must_fail = bool({**fields, **changed}["must_fail"])
    importance = {**fields, **changed}["importance"]
    terms = {"importance": importance, "reviewed_by": changed.get("reviewed_by")}
    text += f"; {deciding_text(0.95, 'process', 'approximate', None, must_fail, **terms)}"
    fields["wording"] = wording(left)
    fields |= {"long_form": text, "fingerprint": sha256(text.encode()).hexdigest()}
    return CaseRecord(
        left=left,
        op=op,
        threshold=threshold,
        verdict=verdict,
        **{**fields, **changed},  # type: ignore[arg-type]
    )


def cases(gallery: list[GalleryRow]) -> list[CaseRecord]:
    """A pass by two methods, a fail, an inconclusive one, an error, a control that is caught, one not run."""
    maps = measure("background_dependence", OTHER_CLASS, methods=["gradcam", "integrated_gradients"])
    incomplete = CountsRecord(
        asked=240, measured=231, undefined=7, errored=2, by_reason={"zero_attribution": 7, "unreadable_mask": 2}
    )
    parts = [
        decision("PASS", 0.312, 0.291, 0.334, method="gradcam", rule="bca", guaranteed=False, counts=incomplete),
        decision("PASS", 0.243, 0.228, 0.262, method="integrated_gradients", rule="bca", guaranteed=False),
    ]
    drop = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
    worst = [ImageValue(sample=f"gear/IMG_{n:04}.jpg", value=0.71 - n / 50) for n in range(4)]
    worst.append(ImageValue(sample="gear/IMG_0112.jpg", value=None, missing="zero_attribution"))
    return [
        case(
            "decides_on_the_part",
            maps,
            "<",
            0.4,
            "PASS",
            clause="PoC agreement 4.2",
            gallery=gallery,
            worst=worst,
            decision=decision(
                "PASS", 0.312, 0.291, 0.334, parts=parts, rule="bca", guaranteed=False, counts=incomplete
            ),
        ),
        case(
            "survives_layout_change",
            drop,
            "<",
            0.05,
            "FAIL",
            clause="PoC agreement 4.3",
            gallery=gallery[:1],
            decision=decision("FAIL", 0.121, 0.087, 0.161, rule="tango"),
        ),
        case(
            "survives_lighting",
            measure("accuracy", LIGHTING),
            ">",
            0.9,
            "INCONCLUSIVE",
            reason="too_few_images",
            decision=decision("INCONCLUSIVE", 0.917, 0.881, 0.944, reason="too_few_images", more_images=310),
        ),
        case(
            "robust_to_dust",
            measure(
                "accuracy",
                ContextNode(name="dust", family="perturbation", arguments={"density": 0.2}, text="dust(0.2)"),
            ),
            ">",
            0.9,
            "ERROR",
            message="ContextError: dust(0.2) changed no pixel in any of 240 images; raise its density, or take it out",
        ),
        case("recognises_small_parts", measure("accuracy", stratum="object_area < 0.1"), ">", 0.85, None),
        case(
            "shortcut_is_caught",
            measure("accuracy", OTHER_CLASS, model="shortcut"),
            ">",
            0.9,
            "FAIL",
            must_fail=True,
            outcome="passed",
            decision=decision("FAIL", 0.058, 0.036, 0.09),
        ),
    ]


def record(folder: Path | None = None, **changed: Any) -> RunRecord:
    """The run; with a folder, its pictures are drawn there."""
    gallery = draw_gallery(folder) if folder else []
    fields: dict[str, Any] = {
        "id": "20261123-091402-7f3a",
        "started": "2026-11-23T09:14:02+09:00",
        "finished": "2026-11-23T09:21:47+09:00",
        "command": "pytest audits/",
        "provenance": Provenance(
            versions={"modelaudit": "0.1.0", "torch": "2.8.0", "captum": "0.8.0", "python": "3.12.4"},
            platform="Linux-6.8-x86_64",
            device="cuda:0",
            device_name="NVIDIA L4",
            precision="float32",
            threads=4,
            micro_batch=32,
            seed=0,
            git_commit="3c9d1e7",
            git_dirty=False,
        ),
        "cases": cases(gallery),
        "models": [
            ModelRecord(
                key="m0",
                names=["model"],
                reference="torchvision:resnet50@IMAGENET1K_V2",
                architecture="ResNet",
                parameters=25557032,
                outputs=4,
                classes=["gear", "bolt", "nut", "plate"],
                preprocessing={"resize": 232, "crop": 224, "interpolation": "bilinear"},
                fingerprint="b7e1" * 16,
                probe_digest="aa" * 8,
                spatial_layer=LayerRecord(name="layer4.2", channels=2048, height=7, width=7),
                notes=["preprocessing taken from the torchvision default weights"],
            )
        ],
        "data": [
            DataRecord(
                key="d0",
                reference="folder:data/line_a",
                available=240,
                images=240,
                labels={"gear": 60, "bolt": 60, "nut": 60, "plate": 60},
                mask_kinds={"mask": 236, "box": 4},
                fingerprint="c1" * 32,
                unusable=[Unusable(sample="nut/IMG_0203.jpg", reason="unreadable_mask", message="PNG is truncated")],
            )
        ],
        "passes": PassesRecord(decoded=240, forward=8640, backward=15840),
    }
    return RunRecord(**{**fields, **changed, **states(fields | changed)})


def states(fields: dict[str, Any]) -> dict[str, Any]:
    """What follows from the cases and files, as a run writes it."""
    cases, files = fields["cases"], fields.get("absent_files", [])
    quick_look = fields.get("quick_look") is not None
    return {
        "overall": run_state(cases, files, quick_look=quick_look),
        "whole": is_whole(cases, files),
        "partial": is_partial(cases, files),
        "missing": fields.get("missing", missing_text(cases, files)),
        "exit_status": exit_status(cases, files, quick_look=quick_look),
    }


def draw_gallery(folder: Path) -> list[GalleryRow]:
    """Worst, typical and best: a part on a surface, on another one, and two heat maps over it."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for n, rank in enumerate(("worst", "typical", "best")):
        panels = []
        for m, (kind, method) in enumerate(
            (("original", None), ("context", None), ("attribution", "gradcam"), ("attribution", "integrated_gradients"))
        ):
            file = f"images/{rank}_{m}.jpg"
            part = _part((176, 160, 138) if m == 0 else (96, 116, 128), n)
            shown = _heat(part, 3 * (2 - n), m) if method else part
            shown.save(folder / file, quality=88)
            wrong = m > 0 and rank == "worst"
            panels.append(
                Panel(
                    kind=kind,
                    context=None if m == 0 else "swap_background(other_class)",
                    method=method,
                    model="m0",  # type: ignore[arg-type]
                    prediction="bolt" if wrong else "gear",
                    probability=0.55 + n * 0.2 - m * 0.03,
                    file=file,
                )
            )
        rows.append(
            GalleryRow(
                rank=rank,
                sample=f"gear/IMG_{n * 37:04}.jpg",
                label="gear",
                value=0.71 - 0.3 * n,
                object_area=0.21,
                panels=panels,  # type: ignore[arg-type]
            )
        )
    return rows


def draw_pictures(folder: Path, count: int) -> list[tuple[str, str]]:
    """Files of one part a picture, as photographed and on another surface, of the size that a run stores."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    files = []
    for n in range(count):
        pair = (f"images/IMG_{n:04}.webp", f"images/IMG_{n:04}_changed.webp")
        for file, surface in zip(pair, ((176, 160, 138 - n), (96 + n, 116, 128)), strict=True):
            _part(surface, n).save(folder / file, quality=80)
        files.append(pair)
    return files


def layered_gallery(folder: Path) -> list[GalleryRow]:
    """As runs keep it now: newly wrong, wrong before and after, recovered, right; two maps apart from the picture."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for n, (before, after) in enumerate(((True, False), (False, False), (False, True), (True, True))):
        rank: Any = ("worst", "worst", "best", "typical")[n]
        for kind, surface in (("original", (176, 160, 138)), ("context", (96, 116, 128))):
            _part(surface, n).save(folder / f"images/layered_{n}_{kind}.webp")
        panels = [
            Panel(
                kind=kind,  # type: ignore[arg-type]
                context=None if kind == "original" else "swap_background(other_class)",
                model="m0",
                prediction="gear" if right else "bolt",
                probability=0.9 - n / 10,
                right=right,
                file=f"images/layered_{n}_{kind}.webp",
                outline="M230 520l200-260 140 0 200 260-200 260-140 0z",
            )
            for kind, right in (("original", before), ("context", after))
        ]
        for method, share in (("gradcam", 0.28), ("integrated_gradients", 0.71)):
            rows_, columns = np.mgrid[:56, :56]
            across = 56 * (0.2 if share < 0.5 else 0.5)
            heat = np.exp(-((columns - across) ** 2 + (rows_ - 14 - 6 * n) ** 2) / 150).astype(np.float32)
            name = f"images/map_{n}_{method}.png"
            (folder / name).write_bytes(heat_bytes(heat))
            fields = {"kind": "attribution", "method": method, "map": name, "outline": None, "share_on_object": share}
            found = {"contours": list(contours_of(heat)), "heat_at": "top_left" if share < 0.5 else "top_centre"}
            panels.append(panels[1].model_copy(update=fields | found))
        value = float(before) - float(after)
        rows.append(
            GalleryRow(rank=rank, sample=f"gear/L_{n}.jpg", label="gear", value=value, object_area=0.2, panels=panels)
        )
    return rows


def layered_case(folder: Path) -> CaseRecord:
    """A requirement on right answers that is not met, with :func:`layered_gallery`."""
    drop = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
    found = decision("FAIL", 0.12, 0.08, 0.16)
    return case("keeps_naming_it", drop, "<", 0.05, "FAIL", decision=found, gallery=layered_gallery(folder))


def _part(surface: tuple[int, int, int], turn: int) -> Image.Image:
    image = Image.new("RGB", (224, 224), surface)
    draw = ImageDraw.Draw(image)
    for y in range(0, 224, 12):
        draw.line((0, y, 224, y + 9 * turn), fill=tuple(c - 12 for c in surface), width=3)
    draw.regular_polygon((112, 116, 62), 8, rotation=11 * turn, fill=(198, 202, 208), outline=(90, 94, 100), width=4)
    draw.ellipse((88, 92, 136, 140), fill=surface, outline=(90, 94, 100), width=4)
    return image


def _heat(image: Image.Image, away: int, method: int) -> Image.Image:
    glow = Image.new("L", image.size, 0)
    x = 112 - 16 * away
    ImageDraw.Draw(glow).ellipse((x - 50, 70, x + 50, 160), fill=230)
    glow = glow.filter(ImageFilter.GaussianBlur(26 - 6 * method))
    warm = Image.new("RGB", image.size, (214, 40, 24))
    return Image.composite(warm, image, glow.point(lambda v: int(v * 0.72)))
