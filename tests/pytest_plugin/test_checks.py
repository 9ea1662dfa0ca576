"""Audits are themselves audited, unless somebody switches that off, and the record says so."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

from modelaudit.evidence.record import CaseRecord

AUDIT = """
told_all = {**told(), "data": samples(120)}
audit = Audit(**told_all)
drop = audit.expect(accuracy - accuracy.under(swap_background("random", feather=1)) < 0.1)
on_the_part = audit.expect(background_dependence("input_x_gradient").under(gaussian_noise(1)) < 0.4)
"""


def found(line: Line, name: str) -> CaseRecord:
    return line.cases()[name]


def test_every_check_is_made_by_default(line: Line) -> None:
    line.checks = None
    line.audit(AUDIT)
    line.run()
    drop, on_the_part = found(line, "drop").checks, found(line, "on_the_part").checks
    assert line.record().checks == "on"
    assert drop is not None and on_the_part is not None
    assert drop.masks is not None and {one.variant for one in drop.masks.variants} == {
        "eroded",
        "dilated",
        "shifted_x",
        "shifted_y",
    }
    assert drop.masks.radius == 1 and drop.masks.images == drop.masks.asked == 120 and not drop.masks.moved
    assert drop.noise is not None and drop.noise.images == 120
    assert [(one.context, one.hard_edge) for one in drop.seams] == [("swap_background(random)", False)]
    assert on_the_part.blind is not None and on_the_part.blind.images == 64 and on_the_part.blind.value == 0
    assert on_the_part.sensitivity is not None and on_the_part.sensitivity.images == 120
    assert drop.sensitivity is None and drop.smallest_effect is not None and drop.smallest_effect > 0.1


@pytest.mark.parametrize("how", ["option", "audit", "quick look"])
def test_nothing_is_checked_where_that_is_said(line: Line, how: str) -> None:
    line.checks = "off" if how == "option" else None
    line.audit(AUDIT.replace("told_all)", "told_all, checks='off')") if how == "audit" else AUDIT)
    line.run(*(("--audit-limit=20",) if how == "quick look" else ()))
    checks = found(line, "drop").checks
    assert checks is None or (checks.masks, checks.noise, checks.seams) == (None, None, [])
    assert line.record().checks == ("on" if how == "audit" else "off")


def test_checks_cost_nothing_the_second_time(line: Line) -> None:
    line.checks, line.store = None, str(line.path / "store")
    line.audit(AUDIT)
    line.run()
    first = line.record()
    line.run()
    again = line.record()
    assert first.passes.forward > 0 and (again.passes.decoded, again.passes.forward) == (0, 0)
    assert [case.checks for case in again.cases] == [case.checks for case in first.cases]


def test_an_option_that_is_none_is_refused(line: Line) -> None:
    line.audit(AUDIT)
    result = line.run("--audit-checks=some")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--audit-checks=some: use on or off*"])
