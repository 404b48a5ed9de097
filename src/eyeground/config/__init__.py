"""What is asked for: targets and the typed settings of trainings, probes and segmentations."""
