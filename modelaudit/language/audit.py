"""Audits and their cases: what a user states, before anything is loaded."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .audit_arguments import (
    Importance,
    as_expectation,
    check_arguments,
    check_can_be_reviewed,
    check_details,
    check_reviewed_by,
)
from .calls import CheckedCall, checked_call
from .checks import CheckSettings, as_checks
from .errors import ExpressionError, nearest
from .expression import Expectation
from .looked import CheckedExpectation
from .ranges import refuse_per_cent
from .sample import Preprocessing, Sample
from .scores import DEFAULT_THRESHOLD, Scores, ScoreSettings
from .spec import Composed, Context, as_context, within
from .stated_cases import state
from .without_object import checked_labels, declaration_text, require_images

if TYPE_CHECKING:
    from torch import nn

    from .no_worse import NoWorse

    ModelRef = str | nn.Module | Callable[[], nn.Module]
About = Literal["process", "this_set"]
Stop = Literal["early"]
#: which rules may decide: approximate ones, whose errors were simulated, or proven ones alone
Bounds = Literal["approximate", "guaranteed"]
#: the claim is about the clusters (and donors) met alone
Claim = Literal["these_clusters"]
DEFAULT_CONFIDENCE = 0.95
DEFAULT_OBJECT_KEPT = 0.5


@dataclass(frozen=True, eq=False)
class AuditCase:
    """A named expectation on an audit: one pytest item (one for each model, where it names none of several).

    ``origin`` and ``line`` are the file and line that state it: at the top level of the module whose globals have the
    id ``namespace``, or inside a function that pytest ran, with ``namespace`` None.
    """

    audit: Audit
    expectation: Expectation
    clause: str | None
    says: str | dict[str, str] | None
    confidence: float
    must_fail: bool
    importance: Importance
    reviewed_by: int | None
    marks: tuple[Any, ...]
    origin: str
    line: int
    namespace: int | None

    def long_form(self, expectation: Expectation) -> str:
        """One of the expectations of :meth:`variants` with everything that decides it: what is hashed."""
        audit = self.audit
        deciding = deciding_text(
            self.confidence,
            audit.about,
            audit.bounds,
            audit.claim,
            self.must_fail,
            audit.without_object,
            importance=self.importance,
            reviewed_by=self.reviewed_by,
        )
        return f"{expectation.long_form()}; {deciding}"

    def fingerprint(self, expectation: Expectation) -> str:
        """SHA-256 of :meth:`long_form`."""
        return hashlib.sha256(self.long_form(expectation).encode()).hexdigest()

    def variants(self) -> tuple[tuple[str | None, Expectation], ...]:
        """The (model name, expectation) pairs that this case becomes.

        With one model, or with every measure's model said, that is the expectation itself, under None.
        """
        names = tuple(self.audit.models)
        if len(names) == 1 or all(measure.model is not None for measure in self.expectation.expression.measures()):
            return ((None, self.expectation),)
        return tuple((name, of_model(self.expectation, name)) for name in names)

    def known_bad(self, expectation: Expectation) -> tuple[str, ...]:
        """The models that `expectation`, one of the variants, must catch, as readers know them; see ``must_fail``."""
        return tuple(model_text(self.audit, name) for name in caught_by(self, expectation))


@dataclass(frozen=True, eq=False)
class Audit(metaclass=CheckedCall):
    """A model (or several, by name) and a data set, on which expectations are stated.

    Args:
        model: a reference (``"torchvision:resnet50@IMAGENET1K_V2"``, ``"models/net.py:build"``), an ``nn.Module``, a
            callable that returns one (called when needed), or a dict of these by name.
        data: a reference (``"folder:data/line_a"``) or an iterable of :class:`Sample`.
        classes: the model's class names by index; a dict by model name where models differ.
        preprocessing: the model's geometry and photometry, where the reference does not bring them; likewise. Or a
            transform of torchvision, timm or albumentations that they can be read off.
        scores: what the model's outputs are: "logits" (one a class), "probabilities", "binary" (one column: no or yes,
            the first and the second class) or "multilabel" (every output answers for its own label). None: what the
            model shows, or an error that asks. A final softmax or sigmoid that can be seen is taken off, so that
            attributions explain the logit before it. A dict by model name where models differ, as the next two.
        output: the output that holds the scores, by index or key, where the model returns several.
        score_threshold: the probability from which on a multilabel model has found a label.
        labels: the data's labels to the model's classes (name or index, or a list of them), where names do not meet by
            themselves; or a CSV or JSON file of them. With lists, an output that no label has means "none of these".
        confidence: of each one-sided bound, in (0.5, 1).
        about: "process" (the images are a sample of what the model will meet) or "this_set" (they are the acceptance).
        bounds: "approximate" (rules whose error rates were simulated) or "guaranteed" (proven ones alone: wider).
        claim: "these_clusters" limits the claim to the clusters met, and to the backgrounds that their donors lent:
            images count as independent within them. None: clusters are a sample, as images are.
        object_kept: the least share of its object that the model's crop must leave of an image; below it the image has
            no value where masks are needed (``object_cropped``), and counts as undefined.
        seed: of every random draw; None takes the run's ``--audit-seed``.
        pools: data from outside whose backgrounds contexts may lend, by the name in
            ``swap_background("pool:NAME")``: references (``"photos:data/new_line"``) or iterables of :class:`Sample`.
        stop: "early" looks at the images in a fixed random order and stops as soon as every expectation is decided, by
            confidence sequences; None looks at all of them once.
        checks: how the audit is itself audited: :class:`CheckSettings`, "off", "on", or a dict of its fields; None
            takes the run's ``--audit-checks``.
        known_bad: the names of models that must be caught (``must_fail``) and of which something else is expected too;
            without it a model with both kinds of expectation is an error. A single model is called ``"model"``.
        without_object: labels whose images have nothing to mask (the good parts of a line whose masks are the defects):
            they leave every expression that needs masks, are counted apart, and may lend their whole picture as
            background. A mask of theirs that holds an object is an error.

    Nothing is loaded here; references are resolved against pytest's rootdir when the first item runs.

    >>> from modelaudit.contexts import swap_background
    >>> from modelaudit.measures import accuracy
    >>> line_a = Audit(model="demo:sound", data="demo:", seed=0)
    >>> survives = line_a.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.05)
    >>> str(survives.expectation)
    'accuracy - accuracy.under(swap_background(other_class)) < 0.05'
    """

    example: ClassVar[str] = 'Audit(model="torchvision:resnet50@IMAGENET1K_V2", data="folder:data/line_a")'

    model: Any
    data: Any
    classes: Any = field(default=None, kw_only=True)
    preprocessing: Preprocessing | Mapping[str, Any] | Any = field(default=None, kw_only=True)
    scores: Scores | Mapping[str, Scores] | None = field(default=None, kw_only=True)
    output: int | str | Mapping[str, int | str] | None = field(default=None, kw_only=True)
    score_threshold: float | Mapping[str, float] = field(default=DEFAULT_THRESHOLD, kw_only=True)
    labels: Mapping[Any, Any] | str | None = field(default=None, kw_only=True)
    confidence: float = field(default=DEFAULT_CONFIDENCE, kw_only=True)
    about: About = field(default="process", kw_only=True)
    bounds: Bounds = field(default="approximate", kw_only=True)
    claim: Claim | None = field(default=None, kw_only=True)
    object_kept: float = field(default=DEFAULT_OBJECT_KEPT, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)
    pools: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    stop: Stop | None = field(default=None, kw_only=True)
    checks: CheckSettings | Mapping[str, Any] | Literal["on", "off"] | None = field(default=None, kw_only=True)
    known_bad: Iterable[str] = field(default=(), kw_only=True)
    without_object: Iterable[str] = field(default=(), kw_only=True)
    allow_code: bool = field(default=True, kw_only=True, repr=False)
    cases: list[AuditCase] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        check_arguments(
            model=self.model,
            data=self.data,
            classes=self.classes,
            labels=self.labels,
            preprocessing=self.preprocessing,
        )
        _check_confidence(self.confidence)
        if self.about not in ("process", "this_set"):
            raise ExpressionError(f"about={self.about!r}{nearest(str(self.about), ('process', 'this_set'))}")
        if self.bounds not in ("approximate", "guaranteed"):
            raise ExpressionError(f"bounds={self.bounds!r}{nearest(str(self.bounds), ('approximate', 'guaranteed'))}")
        _check_claim(self.claim, self.about)
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, int)):
            raise ExpressionError(f"seed must be an integer, got {self.seed!r}")
        if self.stop not in (None, "early"):
            raise ExpressionError(f"stop={self.stop!r}; use 'early', or leave it out to look at every image")
        object.__setattr__(self, "checks", as_checks(self.checks))
        object.__setattr__(self, "object_kept", float(within(self.object_kept, 0.0, 1.0, "object_kept")))
        if isinstance(self.model, Mapping) and not self.model:
            raise ExpressionError("model={} names no model; give at least one")
        object.__setattr__(self, "known_bad", checked_known_bad(self.known_bad, self.models))
        _check_scores(self)
        object.__setattr__(self, "without_object", checked_labels(self.without_object))
        object.__setattr__(self, "data", _replayed(self.data))
        object.__setattr__(self, "pools", _checked_pools(self.pools))

    @property
    def models(self) -> Mapping[str, Any]:
        """The models by name; a single one is called ``model``."""
        return dict(self.model) if isinstance(self.model, Mapping) else {"model": self.model}

    def option_of(self, option: Literal["classes", "preprocessing"], model: str) -> Any:
        """The class names or the preprocessing that this audit gives for one of its models."""
        value = getattr(self, option)
        if isinstance(value, Mapping) and model in value:
            return value[model]
        return None if isinstance(value, Mapping) and isinstance(self.model, Mapping) else value

    def scores_of(self, model: str) -> ScoreSettings:
        """What this audit says about the outputs of one of its models.

        >>> audit = Audit(model={"old": "demo:sound", "new": "net.py:build"}, data="demo:", scores={"new": "binary"})
        >>> audit.scores_of("new")
        ScoreSettings(scores='binary', output=None, threshold=0.5)
        """

        def of(value: Any, default: Any = None) -> Any:
            return value.get(model, default) if isinstance(value, Mapping) else value

        return ScoreSettings(of(self.scores), of(self.output), of(self.score_threshold, DEFAULT_THRESHOLD))

    @checked_call
    def expect(
        self,
        expectation: Expectation | str,
        *,
        clause: str | None = None,
        says: str | Mapping[str, str] | None = None,
        confidence: float | None = None,
        must_fail: bool = False,
        importance: Importance = "major",
        reviewed_by: int | None = None,
        marks: Iterable[Any] | Any = (),
    ) -> AuditCase:
        """State what must hold. Bind the result to a module-level name: that is the name of the pytest item.

        Args:
            expectation: a comparison, or its text: ``"accuracy > 0.9"``.
            clause: the contract clause it stands for.
            says: the sentence that the report prints instead of its own; or one for each language,
                ``{"en": ..., "ja": ...}``. In a language that is left out the report keeps its own.
            confidence: instead of the audit's.
            must_fail: the model is known to be bad: passes when, and only when, the verdict is FAIL.
            importance: "critical" (cannot be waived), "major", or "advisory": its verdict is shown and fails no run,
                unless it could not be measured.
            reviewed_by: how many people (1 to 9) must have looked at the pictures drawn for review before it can PASS;
                until then it is INCONCLUSIVE (``review_open``).
            marks: pytest marks.

        Raises:
            ExpressionError: not an expectation, or one that cannot mean anything on this audit.

        >>> from modelaudit.measures import accuracy
        >>> known_bad = Audit(model="demo:shortcut", data="demo:")
        >>> known_bad.expect(accuracy > 0.90, must_fail=True).must_fail
        True
        """
        check_details(clause, says, must_fail, importance)
        check_reviewed_by(reviewed_by)
        caller = _caller()
        module = _module_frame(caller)
        stated = caller if module is None else module
        namespace = None if module is None else id(module.f_globals)
        meant = self._meaningful(expectation, confidence)
        if reviewed_by is not None:
            check_can_be_reviewed(meant, reviewed_by)
        case = AuditCase(
            self,
            meant,
            clause,
            dict(says) if isinstance(says, Mapping) else says,
            self.confidence if confidence is None else confidence,
            must_fail,
            importance,
            reviewed_by,
            tuple(marks) if isinstance(marks, list | tuple) else (marks,),
            str(Path(stated.f_code.co_filename).resolve()),
            stated.f_lineno,
            namespace,
        )
        self.cases.append(case)
        state(case, None if module is None else module.f_globals)
        return case

    @checked_call
    def no_worse_than(
        self,
        baseline: ModelRef | Path,
        *,
        margin: float,
        of: str | None = None,
        clause: str | None = None,
        confidence: float | None = None,
        importance: Importance | None = None,
        marks: Iterable[Any] | Any = (),
    ) -> NoWorse:
        """State that a model is no worse than a baseline: one case a requirement stated so far.

        Each says that the requirement's left side is worse than the baseline's by less than `margin`, image by image
        on the same images. Bind the result to a module-level name: ``no_worse[survives_lighting]`` is the name of an
        item. Requirements with ``must_fail``, and those that compare several models, are left out.

        Args:
            baseline: a stored run by its path (``"baselines/v1"``, a results folder, a pack), or a model, which is run.
            margin: how much worse counts as no worse, in the unit of the left side (0.02: two points).
            of: the model, where the audit has several.
            clause: the contract clause; None: that of each requirement, as confidence and importance.
            marks: pytest marks.

        Raises:
            ExpressionError: no requirement was stated before, or a margin that no model could exceed.

        >>> from modelaudit.measures import accuracy
        >>> line_a = Audit(model="demo:sound", data="demo:")
        >>> right = line_a.expect(accuracy > 0.9)
        >>> no_worse = line_a.no_worse_than("baselines/v1", margin=0.02)
        >>> [str(case.expectation) for case in no_worse.cases]
        ['accuracy.of(candidate) - accuracy.of(baseline) > -0.02']
        """
        from . import no_worse

        model = no_worse.model_compared(self, of)
        requirements = no_worse.requirements_of(self, model)
        allowed = no_worse.checked_margin(margin, [case.expectation for case in requirements])
        compared = no_worse.compared_audit(self, model, baseline)
        return no_worse.NoWorse(
            tuple(
                (
                    case,
                    compared.expect(
                        no_worse.comparison(case.expectation, allowed),
                        clause=case.clause if clause is None else clause,
                        confidence=case.confidence if confidence is None else confidence,
                        importance=case.importance if importance is None else importance,
                        marks=marks,
                    ),
                )
                for case in requirements
            )
        )

    @checked_call
    def check(
        self,
        expectation: Expectation | str,
        *,
        confidence: float | None = None,
        limit: int | None = None,
        device: str = "auto",
        progress: bool = True,
        language: Literal["en", "ja"] = "en",
    ) -> CheckedExpectation:
        """Measure and decide an expectation here and now, in a notebook or a shell: a look, not a gate.

        The engine, the statistics and the store (``.modelaudit`` in the working directory) are those of
        ``pytest audits/``; relative paths start at the working directory. Nothing is stated: no item is collected for
        it, and no results folder is left behind.

        Args:
            expectation: a comparison, or its text: ``"accuracy > 0.9"``.
            confidence: instead of the audit's.
            limit: only so many images of the data, without checks; None: all of them.
            device: a torch device; "auto" is the first CUDA device where there is one, else the CPU.
            progress: show how far it is.
            language: of what a notebook shows.

        Raises:
            ExpressionError: not an expectation, or one that cannot mean anything on this audit.

        >>> from modelaudit.measures import accuracy
        >>> line_a = Audit(model="demo:sound", data="demo:?images=40", checks="off")
        >>> line_a.check(accuracy > 0.5, progress=False).verdict
        'PASS'
        """
        from . import registry

        level = self.confidence if confidence is None else confidence
        stated = self._meaningful(expectation, confidence)
        case = AuditCase(self, stated, None, None, level, False, "major", None, (), "", 0, None)
        run = registry.find("interactive", "check").function
        checked: CheckedExpectation = run(case, limit=limit, device=device, progress=progress, language=language)
        return checked

    def _meaningful(self, expectation: Expectation | str, confidence: float | None) -> Expectation:
        """The expectation, after a check that it can mean something on this audit."""
        expectation = as_expectation(expectation)
        _check_models(expectation, self.models)
        _check_refinements(expectation)
        _check_bounds(expectation, self)
        refuse_per_cent(expectation)
        require_images(expectation, tuple(self.without_object))
        if confidence is not None:
            _check_confidence(confidence)
        return expectation


class _Replayed:
    """An iterable of samples, read once when first needed and kept (a generator can be read only once)."""

    def __init__(self, source: Iterable[Sample]) -> None:
        self.origin = source
        self._samples: tuple[Sample, ...] | None = None

    def __iter__(self) -> Any:
        if self._samples is None:
            self._samples = tuple(self.origin)
        return iter(self._samples)


def _replayed(data: Any) -> Any:
    """Samples that can be read more than once; a reference, or what another audit reads, as it is."""
    return _Replayed(data) if not isinstance(data, str | _Replayed) and isinstance(data, Iterable) else data


def deciding_text(
    confidence: float,
    about: About,
    bounds: Bounds,
    claim: Claim | None,
    must_fail: bool,
    without_object: Iterable[str] = (),
    *,
    importance: Importance | None,
    reviewed_by: int | None = None,
) -> str:
    """The terms on which an expectation is decided, as its long form states them.

    ``importance``: None where it was not stated yet, as in records of before it could be.
    """
    text = f"confidence={confidence!r}, about={about}, bounds={bounds}, claim={claim}, must_fail={must_fail}"
    text += "" if importance is None else f", importance={importance}"
    text += "" if reviewed_by is None else f", reviewed_by={reviewed_by}"
    declared = tuple(without_object)
    return f"{text}, {declaration_text(declared)}" if declared else text


def of_model(expectation: Expectation, name: str) -> Expectation:
    """The expectation with `name` for every measure that names no model."""
    changed = expectation.expression._refined(
        lambda measure: measure if measure.model is not None else measure._of(name)
    )
    return Expectation(changed, expectation.op, expectation.threshold)


def _caller() -> FrameType:
    """The innermost frame outside of the module that checks calls: the one that states an expectation."""
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") == checked_call.__module__ and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _module_frame(frame: FrameType | None) -> FrameType | None:
    """The top level of the module that is being executed; None in a function that pytest runs, or in a thread.

    Below a test's function there is a top level too, that of the script which started pytest.
    """
    while frame is not None and frame.f_code.co_name != "<module>":
        if frame.f_globals.get("__name__") == "_pytest.runner":
            return None
        frame = frame.f_back
    return frame


def _check_scores(audit: Audit) -> None:
    for name in ("scores", "output", "score_threshold"):
        value = getattr(audit, name)
        for model in value if isinstance(value, Mapping) else ():
            if model not in audit.models:
                raise ExpressionError(f"{name}: no model {model!r}{nearest(str(model), audit.models)}")
    for model in audit.models:
        audit.scores_of(model)


def _check_claim(claim: object, about: str) -> None:
    if claim not in (None, "these_clusters"):
        raise ExpressionError(f"claim={claim!r}; use 'these_clusters', or leave it out")
    if claim is not None and about == "this_set":
        raise ExpressionError(
            "claim='these_clusters' has no meaning with about='this_set', where the images are the acceptance and are "
            "decided without an interval; leave the claim out"
        )


def _check_bounds(expectation: Expectation, audit: Audit) -> None:
    from . import registry

    if audit.bounds != "guaranteed" or audit.about == "this_set":
        return
    for measure in expectation.expression.measures():
        declares = registry.entry_of(measure.spec).declares
        if getattr(declares, "low", 0.0) is None or getattr(declares, "high", 0.0) is None:
            raise ExpressionError(
                f"'{measure}' has no range, so that no bound of its mean is guaranteed; leave out bounds='guaranteed', "
                "or use a measure with a range"
            )


def _check_confidence(confidence: float) -> None:
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0.5 < confidence < 1:
        raise ExpressionError(f"confidence={confidence!r} must be between 0.5 and 1; 0.95 is usual")


def _checked_pools(pools: Any) -> dict[str, Any]:
    if not isinstance(pools, Mapping):
        raise ExpressionError(f"pools={pools!r}; give a dict of data by name, e.g. {{'night': 'folder:data/night'}}")
    for name, data in pools.items():
        if not isinstance(name, str) or not name.strip():
            raise ExpressionError(f"pools={{{name!r}: ...}}: give the pool a name, a text")
        if data is None or (isinstance(data, str) and not data.strip()):
            raise ExpressionError(f"pools={{{name!r}: {data!r}}} must name data, e.g. 'photos:data/new_line'")
    return {name: _replayed(data) for name, data in pools.items()}


def _check_models(expectation: Expectation, models: Mapping[str, Any]) -> None:
    for measure in expectation.expression.measures():
        if measure.model is not None and measure.model not in models:
            raise ExpressionError(f"'{measure}': no model {measure.model!r}{nearest(measure.model, models)}")


def _check_refinements(expectation: Expectation) -> None:
    from . import registry

    for measure in expectation.expression.measures():
        declares = registry.entry_of(measure.spec).declares
        if getattr(declares, "needs_context", False) and measure.context is None:
            raise ExpressionError(f"'{measure}' compares with the original image; add .under(context)")
        if getattr(declares, "searches", None) is not None and measure.context not in (None, as_context("original")):
            raise ExpressionError(
                f"'{measure}' searches for its contexts itself; leave .under({measure.context}) out, or write "
                f"surroundings(contexts=['{measure.context}']) to have that one tried too"
            )
        if getattr(declares, "backgrounds", None) is not None and not _has_donors(measure.context):
            raise ExpressionError(
                f"'{measure}' tries the backgrounds of several images, and '{measure.context}' takes none of another "
                "image; write e.g. .under(swap_background('other_class'))"
            )


def _has_donors(context: Context | None) -> bool:
    from . import registry

    parts = context.parts if isinstance(context, Composed) else (context,)
    return any(registry.entry_of(part).declares.donors(part) is not None for part in parts)


def models_of(audit: Audit, expectation: Expectation) -> tuple[str, ...]:
    """The names of the models that an expectation measures."""
    first = next(iter(audit.models))
    names = (measure.model or first for measure in expectation.expression.measures())
    return tuple(dict.fromkeys(names))


def caught_by(case: AuditCase, expectation: Expectation) -> tuple[str, ...]:
    """The models that `expectation`, one of the case's variants, must catch; none without ``must_fail``.

    Of several models these are the ones that the audit declares known-bad, or all where it declares none of them.
    """
    if not case.must_fail:
        return ()
    names = models_of(case.audit, expectation)
    return tuple(name for name in names if name in case.audit.known_bad) or names


def model_text(audit: Audit, name: str) -> str:
    """The name of a model for readers: among several its own, else its reference, or that of its class or factory."""
    if isinstance(audit.model, Mapping):
        return name
    reference = audit.models[name]
    return reference if isinstance(reference, str) else str(getattr(reference, "__name__", type(reference).__name__))


def checked_known_bad(names: Any, models: Mapping[str, Any]) -> tuple[str, ...]:
    """The argument ``known_bad`` of an audit.

    Raises:
        ExpressionError: not a list of names of the audit's models.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ExpressionError(f"known_bad must be a list of model names, got {names!r}; write e.g. ['shortcut']")
    found = tuple(names)
    for name in found:
        if name not in models:
            raise ExpressionError(f"known_bad: no model {name!r}{nearest(str(name), models)}")
    return found
