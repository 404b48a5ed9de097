"""Where a model is better or worse: subgroups of patients, shortcuts, other datasets."""
