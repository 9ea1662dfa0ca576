"""What a context costs beside a forward pass of ResNet-50, at the same batch on the same device.

Every registered context is applied to the same images at the strengths that it names as examples. Decoding, the model's
geometry and the choice of donors are not in it; what a context does to the donor's picture is.

    python benchmarks/contexts.py --quick
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from side_by_side import MEAN, STD, Options, built, drawn, machine, options, table
from torchvision.transforms import Normalize

from modelaudit.contexts import ContextInput, apply, donor_rule, family, stored_picture
from modelaudit.data import apply_geometry, decode
from modelaudit.language import Preprocessing, parse_context, registry
from modelaudit.language.spec import Context

WANTED = 0.10


def examples() -> Iterator[Context]:
    """The contexts at their example strengths; none that shows the image, or a stored picture, as it is."""
    for name in registry.names("context"):
        for text in registry.find("context", name).declares.examples:
            context = parse_context(text)
            if stored_picture(context) is None:
                yield context


def scene(given: Options) -> ContextInput:
    """A micro-batch of images with objects, and as many donors."""
    samples = drawn(2 * given.batch, given.side)
    views = [apply_geometry(decode(sample), Preprocessing(given.side, given.side)) for sample in samples]
    pixels = torch.stack([image for image, _ in views]).to(given.device)
    masks = torch.stack([mask for _, mask in views if mask is not None]).to(given.device)
    ids, count = tuple(sample.id for sample in samples), given.batch
    donors = ContextInput(pixels[count:], masks[count:], ids[count:], 0)
    return ContextInput(pixels[:count], masks[:count], ids[:count], 0, donors=donors)


def main() -> None:
    """Run from the command line."""
    given = options(__doc__, quick=(4, 4, 2), full=(8, 8, 5))
    begun, clock, own = time.perf_counter(), given.clock(), scene(given)
    model = torch.nn.Sequential(Normalize(MEAN, STD), built("resnet50")).eval().to(given.device)
    contexts = list(examples())
    with torch.no_grad():
        for at in range(given.rounds + 1):  # the first round warms up
            timed = replace(clock) if at else given.clock()
            with timed.timed("forward", given.batch):
                model(own.pixels)
            for context in contexts:
                plain = own if donor_rule(context) is not None else replace(own, donors=None)
                with timed.timed(str(context), given.batch):
                    apply(context, plain)
    forward = clock.median("forward")
    costs = sorted(((clock.median(str(context)), context) for context in contexts), key=lambda one: -one[0])
    rows = [
        [str(context), family(context), f"{1000 * cost:.2f}", f"{100 * cost / forward:.1f} %"]
        for cost, context in costs
    ]
    mean = sum(cost for cost, _ in costs) / len(costs)
    print(machine(given) + "\n")
    print(f"ResNet-50 forward: {1000 * forward:.1f} ms an image at batches of {given.batch}\n")
    print(table(["context", "family", "ms an image", "of the forward pass"], rows))
    slowest = ", ".join(f"{context} ({100 * cost / forward:.1f} %)" for cost, context in costs[:3])
    print(
        f"\non average over {len(costs)}: {1000 * mean:.2f} ms an image, {100 * mean / forward:.1f} % of the forward "
        f"pass (wanted: at most {100 * WANTED:.0f} %); the slowest three: {slowest}"
    )
    print(f"{time.perf_counter() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
