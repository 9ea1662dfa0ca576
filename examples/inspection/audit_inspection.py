"""May the candidate take the place of the model in use? A release gate of two models on an inspection line.

``python make_line.py`` draws the photos first; then ``pytest examples/inspection``.
"""

from pathlib import Path

import pytest

from modelaudit import Audit, Preprocessing, label
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import false_alarm_rate, miss_rate, predicted

here = Path(__file__).parent
if not (here / "photos").is_dir():
    pytest.skip("there are no photos yet; run python make_line.py in this folder", allow_module_level=True)

line = Audit(
    model={"current": f"{here / 'net.py'}:current", "candidate": f"{here / 'net.py'}:candidate"},
    data=f"folder:{here / 'photos' / 'images'}?masks={here / 'photos' / 'masks'}",
    classes=["free", "scratch", "stain"],
    preprocessing=Preprocessing(resize=64),
)
missed, alarms = miss_rate(good="free"), false_alarm_rate(good="free")
new_light, other_place = lighting(3), swap_background("other_class")

# what both models must do on the photos as they are: one expectation, an item for each model
misses_few = line.expect(missed < 0.05, clause="acceptance 2.1")
few_false_alarms = line.expect(alarms < 0.10, clause="acceptance 2.2")
scratches_are_not_called_stains = line.expect(predicted("stain").where(label("scratch")) < 0.05)

# the release gate: the candidate is not worse than the model in use
no_worse = line.expect(missed.of("candidate") - missed.of("current") < 0.02, clause="release 1")
no_worse_under_new_light = line.expect(
    missed.of("candidate").under(new_light) - missed.of("current").under(new_light) < 0.02, clause="release 2"
)
no_worse_in_another_place = line.expect(
    missed.of("candidate").under(other_place) - missed.of("current").under(other_place) < 0.02, clause="release 3"
)
