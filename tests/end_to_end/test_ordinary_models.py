"""Models as people have them, through pytest: their values are those of the same network given as plain logits."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import torch
from end_to_end.ordinary_nets import Net, as_onnx, photo

from modelaudit.evidence.record import RunRecord, read_record

HEADER = """
from ordinary_nets import *
from modelaudit import Audit
from modelaudit.contexts import swap_background
from modelaudit.measures import *

swap = swap_background("random")
"""
EXPECTATIONS = """
right = audit.expect(accuracy > 0.5)
sure = audit.expect(confidence > 0.5)
apart = audit.expect(margin > 0)
right_swapped = audit.expect(accuracy.under(swap) > 0.5)
flips = audit.expect(flip_rate.under(swap) < 0.5)
"""
MAPS = """
cam = audit.expect(background_dependence("gradcam").under(swap) < 0.5)
path = audit.expect(background_dependence("integrated_gradients(steps=8)").under(swap) < 0.5)
of_label = audit.expect(background_dependence("gradcam", target="label") < 0.5)
"""


def audited(pytester: pytest.Pytester, body: str, *options: str) -> RunRecord:
    shutil.copy(Path(__file__).with_name("ordinary_nets.py"), pytester.path)
    pytester.syspathinsert(pytester.path)
    (pytester.path / "pytest.ini").write_text("[pytest]\n")
    (pytester.path / "audit_ordinary.py").write_text(HEADER + body)
    pytester.inline_run(
        "audit_ordinary.py", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off", *options
    )
    return read_record(pytester.path / "audit-results" / "latest" / "run.json")


def estimates(record: RunRecord) -> dict[str, dict[str, float | None]]:
    """By the name of the model, then by that of the expectation."""
    found: dict[str, dict[str, float | None]] = {}
    for case in record.cases:
        name, _, model = case.name.removesuffix("]").partition("[")
        assert case.decision is not None, case
        found.setdefault(model, {})[name] = case.decision.estimate
    return found


MODELS = """
softmax = lambda features, z: z.softmax(1)
audit = Audit(
    {
        "plain": Net(2),
        "softmax": Net(2, softmax),
        "auxiliary": Net(2, lambda features, z: (features, z)),
        "heads": Net(2, lambda features, z: {"class": z.softmax(1), "other": -z}),
        "onelogitplain": Net(1, lambda features, z: halves(z)),
        "onelogit": Net(1, lambda features, z: z.squeeze()),
        "sigmoid": Net(1, lambda features, z: nn.Sigmoid()(z)),
    },
    photos(),
    preprocessing=AS_IT_IS,
    classes=["a", "b"],
    output={"heads": "class"},
    scores={"onelogit": "binary"},
)
"""


def test_values_are_those_of_plain_logits(pytester: pytest.Pytester) -> None:
    found = estimates(audited(pytester, MODELS + EXPECTATIONS + MAPS, "--audit-checks=off"))
    plain, one = found.pop("plain"), found.pop("onelogitplain")
    assert 0 < plain["right"] < 1 and 0 < plain["cam"] < 1 and 0 < one["path"] < 1  # type: ignore[operator]
    for model in ("softmax", "auxiliary", "heads"):
        assert found[model] == pytest.approx(plain, abs=1e-6), model
    for model in ("onelogit", "sigmoid"):
        assert found[model] == pytest.approx(one, abs=1e-6), model


def test_a_graph_that_ends_in_a_softmax_has_the_values_of_its_logits(pytester: pytest.Pytester) -> None:
    as_onnx(pytester.path / "net.onnx")
    models = """
audit = Audit(
    {"plain": Net(2), "graph": "onnx:net.onnx"}, photos(), preprocessing=AS_IT_IS, classes=["a", "b"]
)
occluded = audit.expect(background_dependence("occlusion(window=0.25, stride=0.25)").under(swap) < 0.5)
"""
    found = estimates(audited(pytester, models + EXPECTATIONS, "--audit-checks=off"))
    assert found["graph"] == pytest.approx(found["plain"], abs=1e-4)


SEVERAL = """
audit = Audit(
    {
        "probabilities": Net(3, lambda features, z: torch.sigmoid(z)),
        "logits": Net(3),
        "strict": Net(3),
        "plain": Net(3),
    },
    photos_of_several(),
    preprocessing=AS_IT_IS,
    classes=["red", "blue", "green"],
    scores={"probabilities": "multilabel", "logits": "multilabel", "strict": "multilabel"},
    score_threshold={"strict": 0.7},
)
found_at_all = audit.expect(predicted("red") < 0.5)
ranked = audit.expect(top_k_accuracy(1) > 0.5)
"""


def test_every_label_of_an_image_is_a_question_of_its_own(pytester: pytest.Pytester) -> None:
    record = audited(pytester, SEVERAL + EXPECTATIONS + MAPS)
    found = estimates(record)
    assert found["probabilities"] == pytest.approx(found["logits"], abs=1e-6)
    # the own logit of a label is explained, which the same outputs as plain logits have too
    assert found["logits"]["of_label"] == pytest.approx(found["plain"]["of_label"], abs=1e-6)
    assert found["logits"]["ranked"] == found["plain"]["ranked"]
    with torch.no_grad():
        pixels = torch.stack([torch.from_numpy(photo(number)).permute(2, 0, 1) / 255 for number in range(8)])
        z = Net(3)(pixels).double()
    own = z[:, :2].flatten()
    for model, threshold in (("logits", 0.5), ("strict", 0.7)):
        values, limit = found[model], math.log(threshold / (1 - threshold))
        assert values["right"] == pytest.approx(float((own >= limit).double().mean()), abs=1e-6)
        assert values["sure"] == pytest.approx(float(own.sigmoid().mean()), abs=1e-5)
        assert values["apart"] == pytest.approx(float((own - limit).mean()), abs=1e-5)
        assert values["found_at_all"] == pytest.approx(float((z[:, 0] >= limit).double().mean()), abs=1e-6)
    assert found["strict"]["right"] != found["logits"]["right"]
    counts = next(case.decision for case in record.cases if case.name == "right[logits]")
    assert counts is not None and counts.counts.asked == 16
