"""Counterexamples on disk: kept beside the audits, and replayed by the next run."""
