"""Wrong calls of public names: every one is an error in the words of the language."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import modelaudit
from modelaudit import (
    Audit,
    AuditError,
    CheckSettings,
    Preprocessing,
    Sample,
    column,
    correct,
    group,
    label,
    misclassified,
    object_area,
    parse,
    parse_context,
    parse_expression,
)
from modelaudit import measures as public_measures
from modelaudit.contexts import blur, lighting, swap_background
from modelaudit.language import ExpressionError, registry
from modelaudit.language.spec import as_method
from modelaudit.measures import accuracy, background_dependence, flip_rate, mean_corruption_error, top_k_accuracy

KINDS = ("context", "attribution", "measure", "composite")
WRONG = (None, True, "x", "", -1, 0, 1, 99, 1e9, 1.5, float("nan"), float("inf"), [1], [], {}, {1: 2}, b"x", object())


def callables() -> Iterator[tuple[str, Callable[..., Any], list[str]]]:
    """Every registered name by its dataclass, and the functions of ``modelaudit.measures``, with their arguments."""
    for kind in KINDS:
        for name in registry.names(kind):
            spec: Any = registry.find(kind, name).spec
            yield f"{kind} {name}", spec, list(inspect.signature(spec.__init__).parameters)[1:]
    for name in public_measures.__all__:
        function = getattr(public_measures, name)
        if inspect.isfunction(function):
            yield f"function {name}", function, list(inspect.signature(function).parameters)


def wrong_calls(names: list[str]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """No arguments, too many, an unknown one, and each with every value of the wrong type or size."""
    yield (), {}
    yield (1,) * 12, {}
    yield (), {"severty": 3}
    yield (1,), {"severty": 3}
    for value in WRONG:
        yield (value,), {}
        for name in names:
            yield (), {name: value}
            yield (1,), {name: value}
            yield ("gradcam",), {name: value}


CALLABLES = list(callables())


def test_the_sweep_reaches_every_name() -> None:
    assert len(CALLABLES) > 100
    assert {name.split()[0] for name, _, _ in CALLABLES} == {*KINDS, "function"}


@pytest.mark.parametrize(("name", "called", "names"), CALLABLES, ids=[name for name, _, _ in CALLABLES])
def test_a_wrong_call_is_never_an_error_of_python(name: str, called: Callable[..., Any], names: list[str]) -> None:
    refused = 0
    for args, kwargs in wrong_calls(names):
        try:
            str(called(*args, **kwargs))
        except AuditError as error:
            refused += 1
            assert "__init__" not in str(error) and "positional" not in str(error), error
    assert refused >= 3, "an unknown argument, and one too many, are refused by every name"


@pytest.mark.parametrize(("name", "called", "names"), CALLABLES, ids=[name for name, _, _ in CALLABLES])
def test_an_unknown_argument_is_named(name: str, called: Callable[..., Any], names: list[str]) -> None:
    if name == "attribution captum":  # it hands arguments on to captum
        return
    with pytest.raises(ExpressionError, match=f"^{name.split()[1]}: unknown argument 'no_such'"):
        called("gradcam", no_such=3)


def audit() -> Audit:
    return Audit("demo:sound", "demo:")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: swap_background(), r"swap_background: the argument donors is missing; .*swap_background\(\"other_c"),
        (lambda: lighting(severty=3), "lighting: unknown argument 'severty'; did you mean 'severity'"),
        (lambda: lighting(severity=9), "lighting: severity must be an integer from 1 to 5, got 9"),
        (lambda: lighting(3, "whole", (), 4), "lighting: 4 arguments by position, which is 1 too many; it takes sev"),
        (lambda: lighting(3, severity=3), "lighting: severity is given twice"),
        (lambda: accuracy.under(lighting), r"lighting: the argument severity is missing; write e.g. lighting\(3\)"),
        (lambda: accuracy.under("lightning(3)"), "unknown context 'lightning'; did you mean 'lighting'"),
        (lambda: accuracy.under("lighting"), "lighting: the argument severity is missing"),
        (lambda: accuracy.under("accuracy"), "'accuracy' is a measure, and a context is needed"),
        (lambda: accuracy.under(lighting | blur), r"two names without brackets; write lighting\(\) \| blur\(\)"),
        (lambda: accuracy.under(), r"\.under\(\.\.\.\): the argument context is missing"),
        (lambda: accuracy.under(lighting(1), blur(2)), "2 arguments by position, which is 1 too many"),
        (lambda: accuracy.where(accuracy > 0.5), "'accuracy > 0.5'.*give a stratum"),
        (lambda: accuracy.where("corect"), "cannot read 'corect' as a stratum; did you mean 'correct'"),
        (lambda: accuracy(5), r"'accuracy' takes no arguments in brackets"),
        (lambda: abs(accuracy), "state two expectations"),
        (lambda: accuracy % 2, "an operator that expressions do not know"),
        (lambda: background_dependence(), "background_dependence reads an attribution map; name at least one method"),
        (lambda: background_dependence("gradcam", steps=3), "unknown argument 'steps'.*written in its own brackets"),
        (lambda: background_dependence(["gradcam"]), "is a list; write the methods one by one"),
        (lambda: background_dependence("gradcm"), "unknown attribution method 'gradcm'; did you mean 'gradcam'"),
        (lambda: background_dependence("lrp(rul=1)"), "in 'lrp.*lrp: unknown argument 'rul'; did you mean 'rule'"),
        (lambda: background_dependence("blur(2)"), "'blur' is a context, and an attribution method is needed"),
        (lambda: top_k_accuracy(), "top_k_accuracy: the argument k is missing; it takes k"),
        (lambda: mean_corruption_error("fog"), "corruptions='fog'; give a list"),
        (lambda: label("cat") > 0.5, r"stratum 'label\(cat\)' says which images count.*where\(label\(cat\)\)"),
        (lambda: label(), "label: the argument label is missing"),
        (lambda: label(None), r"label\(None\): give a class"),
        (lambda: group(), "group: the argument group is missing"),
        (lambda: column("a", "b"), "column: 2 arguments by position"),
        (lambda: correct(3), "the stratum 'correct' takes no arguments"),
        (lambda: object_area > "x", "object_area: 'x' is not a number"),
        (lambda: Sample("a"), "Sample: the arguments image, label are missing.*write e.g. Sample"),
        (lambda: Preprocessing(resiz=3), "Preprocessing: unknown argument 'resiz'; did you mean 'resize'"),
        (lambda: Preprocessing(resize="256"), "resize='256'; give pixels"),
        (lambda: Preprocessing(crop=0), "crop=0; give pixels"),
        (lambda: Preprocessing(mean="half"), "mean='half' must be finite numbers"),
        (lambda: Preprocessing(std=None), "std=None must be finite numbers"),
        (lambda: CheckSettings(maks=3), "CheckSettings: unknown argument 'maks'; did you mean 'masks'"),
        (lambda: parse(3), "3 is not text"),
        (lambda: parse_context(None), "None is not text"),
        (lambda: parse_expression(["x"]), "is not text"),
        (lambda: parse(), "parse: the argument text is missing"),
        (lambda: parse("accuracy > 0.9 and flip_rate < 0.1"), "'and' and 'or' join several expectations"),
    ],
)
def test_the_error_says_what_is_wrong(call: Callable[[], Any], said: str) -> None:
    with pytest.raises(AuditError, match=said):
        call()


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (lambda a: a.expect(accuracy), "got the measure 'accuracy' and no threshold.*accuracy > 0.9"),
        (lambda a: a.expect(accuracy == 0.9), "expect.. got False, which is what == and != give"),
        (lambda a: a.expect(accuracy.under("blur(2)") != 0.9), "expect.. got True, which is what == and != give"),
        (lambda a: a.expect(0.5 < accuracy < 0.9), "Chained comparisons .* are two expectations"),
        (lambda a: a.expect(), r"\.expect\(\.\.\.\): the argument expectation is missing"),
        (lambda a: a.expect(accuracy > 0.9, "4.2"), "2 arguments by position, which is 1 too many"),
        (lambda a: a.expect(accuracy > 0.9, cluase="4.2"), "unknown argument 'cluase'; did you mean 'clause'"),
        (lambda a: a.expect(accuracy > 0.9, clause=4), "clause=4 must be text, e.g. clause='4'"),
        (lambda a: a.expect(accuracy > 0.9, says=4), r"says=4 must be text, or a text for each language: \{'en'"),
        (lambda a: a.expect(accuracy > 0.9, says={}), "holds no text"),
        (lambda a: a.expect(accuracy > 0.9, says={"jp": "x"}), "unknown language 'jp'"),
        (lambda a: a.expect(accuracy > 0.9, says={"en": 4}), "'en': 4.*must be text"),
        (lambda a: a.expect(accuracy > 0.9, must_fail="no"), "must_fail='no' must be True or False"),
        (lambda a: a.expect("accurcy > 0.9"), "unknown measure 'accurcy'; did you mean 'accuracy'"),
        (lambda a: a.expect(accuracy > 90), "accuracy lies between 0 and 1; did you mean 0.90?"),
        (lambda a: a.expect(accuracy - accuracy.under("blur(2)") < 5), "between -1 and 1; did you mean 0.05?"),
        (lambda a: a.expect(flip_rate.under("blur(2)") < 5), "holds for any model.*between 0 and 1; did you mean 0.05"),
        (lambda a: a.expect(accuracy > -1), "'accuracy > -1' holds for any model"),
        (lambda a: a.expect(accuracy > 900), "cannot hold for any model: accuracy lies between 0 and 1$"),
    ],
)
def test_what_is_no_expectation_is_refused(expect: Callable[[Audit], Any], said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        expect(audit())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Audit(), "Audit: the arguments model, data are missing; .* write e.g. Audit"),
        (lambda: Audit("m"), "Audit: the argument data is missing"),
        (lambda: Audit("m", datas="d"), "Audit: unknown argument 'datas'; did you mean 'data'"),
        (lambda: Audit("m", "d", ["a"]), "3 arguments by position, which is 1 too many"),
        (lambda: Audit(None, "d"), "model=None: give a reference"),
        (lambda: Audit({"a": 3}, "d"), "model={'a': ...}=3: give a reference"),
        (lambda: Audit({3: "m"}, "d"), "the name of a model must be text"),
        (lambda: Audit(Path("net.pt"), "d"), "write the reference as text, e.g. 'net.pt'"),
        (lambda: Audit("m", None), "data=None: give a reference"),
        (lambda: Audit("m", ""), "data='': give a reference"),
        (lambda: Audit("m", 3), "data=3: give a reference"),
        (lambda: Audit("m", Path("photos")), "write the source before the path, e.g. 'folder:photos'"),
        (lambda: Audit("m", "d", classes="bolt, nut"), r"give the names by the model's outputs: \['bolt', 'nut'\]"),
        (lambda: Audit("m", "d", classes=3), "classes=3: give the names"),
        (lambda: Audit("m", "d", labels=3), "labels=3: give a dict"),
        (lambda: Audit("m", "d", preprocessing=224), r"preprocessing=224: give Preprocessing\(...\)"),
    ],
)
def test_an_audit_that_can_mean_nothing_is_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        make()


def test_texts_stand_for_methods_contexts_strata_and_expectations() -> None:
    as_text = background_dependence("integrated_gradients(steps=20)", "gradcam(layer='features.12')")
    assert str(as_text) == "background_dependence(integrated_gradients(steps=20), gradcam(layer='features.12'))"
    assert str(as_method("gradcam")) == "gradcam"
    assert accuracy.under("lighting(severity=3)") == accuracy.under(lighting(3))
    assert accuracy.where("misclassified") == accuracy.where(misclassified)
    assert audit().expect("accuracy() > 0.90").expectation == (accuracy > 0.9)


def test_brackets_without_arguments_change_nothing() -> None:
    assert accuracy() == accuracy == parse_expression("accuracy()")
    assert correct() is correct


def test_the_line_of_an_expectation_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "audit_x.py"
    path.write_text("from modelaudit import Audit\na = Audit('demo:', 'demo:')\n\nx = a.expect('accuracy > 0.9')\n")
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    assert (names["x"].origin, names["x"].line) == (str(path), 4)


def test_a_measure_says_which_refinements_it_has() -> None:
    with pytest.raises(AttributeError, match=r"no \.unde; did you mean 'under'"):
        accuracy.unde(3)  # type: ignore[attr-defined]
    assert not hasattr(accuracy, "__array__")


def test_public_functions_keep_their_signature_and_documentation() -> None:
    assert list(inspect.signature(modelaudit.parse).parameters) == ["text"]
    assert (top_k_accuracy.__doc__ or "").strip()
