"""The built-in inspection line: four kinds of parts on four kinds of surroundings.

``demo:sound`` learned from parts on any surroundings, ``demo:shortcut`` from a line on which nearly every part came on
surroundings of its own. Both classify that line nearly perfectly; only one of them looks at the part.
"""

import torch

from modelaudit import Audit, CheckSettings
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy, adversarial_background_rate, background_dependence, flip_rate

LINE = "demo:?coupling=0.95&images=200&seed=1"
another_line = swap_background("other_class")

# how the audit is itself audited: what is measured again for that, on a part of the images: the demo stays quick
checks = CheckSettings(masks=48, noise=48)

sound = Audit(model="demo:sound", data=LINE, checks=checks)
shortcut = Audit(model="demo:shortcut", data=LINE, checks=checks)

decides_on_the_part = sound.expect(
    background_dependence("gradcam", "integrated_gradients").under(another_line) < 0.40,
    clause="demo agreement 1",
)
survives_another_line = sound.expect(accuracy - accuracy.under(another_line) < 0.15, clause="demo agreement 2")
keeps_its_answer = sound.expect(flip_rate.under(another_line) < 0.20)
survives_lighting = sound.expect(accuracy.under(lighting(each=[1, 2, 3, 4, 5])) > 0.90)  # at every severity
few_of_ten_lines_flip_it = sound.expect(adversarial_background_rate(10).under(another_line) < 0.20)

# known-bad models: a model that takes the shortcut must be caught, or the audit proves nothing
shortcut_decides_on_the_background = shortcut.expect(
    background_dependence("gradcam", "integrated_gradients").under(another_line) < 0.40, must_fail=True
)
shortcut_fails_on_another_line = shortcut.expect(accuracy - accuracy.under(another_line) < 0.15, must_fail=True)


def test_the_models_of_the_demo_are_not_the_same() -> None:
    """Ordinary tests may stand beside expectations."""
    from pathlib import Path

    from modelaudit.language.reference import parse_reference
    from modelaudit.language.registry import find

    build = find("model", "demo").function
    weights = [
        torch.cat([part.flatten() for part in build(parse_reference(name), Path()).module.parameters()])
        for name in ("demo:sound", "demo:shortcut")
    ]
    assert not torch.equal(*weights)
