"""From measured columns to verdicts: tables, reruns, checks applied."""
