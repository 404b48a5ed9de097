"""Prints what a build learns from, before it starts: photos, patients, positives, and a warning where they are few."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.evaluation.estimates import FEW_PATIENTS
from eyeground.imaging.prepared_photos import PreparedPhotos


def report_targets(targets: Sequence[Target], console: Console) -> None:
    """Print what each target's classes mean, where that is not just 0 and 1."""
    for target in targets:
        if target.kind == "ordinal":
            what = f"{' < '.join(target.classes)}; {target.classes[0]} means health"
        elif target.kind == "multiclass":
            what = f"{', '.join(target.classes)}; {f'{target.healthy} means' if target.healthy else 'none of them means'} health"
        elif target.classes or target.healthy_outputs:
            what = f"{target.values[1]} against {target.values[0]}; {target.healthy} means health"
        else:
            continue
        console.print(f"target '{target.name}': {what}", highlight=False, markup=False)


def report_label_counts(
    photos: PreparedPhotos, rows: NDArray[np.intp], targets: Sequence[Target], purpose: str, console: Console
) -> None:
    """Print how many photos and patients there are, and how many positive and negative ones for each output.

    Args:
        rows: Rows to count.
        targets: Of the truths, in order.
        purpose: What the rows are for, such as "to learn from".
    """
    patients = photos.manifest.table["patient"].to_numpy(dtype=object)[rows]
    console.print(f"{purpose}: {len(rows):,} photos of {len(set(patients)):,} patients", highlight=False)
    outputs = [output for target in targets for output in target.outputs]
    few = []
    for output, truth in zip(outputs, photos.truth[rows].T, strict=True):
        having = {name: truth == value for name, value in (("positive", 1), ("negative", 0))}
        counts = {name: len(set(patients[of])) for name, of in having.items()}
        counted = ", ".join(f"{having[name].sum():,} {name} of {counts[name]:,} patients" for name in having)
        unknown = f", {np.isnan(truth).sum():,} unknown" if np.isnan(truth).any() else ""
        console.print(f"  {output}: {counted}{unknown}", highlight=False, markup=False)
        few += [(output, name, count) for name, count in counts.items() if count < FEW_PATIENTS]
    for output, name, count in few:
        console.print(
            f"[yellow]only {count} patients are {name} for '{output}':[/] its metrics and their intervals mean next to nothing; "
            f"at least {FEW_PATIENTS} patients are needed, and some dozens are better",
            highlight=False,
        )
