"""From release to release: baselines, what changed between two runs, and the history of a project's runs."""
