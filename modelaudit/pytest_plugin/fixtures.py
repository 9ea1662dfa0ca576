"""The fixtures of test functions in audit files: `model`, `sample` and `predict`, of one audit of the file.

They are registered for audit files alone, and only where the user has no fixture of that name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from ..language.audit import Audit
from ..language.boundary import signals_watched
from ..language.errors import AuditFileError, nearest
from .session import audit_session

if TYPE_CHECKING:
    from torch import nn

    from ..engine.executors.one_image import OneImagePredictor, Prediction
    from ..language.sample import Sample
    from ..language.spec import Context

MARKER = "audit"
#: samples for which a test is repeated, unless its marker says otherwise
SAMPLES = 5
#: is parametrised where a test asks for `sample`; nobody's own fixture has this name
PLACE = "_modelaudit_sample_place"
_OPENED: pytest.StashKey[dict[tuple[int, str], Any]] = pytest.StashKey()


@dataclass(frozen=True)
class AskedOf:
    """What the markers of a test say about its fixtures."""

    audit: Audit | None = None
    model: str | None = None
    samples: int | tuple[str, ...] = SAMPLES

    @classmethod
    def by(cls, node: pytest.Item) -> AskedOf:
        """Read off the closest marker that says something; a bare ``@pytest.mark.audit`` is somebody's own.

        Raises:
            AuditFileError: it says something else.
        """
        marker = next((one for one in node.iter_markers(MARKER) if one.args or one.kwargs), None)
        if marker is None:
            return cls()
        where = f"{node.nodeid}: @pytest.mark.audit(...)"
        known = ("audit", "model", "samples")
        given = {**dict(zip(known, marker.args, strict=False)), **marker.kwargs}
        for name in given:
            if name not in known:
                raise AuditFileError(f"{where} takes no {name!r}{nearest(name, known)}")
        audit, model, samples = given.get("audit"), given.get("model"), given.get("samples", SAMPLES)
        if audit is not None and not isinstance(audit, Audit):
            raise AuditFileError(f"{where}: give the audit itself, got {audit!r}; write e.g. @pytest.mark.audit(line)")
        if isinstance(samples, list | tuple) and samples and all(isinstance(name, str) for name in samples):
            return cls(audit, model, tuple(samples))
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
            raise AuditFileError(f"{where}: samples={samples!r}; give how many, an integer from 1, or a list of ids")
        return cls(audit, model, samples)

    def chosen(self, node: pytest.Item) -> tuple[Audit, str]:
        """The audit and the name of its model.

        Raises:
            AuditFileError: the file has none or several, and the marker does not say which.
        """
        audit = self.audit or _only_audit(node)
        if self.model is not None:
            if self.model not in audit.models:
                raise AuditFileError(f"{node.nodeid}: no model {self.model!r}{nearest(self.model, audit.models)}")
            return audit, self.model
        if len(audit.models) > 1:
            names = ", ".join(map(repr, audit.models))
            raise AuditFileError(
                f"{node.nodeid}: the audit has several models ({names}); say which one the test is about: "
                f"@pytest.mark.audit(model={next(iter(audit.models))!r})"
            )
        return audit, next(iter(audit.models))


def _only_audit(node: pytest.Item) -> Audit:
    found = _audits_of(node)
    if len(found) == 1:
        return next(iter(found.values()))
    name = next(iter(found), "line")
    what = f"has several audits ({', '.join(found)})" if found else "has no audit"
    raise AuditFileError(
        f"{node.nodeid}: {node.path.name} {what}; say which one the test is about: @pytest.mark.audit({name})"
    )


def _audits_of(node: pytest.Item) -> dict[str, Audit]:
    """The audits of the module of a test by name, each once."""
    module = node.getparent(pytest.Module)
    names: Mapping[str, Any] = {} if module is None else vars(module.obj)
    found: dict[int, tuple[str, Audit]] = {}
    for name, value in names.items():
        if isinstance(value, Audit):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


class Predict:
    """The fixture `predict`: the answer of the audit's model to a sample, under a context or on the original image.

    In a test of Hypothesis a context that has no meaning for the image, or changes none of its pixels, is passed over
    as by ``hypothesis.assume``; elsewhere it is an error.
    """

    def __init__(self, predictor: OneImagePredictor) -> None:
        self._predictor = predictor

    def __call__(self, sample: Sample, context: Context | type[Context] | str | None = None) -> Prediction:
        from ..engine.executors.one_image import NoValueUnder

        with signals_watched():
            try:
                return self._predictor.predict(sample, context)
            except NoValueUnder as error:
                if error.of_context and "hypothesis" in sys.modules:
                    import hypothesis

                    if hypothesis.currently_in_test_context():
                        hypothesis.reject()
                raise

    def __repr__(self) -> str:
        return f"<predict of {self._predictor.loaded.ref}>"


def model(request: pytest.FixtureRequest) -> nn.Module:
    """The model of the audit, frozen and on its device: pixel values [B, 3, H, W] in [0, 1] to logits [B, C]."""
    return _opened(request).loaded.pixel_model


def predict(request: pytest.FixtureRequest) -> Predict:
    """``predict(sample, context=None)``: the answer of the audit's model."""
    return Predict(_opened(request))


def sample(request: pytest.FixtureRequest, _modelaudit_sample_place: int | str) -> Sample:
    """One sample of the audit's data; the test is repeated for several of them."""
    found = _opened(request).sample_at(_modelaudit_sample_place)
    if found is None:
        pytest.skip("the data have fewer samples")
    return found


def sample_place(request: pytest.FixtureRequest) -> int | str:
    """Which sample: its place in the fixed random order, or its id."""
    place: int | str = getattr(request, "param", 0)
    return place


_FIXTURES: Mapping[str, Callable[..., Any]] = {
    "model": model,
    "predict": predict,
    "sample": sample,
    PLACE: sample_place,
}


def provide(module: pytest.Module) -> None:
    """Register the fixtures for an audit file, before its own are: those of the user come first, wherever they are."""
    manager = module.session._fixturemanager
    for name, function in _FIXTURES.items():
        if not manager.getfixturedefs(name, module):
            if hasattr(pytest, "register_fixture"):
                pytest.register_fixture(name=name, func=function, node=module)
            else:
                manager._register_fixture(name=name, func=function, nodeid=module.nodeid)


def repeat_for_samples(metafunc: pytest.Metafunc) -> None:
    """Repeat a test that asks for `sample`; no model and no image is loaded.

    Samples whose names can be listed are called by them.
    """
    if PLACE not in metafunc.fixturenames:
        return
    item: Any = metafunc.definition
    asked = AskedOf.by(item)
    if isinstance(asked.samples, tuple):
        metafunc.parametrize(PLACE, asked.samples, indirect=True)
        return
    audits = [asked.audit] if asked.audit is not None else list(_audits_of(item).values())
    listed = _listed(metafunc.config, audits[0]) if len(audits) == 1 else None
    limit = audit_session(metafunc.config).options.limit
    count = asked.samples if limit is None else min(asked.samples, limit)
    names = [f"sample {at}" for at in range(count)] if listed is None else [one.id for one in listed[:count]]
    metafunc.parametrize(PLACE, range(len(names)), ids=names, indirect=True)


def _listed(config: pytest.Config, audit: Audit) -> tuple[Sample, ...] | None:
    from ..engine.executors.one_image import listed_samples

    with signals_watched():
        return listed_samples(audit, audit_session(config).settings())


def _opened(request: pytest.FixtureRequest) -> OneImagePredictor:
    """The model that a test is about; opened once in a process, and given back at its end.

    Raises:
        AuditFileError: the file does not say which.
        AuditError: the model or the data cannot be opened.
    """
    from ..engine.executors.one_image import OneImagePredictor

    node: Any = request.node
    audit, name = AskedOf.by(node).chosen(node)
    opened = request.config.stash.setdefault(_OPENED, {})
    key = (id(audit), name)
    if key not in opened:
        with signals_watched():
            found = OneImagePredictor(audit, name, audit_session(request.config).settings())
        opened[key] = (audit, found)
        request.config.add_cleanup(found.close)
    predictor: OneImagePredictor = opened[key][1]
    return predictor
