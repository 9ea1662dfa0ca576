"""What a title shows of a model: the model and the file of its weights, and none of the folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.sample_record import record, worded

from modelaudit.report import render_html
from modelaudit.report.naming import short_reference, titles_of

EN, JA = worded("en"), worded("ja")
SQUEEZENET = "torchvision:squeezenet1_0?checkpoint=/srv/cache/squeezenet1_0-imagenet1k.safetensors"


@pytest.mark.parametrize(
    ("reference", "title"),
    [
        (SQUEEZENET, "squeezenet1_0 (torchvision), checkpoint squeezenet1_0-imagenet1k.safetensors"),
        ("torchvision:resnet50@IMAGENET1K_V2", "resnet50 (torchvision), weights IMAGENET1K_V2"),
        ("torchvision:resnet50?checkpoint=C:\\models\\a.pt", "resnet50 (torchvision), checkpoint a.pt"),
        ("torchvision:resnet50", "resnet50 (torchvision)"),
        ("demo:sound", "demo:sound"),
        ("onnx:models/a.onnx", "onnx:models/a.onnx"),
        ("/srv/models/net.py:build", "net.py:build"),
        ("C:\\models\\net.py:build", "net.py:build"),
        ("audits.line_a.build", "audits.line_a.build"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_title_names_the_model_and_no_folder(reference: str, title: str) -> None:
    assert short_reference(reference, EN) == title


def test_the_title_is_in_the_language() -> None:
    assert short_reference(SQUEEZENET, JA) == (
        "squeezenet1_0（torchvision）、チェックポイント squeezenet1_0-imagenet1k.safetensors"
    )


def test_models_that_would_read_alike_stand_as_written() -> None:
    assert titles_of(["a/net.py:build", "b/net.py:build", "demo:sound"], EN) == (
        "a/net.py:build",
        "b/net.py:build",
        "demo:sound",
    )


def test_the_page_is_headed_by_the_model_and_keeps_its_reference_below() -> None:
    run = record()
    others = ({"reference": SQUEEZENET}, {"reference": "demo:sound", "key": "m1"})
    models = [run.models[0].model_copy(update=each) for each in others]
    html = render_html(run.model_copy(update={"models": models}), Path("nowhere"))
    head = html[html.index('<header class="head">') : html.index("</header>")]
    assert (
        "<bdi>squeezenet1_0 (torchvision), checkpoint squeezenet1_0-imagenet1k.safetensors</bdi>" in head
        and "demo:sound" not in head
    )
    below = SQUEEZENET.replace("/srv/cache/", "")
    assert html.count(f"<code>{below}</code>") == 1 and "/srv" not in html
