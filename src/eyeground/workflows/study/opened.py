"""A study opened: its photographs and starts found, its cells listed, each with its address.

Opening also trains upstream models that the recipe asks for, and cleans data; `--dry-run` does neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from eyeground.config.targets import Target
from eyeground.data.manifest import Manifest
from eyeground.workflows.study.cells import Cell, address, cells_of, released_cells
from eyeground.workflows.study.data import Place, external_photos, open_data, task_photos, uncleaned_data
from eyeground.workflows.study.ledger import is_done
from eyeground.workflows.study.settings import StudyRecipe
from eyeground.workflows.study.starts import Start, open_start, train_upstream


@dataclass(frozen=True)
class Planned:
    """A cell with its address and what the address is a hash of."""

    cell: Cell
    address: str
    depends_on: dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A study with everything it reads opened.

    Attributes:
        tasks: Photos of each task, with folds.
        external: By task and data: photos, and the targets that they have labels of.
        uncleaned: Data that are still to be cleaned: cells that read them have no address yet.
    """

    recipe: StudyRecipe
    place: Place
    starts: dict[str, Start]
    tasks: dict[str, Manifest]
    external: dict[tuple[str, str], tuple[Manifest, tuple[Target, ...]]]
    uncleaned: tuple[str, ...] = ()

    def planned(self) -> tuple[Planned, ...]:
        """All cells, cheapest kind first."""
        outputs = {name: start.outputs for name, start in self.starts.items() if start.outputs}
        cells = (*released_cells(self.recipe, outputs), *cells_of(self.recipe))
        prints = {id(one): one.fingerprint() for one in self._manifests()}
        return tuple(self._planned(cell, prints) for cell in cells)

    def pending(self, part: int = 1, parts: int = 1) -> tuple[Planned, ...]:
        """The cells that are not done: of all, or of every `parts`-th cell from the `part`-th (counted from 1) on."""
        mine = self.planned()[part - 1 :: parts]
        return tuple(one for one in mine if not is_done(self.place.folder, one.address))

    def _manifests(self) -> Iterator[Manifest]:
        yield from self.tasks.values()
        yield from (manifest for manifest, _ in self.external.values())

    def _planned(self, cell: Cell, prints: dict[int, str]) -> Planned:
        task = self.recipe.task(cell.task)
        depends_on: dict[str, Any] = {
            **self.starts[cell.initialisation].address(),
            "photos": prints[id(self.tasks[task.name])],
            "targets": [target.model_dump(mode="json") for target in task.targets],
            "external": {name: prints[id(self.external[task.name, name][0])] for name in task.external},
        }
        if cell.method == "probe":
            assert self.recipe.probe is not None
            depends_on["strengths"] = list(self.recipe.probe.C)
        if cell.method == "finetune":
            assert self.recipe.finetune is not None
            depends_on["finetune"] = self.recipe.finetune.model_dump(
                mode="json", include={"learning_rates", "optimisation", "augmentation"}
            )
        return Planned(cell, address(cell, depends_on), depends_on)


def open_study(recipe: StudyRecipe, place: Place, console: Console, train: bool = True, clean: bool = True) -> Study:
    """Read the data and find the starts.

    Args:
        train: Whether upstream models are trained first; else they may be missing.
        clean: Whether data are cleaned first; else the cells are of uncleaned data, and only their number is of use.

    Raises:
        UserError: If data or weights are missing.
    """
    uncleaned = () if clean else uncleaned_data(recipe, place)
    manifests = open_data(recipe, place, console, uncleaned)
    starts = {}
    for settings in recipe.initialisations:
        if train:
            train_upstream(settings, place, manifests, console)
        starts[settings.name] = open_start(settings, place, manifests, recipe.seed)
    tasks = {task.name: task_photos(task, manifests, recipe.seed) for task in recipe.tasks}
    external = {
        (task.name, name): external_photos(task, name, manifests) for task in recipe.tasks for name in task.external
    }
    return Study(recipe, place, starts, tasks, external, uncleaned)
