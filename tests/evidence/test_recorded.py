"""Left sides and tables built anew from a record are those that the run decided on, text by text."""

from __future__ import annotations

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from language import expressions

from modelaudit.engine.planning.plan import column_key as column_key_of_the_run
from modelaudit.engine.planning.plan import single_method
from modelaudit.evidence.build import node_of
from modelaudit.evidence.recorded import column_key, expression_of, text_of
from modelaudit.language.expression import Expression, Measure, open_doses, without_composites


def columns(expression: Expression) -> list[str]:
    """The columns that an expression reads, as a run names them."""
    measures = list(expression.measures())
    return [column_key_of_the_run(spec, one.context) for one in measures for spec, _ in single_method(one.spec)]


def recorded_columns(expression: Expression) -> list[str]:
    """The same for an expression that was built from a record."""
    measures = list(expression.measures())
    singles = [Measure(spec, one.context) for one in measures for spec, _ in single_method(one.spec)]
    return [column_key(one) for one in singles]


@given(expressions.expressions)
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_expression_is_built_anew_from_its_nodes(expression: Expression) -> None:
    assert text_of(node_of(expression)) == str(expression)
    written = without_composites(expression)
    again = expression_of(node_of(written))
    assert str(again) == str(written)
    assert open_doses(again) == open_doses(written)
    assert recorded_columns(again) == columns(written)
