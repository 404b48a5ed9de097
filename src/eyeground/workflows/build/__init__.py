"""Make a bundle: train a classifier or a segmenter or fit a probe, then calibrate, evaluate and document it."""
