"""Validation of any model from its predictions table alone; see docs/statistics.md.

A table with `photo`, `patient`, `truth_…` and `probability_…` columns is enough.
"""

from eyeground.evaluation.arrays import at_threshold, auprc, auroc, brier, sensitivity, specificity
from eyeground.evaluation.comparing.comparison import Comparison, compare
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.flow import flow_table
from eyeground.evaluation.operating_points import choose_operating_point
from eyeground.evaluation.reporting.tables import write_evaluation
from eyeground.evaluation.results import Evaluation, OutputEvaluation

__all__ = [
    "Comparison",
    "Evaluation",
    "OutputEvaluation",
    "at_threshold",
    "auprc",
    "auroc",
    "brier",
    "choose_operating_point",
    "compare",
    "evaluate",
    "flow_table",
    "sensitivity",
    "specificity",
    "write_evaluation",
]
