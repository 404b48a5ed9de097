"""The cells of a study, each with an address: a hash of everything that its predictions depend on.

So a cell on disk is never computed again, whichever recipe asks for it. The names of starts and tasks are not part of
it. See docs/study.md.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eyeground.workflows.study.settings import StudyRecipe, StudyTask

Method = Literal["as released", "probe", "finetune"]
# Raised whenever the same settings would give other predictions, so that old cells are not taken for new ones.
VERSION = 1
ADDRESS_LENGTH = 16


@dataclass(frozen=True)
class Cell:
    """One computation of a study.

    Attributes:
        initialisation, task: By name.
        method: `as released`, `probe` or `finetune`.
        fraction: Share of the training patients whose labels are used; 0 as released.
        seed: Of the draw of that share.
        fold: The fold held out, from 0; -1 as released, where no fold is held out.
    """

    initialisation: str
    task: str
    method: Method
    fraction: float
    seed: int
    fold: int

    @property
    def label(self) -> str:
        """The cell as one line of text."""
        if self.method == "as released":
            return f"{self.initialisation}, {self.task}, as released"
        return (
            f"{self.initialisation}, {self.task}, {self.method}, {self.fraction:.0%} of labels, "
            f"seed {self.seed}, fold {self.fold}"
        )


def cells_of(recipe: StudyRecipe) -> tuple[Cell, ...]:
    """All cells of a study but those as released, which depend on opened bundles; the cheapest method first."""
    found: list[Cell] = []
    if recipe.probe is not None:
        tasks = recipe.probe.tasks or tuple(task.name for task in recipe.tasks)
        starts = recipe.probe.initialisations or tuple(start.name for start in recipe.initialisations)
        found += _grid(recipe, "probe", starts, tasks, recipe.probe.fractions, recipe.probe.seeds, ())
    if recipe.finetune is not None:
        plan = recipe.finetune
        starts = plan.initialisations or tuple(start.name for start in recipe.initialisations)
        found += _grid(recipe, "finetune", starts, plan.tasks, plan.fractions, plan.seeds, plan.folds)
    return tuple(found)


def released_cells(recipe: StudyRecipe, outputs: Mapping[str, tuple[str, ...]]) -> tuple[Cell, ...]:
    """Cells of the bundles' own heads: of every bundle that has all outputs of a task.

    Args:
        outputs: Of the bundle, by initialisation.
    """
    if not recipe.as_released:
        return ()
    return tuple(
        Cell(name, task.name, "as released", 0.0, 0, -1)
        for task in recipe.tasks
        for name, brought in outputs.items()
        if set(_outputs(task)) <= set(brought)
    )


def address(cell: Cell, depends_on: Mapping[str, Any]) -> str:
    """The cell's address: sixteen hexadecimal digits.

    Args:
        depends_on: JSON values: weights, manifests, targets, settings.
    """
    own = {"method": cell.method, "fraction": cell.fraction, "seed": cell.seed, "fold": cell.fold, "version": VERSION}
    text = json.dumps({**own, **depends_on}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:ADDRESS_LENGTH]


def _outputs(task: StudyTask) -> tuple[str, ...]:
    return tuple(output for target in task.targets for output in target.outputs)


def _grid(
    recipe: StudyRecipe,
    method: Literal["probe", "finetune"],
    starts: tuple[str, ...],
    tasks: tuple[str, ...],
    fractions: tuple[float, ...],
    seeds: tuple[int, ...],
    folds: tuple[int, ...],
) -> list[Cell]:
    return [
        Cell(start, name, method, fraction, seed, fold)
        for name in tasks
        for fraction in sorted(fractions)
        # All labels can be drawn in one way only.
        for seed in (seeds if fraction < 1 else seeds[:1])
        for fold in (folds or range(recipe.task(name).parts))
        for start in starts
    ]
