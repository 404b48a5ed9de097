"""The texts of a report and its pictures: results, quality, strength of evidence, where thresholds come from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eyeground.biomarkers.scale import DISC_HEIGHT_MM

if TYPE_CHECKING:  # a page that shows findings has no use for what makes them
    from eyeground.config.operating_point import DecisionRule
    from eyeground.screening.decision import Status

RETAKE = "retake the photograph"
NOTHING_SUSPECTED = "nothing suspected"

_ACTIONS = {
    "ungradable": "retake",
    "unfamiliar": "look at it yourself",
    "unreadable": "check the file",
    "undecided": "not judged",
}

# A measure's name, and from where on it is fair and good; see `eyeground.imaging.quality_measures`.
_QUALITY = {
    "focus": ("focus", 0.005, 0.015),
    "illumination": ("light", 0.2, 0.3),
    "contrast": ("contrast", 0.08, 0.15),
    "completeness": ("field", 0.7, 0.85),
}
_OVEREXPOSED = 0.9  # illumination from which on light is poor again
# Ends of colour scales, in logits. Evidence of 2 everywhere in a photograph moves a probability of 0.5 to 0.88, of 4 to 0.98.
_STRENGTHS = ((2.0, "weak"), (4.0, "moderate"), (8.0, "strong"))
_CHOSEN_ON = {
    "validation": "set aside for this",
    "train": "of the training",
    "cross-validation": "of the training, each judged by a model that had not seen it",
    "site": "of the place where it is used",
}
_AIMS = {
    "youden": "the share of abnormal photographs that is found and the share of normal ones that is passed are together as "
    "high as can be",
    "sensitivity": "{} of 100 abnormal photographs are found",
    "specificity": "{} of 100 normal photographs are passed as normal",
}


def headline(status: "Status", suspected: str | None, reason: str) -> str:
    """The result of a photograph in one line.

    >>> headline("ungradable", None, "too dark; retake the photograph")
    'retake: too dark'
    """
    if status == "abnormal":
        return f"suspected: {suspected}"
    if status == "normal":
        return NOTHING_SUSPECTED
    what = _ACTIONS[status]
    return f"{what}: {reason.removesuffix(f'; {RETAKE}')}"


def describe_quality(row: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Name, word (good, fair or poor) and number of each measure of a photograph's quality; none if it could not be read."""
    words = []
    for measure, (name, fair, good) in _QUALITY.items():
        value = row[measure]
        if value is not None:
            poor = value < fair or (measure == "illumination" and value > _OVEREXPOSED)
            words.append((name, "poor" if poor else "fair" if value < good else "good", value))
    return words


def describe_anatomy(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Which eye a photograph shows, its cup, disc and fovea in sentences without a verb, and what was not measured, with the reason.

    Empty of a photograph without anatomy.

    >>> describe_anatomy({"eye_seen": "left", "eye_seen_by": "disc", "anatomy_reason": "no cup in the optic disc"})
    ('left eye, by the disc', 'not measured: no cup in the optic disc')
    """
    words = []
    if row.get("eye_seen"):
        words.append(f"{row['eye_seen']} eye, by the {row['eye_seen_by']}")
    ratio, low, high = (row.get(f"vertical_cup_to_disc_ratio{end}") for end in ("", "_low", "_high"))
    if ratio is not None:
        interval = "" if low is None or high is None else f" (95 % interval {low:.2f} to {high:.2f})"
        words.append(f"vertical cup-to-disc ratio {ratio:.2f}{interval}")
    diameter, scale = row.get("disc_diameter"), row.get("mm_per_pixel")
    if diameter is not None and scale is not None:
        words.append(
            f"disc {diameter:.0f} px in diameter, {diameter * scale:.1f} mm if it is {DISC_HEIGHT_MM:g} mm high"
        )
    if row.get("fovea_x") is not None:
        words.append(f"fovea at {row['fovea_x']:.0f}, {row['fovea_y']:.0f} px")
    if row.get("anatomy_reason"):
        words.append(f"not measured: {row['anatomy_reason']}")
    return tuple(words)


def describe_strength(scale: float) -> str:
    """How strong the evidence at the end of a colour scale (logits) is."""
    return next((word for limit, word in _STRENGTHS if scale <= limit), "very strong")


def describe_origin(decision: "DecisionRule | None") -> str:
    """Where the thresholds of a rule come from."""
    if decision is None:
        return "No thresholds were chosen."
    if decision.chosen_on == "given":
        return "Thresholds were given by hand, not chosen on photographs."
    if not decision.positives + decision.negatives:
        return "Thresholds were moved on unlabelled photographs of the place where it is used, to a stated share of abnormal ones."
    name, _, number = decision.rule.partition("=")
    try:
        aim = _AIMS[name].format(f"{100 * float(number):g}" if number else "")
    except (KeyError, ValueError):
        aim = f"they keep {decision.rule}"
    photos = f"{decision.positives:,} abnormal and {decision.negatives:,} normal photographs {_CHOSEN_ON[decision.chosen_on]}"
    return f"Thresholds were chosen on {photos}, so that {aim}."


def describe_performance(decision: "DecisionRule | None") -> str:
    """The results of a rule on photographs that it was not chosen on."""
    if decision is None or decision.sensitivity is None or decision.specificity is None:
        return "What this does on other photographs was not measured."
    found, passed = decision.sensitivity, decision.specificity
    where = "photographs of the place where it is used" if decision.chosen_on == "site" else "test photographs"
    return (
        f"On {where} it found {found.value:.0%} of {found.photos:,} abnormal ones ({found.low:.0%} to {found.high:.0%}) "
        f"and passed {passed.value:.0%} of {passed.photos:,} normal ones ({passed.low:.0%} to {passed.high:.0%})."
    ).replace("%", " %")
