"""Fitting networks: data and augmentation, losses, and the Lightning loop with exact resume."""
