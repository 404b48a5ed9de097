"""Repeated photos of one eye: whether a model's decisions and probabilities agree. See docs/statistics.md."""
