"""Whether a start's lead depends on how it is adapted: its difference by fine-tuning minus that by a probe.

Both are of the same held-out photos, draws and resamples of patients, so they are paired. See docs/study.md.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from eyeground.core.progress import track
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.estimates import Estimate
from eyeground.workflows.study.cells import Cell
from eyeground.workflows.study.results import MACRO, Addressed, counts_of, means_of, tables_of
from eyeground.workflows.study.settings import StudyRecipe, StudyTask

if TYPE_CHECKING:  # results need no torch, which takes seconds to import
    from eyeground.workflows.study.opened import Study

PROBE, FINETUNE = "probe", "finetune"
DIFFERENCE, INTERACTION = "auroc_difference", "probe_finetune_interaction"


@dataclass(frozen=True)
class Interaction:
    """One start and its reference, on the photos that both methods predicted.

    Attributes:
        data: External data, or a dataset held out; empty for the task's own photos.
        folds: Held out by both methods.
        probe, finetune: The start's AUROC minus its reference's, the mean over outputs, by either method.
        interaction: `finetune` minus `probe`.
        p, p_holm: Of an interaction of 0, by inversion of its interval; and adjusted for the starts of a comparison.
        photos, patients: With a known truth.
        draws: Of the label fraction, by both methods.
    """

    task: str
    data: str
    fraction: float
    initialisation: str
    reference: str
    folds: int
    probe: Estimate
    finetune: Estimate
    interaction: Estimate
    p: float | None
    photos: int
    patients: int
    draws: int
    p_holm: float | None = None


def interactions(study: "Study") -> list[Interaction]:
    """Those of all tasks, data and label fractions for which both methods have the cells of two starts."""
    asked: dict[tuple[str, str, float], dict[str, list[Addressed]]] = defaultdict(lambda: defaultdict(list))
    for one in study.planned():
        task, cell = study.recipe.task(one.cell.task), one.cell
        if cell.method == "as released":
            continue
        for data in ("", *task.datasets, *task.external):
            if data not in task.datasets or task.datasets[cell.fold] == data:
                asked[task.name, data, cell.fraction][cell.method].append((cell, one.address))
    both = {key: methods for key, methods in asked.items() if len(methods) == 2}
    found: list[Interaction] = []
    for (name, data, fraction), methods in track(both.items(), "interactions", len(both), "comparisons"):
        task = study.recipe.task(name)
        found += _of_comparison(study.recipe, study.place.folder, task, data, fraction, methods)
    return found


def as_table(found: Sequence[Interaction]) -> pd.DataFrame:
    """The rows of `interactions.csv`, one for each."""
    rows = []
    for one in found:
        row: dict[str, object] = {
            "task": one.task,
            "photos_of": one.data or "task",
            "label_fraction": one.fraction,
            "initialisation": one.initialisation,
            "reference": one.reference,
        }
        for name, estimate in ((PROBE, one.probe), (FINETUNE, one.finetune), ("interaction", one.interaction)):
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        row |= {"p": one.p, "p_holm": one.p_holm, "photos": one.photos, "patients": one.patients}
        rows.append(row | {"folds": one.folds, "draws": one.draws, "note": one.interaction.note})
    return pd.DataFrame(rows)


def _of_comparison(
    recipe: StudyRecipe,
    folder: Path,
    task: StudyTask,
    data: str,
    fraction: float,
    methods: dict[str, list[Addressed]],
) -> list[Interaction]:
    """Those of every start but the reference; none unless all cells that both methods plan are done."""
    shared = set.intersection(*({_place(cell) for cell, _ in planned} for planned in methods.values()))
    tables: dict[tuple[str, str], dict[int, pd.DataFrame]] = {}
    for method, planned in methods.items():
        found = tables_of(folder, task, data, [one for one in planned if _place(one[0]) in shared])
        if not found:
            return []
        tables |= {(method, start): draws for start, draws in found.items()}
    means = means_of(tables, recipe)
    main = means.get(MACRO) or next(iter(means.values()))
    photos, patients, _ = counts_of(tables, MACRO)
    results = []
    for start in dict.fromkeys(name for _, name in tables):
        reference = recipe.reference_of(start)
        needed = [(method, name) for method in (PROBE, FINETUNE) for name in (start, reference)]
        if start == reference or any(key not in main or main[key].why_not for key in needed):
            continue
        probe, finetune = (
            (main[method, start] - main[method, reference]).named(DIFFERENCE) for method in (PROBE, FINETUNE)
        )
        between = (finetune - probe).named(INTERACTION)
        draws, folds = ({one[place] for one in shared} for place in (1, 2))
        results.append(
            Interaction(
                task.name,
                data,
                fraction,
                start,
                reference,
                len(folds),
                probe.interval(),
                finetune.interval(),
                between.interval(),
                p=between.p(),
                photos=photos,
                patients=patients,
                draws=len(draws),
            )
        )
    adjusted = holm([one.p for one in results])
    return [replace(one, p_holm=p) for one, p in zip(results, adjusted, strict=True)]


def _place(cell: Cell) -> tuple[str, int, int]:
    return cell.initialisation, cell.seed, cell.fold
