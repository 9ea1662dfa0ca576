"""On a GPU the draws are the same and the pixels within 1/255 of those of the CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from contexts.scenes import scene

from modelaudit.contexts import ContextInput, apply, stored_picture
from modelaudit.language import parse_context, registry

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: contexts on a GPU are not compared"),
]
EXAMPLES = [text for name in registry.names("context") for text in registry.find("context", name).declares.examples]


def on_gpu(given: ContextInput) -> ContextInput:
    mask = None if given.mask is None else given.mask.cuda()
    donors = None if given.donors is None else on_gpu(given.donors)
    return replace(given, pixels=given.pixels.cuda(), mask=mask, donors=donors)


@pytest.mark.parametrize("text", [text for text in EXAMPLES if stored_picture(parse_context(text)) is None])
def test_a_context_gives_the_pixels_of_the_cpu(text: str) -> None:
    context, own = parse_context(text), scene(4, 64, 56)
    expected, found = apply(context, own), apply(context, on_gpu(own))
    assert torch.equal(found.impossible.cpu(), expected.impossible)
    far = ((found.pixels.cpu() - expected.pixels).abs() > 1 / 255).any(dim=1)
    assert not far.any(), f"{int(far.sum())} pixels differ by more than 1/255"
    if expected.mask is not None and found.mask is not None:
        assert torch.equal(found.mask.cpu(), expected.mask)
