"""Fitting a classifier: data and augmentation, the Lightning loop with exact resume, and the probe."""
