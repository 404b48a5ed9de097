"""`calibrate`: a bundle's thresholds and calibration set again by photographs of one's own site; weights stay as they are.

A manifest's test photos are left to measure on; without any, what the rule does is measured out of fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from eyeground.bundle.calibration import Calibration, Uncalibrated, describe_calibration
from eyeground.bundle.description import AnswerRules, BundleDescription, Site
from eyeground.bundle.files import CARD
from eyeground.bundle.measured import Familiarity
from eyeground.bundle.open import Bundle, open_classifier
from eyeground.bundle.write import copier, now, write_bundle
from eyeground.config.operating_point import DecisionRule, Share
from eyeground.config.targets import Target
from eyeground.core.files import write_text
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError
from eyeground.evaluation.calibrating.calibrate import calibrated_predictions, fit_calibration
from eyeground.evaluation.decision_rule import ABNORMAL, deciding_outputs, expected_scores, measured, rule_truth
from eyeground.evaluation.offered_points import FIRST, OFFERED, first_points
from eyeground.evaluation.site_rule import (
    choose_at_site,
    refuse_few,
    refuse_unmeasured,
    shifted_rule,
    threshold_intervals,
)
from eyeground.screening.decision import NO_RULE, rule_of
from eyeground.screening.runtime import Screener, load
from eyeground.workflows.build.model_card import site_card
from eyeground.workflows.predict import predict_manifest
from eyeground.workflows.truth_columns import MatchedTruths, match_truths

NOT_JUDGED = ("ungradable", "unreadable")
AT_THRESHOLDS = ("sensitivity", "specificity")


@dataclass(frozen=True)
class SitePlan:
    """What to calibrate with, and where the result goes.

    Attributes:
        folder: The new bundle.
        cache: Folder of standard photos.
        rule: What the rule keeps by default, such as `specificity=0.9`; as in the source if None.
        expected_abnormal: Share (0-1) of abnormal photos, where they have no labels.
        name: Name of the new model.
        jobs: Processes that read photos.
        truth: Label column by output, where their names do not tell; see `match_truths`.
    """

    folder: Path
    cache: Path
    rule: str | None
    expected_abnormal: float | None
    name: str
    jobs: int = 1
    truth: Mapping[str, str] = field(default_factory=dict)


def calibrate(source: str, manifest: Manifest, plan: SitePlan, console: Console) -> Bundle:
    """Write a bundle whose thresholds are those of a site.

    Raises:
        UserError: If the manifest has no label that the model knows and no share is given, or both, there are too few
            patients, or the model has no rule that could be moved.
    """
    bundle = open_classifier(source)
    described, targets = bundle.description, bundle.description.targets
    truth = match_truths(manifest, described.targets, plan.truth)
    for sentence in truth.messages:
        console.print(sentence, markup=False, highlight=False)
    if plan.expected_abnormal is not None:
        _refuse_labels(truth)
        refuse_unmeasured(rule_of(described, plan.rule).decision)
    raw, raw_test = _judged_photos(load(source), manifest, truth, plan, console)
    if plan.expected_abnormal is None:
        answers, site = _by_labels(bundle, raw, raw_test, plan, console)
    else:
        answers, site = _by_expected_share(bundle, raw, plan)
    # By the new calibrations, as the new bundle will give them.
    test = calibrated_predictions(raw_test, answers.calibrations)
    answers = replace(answers, decisions=tuple(_on_test(rule, test, targets) for rule in answers.decisions))
    _tell(answers.decisions[0], site, len(test.table), console)
    description = described.model_copy(
        update={
            **vars(answers),
            "name": plan.name,
            "created": now(),
            "metrics": tuple(one for one in described.metrics if one.metric not in AT_THRESHOLDS),
            "familiarity": _familiar(described.familiarity, raw.table["unfamiliarity"].to_numpy(float)),
            "site": site.model_copy(update={"manifest_fingerprint": manifest.fingerprint()}),
        }
    )
    card = site_card((bundle.folder / CARD).read_text(encoding="utf-8"), description)
    kept = {name: copier(bundle.folder / name) for name in described.files if name not in (CARD, "report.html")}
    return write_bundle(plan.folder, description, {**kept, CARD: lambda path: write_text(path, card)})


def _refuse_labels(truth: MatchedTruths) -> None:
    labelled = truth.table.columns[truth.table.notna().any()]
    if len(labelled):
        columns = ", ".join(sorted(truth.used))
        raise UserError(
            f"the manifest has labels ({columns}, of {', '.join(labelled)}), which --expected-abnormal would not look at. Leave out "
            f"--expected-abnormal to calibrate by the labels, or take them out of the manifest (a column 'note_{min(truth.used)}' is "
            "none) to calibrate without"
        )


def _judged_photos(
    screener: Screener, manifest: Manifest, truth: MatchedTruths, plan: SitePlan, console: Console
) -> tuple[Predictions, Predictions]:
    """Judged photos of the site, to choose on and to measure on, as the bare network gives them."""
    described = screener.bundle.description
    bare = replace(screener.bundle, description=described.model_copy(update={"calibrations": ()}))
    found = predict_manifest(manifest, replace(screener, bundle=bare), plan.cache, plan.jobs, truth)
    table = found.predictions.table
    judged = ~table["status"].isin(NOT_JUDGED)
    if found.unreadable or not judged.all():
        console.print(
            f"left out: {len(found.unreadable):,} unreadable and {(~judged).sum():,} ungradable photos", highlight=False
        )
    known = int((table.get("in_training", np.zeros(len(table))) == 1).sum())
    if known:
        console.print(
            f"[yellow]the model was trained on {known:,} of these photos:[/] thresholds chosen on them flatter",
            highlight=False,
        )
    table = table[judged]
    to_measure = table["split"].eq("test").fillna(False) if "split" in table else pd.Series(False, index=table.index)
    table = table.drop(columns=["split", "fold"], errors="ignore")
    if to_measure.all():
        raise UserError(
            "no photo that could be judged is left to choose on: all are test photos, ungradable or unreadable"
        )
    chosen_on, measured_on = (table[rows].reset_index(drop=True) for rows in (~to_measure, to_measure))
    return Predictions(chosen_on), Predictions(measured_on)


def _by_labels(
    bundle: Bundle, raw: Predictions, raw_test: Predictions, plan: SitePlan, console: Console
) -> tuple[AnswerRules, Site]:
    described, targets = bundle.description, bundle.description.targets
    labelled = [output for output in described.outputs if raw.table[TRUTH + output].notna().any()]
    if not labelled:
        raise UserError(
            f"the manifest has no label that {described.name} knows ({', '.join(target.name for target in described.targets)}); add "
            "one, such as 'abnormal' with 0 and 1, name yours with --truth OUTPUT=COLUMN, or say --expected-abnormal SHARE"
        )
    before = rule_of(described)
    outputs = _site_outputs(described, before.deciding, raw, labelled, console)
    refuse_few(raw, outputs, targets)
    calibrations = _calibrations(described, raw, labelled, console)
    chosen_on = calibrated_predictions(raw, calibrations)
    first = plan.rule or (before.decision.rule if before.decision else FIRST)
    decisions = choose_at_site(chosen_on, outputs, targets, list(dict.fromkeys([first, *OFFERED])))
    if not decisions or decisions[0].rule != first:
        raise UserError(f"'{first}' cannot be kept with these photos; ask for another --operating-point")
    # Beside the new rule's shares, on the same photos: the test photos where there are any, else all that it was chosen on.
    same = calibrated_predictions(raw if raw_test.table.empty else raw_test, described.calibrations)
    shares = measured(before.decision, same, targets) if before.decision else None
    with_thresholds, why_not = deciding_outputs(chosen_on, described.targets)
    points = first_points(chosen_on, with_thresholds, Predictions(chosen_on.table.iloc[:0]))
    answers = AnswerRules(
        calibrations=calibrations,
        operating_points=tuple(point.model_copy(update={"chosen_on": "site"}) for point in points),
        decisions=decisions,
        without_threshold={
            output: why_not.get(output, "no part of the rule") for output in described.outputs if output not in outputs
        },
        expected=expected_scores(chosen_on, outputs, targets),
    )
    used = chosen_on.table[np.isfinite(rule_truth(chosen_on, outputs, targets))]
    site = _site(bundle, used, None).model_copy(
        update={
            "sensitivity_before": shares.sensitivity if shares else None,
            "specificity_before": shares.specificity if shares else None,
            "threshold_intervals": threshold_intervals(chosen_on, outputs, targets, first),
        }
    )
    return answers, site


def _site_outputs(
    described: BundleDescription, before: Sequence[str], raw: Predictions, labelled: Sequence[str], console: Console
) -> tuple[str, ...]:
    """The outputs that decide at the site: those of before as far as labels tell, else all for which labels are enough."""
    enough, why_not = deciding_outputs(raw, described.targets)
    outputs = tuple(before) or enough
    if ABNORMAL in labelled and ABNORMAL in outputs:
        return outputs
    left_out = [output for output in outputs if output not in labelled]
    if left_out:
        console.print(f"[yellow]no labels here, so no longer deciding:[/] {', '.join(left_out)}", highlight=False)
    outputs = tuple(output for output in outputs if output in labelled) or enough
    if not outputs:
        reasons = "; ".join(f"{output}: {why_not[output]}" for output in labelled)
        raise UserError(f"no threshold can be chosen by the labels of these photos. {reasons}")
    return outputs


def _by_expected_share(bundle: Bundle, raw: Predictions, plan: SitePlan) -> tuple[AnswerRules, Site]:
    described = bundle.description
    asked = rule_of(described, plan.rule)
    if asked.decision is None:
        raise UserError(f"{described.name}: {NO_RULE}")
    assert plan.expected_abnormal is not None
    as_source = calibrated_predictions(raw, described.calibrations)
    others = [rule for rule in described.decisions if rule.rule != asked.decision.rule]
    decisions = tuple(
        shifted_rule(rule, as_source, described.targets, plan.expected_abnormal) for rule in (asked.decision, *others)
    )
    answers = AnswerRules(
        calibrations=described.calibrations, decisions=decisions, without_threshold=described.without_threshold
    )
    return answers, _site(bundle, raw.table, plan.expected_abnormal)


def _calibrations(
    described: BundleDescription, raw: Predictions, labelled: Sequence[str], console: Console
) -> tuple[Calibration, ...]:
    """New calibrations of the targets for which the site's photos are enough, and the source's of the others."""
    known = {calibration.outputs: calibration for calibration in described.calibrations}
    for target in described.targets:
        if not set(target.outputs) <= set(labelled):
            continue
        fitted = fit_calibration(raw, target, "auto", unsplit="site")
        if isinstance(fitted, Uncalibrated):
            told = f"as in the source ({fitted.reason})"
        else:
            known[target.outputs], told = fitted, describe_calibration(fitted)
        console.print(f"calibration of '{target.name}': {told}", markup=False, highlight=False)
    return tuple(known.values())


def _site(bundle: Bundle, used: pd.DataFrame, expected_abnormal: float | None) -> Site:
    return Site(
        source=bundle.identity,
        manifest_fingerprint="",
        photos=len(used),
        patients=int(used["patient"].nunique()),
        expected_abnormal=expected_abnormal,
    )


def _on_test(rule: DecisionRule, test: Predictions, targets: Sequence[Target]) -> DecisionRule:
    """The rule with its shares on the site's test photos where there are both normal and abnormal ones."""
    if test.table.empty:
        return rule
    done = measured(rule, test, targets)
    return done if done.sensitivity and done.specificity else rule


def _familiar(familiarity: Familiarity | None, unfamiliarity: np.ndarray) -> Familiarity | None:
    """The limit moved, so that no more of the site's own photos than the usual share are unfamiliar."""
    if familiarity is None or not np.isfinite(unfamiliarity).any():
        return familiarity
    farthest = float(np.nanquantile(unfamiliarity, 1 - familiarity.flagged))
    return familiarity.model_copy(update={"limit": familiarity.limit * max(1.0, farthest)})


def _tell(decision: DecisionRule, site: Site, test_photos: int, console: Console) -> None:
    where = f"the {test_photos:,} test photos" if test_photos else "these photos, out of fold"
    console.print(
        f"rule '{decision.rule}', chosen on {site.photos:,} photos of {site.patients:,} patients:", highlight=False
    )
    for output, threshold in decision.thresholds.items():
        interval = site.threshold_intervals.get(output)
        told = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        console.print(f"  {output} from {threshold:.3f}{told} on", highlight=False, markup=False)
    for name, before, now_share in (
        ("sensitivity", site.sensitivity_before, decision.sensitivity),
        ("specificity", site.specificity_before, decision.specificity),
    ):
        if now_share is not None:
            was = f"; before: {_in_figures(before)}" if before else ""
            console.print(f"  {name} on {where}: {_in_figures(now_share)}{was}", highlight=False)
    if decision.sensitivity is None:
        console.print("  without labels, what the rule finds and passes here is not measured", highlight=False)


def _in_figures(share: Share) -> str:
    """A share with its interval, as text."""
    return f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f}, {share.photos:,} photos)"
