"""The store: per-image values that outlive a run, in an embedded database. (Its place is known without loading it.)"""
