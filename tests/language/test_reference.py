from __future__ import annotations

import pytest

from modelaudit.language.errors import DataError
from modelaudit.language.reference import parse_reference


@pytest.mark.parametrize(
    ("text", "scheme", "body", "options"),
    [
        ("folder:data/line_a", "folder", "data/line_a", {}),
        ("demo:", "demo", "", {}),
        ("demo:?coupling=0.95&seed=3", "demo", "", {"coupling": "0.95", "seed": "3"}),
        ("torchvision:resnet50@IMAGENET1K_V2", "torchvision", "resnet50@IMAGENET1K_V2", {}),
        ("torchvision:resnet18?checkpoint=a/b c.pt", "torchvision", "resnet18", {"checkpoint": "a/b c.pt"}),
        ("torchvision:resnet18?checkpoint=a+b%20c.pt", "torchvision", "resnet18", {"checkpoint": "a+b%20c.pt"}),
        ("models/net.py:build", "", "models/net.py:build", {}),
        ("C:/data/x", "", "C:/data/x", {}),
        ("data/plain", "", "data/plain", {}),
    ],
)
def test_references_are_split(text: str, scheme: str, body: str, options: dict[str, str]) -> None:
    reference = parse_reference(text)
    assert (reference.scheme, reference.body, dict(reference.options)) == (scheme, body, options)
    assert reference.text == text


def test_unknown_options_suggest_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'coupling'"):
        parse_reference("demo:?couplin=1").only(("coupling", "seed"), DataError)
