"""The card of a released model: its use, its data, and every metric that was measured of it; see docs/bundle.md.

Rendered from the run alone, as `model_card` is. Its head is the metadata of the Hugging Face hub. What could not be
measured is a dash.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from eyeground.bundle.calibration import describe_calibration
from eyeground.bundle.description import BundleDescription, describe_views
from eyeground.bundle.measured import MeasuredMetric
from eyeground.config.operating_point import Share
from eyeground.core.templates import open_template
from eyeground.datasets import DATASETS, Dataset
from eyeground.evaluation import Evaluation
from eyeground.evaluation.results import OutputEvaluation
from eyeground.evaluation.subgroups.groups import Group
from eyeground.evaluation.subgroups.subgroups import Subgroups
from eyeground.workflows.build.model_card import by_metric, shown
from eyeground.workflows.release.finished_run import Compute
from eyeground.workflows.release.int8 import LARGEST_DROP, LARGEST_SHARE_FLIPPED, describe_cost

METRICS = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier score",
    "calibration_slope": "calibration slope",
}
LARGEST_DIFFERENCE = 0.005  # that 16 bits may make to any probability
RECORDED = ("auroc", "sensitivity", "specificity")
TEST = "test"
# Identifiers that the hub knows; any other licence is 'other', with its name beside it.
HUB_LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0")


@dataclass(frozen=True)
class SplitFlow:
    """How many readable photos, unreadable photos and patients a split has."""

    split: str
    photos: int
    unreadable: int
    patients: int


@dataclass(frozen=True)
class Facts:
    """Everything in a card.

    Attributes:
        description: With metrics, rounding and quantisations.
        parameters: Of the network.
        sizes: Bytes of each file.
        weights_hash: SHA-256 of `model.safetensors`.
        internal: On the run's test photos.
        subgroups: On the test photos, for the outputs that decide.
        hashes: Photos in `training_photos.txt`.
    """

    description: BundleDescription
    parameters: int
    sizes: Mapping[str, int]
    weights_hash: str
    flow: tuple[SplitFlow, ...]
    internal: Evaluation
    external: Mapping[str, Evaluation]
    subgroups: Subgroups
    compute: Compute
    hashes: int


def metrics_of(evaluation: Evaluation, scope: str) -> tuple[MeasuredMetric, ...]:
    """AUROC, sensitivity and specificity of every output, as far as they are estimable, for `bundle.json`."""
    metrics = []
    for output in evaluation.outputs:
        for metric in RECORDED:
            estimate = output.estimate(metric)
            if estimate.value is not None:
                metrics.append(
                    MeasuredMetric(
                        output=output.output,
                        metric=metric,
                        value=estimate.value,
                        low=estimate.low,
                        high=estimate.high,
                        scope=scope,
                        photos=output.photos,
                        patients=output.patients,
                    )
                )
    return tuple(metrics)


def release_card(facts: Facts) -> str:
    """Render the card."""
    description = facts.description
    return open_template("eyeground.workflows", "release_card.md.jinja").render(
        zip=zip,
        metadata=yaml.safe_dump(_metadata(facts), sort_keys=False, allow_unicode=True, width=1000),
        facts=facts,
        description=description,
        record=description.training,
        inference=_inference(description),
        share=_share,
        calibrations=[(", ".join(one.outputs), describe_calibration(one)) for one in description.calibrations],
        metrics=METRICS,
        cells=_cells,
        group_cells=_group_cells,
        shown=shown,
        sources=[(source, DATASETS.get(source)) for source in description.training.sources],
        first_line=_first_line,
        quantised=[(one.method, one.size / 1e6, describe_cost(one)) for one in description.quantisations],
        gate=(LARGEST_DROP, LARGEST_SHARE_FLIPPED),
        largest_difference=LARGEST_DIFFERENCE,
        halves=sum(kind == "F16" for kind in description.storage.values()),
    )


def _inference(description: BundleDescription) -> str:
    """Views and side of inference, where they differ from a single view at the side in training."""
    views = describe_views(description.architecture, description.preprocessing.side)
    trained = description.training.side
    sentences = [
        f"Every answer averages {views}." if views else "",
        f"It was trained at {trained} px." if trained else "",
    ]
    return " ".join(filter(None, sentences))


def _metadata(facts: Facts) -> dict[str, Any]:
    description = facts.description
    licence = description.licence.lower()
    known = {"license": licence} if licence in HUB_LICENCES else {"license": "other", "license_name": _slug(licence)}
    return known | {
        "library_name": "eyeground",
        "pipeline_tag": "image-classification",
        "tags": ["fundus", "retina", "ophthalmology", "onnx", description.architecture.backbone],
        "metrics": ["roc_auc"],
        "model-index": [{"name": description.name, "results": _model_index(facts)}],
    }


def _model_index(facts: Facts) -> list[dict[str, Any]]:
    sources = ", ".join(facts.description.training.sources) or "the training manifest"
    results = []
    for scope in dict.fromkeys(metric.scope for metric in facts.description.metrics):
        named = f"{sources}, internal test photos" if scope == TEST else scope
        metrics = [
            {"type": "roc_auc", "value": round(metric.value, 4), "name": f"AUROC, {metric.output}"}
            for metric in facts.description.metrics
            if metric.scope == scope and metric.metric == "auroc"
        ]
        if metrics:
            results.append(
                {
                    "task": {"type": "image-classification", "name": "Fundus photograph classification"},
                    "dataset": {"type": _slug(sources if scope == TEST else scope), "name": named},
                    "metrics": metrics,
                }
            )
    return results


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-") or "other"


def _cells(output: OutputEvaluation) -> list[str]:
    """Each metric of the card's tables, or a dash."""
    found = by_metric(output.all_estimates())
    return [shown(found.get(metric)) for metric in METRICS]


def _share(share: Share | None) -> str:
    return "–" if share is None else f"{share.value:.3f} ({share.low:.3f}–{share.high:.3f})"


def _group_cells(group: Group) -> list[str]:
    found = by_metric(one.estimate for one in group.metrics)
    return [shown(found.get(metric)) for metric in RECORDED]


def _first_line(dataset: Dataset | None, what: str) -> str:
    """What the publisher of a public dataset states, on one line; a dash for any other dataset."""
    return "–" if dataset is None else " ".join(str(getattr(dataset, what)).split())
