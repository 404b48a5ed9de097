"""A comparison as tables: tidy for machines, and as text for people."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.evaluation.comparing.comparison import Comparison, OutputComparison
from eyeground.evaluation.comparing.paired_difference import DECISION_METRICS, RANKING_METRICS, Difference
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.metrics import AUPRC, AUROC, TITLES

NUMBERS = ("value", "low", "high", "z", "p", "p_adjusted", "p_mcnemar", "threshold")
COUNTS = ("first_only", "second_only", "n_photos", "n_patients", "positives")


def comparison_table(comparison: Comparison) -> pd.DataFrame:
    """Every estimate of every model and every difference, tidy.

    Returns:
        Columns `output`, `metric`, `model`, `minus` (the second model of a difference; empty for a model's own estimate),
        `value`, `low`, `high` (95 % interval), `z`, `p`, `p_adjusted`, `p_mcnemar`, `first_only`,
        `second_only` (photos that only one model decides rightly), `threshold`, `verdict`, `n_photos`, `n_patients`,
        `positives`, `note`; missing where there is none.
    """
    columns = ["output", "metric", "model", "minus", *NUMBERS[:-1], *COUNTS[:2], "threshold", "verdict", *COUNTS[2:]]
    rows = [row for output in comparison.outputs for row in _tidy_rows(output)]
    table = pd.DataFrame(rows, columns=[*columns, "note"])
    return table.astype(dict.fromkeys(NUMBERS, float) | dict.fromkeys(COUNTS, "Int64"))


def models_table(comparison: Comparison) -> pd.DataFrame:
    """Each model's own estimates, for people."""
    decided = has_decisions(comparison)
    rows = []
    for output in comparison.outputs:
        for model in output.models:
            row = _heading(comparison, output) | {"Model": model.model}
            row |= {TITLES[metric]: as_text(model.estimate(metric)) for metric in RANKING_METRICS}
            if decided:
                row["Threshold"] = f"{model.threshold.value:.3g}" if model.threshold else "–"
                row |= {TITLES[metric]: as_text(model.estimate(metric)) for metric in DECISION_METRICS}
            rows.append(row)
    return pd.DataFrame(rows)


def auroc_table(comparison: Comparison) -> pd.DataFrame:
    """Differences in AUROC and AUPRC with the tests of AUROC, for people."""
    rows = []
    for output in comparison.outputs:
        pairs = zip(output.differences_in(AUROC), output.differences_in(AUPRC), strict=True)
        for auroc, auprc in pairs:
            rows.append(
                _heading(comparison, output)
                | {
                    "Models": minus(auroc),
                    "Difference in AUROC": signed(auroc.estimate),
                    "z": "–" if auroc.z is None else f"{auroc.z:.2f}".replace("-", "−"),
                    "p, DeLong": p_text(auroc.p),
                    "p, Holm": p_text(auroc.p_adjusted),
                    "Verdict": auroc.verdict,
                    "Difference in AUPRC": signed(auprc.estimate),
                    "Note": _note(auroc.estimate),
                }
            )
    return _without_empty(pd.DataFrame(rows))


def decisions_table(comparison: Comparison) -> pd.DataFrame:
    """Differences in sensitivity and specificity with their tests, for people."""
    rows = []
    for output in comparison.outputs:
        for difference in output.differences_in(*DECISION_METRICS):
            apart = difference.discordance
            rows.append(
                _heading(comparison, output)
                | {
                    "Models": minus(difference),
                    "Metric": TITLES[difference.metric],
                    "Difference": signed(difference.estimate),
                    "Only first : only second right": f"{apart.first_only:,} : {apart.second_only:,}" if apart else "–",
                    "p, photos": p_text(apart.p_photos if apart else None),
                    "p, patients": p_text(difference.p),
                    "p, Holm": p_text(difference.p_adjusted),
                    "Verdict": difference.verdict,
                    "Note": _note(difference.estimate),
                }
            )
    return _without_empty(pd.DataFrame(rows))


def overview_table(comparison: Comparison) -> pd.DataFrame:
    """All differences in few columns, for a terminal."""
    decided = RANKING_METRICS + DECISION_METRICS if has_decisions(comparison) else RANKING_METRICS
    rows = [
        _heading(comparison, output)
        | {
            "Models": minus(difference),
            "Metric": TITLES[difference.metric],
            "Difference": signed(difference.estimate),
            "p": p_text(difference.p),
            "p, Holm": p_text(difference.p_adjusted),
            "Verdict": difference.verdict,
            "Note": _note(difference.estimate),
        }
        for output in comparison.outputs
        for difference in output.differences_in(*decided)
    ]
    return _without_empty(pd.DataFrame(rows))


def has_decisions(comparison: Comparison) -> bool:
    """Whether any model has a threshold."""
    return any(model.threshold for output in comparison.outputs for model in output.models)


def minus(difference: Difference) -> str:
    """The pair as it was subtracted: `fundus − imagenet`."""
    return f"{difference.first} − {difference.second}"


def p_text(p: float | None) -> str:
    """A p-value as people read it.

    >>> p_text(0.0312), p_text(0.00002), p_text(None)
    ('0.031', '<0.001', '–')
    """
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _note(estimate: Estimate) -> str:
    """The note of an estimate, unless it is shown in place of the estimate."""
    return estimate.note if estimate.value is not None else ""


def _heading(comparison: Comparison, output: OutputComparison) -> dict[str, str]:
    """Where there are several outputs, a row begins with its own."""
    return {"Output": describe_output(output.output)} if len(comparison.outputs) > 1 else {}


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=[name for name in ("Verdict", "Note") if not table[name].any()])


def _tidy_rows(output: OutputComparison) -> Iterator[dict[str, Any]]:
    shared = {
        "output": output.output,
        "n_photos": output.photos,
        "n_patients": output.patients,
        "positives": output.positives,
    }
    for model in output.models:
        for estimate in model.estimates:
            at = {"threshold": model.threshold.value} if model.threshold and estimate.metric in DECISION_METRICS else {}
            yield shared | asdict(estimate) | at | {"model": model.model}
    for difference in output.differences:
        apart = difference.discordance
        counts = (
            {"p_mcnemar": apart.p_photos, "first_only": apart.first_only, "second_only": apart.second_only}
            if apart
            else {}
        )
        yield (
            shared
            | asdict(difference.estimate)
            | counts
            | {
                "model": difference.first,
                "minus": difference.second,
                "z": difference.z,
                "p": difference.p,
                "p_adjusted": difference.p_adjusted,
                "verdict": difference.verdict or None,
            }
        )
