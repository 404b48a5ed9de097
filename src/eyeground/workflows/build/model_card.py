"""The model card of a bundle, as Markdown with the metadata of the Hugging Face hub, and what all cards share.

Everything in it comes from the run, so the card cannot claim what was not measured.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from eyeground.bundle.calibration import Calibration, describe_calibration
from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.core.templates import open_template
from eyeground.evaluation import Evaluation
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.workflows.build.network import Network

_CARD_METRICS = ("auroc", "auprc", "sensitivity", "specificity", "brier")


def model_card(
    name: str,
    network: Network,
    record: TrainingRecord,
    calibrations: Sequence[Calibration],
    evaluation: Evaluation,
    licence: str,
) -> str:
    """Render the card of one bundle."""
    return open_template("eyeground.workflows", "model_card.md.jinja").render(
        name=name,
        licence=licence,
        architecture=network.architecture,
        parameters=network.parameters / 1e6,
        preprocessing=network.preprocessing,
        targets=network.targets,
        record=record,
        calibrations=[(", ".join(one.outputs), describe_calibration(one)) for one in calibrations],
        is_out_of_fold=any(output.folds for output in evaluation.outputs),
        evaluation=evaluation,
        metrics=_CARD_METRICS,
        rows=[(output, by_metric(output.all_estimates())) for output in evaluation.outputs],
        macro=by_metric(evaluation.macro),
        shown=shown,
    )


def site_card(source: str, description: BundleDescription) -> str:
    """The card of a bundle calibrated at a site: its source's card, under a section on the site's thresholds, which hold instead."""
    site, decision = description.site, description.decisions[0]
    assert site is not None
    front, _, body = source.partition("\n# ") if source.startswith("---") else ("", "", source.removeprefix("# "))
    rows = "\n".join(f"| {output} | {limit:.4f} |" for output, limit in decision.thresholds.items())
    how = (
        "labelled photos"
        if site.expected_abnormal is None
        else f"unlabelled photos, {site.expected_abnormal:.0%} of them stated to be abnormal"
    )
    return (
        f"{front}\n# {description.name}\n\n## Calibrated at a site\n\nThresholds (and calibration, where that was possible) of "
        f"`{site.source}` set again by `eyeground calibrate` on {site.photos} {how}, of {site.patients} patients. They hold in place of "
        f"the thresholds, sensitivities and specificities below, which are the source's.\n\n| output | threshold, by "
        f"{decision.rule} |\n|---|---|\n{rows}\n\n# {body}"
    )


def count_parameters(tensors: Mapping[str, tuple[int, ...]]) -> int:
    """How many weights were fitted, by the shapes of a network's tensors; statistics of batch normalisation do not count."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(math.prod(shape) for name, shape in tensors.items() if not name.endswith(statistics))


def shown(estimate: Estimate | None) -> str:
    """An estimate as text: value and interval, or a dash."""
    return "–" if estimate is None or estimate.value is None else as_text(estimate)


def by_metric(estimates: Iterable[Estimate]) -> dict[str, Estimate]:
    """The first estimate of each metric, macro-averages under the name of what they average."""
    found: dict[str, Estimate] = {}
    for estimate in estimates:
        found.setdefault(estimate.metric.removeprefix("macro_"), estimate)
    return found
