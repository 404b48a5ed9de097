"""Screening on many machines: shards of photographs for the workers of a Ray cluster, each finished exactly once; see docs/scale.md."""
