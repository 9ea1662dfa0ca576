"""What must run, each thing once; its cost and its feasibility."""
