"""Listeners that rerun or perturb: other masks, a second draw, a blind copy, sensitivity, agreement, sanity."""
