"""Prepare a bundle for others: rounded, evaluated from its own graph, documented by its card."""
