"""Make a bundle: train a classifier (`train`) or a segmenter (`segmenter`) or fit a probe (`probe`), then calibrate, evaluate and document it.

`eyeground.pretrain` and `eyeground.adapt` end here; see docs/architecture.md.
"""
