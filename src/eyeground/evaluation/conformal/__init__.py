"""Conformal prediction sets: the answers that a stated coverage per class leaves open. See docs/statistics.md."""
