"""The loop over the samples of a group, its events, and what it reads from the store and writes to it."""
