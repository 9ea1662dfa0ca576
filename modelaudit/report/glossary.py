"""Every word of statistics that the report uses, explained once."""

from __future__ import annotations

from .words import Words


def glossary(confidence: str, error: str, words: Words) -> tuple[tuple[str, str], ...]:
    """The terms with their explanations, those that a reader meets first before the others.

    Args:
        confidence: the one that most requirements have, as it reads.
        error: the risk that it leaves, likewise.
    """
    return (
        (words._("verdicts"), words._("pass_the_whole_interval_lies")),
        (
            words._("what_confidence_means", confidence=confidence),
            words._("a_model_that_does_not", confidence=confidence, error=error),
        ),
        (words._("range_and_bounds"), words._("range_and_bounds_explained", error=error)),
        (words._("approximate_rules"), words._("approximate_rules_explained")),
        (words._("background_dependence"), words._("the_density_of_attribution_on")),
        (words._("heat_maps_and_interventions"), words._("a_heat_map_shows_where")),
        (words._("counted_together"), words._("counted_together_explained")),
        (words._("values_that_could_not_be"), words._("they_are_counted_and_never")),
        (words._("what_would_be_caught"), words._("what_would_be_caught_explained")),
        (words._("holm_term"), words._("holm_explained")),
        (words._("rank_correlation_term"), words._("rank_correlation_explained")),
    )
