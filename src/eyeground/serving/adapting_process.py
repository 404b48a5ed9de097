"""The process of an adaptation: `calibrate` or a probe on what `adapting` wrote down, then what was made, in words."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from eyeground.core.console import Console
from eyeground.core.files import locked
from eyeground.errors import UserError
from eyeground.serving.adapting import ABNORMAL, CLASS, ERRORS, LOCK, LOG, MANIFEST, NORMAL, REQUEST, write_state
from eyeground.serving.model_choice import BUNDLE

NICE = 10  # screening and pages come first
CACHE, RUN = "cache", "run"


def adapt(place: Path) -> None:
    """Make the model that a folder asks for, and note how it went."""
    request = json.loads((place / REQUEST).read_text(encoding="utf-8"))
    try:
        with (place / LOG).open("w", encoding="utf-8", buffering=1) as log:
            console = Console(file=log, width=160, soft_wrap=True)
            _make(place, request, console)
        write_state(place, "done", summary=summary_of(place / BUNDLE))
    except UserError as error:
        write_state(place, "failed", f"{str(error)[:1].upper()}{str(error)[1:]}")
    except Exception as error:
        write_state(
            place, "failed", f"The program failed ({type(error).__name__}); {ERRORS} beside the model says where."
        )
        raise
    finally:
        for left in (CACHE, RUN):
            shutil.rmtree(place / left, ignore_errors=True)
        (place / MANIFEST).unlink(missing_ok=True)


def _make(place: Path, request: dict[str, Any], console: Console) -> None:
    from eyeground.bundle.installed import default_model
    from eyeground.config.targets import Target
    from eyeground.config.training_recipe import ProbeRecipe
    from eyeground.data.manifest import read_manifest
    from eyeground.workflows.build.probe import probe_embedding
    from eyeground.workflows.build.validated_build import Plan
    from eyeground.workflows.calibrate import SitePlan, calibrate

    manifest = read_manifest(place / MANIFEST)
    source = request["source"] or default_model()
    if request["kind"] == "calibration":
        site = SitePlan(place / BUNDLE, place / CACHE, rule=None, expected_abnormal=None, name=request["name"])
        calibrate(source, manifest, site, console)
        return
    if request["kind"] == "probe":
        target = Target(name=ABNORMAL)
    else:
        classes = set(manifest.table[CLASS].dropna())
        target = Target(name=CLASS, kind="multiclass", healthy=NORMAL if NORMAL in classes else None)
    plan = Plan(place / RUN, place / CACHE, request["name"], "probe")
    built = probe_embedding(manifest, ProbeRecipe(targets=(target,)), source, plan, console)
    shutil.copytree(built.bundle.folder, place / BUNDLE)


def summary_of(folder: Path) -> dict[str, Any]:
    """What was made, for people: where thresholds come from, and what was measured."""
    from eyeground.bundle.open import open_classifier
    from eyeground.screening.decision import rule_of
    from eyeground.screening.suspicion import describe_disease
    from eyeground.screening.words import describe_origin, describe_performance

    bundle = open_classifier(folder)
    described = bundle.description
    rule = rule_of(described)
    site = described.site
    before = {
        name: {"value": share.value, "low": share.low, "high": share.high, "photos": share.photos}
        for name, share in (("found", site and site.sensitivity_before), ("passed", site and site.specificity_before))
        if share
    }
    metrics = [
        {
            "of": describe_disease(described.targets, metric.output),
            "metric": metric.metric,
            "value": metric.value,
            "low": metric.low,
            "high": metric.high,
            "photos": metric.photos,
        }
        for metric in described.metrics
        if metric.scope == "test" and metric.metric in ("auroc", "sensitivity", "specificity")
    ]
    return {
        "identity": bundle.identity,
        "rule": rule.decision.rule if rule.decision else None,
        "origin": describe_origin(rule.decision),
        "performance": describe_performance(rule.decision),
        "before": before,
        "metrics": [] if site else metrics,  # those of the source say nothing of the site
        "thresholds": {describe_disease(described.targets, output): limit for output, limit in rule.thresholds.items()},
    }


def main() -> None:
    """The program of the process; its only argument is the folder."""
    place = Path(sys.argv[1])
    os.nice(NICE)
    handle = locked(place / LOCK, os.O_RDWR | os.O_CREAT)
    if handle is None:
        sys.exit("the adaptation runs already")
    adapt(place)


if __name__ == "__main__":
    main()
