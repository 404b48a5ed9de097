"""What a model learns: a label column, how its values become outputs, and which of its classes means health."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from eyeground.config.label_words import plain
from eyeground.config.settings import Settings


class Target(Settings):
    """One label column that a model learns, and how its values become outputs."""

    name: str = Field(description="Label column of the manifest.", min_length=1)
    kind: Literal["binary", "multiclass", "ordinal"] = Field(
        "binary",
        description="binary: two classes, one output. multiclass: exclusive classes, softmax over one output per class. "
        "ordinal: grades, one output per step up (probability of at least this grade).",
    )
    classes: tuple[str, ...] = Field(
        (),
        description="Label values in order; of ordinal grades the lowest, which means health, first; of a binary target the two "
        "words, negative first, and none for 0 and 1. Empty: read from the training labels.",
    )
    healthy: str | None = Field(
        None,
        description="The class that means health. Of a binary target the negative one unless it is called 'normal' or the like; "
        "of a multiclass target unset where none does, and then its outputs do not decide whether a photo is abnormal.",
    )
    weight: float = Field(
        1.0,
        gt=0,
        description="Weight of this target in the loss and in the choice of the best epoch, relative to the others.",
    )

    @model_validator(mode="after")
    def _classes_fit_the_kind(self) -> "Target":
        if self.kind == "binary" and len(self.classes) not in (0, 2):
            raise ValueError(
                "a binary target has two classes, the negative one first, or none where labels are 0 and 1"
            )
        if self.kind != "binary" and len(self.classes) == 1:
            raise ValueError("one class cannot be learned; give at least two")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have the same name")
        # 'none' says that no class is; without classes, those of the labels are yet to be read.
        if self.healthy not in (None, "none") and self.classes and self.healthy not in self.classes:
            raise ValueError(f"the healthy class '{self.healthy}' is none of the classes {', '.join(self.classes)}")
        if self.kind == "ordinal" and self.healthy not in (None, *self.classes[:1]):
            raise ValueError(f"the healthy class '{self.healthy}' is not the lowest grade; list the classes in order")
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """Label values in order; empty where they are yet to be read from the labels."""
        return self.classes or (("0", "1") if self.kind == "binary" else ())

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs for this target: `name`, `name=class` or `name>=class`."""
        if self.kind == "binary":
            named = self.classes and plain(self.classes[1]) not in (
                "yes",
                "true",
                "present",
                "positive",
                plain(self.name),
            )
            return (f"{self.name}={self.classes[1]}",) if named else (self.name,)
        if self.kind == "multiclass":
            return tuple(f"{self.name}={value}" for value in self.classes)
        return tuple(f"{self.name}>={value}" for value in self.classes[1:])

    @property
    def healthy_outputs(self) -> frozenset[str]:
        """Outputs that are the probability of health, of which low is abnormal."""
        if self.kind == "multiclass" and self.healthy is not None:
            return frozenset({f"{self.name}={self.healthy}"})
        return frozenset(self.outputs if self.kind == "binary" and self.healthy == self.values[1] else ())

    @property
    def tells_health(self) -> bool:
        """Whether its labels say if a photo is abnormal; classes of which none was declared healthy do not."""
        return self.kind != "multiclass" or self.healthy is not None


def healthy_outputs(targets: Sequence[Target]) -> frozenset[str]:
    """Outputs of all targets that are the probability of health, of which low is abnormal."""
    return frozenset().union(*(target.healthy_outputs for target in targets))


def describe_output(output: str) -> str:
    """An output's name as people write it.

    >>> describe_output("diabetic_retinopathy_grade>=2")
    'diabetic retinopathy grade ≥ 2'
    """
    return re.sub(r"\s*(≥|=)\s*", r" \1 ", output.replace("_", " ").replace(">=", "≥"))


def columns_of(targets: Sequence[Target]) -> list[tuple[Target, slice]]:
    """Each target with the columns of its outputs among those of all targets.

    >>> [columns for _, columns in columns_of([Target(name="amd"), Target(name="kind", kind="multiclass", classes=("a", "b"))])]
    [slice(0, 1, None), slice(1, 3, None)]
    """
    ends = list(accumulate(len(target.outputs) for target in targets))
    return [(target, slice(end - len(target.outputs), end)) for target, end in zip(targets, ends, strict=True)]


def later_steps(targets: Sequence[Target]) -> list[int]:
    """Places, among all outputs, of the steps of ordinal targets that have a lower step just before them.

    >>> later_steps([Target(name="amd"), Target(name="grade", kind="ordinal", classes=("0", "1", "2", "3"))])
    [2, 3]
    """
    steps = [(target.kind == "ordinal", step) for target in targets for step in range(len(target.outputs))]
    return [place for place, (ordinal, step) in enumerate(steps) if ordinal and step]


def refuse_equal_names(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """The targets; a `ValueError` if two of them, or two of their outputs, have the same name."""
    for names, what in (
        ([target.name for target in targets], "targets"),
        ([output for target in targets for output in target.outputs], "outputs"),
    ):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"two {what} are called '{repeated}'")
    return targets


Targets = Annotated[tuple[Target, ...], Field(min_length=1), AfterValidator(refuse_equal_names)]
