"""A look without an audit file: ``pytest --audit-model REF --audit-data REF`` collects the default expectations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ..language.boundary import signals_watched
from ..language.errors import AuditError
from ..language.stated_cases import collected
from ..starter.expectations import starting_expectations
from ..starter.preparing import ModelOptions
from ..starter.references import guessed_data, guessed_model, rebased
from ..starter.subject import Subject, look_at
from .items import AuditItem
from .options import LOOK
from .session import audit_session

#: how node ids of such a look begin, where those of an audit file have its path
NAME = "look"
HINT = (
    "no audit file: these are default expectations, whose thresholds nobody agreed on; modelaudit init writes them down"
)


class AuditLook(pytest.Collector):
    """The default expectations on the data and the model that were typed."""

    @classmethod
    def of(cls, session: pytest.Session) -> AuditLook:
        """The collector of a session."""
        return cls.from_parent(session, name=LOOK, nodeid=LOOK, path=session.config.rootpath / LOOK)

    def collect(self) -> Iterable[pytest.Item]:
        state = audit_session(self.config)
        try:
            with signals_watched():
                subject = self._subject()
                audit = subject.audit()
                named = [(one.name, audit.expect(one.expectation)) for one in starting_expectations(subject)]
        except AuditError as error:
            raise self.CollectError(str(error)) from error
        items = []
        for name, case in named:
            collected(case)
            items.append(
                AuditItem.from_parent(self, name=name, case=case, expectation=case.expectation, label=name, line=None)
            )
        state.declare(self.path, items)
        return items

    def _subject(self) -> Subject:
        config = self.config
        look = audit_session(config).options.look
        assert look is not None
        here, root = Path(config.invocation_params.dir), config.rootpath
        opened = look_at(
            rebased(guessed_data(look.data, here).reference, here, root),
            rebased(guessed_model(look.model, here).reference, here, root),
            root=root,
            options=ModelOptions.of_texts(
                classes=look.classes,
                preprocessing=look.preprocessing,
                scores=look.scores,
                output=look.output,
                prefix="--audit-",
            ),
            prefix="--audit-",
        )
        return opened.subject
