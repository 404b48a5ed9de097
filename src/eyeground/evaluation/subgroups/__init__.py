"""Where a model is better or worse: groups of patients, shortcuts, other datasets."""
