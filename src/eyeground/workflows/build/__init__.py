"""Make a bundle: train a classifier or a segmenter, or fit a probe, then calibrate, measure and describe it."""
