"""The audit that the model was accepted on; with LINE_DATA the same requirements on images that an alarm has listed.

pytest examples/monitoring
LINE_DATA="csv:alarms/.../audit_next.csv" pytest examples/monitoring -k "finds_the_part or survives_lighting"
"""

import os

from modelaudit import Audit, CheckSettings
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy

ACCEPTED_ON = "demo:?coupling=0.95&images=160&seed=1"

line = Audit(model="demo:sound", data=os.environ.get("LINE_DATA", ACCEPTED_ON), checks=CheckSettings(masks=0, noise=0))

finds_the_part = line.expect(accuracy > 0.80)
survives_lighting = line.expect(accuracy.under(lighting(2)) > 0.75)
# needs masks, which images of the line have not
survives_another_tray = line.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.15)
