"""Fitting a calibration, reliability diagrams and decision curves."""
