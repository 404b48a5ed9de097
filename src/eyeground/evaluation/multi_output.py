"""Outputs that are one target: exclusive classes (`target=class`), or the steps of a grade (`target>=grade`).

Metrics are functions of a confusion matrix of classes, which adds up over patients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import coo_array

from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions
from eyeground.evaluation import agreement
from eyeground.evaluation.bootstrap import drawn_together, one_stratum
from eyeground.evaluation.count_metrics import share_limits, share_part
from eyeground.evaluation.estimates import Limits, Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.mover import mean_interval
from eyeground.evaluation.reporting.wording import counted
from eyeground.evaluation.samples import patient_numbers

LOWEST = "lower"
NO_PHOTOS = "photos with a known truth"


@dataclass(frozen=True)
class MultiOutputTarget:
    """A target of several classes.

    Attributes:
        kind: `{"multiclass", "ordinal"}`.
        classes: In order; whole numbers by size, others as in the table. The lowest class of an ordinal target has no
            output of its own; it is called `0` where the first step is 1, and `lower` otherwise.
        outputs: One for each class, or for each class but the lowest.
    """

    target: str
    kind: Literal["multiclass", "ordinal"]
    classes: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether distances between classes mean something."""
        return self.kind == "ordinal" or _are_whole_numbers(self.classes)


@dataclass(frozen=True)
class MultiOutputSample:
    """The photos of one target whose class is known.

    Attributes:
        truth: Shape (photos,): index of each photo's class.
        probability: Shape (photos, outputs).
        patient: Shape (photos,): each photo's patient, numbered from 0.
        column: Shape (photos,): each photo's column in the patient weights.
        columns: How many columns the patient weights have.
        where: What messages call the photos, such as `test`.
    """

    family: MultiOutputTarget
    truth: np.ndarray
    probability: np.ndarray
    patient: np.ndarray
    column: np.ndarray
    columns: int
    where: str = ""

    def called(self, thresholds: Sequence[float] = ()) -> np.ndarray:
        """Index of the class that each photo is called, shape (photos,).

        The most probable class of a multi-class target (the first among equals); of an ordinal one, the number of
        steps reached one after the other, each at its threshold (0.5 unless given).
        """
        if self.family.kind == "multiclass":
            return np.asarray(self.probability.argmax(axis=1))
        reached = self.probability >= (np.asarray(thresholds) if len(thresholds) else 0.5)
        return np.asarray(np.cumprod(reached, axis=1).sum(axis=1))


def multi_output_targets(outputs: Sequence[str]) -> tuple[MultiOutputTarget, ...]:
    """Find the targets of at least two classes among outputs, by their names.

    >>> [target.classes for target in multi_output_targets(["dr>=1", "dr>=2", "camera=Canon", "camera=Topcon", "glaucoma"])]
    [('0', '1', '2'), ('Canon', 'Topcon')]
    """
    found: dict[tuple[str, str], list[str]] = {}
    for output in outputs:
        sign = ">=" if ">=" in output else "="
        target, separator, value = output.partition(sign)
        if separator and target and value:
            found.setdefault((target, sign), []).append(value)
    targets = []
    for (target, sign), values in found.items():
        ordered = tuple(sorted(values, key=int) if _are_whole_numbers(values) else values)
        classes = ordered if sign == "=" else ("0" if ordered[0] == "1" else LOWEST, *ordered)
        if len(classes) > 1:
            names = tuple(f"{target}{sign}{value}" for value in ordered)
            targets.append(MultiOutputTarget(target, "ordinal" if sign == ">=" else "multiclass", classes, names))
    return tuple(targets)


def multi_output_sample(
    target: MultiOutputTarget, predictions: Predictions, where: str = "", column: np.ndarray | None = None
) -> MultiOutputSample:
    """The photos whose class is known, over the same columns of patients as `samples_of`, whose arguments it takes."""
    table = predictions.table
    patient = patient_numbers(table)
    steps = _truths(target, predictions)
    known = ~np.isnan(steps).any(axis=1)
    steps = steps[known]
    truth = steps.sum(axis=1) if target.kind == "ordinal" else steps.argmax(axis=1)
    probability = table[[PROBABILITY + output for output in target.outputs]].to_numpy(dtype=float)[known]
    drawn_with = drawn_together(one_stratum(int(patient.max(initial=-1)) + 1)) if column is None else column
    whose = patient[known]
    return MultiOutputSample(
        target,
        truth.astype(np.int64),
        probability,
        whose,
        drawn_with[whose],
        int(drawn_with.max(initial=-1)) + 1,
        where,
    )


def contradiction(target: MultiOutputTarget, predictions: Predictions) -> str:
    """A sentence that says why the truths are not those of one target; empty where they are."""
    truth = _truths(target, predictions)
    known = ~np.isnan(truth).any(axis=1)
    if target.kind == "multiclass":
        wrong, expected = known & (truth.sum(axis=1) != 1), "exactly one class is true"
    else:
        wrong, expected = known & (np.diff(truth, axis=1) > 0).any(axis=1), "every grade is reached below one that is"
    if not wrong.any():
        return ""
    photo = predictions.table["photo"].iloc[int(wrong.argmax())]
    return (
        f"The outputs of '{target.target}' are not evaluated as one {target.kind} target, for which {expected}: "
        f"not so for {counted(int(wrong.sum()), 'photo')}, such as '{photo}'."
    )


def confusion_of(sample: MultiOutputSample, called: np.ndarray) -> np.ndarray:
    """Photos by truth (rows) and decision (columns), shape (classes, classes)."""
    classes = len(sample.family.classes)
    return np.bincount(sample.truth * classes + called, minlength=classes**2).reshape(classes, classes)


def agreement_measure(sample: MultiOutputSample, called: np.ndarray) -> Measure:
    """Accuracy, balanced accuracy, macro F1, Matthews correlation and kappa of one decision among classes.

    Means over classes leave out what does not occur: classes without photos, and for F1 classes that no photo is
    called either; the note says so. Quadratic weights are only for ordered classes.
    """
    classes = len(sample.family.classes)
    total = confusion_of(sample, called)
    present = np.flatnonzero(total.sum(axis=1))
    occurring = np.flatnonzero(total.sum(axis=1) + total.sum(axis=0))
    cell = sample.truth * classes + called
    # Sparse: a photo is in one cell, and the matrix has as many rows as patients.
    counts = coo_array((np.ones(len(cell)), (cell, sample.column)), shape=(classes**2, sample.columns)).tocsr()
    quadratic = sample.family.is_ordered

    def of(weights: np.ndarray) -> np.ndarray:
        resampled = (counts @ weights.T).T.reshape(-1, classes, classes)
        values = [
            agreement.accuracy(resampled),
            agreement.balanced_accuracy(resampled, present),
            agreement.macro_f1(resampled, occurring),
            agreement.matthews(resampled),
            agreement.kappa(resampled),
        ]
        return np.stack(values + [agreement.kappa(resampled, quadratic=True)] * quadratic)

    metrics = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "kappa") + ("quadratic_weighted_kappa",) * quadratic
    everyone, scarcest = Support(len(np.unique(sample.patient)), "patients"), _scarcest(sample)
    absent = [name for index, name in enumerate(sample.family.classes) if index not in present]
    return Measure(
        metrics=metrics,
        missing=tuple(_missing(metric, total) for metric in metrics),
        # What counts every photo alike needs no class to be frequent.
        supports=tuple(scarcest if metric in ("balanced_accuracy", "macro_f1") else everyone for metric in metrics),
        are_proportions=(False,) * len(metrics),
        of=of,
        note=f"no photos of class {', '.join(absent)}" if absent and len(present) else "",
        where=sample.where,
        limits=tuple(_limits(metric, sample, called, everyone) for metric in metrics),
    )


def _limits(
    metric: str, sample: MultiOutputSample, called: np.ndarray, everyone: Support
) -> Callable[[], Limits | None] | None:
    """How to work out a metric's interval by a formula; None where it is that of the resamples."""
    hit, patient = called == sample.truth, sample.column
    if metric == "accuracy":
        return lambda: share_limits(np.bincount(patient[hit], minlength=sample.columns), _photos(sample), everyone)
    if metric == "balanced_accuracy":
        return lambda: _mean_recall_limits(sample, hit)
    if "kappa" in metric and hit.all():
        return lambda: _perfect_kappa_limits(sample, everyone)
    return None


def _mean_recall_limits(sample: MultiOutputSample, hit: np.ndarray) -> Limits | None:
    """MOVER of the mean of Wilson's intervals over patients of the share of each class that is called so."""
    parts = []
    for index in np.unique(sample.truth):
        of_class = sample.truth == index
        found = np.bincount(sample.column[of_class & hit], minlength=sample.columns)
        parts.append(share_part(found, np.bincount(sample.column[of_class], minlength=sample.columns)))
    known = [part for part in parts if part is not None]
    return Limits(*mean_interval(known)) if known else None


def _perfect_kappa_limits(sample: MultiOutputSample, everyone: Support) -> Limits | None:
    """From Wilson's interval of the share of agreement, at the agreement that chance gives classes as frequent as these.

    Weighted kappa has it too: it would be lower only if disagreements were farther apart than by chance.
    """
    agreement_share = share_part(_photos(sample), _photos(sample))
    by_chance = float(((np.bincount(sample.truth) / len(sample.truth)) ** 2).sum()) if len(sample.truth) else 1.0
    if agreement_share is None or by_chance == 1:
        return None
    note = f"all photos agree; from the Wilson interval of agreement over {everyone.patients} patients"
    return Limits((agreement_share.low - by_chance) / (1 - by_chance), 1.0, note)


def _photos(sample: MultiOutputSample) -> np.ndarray:
    return np.bincount(sample.column, minlength=sample.columns)


def _truths(target: MultiOutputTarget, predictions: Predictions) -> np.ndarray:
    return predictions.table[[TRUTH + output for output in target.outputs]].to_numpy(dtype=float)


def _missing(metric: str, total: np.ndarray) -> str:
    if not total.sum():
        return NO_PHOTOS
    in_truth, in_decisions = np.count_nonzero(total.sum(axis=1)), np.count_nonzero(total.sum(axis=0))
    if metric == "mcc" and in_truth > 1 and in_decisions == 1:
        return "second class among the decisions"
    one_cell = np.count_nonzero(total) == 1 and np.trace(total) > 0
    return "second class" if (metric == "mcc" and in_truth == 1) or ("kappa" in metric and one_cell) else ""


def _scarcest(sample: MultiOutputSample) -> Support:
    """The class of the fewest patients among those that occur."""
    patients = {
        name: len(np.unique(sample.patient[sample.truth == index])) for index, name in enumerate(sample.family.classes)
    }
    name = min((name for name in patients if patients[name]), key=lambda name: patients[name], default="")
    return Support(patients.get(name, 0), f"patients with class {name}")


def _are_whole_numbers(values: Sequence[str]) -> bool:
    return all(value.isdecimal() for value in values)
