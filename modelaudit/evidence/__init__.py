"""The evidence: the run record, its provenance, and the folder of its run."""
