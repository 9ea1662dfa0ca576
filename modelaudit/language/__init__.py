"""The language users write: audits, measures, expectations, their canonical text, and the YAML form."""
