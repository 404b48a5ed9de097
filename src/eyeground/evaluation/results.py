"""Results of an evaluation: by output, by target of several classes, and over all outputs."""

from dataclasses import dataclass

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.count_metrics import COUNT_METRICS, predictive_values
from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.metrics import Confusion
from eyeground.evaluation.multi_output import MultiOutputTarget
from eyeground.evaluation.reporting.wording import photos_of_patients


@dataclass(frozen=True)
class AtOperatingPoint:
    """What one output does at one threshold."""

    point: OperatingPoint
    confusion: Confusion
    estimates: tuple[Estimate, ...]

    @property
    def is_optimistic(self) -> bool:
        """Whether the threshold was chosen on the photos it is measured on."""
        return self.point.chosen_on == "test"


@dataclass(frozen=True)
class FoldEvaluation:
    """One fold of one output of a cross-validated table."""

    fold: int
    photos: int
    patients: int
    positives: int
    auroc: Estimate


@dataclass(frozen=True)
class OutputEvaluation:
    """All results of one output.

    Attributes:
        photos, patients: Those whose truth is known; no other photo counts.
        positives, negatives, unknown: Photos by truth.
        estimates: What needs no threshold: AUROC (of tables of several sources or devices first that within one), AUPRC, Brier
            score, expected calibration error, calibration slope, calibration in the large, sensitivity at a fixed specificity
            and partial AUROC.
        at: One for each operating point of this output, those chosen on the photos they are measured on last; empty
            where there is none.
        no_operating_point: Why `at` is empty, or lacks a rule that was asked for; empty otherwise.
        prevalences: At which predictive values are given in addition to the observed one.
        folds: Where every photo belongs to a fold; `estimates` then has the means within folds.
        between_folds: Mean and standard deviation of the folds' AUROCs: a description of the folds, without intervals.
    """

    output: str
    photos: int
    patients: int
    positives: int
    negatives: int
    unknown: int
    estimates: tuple[Estimate, ...]
    at: tuple[AtOperatingPoint, ...]
    no_operating_point: str
    prevalences: tuple[float, ...] = ()
    folds: tuple[FoldEvaluation, ...] = ()
    between_folds: tuple[Estimate, ...] = ()

    @property
    def ranking(self) -> Estimate:
        """The AUROC to name first: among pairs of one source where there are several, else over all pairs."""
        return self.estimates[0]

    def estimate(self, metric: str) -> Estimate:
        """One metric by name, at the first operating point where it needs one.

        Raises:
            KeyError: If there is no such metric.
        """
        for estimate in self.all_estimates():
            if estimate.metric == metric:
                return estimate
        raise KeyError(metric)

    def all_estimates(self) -> tuple[Estimate, ...]:
        """Every estimate; those at thresholds say why they are missing where there is no operating point."""
        if not self.at:
            metrics = (*COUNT_METRICS, *predictive_values(self.prevalences))
            return self.estimates + tuple(not_estimable(metric.name, self.no_operating_point) for metric in metrics)
        return self.estimates + tuple(estimate for at in self.at for estimate in at.estimates)


@dataclass(frozen=True)
class MultiOutputDecision:
    """How a target's one decision among its classes agrees with the truth.

    Attributes:
        rule: A description of how the class is decided.
        confusion: Photos by truth (rows) and decision (columns), in the order of the classes.
    """

    rule: str
    confusion: tuple[tuple[int, ...], ...]
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class MultiOutputEvaluation:
    """All results of a multi-class or ordinal target.

    Attributes:
        family: Its name, classes and outputs.
        photos, patients, unknown: Photos and patients whose class is known, and photos whose class is not.
        photos_of_class: In the order of the classes.
        estimates: Macro and micro AUROC over the target's outputs.
        decisions: For a multi-class target one; for an ordinal one at 0.5 and, where every step has one, at operating
            points.
    """

    family: MultiOutputTarget
    photos: int
    patients: int
    unknown: int
    photos_of_class: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    decisions: tuple[MultiOutputDecision, ...]


@dataclass(frozen=True)
class Evaluation:
    """All results of a predictions table.

    Attributes:
        scope: `test`, or `all photos` where none is marked as test.
        remarks: Sentences that a reader of the results must know.
        photos, patients: In scope.
        outputs: In the table's order.
        macro: Means over the outputs for which they are estimable; empty for a single output.
        resamples, seed: Of the patient bootstrap.
        stratified: Whether patients were drawn within strata of their rarest truth.
        micro: AUROC and AUPRC of all pairs of photo and output pooled; empty for a single output.
        families: The multi-class and ordinal targets among the outputs.
        patients_known: False where every photo stands as its own patient, so that counts of patients are of photos.
    """

    scope: str
    remarks: tuple[str, ...]
    photos: int
    patients: int
    outputs: tuple[OutputEvaluation, ...]
    macro: tuple[Estimate, ...]
    resamples: int
    seed: int
    stratified: bool
    micro: tuple[Estimate, ...] = ()
    families: tuple[MultiOutputEvaluation, ...] = ()
    patients_known: bool = True

    def photos_of_patients(self, photos: int, patients: int) -> str:
        """How many photos of how many patients, where those are known."""
        return photos_of_patients(photos, patients if self.patients_known else None)
