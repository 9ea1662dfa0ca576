"""How little of the surroundings has to change until the answer flips? A model that goes by the belt, and a sound one.

``pytest examples/counterexamples`` needs nothing but the demo; on the model "shortcut" it fails, as it should.
"""

import pytest
from hypothesis import given, settings

from modelaudit import Audit, strategies
from modelaudit.contexts import surroundings
from modelaudit.measures import accuracy, worst_change

line = Audit(model={"shortcut": "demo:shortcut", "sound": "demo:sound"}, data="demo:?images=40", checks="off")

is_accurate = line.expect(accuracy > 0.8)

# the ready form: the belt of a part of another class shows in a rectangle, as faintly as flips the answer
other_belts = surroundings(colours=[], donors="other_class", stops=0, kelvin=[])
keeps_its_answer = line.expect(worst_change(search=other_belts, calls=100) < 0.4)


# a property of one's own, of a few samples: a whole belt of another class, however faint, leaves the part in sight
belts = strategies.donor_patches("other_class", smallest=0.8)


@pytest.mark.audit(model="sound", samples=["washer/0003", "washer/0027"])
@settings(max_examples=30)
@given(context=belts)
def test_the_sound_model_stays_right(context, sample, predict):
    assert predict(sample, context).right


@pytest.mark.audit(model="shortcut", samples=["washer/0003"])
@given(context=belts)
def test_the_shortcut_model_stays_right(context, sample, predict):
    assert predict(sample, context).right
