"""Bad input never ends in a pass: it is an error with a way out, or it counts against the expectation."""

from __future__ import annotations

import pytest
from PIL import Image
from pytest_plugin.line import mask, pixels
from pytest_plugin.runs import Line, counts

from modelaudit.evidence.record import CaseRecord
from modelaudit.evidence.states import NO_VERDICT


def the_case(line: Line, *args: str, says: tuple[str, ...] = ()) -> CaseRecord:
    """The only case of a run that did not succeed; the terminal says all of `says`."""
    result = line.run(*args)
    assert result.ret == pytest.ExitCode.TESTS_FAILED, result.stdout.str()
    assert "passed" not in result.parseoutcomes()
    for part in says:
        assert part in result.stdout.str()
    record = line.record()
    assert record.overall not in ("PASS", "QUICK_LOOK")
    (case,) = record.cases
    return case


@pytest.mark.parametrize(
    "marks", ["pytest.mark.skip", "pytest.mark.xfail(run=False)"], ids=["skipped", "not run by xfail"]
)
def test_a_run_that_measured_nothing_does_not_succeed(line: Line, marks: str) -> None:
    line.audit(
        f"""
        import pytest
        right = Audit(**told()).expect(accuracy > 0.5, marks={marks})

        def test_usual():
            pass
        """
    )
    result = line.run()
    assert result.ret == NO_VERDICT
    assert "partial: 1 of 1 declared requirements are not counted" in result.stdout.str()
    assert line.record().overall == "PARTIAL"


def test_ordinary_tests_alone_follow_pytests_own_rules(line: Line) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)\n\ndef test_usual():\n    pass\n")
    assert line.run("-k", "usual").ret == pytest.ExitCode.OK
    assert line.run("-k", "nothing_of_the_kind").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (line.path / "audit-results").exists()


#: what is wrong, as arguments of an audit; the expectation; and what the message says
ERRORS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "no image in the folder": (
        'data="folder:empty"',
        "accuracy > 0.5",
        ("no image in", "looked for <label>/<name>"),
    ),
    "no such folder": ('data="folder:nowhere"', "accuracy > 0.5", ("nowhere",)),
    "no such source": ('data="floder:empty"', "accuracy > 0.5", ("did you mean 'folder'?",)),
    "no sample": ("data=iter([])", "accuracy > 0.5", ("has no sample; give Sample(",)),
    "no masks": (
        "data=samples(masks=False)",
        "accuracy.under(gaussian_noise(1)) > 0.5",
        ("not one of 20 images could be measured", "20 x no_mask (add a mask"),
    ),
    "masks of another size": (
        "data=[Sample(s.id, s.image, s.label, s.mask[:6]) for s in samples()]",
        "accuracy.under(gaussian_noise(1)) > 0.5",
        ("20 x mask_size (give the mask the size of its image)", "the mask of '000.png' is 12 x 6, the image 12 x 12"),
    ),
    "masks of another size in more than a few images": (
        "data=[Sample(s.id, s.image, s.label, s.mask[: 6 if at < 2 else 12]) for at, s in enumerate(samples())]",
        "accuracy.under(gaussian_noise(1)) > 0.1",
        ("masks or annotations of 2 of 20 images contradict the images", "the mask of '000.png' is 12 x 6"),
    ),
    "annotations of other sizes": (
        "data=[Sample(s.id, s.image, s.label, s.mask, stated_size=(12, 24)) for s in samples()]",
        "accuracy.under(gaussian_noise(1)) > 0.1",
        ("20 x contradiction (its annotation states two things", "is stated as 24 x 12, but its image is 12 x 12"),
    ),
    "masks without background": (
        "data=[Sample(s.id, s.image, s.label, mask(whole=True)) for s in samples()]",
        "accuracy.under(gaussian_noise(5)) > 0.5",
        ("'gaussian_noise(5)' changed no pixel of any of 20 images; check the masks (is there a background?)",),
    ),
    "a context that changes nothing": (
        "data=[Sample(s.id, np.zeros_like(s.image), s.label, s.mask) for s in samples()]",
        "accuracy.under(lighting(5)) > 0.1",
        ("'lighting(5)' changed no pixel of any of 20 images; check the masks",),
    ),
    "labels that the model does not know": (
        'classes=["blue", "gren"]',
        "accuracy > 0.5",
        ("'green'", "did you mean 'gren'"),
    ),
    "logits that are no numbers": (
        "model=NotANumber()",
        "accuracy > 0.5",
        ("20 x non_finite_logits (the model returns NaN or infinity: check its weights",),
    ),
    "no model file": (
        'model="models/net.py:build"',
        "accuracy > 0.5",
        ("no file", "relative paths start at pytest's rootdir"),
    ),
    "no such function in it": ('model="line.py:biuld"', "accuracy > 0.5", ("line.py", "biuld")),
    "no weights": (
        'model="torchvision:squeezenet1_1?checkpoint=weights.pt"',
        "accuracy > 0.5",
        ("weights.pt",),
    ),
    "no such model": ('model="torchvision:resnet5O"', "accuracy > 0.5", ("resnet5O", "did you mean")),
    "a model that raises": (
        "model=nn.Sequential(nn.Flatten(), nn.Linear(7, 2))",
        "accuracy > 0.5",
        ("shapes cannot be multiplied", "Preprocessing(resize="),
    ),
    "a method without a layer to hook": (
        "model=Colour()",
        'background_dependence("gradcam") < 0.5',
        ("Colour",),
    ),
    "one class to borrow from": (
        "data=[s for s in samples(40) if s.label == 'red']",
        'accuracy.under(swap_background("other_class")) > 0.5',
        ("takes backgrounds from other classes, and the data have only {'red'}",),
    ),
    "a device that is not there": ("", "accuracy > 0.5", ("--audit-device cuda:77", "use cpu, cuda or auto")),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_measured_is_an_error_with_a_way_out(line: Line, what: str) -> None:
    options, expectation, says = ERRORS[what]
    (line.path / "empty").mkdir()
    line.audit(f"case = Audit(**told(**dict({options}))).expect({expectation})")
    case = the_case(line, *(("--audit-device", "cuda:77") if "device" in what else ()), says=says)
    assert (case.verdict, case.outcome) == ("ERROR", "error"), case.message
    for part in says:
        assert part in case.message


def truncated(line: Line, *, broken: int) -> None:
    """A folder of 20 photos with masks; the first `broken` files end in the middle."""
    for at in range(20):
        label = ("red", "green")[at % 2]
        for kind, array in (("images", pixels(at, label)), ("masks", mask())):
            file = line.path / "photos" / kind / label / f"{at:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)
            if kind == "images" and at < broken:
                file.write_bytes(file.read_bytes()[:60])


@pytest.mark.parametrize(
    ("expectation", "verdict"),
    # with 2 of 20 wrong the bound is 0.717, with none wrong it would be 0.861
    [("accuracy > 0.7", "PASS"), ("accuracy > 0.75", "INCONCLUSIVE")],
)
def test_unreadable_images_are_named_and_count_as_wrong(line: Line, expectation: str, verdict: str) -> None:
    truncated(line, broken=2)
    line.audit(f'case = Audit(**told(data="folder:photos")).expect({expectation})')
    result = line.run()
    assert (result.ret == 0) == (verdict == "PASS")
    case, record = line.cases()["case"], line.record()
    assert case.verdict == verdict
    assert case.decision is not None
    counts = case.decision.counts
    assert (counts.asked, counts.measured, counts.errored) == (20, 18, 2)
    assert case.decision.estimate == 1
    assert [(one.sample, one.missing) for one in case.worst[:2]] == [
        ("green/001.png", "unreadable_image"),
        ("red/000.png", "unreadable_image"),
    ]
    assert [one.sample for one in record.data[0].unusable] == ["green/001.png", "red/000.png"]
    assert record.data[0].unusable[0].message.startswith("photos/images/green/001.png cannot be read")
    if verdict != "PASS":
        said = "  20 images: 18 measured, 0 undefined, 2 errored\n    image cannot be read: 2; replace the image file"
        assert said in result.stdout.str()
        assert "green/001.png (image cannot be read)" in result.stdout.str()
        assert case.reason == "undefined_values"


def test_a_folder_of_unreadable_images_is_an_error(line: Line) -> None:
    truncated(line, broken=20)
    line.audit('case = Audit(**told(data="folder:photos")).expect(accuracy > 0.5)')
    case = the_case(line, says=("20 x unreadable_image (replace the image file",))
    assert case.verdict == "ERROR"
    assert "First: photos/images/" in case.message


@pytest.mark.parametrize(
    ("expectation", "verdict"), [("accuracy > 0.1", "PASS"), ("accuracy.under(gaussian_noise(1)) > 0.1", "PASS")]
)
def test_one_mask_of_another_size_is_counted_and_stops_nobody(line: Line, expectation: str, verdict: str) -> None:
    line.audit(
        f"""
        data = [Sample(s.id, s.image, s.label, s.mask[: 6 if at < 1 else 12]) for at, s in enumerate(samples())]
        case = Audit(**told(data=data)).expect({expectation})
        """
    )
    line.run()
    case = line.cases()["case"]
    assert case.verdict == verdict and case.decision is not None
    assert case.decision.counts.errored == (1 if "noise" in expectation else 0)


def test_masks_of_another_size_are_no_matter_where_no_mask_is_needed(line: Line) -> None:
    line.audit(
        """
        data = [Sample(s.id, s.image, s.label, s.mask[: 6 if at < 9 else 12]) for at, s in enumerate(samples())]
        case = Audit(**told(data=data)).expect(accuracy > 0.1)
        """
    )
    line.run()
    assert line.cases()["case"].verdict == "PASS"


@pytest.mark.parametrize(
    ("change", "expectation"),
    [
        ("mask=mask(whole=True)", "accuracy.under(gaussian_noise(1)) > 0.75"),
        ("image=np.zeros_like(s.image)", "accuracy.under(lighting(1)) > 0.75"),
    ],
    ids=["no background to change", "no light to change"],
)
def test_undefined_values_count_at_their_worst_end(line: Line, change: str, expectation: str) -> None:
    line.audit(
        f"""
        from dataclasses import replace
        data = [replace(s, {change}) if at < 4 else s for at, s in enumerate(samples())]
        case = Audit(**told(data=data)).expect({expectation})
        """
    )
    case = the_case(line)
    assert (case.verdict, case.reason) == ("INCONCLUSIVE", "undefined_values")
    assert case.decision is not None
    assert (case.decision.counts.measured, case.decision.counts.undefined) == (16, 4)


def test_one_broken_model_takes_down_only_its_own_cases(line: Line) -> None:
    line.audit(
        """
        both = Audit(**told({"sound": Colour(), "lost": "missing.py:build"}))
        right = both.expect(accuracy > 0.5)
        no_worse = both.expect(accuracy.of("sound") - accuracy.of("lost") > -0.1)
        """
    )
    assert line.run().ret == pytest.ExitCode.TESTS_FAILED
    assert {name: case.verdict for name, case in line.cases().items()} == {
        "right[sound]": "PASS",
        "right[lost]": "ERROR",
        "no_worse": "ERROR",
    }


def test_a_model_that_raises_in_the_middle_is_an_error_with_its_traceback(line: Line) -> None:
    line.audit(
        """
        class Raises(Colour):
            def forward(self, images):
                if images.shape[-1] == 12:
                    raise ZeroDivisionError("of the user's own")
                return super().forward(images)

        case = Audit(**told(Raises())).expect(accuracy > 0.5)
        """
    )
    case = the_case(line, says=("ZeroDivisionError: of the user's own",))
    assert case.verdict == "ERROR"
    assert case.message is not None and case.message.count("\n") > 4 and "\\u000a" not in case.message


def test_a_data_source_that_raises_is_an_error_of_every_case_of_it(line: Line) -> None:
    line.audit(
        """
        class Raises:
            def __iter__(self):
                raise ZeroDivisionError("of the user's own")

        audit = Audit(**told(data=Raises()))
        one = audit.expect(accuracy > 0.5)
        other = audit.expect(accuracy > 0.4)
        """
    )
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"errors": 2}
    assert {case.verdict for case in line.record().cases} == {"ERROR"}
    assert all("of the user's own" in case.message for case in line.record().cases)


def test_results_that_cannot_be_written_are_an_error(line: Line) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)")
    (line.path / "taken").write_text("a file")
    result = line.run("--audit-results=taken")
    assert result.ret != pytest.ExitCode.OK
    assert "choose another --audit-results" in result.stdout.str() + result.stderr.str()
