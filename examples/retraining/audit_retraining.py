"""Did retraining help? The candidate of the inspection line beside the models that were retrained.

``python examples/inspection/make_line.py`` draws the photos, ``python examples/retraining/retrain.py RECIPE`` trains.
"""

from pathlib import Path

import pytest

from modelaudit import Audit, Preprocessing
from modelaudit.contexts import swap_background
from modelaudit.measures import false_alarm_rate, miss_rate

here = Path(__file__).parent
photos = here.parent / "inspection" / "photos"
retrained = sorted(file.stem for file in (here / "weights").glob("*.safetensors"))
if not photos.is_dir():
    pytest.skip("there are no photos yet; run python examples/inspection/make_line.py", allow_module_level=True)
if not retrained:
    pytest.skip(
        "no model was retrained yet; run python examples/retraining/retrain.py backgrounds", allow_module_level=True
    )

line = Audit(
    model={
        "candidate": f"{here.parent / 'inspection' / 'net.py'}:candidate",
        **{recipe: f"{here / 'net.py'}:{recipe}" for recipe in retrained},
    },
    data=f"folder:{photos / 'images'}?masks={photos / 'masks'}",
    classes=["free", "scratch", "stain"],
    preprocessing=Preprocessing(resize=64),
)
missed, alarms = miss_rate(good="free"), false_alarm_rate(good="free")
other_place = swap_background("other_class")

# what each of them must do, as photographed and in another place
misses_few = line.expect(missed < 0.05)
few_false_alarms = line.expect(alarms < 0.10)
misses_few_elsewhere = line.expect(missed.under(other_place) < 0.05)
few_false_alarms_elsewhere = line.expect(alarms.under(other_place) < 0.10)
