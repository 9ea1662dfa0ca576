"""Contact sheets of contexts and the making of masks, for the command line."""
