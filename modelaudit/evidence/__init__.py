"""The evidence: the run record, its provenance, and the folder it lies in."""
