"""Segment photographs, and measure segmentations against annotated masks."""
