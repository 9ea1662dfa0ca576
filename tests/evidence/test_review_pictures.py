"""Which pictures of a case reviewers are shown."""

from __future__ import annotations

from report.sample_record import case, measure

from modelaudit.evidence.record import CaseRecord, GalleryRow, Panel
from modelaudit.evidence.review_pictures import PictureFiles, pictures_of_case


def panel(kind: str, context: str | None = None, model: str = "model:a", map: str | None = None) -> Panel:
    file = f"images/{model[-1]}-{context or 'original'}.webp"
    return Panel.model_validate(
        {"kind": kind, "context": context, "model": model, "prediction": None, "probability": None, "file": file}
        | {"map": map and f"images/{map}.png"}
    )


def with_panels(*panels: Panel, rows: int = 1) -> CaseRecord:
    row = GalleryRow(rank="worst", sample="a.png", label="bolt", value=0.5, panels=list(panels))
    found = case("decides", measure(), "<", 0.4, "PASS")
    return found.model_copy(update={"gallery": [row] * rows})


def test_the_changed_image_is_shown_with_the_heat_map_of_the_changed_image() -> None:
    found = pictures_of_case(
        with_panels(
            panel("original"),
            panel("attribution", map="of-original"),
            panel("context", "blur"),
            panel("attribution", "blur", map="one"),
            panel("attribution", "blur", map="two"),
            panel("context", "noise"),
        )
    )
    original = "images/a-original.webp"
    assert found == [
        PictureFiles("model:a", original, "images/a-blur.webp", "images/one.png"),
        PictureFiles("model:a", original, "images/a-blur.webp", "images/two.png"),
        PictureFiles("model:a", original, "images/a-noise.webp", None),
    ]


def test_where_nothing_is_changed_the_heat_map_of_the_original_is_shown() -> None:
    found = pictures_of_case(with_panels(panel("original"), panel("attribution", map="of-original")))
    assert found == [PictureFiles("model:a", "images/a-original.webp", None, "images/of-original.png")]


def test_every_model_has_its_own_pictures_and_each_is_shown_once() -> None:
    panels = [
        panel(kind, context, model)
        for model in ("model:a", "model:b")
        for kind, context in (("original", None), ("context", "blur"))
    ]
    found = pictures_of_case(with_panels(*panels, rows=2))
    assert [(one.model, one.image) for one in found] == [
        ("model:a", "images/a-original.webp"),
        ("model:b", "images/b-original.webp"),
    ]


def test_an_image_alone_and_an_older_heat_map_in_one_with_its_image_are_not_shown() -> None:
    assert pictures_of_case(with_panels(panel("original"), panel("attribution"))) == []


def test_pictures_drawn_for_review_take_the_place_of_the_gallery() -> None:
    made = with_panels(panel("original"), panel("context", "blur"))
    drawn = with_panels(panel("original"), panel("context", "noise")).gallery
    assert [one.changed for one in pictures_of_case(made.model_copy(update={"review": drawn}))] == [
        "images/a-noise.webp"
    ]
