"""The settings of a study: photographs, starts, tasks, and how each start is adapted. Reads and computes nothing."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from eyeground.bundle.installed import is_plain_name
from eyeground.config.settings import Seed, Settings
from eyeground.config.targets import Target, refuse_equal_names
from eyeground.config.training_recipe import (
    Architecture,
    Augmentation,
    Optimisation,
    Positive,
    Preprocessing,
    TrainingRecipe,
)
from eyeground.data.splits import LABEL_FRACTIONS
from eyeground.errors import did_you_mean

DEFAULT_STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
FOLDS: Final = "folds"
LEAVE_ONE_DATASET_OUT: Final = "leave_one_dataset_out"
OWN = "predictions"  # name of the table of a cell's own photos, beside those of external data


def _once(values: tuple[float, ...]) -> tuple[float, ...]:
    repeated = next((value for value in values if values.count(value) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated:g} is given twice")
    return values


Fractions = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1), AfterValidator(_once)]
Numbers = Annotated[tuple[Seed, ...], AfterValidator(_once)]
Strengths = Annotated[tuple[Positive, ...], Field(min_length=1), AfterValidator(_once)]


class StudyData(Settings):
    """One dataset of a study."""

    folder: str = Field(
        description="The publisher's unpacked folder, or a manifest (.csv, .parquet); relative to the study's `root`.",
        min_length=1,
    )
    dataset: str = Field("", description="Adapter that reads the folder (`eyeground import --help` lists them).")
    clean: bool = Field(
        False, description="Leave out unreadable photos and all but one of each group of duplicates across patients."
    )
    shares: dict[str, float] = Field(
        {}, description="Split patients by these shares. Empty: the manifest's own splits, if any."
    )
    stratify: tuple[str, ...] = Field((), description="Labels that the splits balance; empty: all.")
    seed: Seed = Field(0, description="Seed of the splits.")


class Initialisation(Settings):
    """Where the weights of a cell start."""

    name: str = Field(min_length=1, description="Name in tables and plots.")
    source: str = Field(
        "scratch",
        description="scratch, imagenet, a released bundle, or a path of a bundle or weights file, relative to `root` or to here.",
    )
    architecture: Architecture = Field(Architecture(), description="The network; a bundle brings its own.")
    preprocessing: Preprocessing = Field(Preprocessing(), description="Photo to tensor; a bundle brings its own.")
    pretrain: TrainingRecipe | None = Field(
        None, description="Train this start first, upstream, by this recipe; `source` is then not used."
    )
    upstream: str = Field("", description="Name of the data that `pretrain` trains on.")
    reference: str = Field(
        "", description="The start that this one is compared with, such as one of the same side. Empty: the study's."
    )


class StudyTask(Settings):
    """One prediction task."""

    name: str = Field(min_length=1, description="Name in tables and plots.")
    data: str = Field(description="Name of the data.", min_length=1)
    split: Literal["", "train", "validation", "test"] = Field(
        "", description="Only the patients of this split, such as those that no upstream model has seen. Empty: all."
    )
    targets: tuple[Target, ...] = Field(
        min_length=1, description="Labels to learn; the AUROC is the mean over outputs."
    )
    design: Literal["folds", "leave_one_dataset_out"] = Field(
        FOLDS,
        description="What is held out once each: folds of the patients, or `leave_one_dataset_out`, `data` and each of `together`.",
    )
    together: tuple[str, ...] = Field(
        (),
        description="Further datasets of leave_one_dataset_out, with all their patients: `split` is of `data` alone.",
    )
    folds: int = Field(5, ge=2, description="Folds of patients; not of leave_one_dataset_out.")
    external: tuple[str, ...] = Field(
        (), description="Data that the task's models are tested on as they are, where it has the labels."
    )

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that are held out in turn; empty where folds are."""
        return (self.data, *self.together) if self.design == LEAVE_ONE_DATASET_OUT else ()

    @property
    def parts(self) -> int:
        """How many folds, or datasets, are held out in turn."""
        return len(self.datasets) or self.folds


class ProbePlan(Settings):
    """Cells that fit a logistic regression on the frozen embedding."""

    tasks: tuple[str, ...] = Field((), description="Names of the tasks. Empty: all.")
    initialisations: tuple[str, ...] = Field((), description="Names of the starts. Empty: all.")
    fractions: Fractions = Field(LABEL_FRACTIONS, description="Shares of the training patients whose labels are used.")
    seeds: Numbers = Field(
        tuple(range(10)),
        min_length=1,
        description="Draws of each fraction below 1. With fewer than ten, intervals are too narrow where labels are few.",
    )
    C: Strengths = Field(
        DEFAULT_STRENGTHS,
        description="Inverse regularisation strengths to choose from, by patient-grouped folds within the training patients.",
    )


class FinetunePlan(Settings):
    """Cells that train all layers. Every start gets the same budget: the same learning rates, epochs and photos."""

    tasks: tuple[str, ...] = Field((), description="Names of the tasks. Empty: none.")
    initialisations: tuple[str, ...] = Field((), description="Names of the starts. Empty: all.")
    fractions: Fractions = Field((0.1, 1.0), description="As for the probe.")
    seeds: Numbers = Field((0,), min_length=1, description="Draws of each fraction below 1.")
    folds: Numbers = Field((), description="Folds that are held out. Empty: all of the task.")
    learning_rates: Strengths = Field(
        (0.0005, 0.002),
        description="Peak learning rates to choose from, on a fifth of the training patients.",
    )
    optimisation: Optimisation = Field(Optimisation(), description="Everything else of the fitting.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training photos.")


class StudyRecipe(Settings):
    """All settings of `eyeground study`."""

    name: str = Field("study", min_length=1, description="Name of the study.")
    root: str = Field(".", description="Folder of the data; `--root` overrides it.")
    data: dict[str, StudyData] = Field(description="Datasets by name.", min_length=1)
    initialisations: tuple[Initialisation, ...] = Field(min_length=1, description="The starts to compare.")
    reference: str = Field(
        "", description="The start that each other is compared with, unless it names its own. Empty: the first."
    )
    tasks: tuple[StudyTask, ...] = Field(min_length=1, description="The tasks.")
    probe: ProbePlan | None = Field(ProbePlan(), description="Probes; null for none.")
    finetune: FinetunePlan | None = Field(None, description="Fine-tuning; null for none.")
    as_released: bool = Field(
        True, description="Also test the heads of bundles, without adaptation, on tasks whose outputs they have."
    )
    resamples: int = Field(2000, ge=0, description="Bootstrap resamples of patients and draws behind each interval.")
    seed: Seed = Field(0, description="Seed of folds and resamples.")

    @model_validator(mode="after")
    def _names_agree(self) -> "StudyRecipe":
        starts = [start.name for start in self.initialisations]
        _named_once(starts, "initialisations")
        for name in self.data:
            if not is_plain_name(name) or name == OWN:
                raise ValueError(f"data '{name}': use letters, digits, '.', '_', '+' and '-', and not the word '{OWN}'")
        _known([self.reference] if self.reference else [], starts, "reference")
        for start in self.initialisations:
            _known([start.reference] if start.reference else [], starts, f"reference of '{start.name}'")
            if start.pretrain is not None:
                _known([start.upstream], self.data, f"upstream data of '{start.name}'")
        _named_once([task.name for task in self.tasks], "tasks")
        for task in self.tasks:
            self._data_fit(task)
            refuse_equal_names(task.targets)
            for target in task.targets:
                if not target.outputs:
                    raise ValueError(
                        f"target '{target.name}' of task '{task.name}' is {target.kind} and lists no classes"
                    )
        return self

    def _data_fit(self, task: StudyTask) -> None:
        own = [task.data, *task.together]
        _known([*own, *task.external], self.data, f"data of task '{task.name}'")
        _named_once(own, f"datasets of task '{task.name}'")
        if both := sorted({*own} & {*task.external}):
            raise ValueError(f"task '{task.name}': its own data '{both[0]}' cannot be external to it")
        if bool(task.together) != bool(task.datasets):
            raise ValueError(
                f"task '{task.name}': `together` and `design: {LEAVE_ONE_DATASET_OUT}` need each other; `together` lists the "
                f"datasets beside '{task.data}' that are held out in turn"
            )

    @model_validator(mode="after")
    def _plans_fit(self) -> "StudyRecipe":
        tasks, starts = [task.name for task in self.tasks], [start.name for start in self.initialisations]
        if self.probe is not None:
            _known(self.probe.tasks, tasks, "task of the probe")
            _known(self.probe.initialisations, starts, "initialisation of the probe")
        if self.finetune is not None:
            _known(self.finetune.tasks, tasks, "task of the fine-tuning")
            _known(self.finetune.initialisations, starts, "initialisation of the fine-tuning")
            for name in self.finetune.tasks:
                folds = self.task(name).parts
                if any(fold >= folds for fold in self.finetune.folds):
                    raise ValueError(
                        f"the fine-tuning holds out fold {max(self.finetune.folds)}, but task '{name}' has {folds}, from 0"
                    )
        return self

    def reference_of(self, name: str) -> str:
        """The start that a start is compared with, which is itself for the study's reference."""
        return self.initialisation(name).reference or self.reference or self.initialisations[0].name

    def task(self, name: str) -> StudyTask:
        """A task by name."""
        return next(task for task in self.tasks if task.name == name)

    def initialisation(self, name: str) -> Initialisation:
        """An initialisation by name."""
        return next(start for start in self.initialisations if start.name == name)


def _named_once(names: list[str], what: str) -> None:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ValueError(f"two {what} are called '{repeated}'")


def _known(names: Iterable[str], known: Iterable[str], what: str) -> None:
    listed = list(known)
    for name in names:
        if name not in listed:
            raise ValueError(
                f"the {what} is '{name}', which does not exist{did_you_mean(name, listed)}; there are {', '.join(listed)}"
            )
