"""What is asked twice is computed once: passes through the user's model are counted, not believed."""

from __future__ import annotations

from pytest_plugin.runs import Line

#: ten expectations on the originals and two contexts, by two methods, with strata, flips and differences
TEN = """
noisy, dark = gaussian_noise(3), lighting(2)
one = audit.expect(accuracy > 0.5)
two = audit.expect(accuracy - accuracy.under(noisy) < 0.5)
three = audit.expect(confidence.under(noisy) > 0.1)
four = audit.expect(flip_rate.under(dark) < 0.9)
five = audit.expect(background_dependence("saliency") < 0.9)
six = audit.expect(background_dependence("saliency").under(noisy) < 0.9)
seven = audit.expect(background_dependence("saliency", "integrated_gradients").under(noisy) < 0.9)
eight = audit.expect(background_dependence("integrated_gradients").under(noisy).where(correct) < 0.95)
nine = audit.expect(accuracy.under(dark).where(object_area > 0.1) > 0.1)
ten = audit.expect(background_dependence("saliency").under(noisy) - background_dependence("saliency") < 0.9)
"""
HEAD = """
from modelaudit import correct, object_area
audit = Audit(**told(Counting("counted"), samples(20)))
"""
MICRO_BATCH = 16
PADDED = 32  # 20 images are two micro-batches of 16
TRIED = [4, 2, 2]  # before anything else: whether the model is a function of its image


def seen(line: Line) -> list[int]:
    """The sizes of the batches that the model was given, after those that try it; the file is removed."""
    file = line.path / "counted"
    sizes = [int(text.split()[1]) for text in file.read_text().splitlines()]
    file.unlink()
    assert sizes[: len(TRIED)] == TRIED
    return sizes[len(TRIED) :]


def cost(line: Line, *expectations: str) -> int:
    """Images through the model for these expectations on 20 images."""
    line.audit(HEAD + "\n".join(f"case_{at} = audit.expect({text})" for at, text in enumerate(expectations)))
    line.run()
    assert {case.verdict for case in line.record().cases} <= {"PASS", "FAIL", "INCONCLUSIVE"}
    return sum(seen(line))


def test_each_image_passes_once_a_context_and_once_a_method_whoever_asks(line: Line) -> None:
    saliency = 'background_dependence("saliency").under(gaussian_noise(3)) < 0.9'
    integrated = 'background_dependence("integrated_gradients").under(gaussian_noise(3)) < 0.9'
    plain, with_saliency, with_integrated = (
        cost(line, "accuracy.under(gaussian_noise(3)) > 0.1", *more) for more in ((), (saliency,), (integrated,))
    )
    assert plain == PADDED
    of_saliency, of_integrated = with_saliency - plain, with_integrated - plain
    assert of_saliency == 0  # its gradient is that of the pass which gives the logits
    assert of_integrated >= 8 * PADDED  # its first level, and more for images that need more

    line.audit(HEAD + TEN)
    line.run()
    sizes = seen(line)
    record = line.record()
    assert len(record.cases) == 10
    assert {case.verdict for case in record.cases} <= {"PASS", "FAIL", "INCONCLUSIVE"}
    # originals, noise, light; integrated gradients on noise
    assert sum(sizes) == 3 * PADDED + of_integrated
    assert record.passes.decoded == 20


def test_the_record_tells_what_the_run_cost(line: Line) -> None:
    for more in (
        (),
        ('background_dependence("saliency") < 0.9',),
        ('background_dependence("integrated_gradients") < 0.9',),
    ):
        counted = cost(line, "accuracy > 0.1", *more)
        assert line.record().passes.forward == counted
        assert (line.record().passes.backward > 0) == bool(more)


def test_every_plain_pass_has_the_micro_batchs_size(line: Line) -> None:
    line.audit(HEAD + "one = audit.expect(accuracy > 0.5)\ntwo = audit.expect(accuracy.under(gaussian_noise(1)) > 0.5)")
    line.run()
    assert seen(line) == [MICRO_BATCH] * 4
    assert line.record().provenance.micro_batch == MICRO_BATCH


def test_audits_on_the_same_model_and_data_share_their_passes(line: Line) -> None:
    line.audit(
        """
        model, data = Counting("counted"), samples(20)
        one = Audit(**told(model, data)).expect(accuracy > 0.5)
        two = Audit(**told(model, data, confidence=0.9)).expect(accuracy > 0.4)
        """
    )
    line.run()
    assert sum(seen(line)) == PADDED


def test_what_is_selected_out_costs_nothing(line: Line) -> None:
    line.audit(HEAD + TEN)
    line.run("-k", "one")
    assert sum(seen(line)) == PADDED
