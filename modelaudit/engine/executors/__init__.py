"""Who runs the measurement of a group: this process, once for all processes of a run."""
