"""Segment a table of photographs, and measure what was segmented against outlines."""
