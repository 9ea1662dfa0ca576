"""What holds for every registered context, at the strengths that it gives as examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from contexts.scenes import boxed_mask, part
from torch import Tensor
from torch.nn import functional

from modelaudit.contexts import ContextInput, ContextOutput, apply, donor_rule, exempt, needs_mask
from modelaudit.contexts.corruptions.digital import JPEG_QUALITY
from modelaudit.contexts.filling import RIM, in_box
from modelaudit.language import registry
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Composed, Context

#: shows pictures that only some data keep, so there is no example that all data can show
WITHOUT_EXAMPLES = {"stored"}
EXAMPLES = [text for name in registry.names("context") for text in registry.find("context", name).declares.examples]
every = pytest.mark.parametrize("text", EXAMPLES)


def photo(count: int = 3, height: int = 40, width: int = 48, seed: int = 0) -> ContextInput:
    """Smooth pixels with grain away from 0 and 1, one object of its own place and size in each, and donors."""
    generator = torch.Generator().manual_seed(seed)

    def half(prefix: str) -> ContextInput:
        coarse = torch.rand(count, 3, 5, 6, generator=generator)
        smooth = functional.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
        grain = torch.rand(count, 3, height, width, generator=generator)
        masks = [boxed_mask(height, width, 11 + index, 13 + index, 12 + index, 15 - index) for index in range(count)]
        ids = tuple(f"{prefix}/{index}" for index in range(count))
        return ContextInput(0.1 + 0.6 * smooth + 0.2 * grain, torch.stack(masks), ids, 0)

    return replace(half("own"), donors=half("donor"))


def widened(where: Tensor, by: int) -> Tensor:
    return functional.max_pool2d(where.float(), 2 * by + 1, stride=1, padding=by) > 0 if by else where


def object_and_ring(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    return scene.kept()


def background(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    return ~scene.kept()


def whole(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    return torch.ones_like(scene.kept())


def bounding_box(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    assert scene.mask is not None
    return in_box(scene.mask)


def behind_the_object(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    """The background; with a feather also the object within its radius."""
    return ~scene.kept() | widened(~scene.kept(), int(context.feather))  # type: ignore[attr-defined]


def with_its_margin(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    return widened(scene.kept(), context.margin)  # type: ignore[attr-defined]


def both_places(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    """Where the object was, with the rim that goes with it, and where it is."""
    assert done.mask is not None
    return widened(scene.kept(), RIM) | (done.mask != 0).unsqueeze(1)


#: where a context without a field `region` may change pixels
WHERE: dict[str, Callable[[Context, ContextInput, ContextOutput], Tensor]] = {
    "swap_background": behind_the_object,
    "swap_identical": whole,
    "mixed_same": background,
    "background_patch": background,
    "donor_patch": background,
    "mixed_rand": background,
    "mixed_next": background,
    "only_foreground": background,
    "remove_background": background,
    "only_bg_b": bounding_box,
    "only_bg_t": bounding_box,
    "no_fg": object_and_ring,
    "occlude_object": object_and_ring,
    "paste_back": object_and_ring,
    "remove_object": with_its_margin,
    "move_object": both_places,
    "mirror_object": both_places,
    "rescale_object": both_places,
    "shrink_object": both_places,
    "mirror": whole,
    "rotation": whole,
    "shift": whole,
    "zoom": whole,
    "perspective": whole,
}
REGIONS = {"background": background, "object": object_and_ring, "whole": whole}


def allowed(context: Context, scene: ContextInput, done: ContextOutput) -> Tensor:
    parts = context.parts if isinstance(context, Composed) else (context,)
    where = torch.zeros_like(scene.kept())
    for one in parts:
        name = registry.entry_of(one).name
        region = getattr(one, "region", None)
        if name not in WHERE and region is None and not exempt(one):
            pytest.fail(f"say in WHERE which pixels {name} may change")
        if name in WHERE or region is not None:
            where = where | (WHERE[name] if name in WHERE else REGIONS[region])(one, scene, done)
    return where


def check(done: ContextOutput, scene: ContextInput) -> None:
    assert done.pixels.shape == scene.pixels.shape and done.pixels.dtype == torch.float32
    assert torch.isfinite(done.pixels).all()
    assert done.pixels.min() >= 0 and done.pixels.max() <= 1
    assert done.impossible.shape == (len(scene.ids),) and done.impossible.dtype == torch.bool
    assert done.mask is not None and scene.mask is not None
    assert done.mask.shape == scene.mask.shape and done.mask.dtype == torch.uint8
    assert set(done.mask.unique().tolist()) <= {0, 1, 255}


def copied(scene: ContextInput) -> ContextInput:
    assert scene.mask is not None
    donors = None if scene.donors is None else copied(scene.donors)
    return replace(scene, pixels=scene.pixels.clone(), mask=scene.mask.clone(), donors=donors)


def test_every_context_gives_examples_of_itself_whose_texts_come_back() -> None:
    for name in set(registry.names("context")) - WITHOUT_EXAMPLES:
        examples = registry.find("context", name).declares.examples
        assert examples and all(name in example for example in examples)
        for text in examples:
            assert str(parse_context(text)) == text
            assert parse_context(str(parse_context(text))) == parse_context(text)


@every
def test_no_bit_depends_on_the_other_images_of_the_batch_or_their_order(text: str) -> None:
    own, context = photo(), parse_context(text)
    together = apply(context, own)
    torch.rand(3)  # the global state must not matter
    for rows in ((2, 0, 1), (0,), (1,), (2,), (1, 1)):
        alone = apply(context, part(own, *rows))
        assert torch.equal(alone.pixels, together.pixels[list(rows)])
        assert torch.equal(alone.impossible, together.impossible[list(rows)])
        assert alone.mask is not None and together.mask is not None
        assert torch.equal(alone.mask, together.mask[list(rows)])


def test_a_context_draws_under_its_own_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names: set[str] = set()
    draw = ContextInput.generator

    def watched(self: ContextInput, index: int, name: str, slot: int = 0) -> torch.Generator:
        names.add(name)
        return draw(self, index, name, slot)

    monkeypatch.setattr(ContextInput, "generator", watched)
    for text in EXAMPLES:
        names.clear()
        context = parse_context(text)
        apply(context, photo(1))
        assert names <= {registry.entry_of(context).name}, text


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("only_foreground", "remove_background(black)"),
        ("no_fg", "remove_object(black, margin=0)"),
        ("mean_fill(background)", "remove_background(mean)"),
        ("mean_fill(object)", "remove_object(mean, margin=0)"),
        ("occlude_object(1, fill=red)", "remove_object(red, margin=0)"),
        ("fade(1, to=black)", "remove_background(black)"),
        ("fade(1, to=white)", "remove_background(white)"),
        *((f"jpeg_compression({at + 1})", f"jpeg({q}, region=background)") for at, q in enumerate(JPEG_QUALITY)),
        *(("original", same) for same in ("identity", "paste_back", "swap_identical(fill=keep)", "fade(0)")),
        ("mixed_same", "swap_background(same_class, feather=0, fill=tile)"),
        ("mixed_rand", "swap_background(random, feather=0, fill=tile)"),
        ("mixed_next", "swap_background(next_class, feather=0, fill=tile)"),
    ],
)
def test_two_names_of_one_picture_show_the_same(text: str, other: str) -> None:
    """As the documentation says; the donors of the last three are given, as the engine would draw them by name."""
    for own in (photo(), ODD["one pixel"], ODD["at the border"]):
        first, second = apply(parse_context(text), own), apply(parse_context(other), own)
        assert torch.equal(first.pixels, second.pixels)
        assert first.mask is not None and second.mask is not None and torch.equal(first.mask, second.mask)


@every
def test_it_gives_an_image_changes_pixels_where_it_acts_and_leaves_its_input_alone(text: str) -> None:
    own, context = photo(), parse_context(text)
    before = copied(own)
    done = apply(context, own)
    check(done, own)
    assert same(own, before)
    changed = (done.pixels != own.pixels).any(dim=1, keepdim=True) & ~done.impossible[:, None, None, None]
    assert not (changed & ~allowed(context, own, done)).any()
    assert not done.impossible.all()
    assert exempt(context) or (changed.flatten(1).any(dim=1) | done.impossible).all()


def same(own: ContextInput, other: ContextInput) -> bool:
    """Pixels and masks, those of the donors too, to the bit."""
    assert own.mask is not None and other.mask is not None
    alike = torch.equal(own.pixels, other.pixels) and torch.equal(own.mask, other.mask)
    return alike and (own.donors is None or (other.donors is not None and same(own.donors, other.donors)))


def test_a_context_that_needs_no_mask_works_without_one() -> None:
    own = photo()
    for context in map(parse_context, EXAMPLES):
        if not needs_mask(context):
            done = apply(context, replace(own, mask=None))
            assert torch.equal(done.pixels, apply(context, own).pixels), context
            assert done.mask is None


def _with_mask(side: tuple[int, int], fill: Callable[[Tensor], None]) -> ContextInput:
    generator = torch.Generator().manual_seed(1)
    mask = torch.zeros(1, *side, dtype=torch.uint8)
    fill(mask[0])
    donor = ContextInput(
        torch.rand(1, 3, *side, generator=generator), boxed_mask(*side, 5, 6, 3, 4)[None], ("donor",), 0
    )
    return ContextInput(torch.rand(1, 3, *side, generator=generator), mask, ("own",), 0, donor)


def _one_pixel(mask: Tensor) -> None:
    mask[7, 9] = 1


def _a_ring_alone(mask: Tensor) -> None:
    mask[4:9, 5:9] = 255


def _at_the_border(mask: Tensor) -> None:
    mask[:6, -5:] = 255
    mask[:5, -4:] = 1


def _across_the_frame(mask: Tensor) -> None:
    mask[:, 6:9] = 1


def _all_but_one(mask: Tensor) -> None:
    mask.fill_(1)
    mask[0, 0] = 0


def _scattered(mask: Tensor) -> None:
    mask[::5, ::7] = 1


ODD = {
    "no object": _with_mask((32, 32), lambda mask: None),
    "ring alone": _with_mask((32, 32), _a_ring_alone),
    "one pixel": _with_mask((32, 32), _one_pixel),
    "at the border": _with_mask((32, 32), _at_the_border),
    "across the frame": _with_mask((20, 33), _across_the_frame),
    "all object": _with_mask((32, 32), lambda mask: mask.fill_(1)),  # type: ignore[arg-type, return-value]
    "all but one": _with_mask((33, 20), _all_but_one),
    "scattered": _with_mask((31, 17), _scattered),
    "large": _with_mask((224, 224), _at_the_border),
}


def odd_scenes(text: str) -> list[str]:
    """All of them where the shape of the object decides what is done; where it is a region, one in turn."""
    if not hasattr(parse_context(text), "region"):
        return list(ODD)
    return [list(ODD)[EXAMPLES.index(text) % len(ODD)]]


@every
def test_odd_scenes_give_an_image_or_are_impossible(text: str) -> None:
    for odd in odd_scenes(text):
        check(apply(parse_context(text), ODD[odd]), ODD[odd])


def _is_about_an_object(text: str) -> bool:
    context = parse_context(text)
    takes_one = registry.entry_of(context).declares.family == "no_information" and not hasattr(context, "region")
    return donor_rule(context) is not None or takes_one


def test_without_an_object_nothing_can_be_put_before_a_donor_or_taken_away() -> None:
    for text in filter(_is_about_an_object, EXAMPLES):
        assert apply(parse_context(text), ODD["no object"]).impossible.tolist() == [True], text
