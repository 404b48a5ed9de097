"""Prepare a bundle for others: measured from its own graph, rounded, described by its card."""
