"""The columns and strata of one case."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine.small_audits import Net, asked, audit, measured, samples

from modelaudit.engine.decision.case_table import CaseTable, NotMeasured
from modelaudit.engine.planning.plan import plan
from modelaudit.language import correct, label, object_area
from modelaudit.language.strata import Stratum
from modelaudit.measures import confidence


@pytest.mark.parametrize(
    ("stratum", "needs"),
    [(label("nut"), False), (object_area < 0.9, False), (correct, True), (label("nut") & correct, True)],
)
def test_only_strata_of_right_and_wrong_fail_with_the_accuracy(tmp_path: Path, stratum: Stratum, needs: bool) -> None:
    cases = {"a": audit(Net(), samples(6)).expect(confidence.where(stratum) > 0)}
    found = measured(tmp_path, **cases)
    failed = found.model_copy(update={"failures": {f"{found.models[0].key}|accuracy": "it broke"}})
    (group,) = plan(asked(**cases))
    table = CaseTable(group.cases[0], failed)
    if needs:
        with pytest.raises(NotMeasured, match="it broke"):
            table.check()
    else:
        table.check()
