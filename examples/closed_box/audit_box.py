"""The audit of a box that nobody can look into: everything is read off what it answered to rendered pictures."""

from modelaudit import Audit
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy, adversarial_background_rate, background_dependence, flip_rate

another_line = swap_background("other_class")
line = Audit(
    model="predictions:box/answers.csv?maps=box/maps",
    data="demo:?images=80&seed=3",
    checks={"masks": 20, "noise": 20, "blind": 20, "seams": 20, "sensitivity": 20},
)

finds_the_part = line.expect(accuracy > 0.80)
survives_another_line = line.expect(accuracy - accuracy.under(another_line) < 0.20)
keeps_its_answer = line.expect(flip_rate.under(another_line) < 0.20)
survives_lighting = line.expect(accuracy.under(lighting(each=[1, 3])) > 0.80)
few_of_five_lines_flip_it = line.expect(adversarial_background_rate(5).under(another_line) < 0.30)
looks_at_the_part = line.expect(background_dependence("gradcam") < 0.40)
