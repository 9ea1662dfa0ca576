"""What follows from a run: the next steps, what they cost, and what they bring."""
