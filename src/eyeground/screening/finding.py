"""The finding: what screening says of one photograph, and everything that this rests on.

n photographs always give n findings. An ungradable or unfamiliar photograph keeps its probabilities, but they decide nothing; see
docs/screening.md.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyeground.errors import UserError, did_you_mean
from eyeground.imaging.gradability import UNUSUAL_COLOURS, Gradability
from eyeground.imaging.standard import Geometry, StandardPhoto
from eyeground.screening.anatomy import Anatomy
from eyeground.screening.decision import Rule, Status, decide
from eyeground.screening.overlay import draw_evidence, scale_of
from eyeground.screening.suspicion import likely_grades
from eyeground.screening.words import RETAKE

MEASURES = ("focus", "illumination", "contrast", "completeness")
# Another photograph taken in the same way would have the same colours.
_ADVICE = {UNUSUAL_COLOURS: f"{UNUSUAL_COLOURS} (check white balance and filter)"}
UNFAMILIAR = "unlike the photographs that the model was trained on"


@dataclass(frozen=True, eq=False)
class Finding:
    """What screening says of one photograph.

    Attributes:
        photo: Name of the photograph, as given or relative to the screened folder.
        status: `undecided` of a model without sound thresholds, else `normal`, `abnormal`, `ungradable` (retake it),
            `unfamiliar` (gradable, but unlike what the model was trained on: a person must look at it) or `unreadable` (no
            picture in the file).
        reason: Why, in plain words.
        model: Identity of the bundle: its name and the start of its weights' SHA-256.
        probabilities: Probability (0-1) per output, calibrated where the bundle has a calibration; empty if unreadable.
        rule: The outputs, which of them decide, and their thresholds.
        suspected: What is suspected, in clinical words, the likeliest first; empty unless abnormal.
        grades: For each graded disease that is suspected, the most probable grades, in words.
        reached: The deciding outputs that reached their threshold.
        output: The output that the status rests on, or came nearest to; None if unreadable.
        gradability: How good the photograph is, and what is wrong with it.
        unfamiliarity: How far the photograph lies from those that the model was trained on; from 1 on it is called
            unfamiliar. None if unreadable, or if the bundle has no reference.
        evidence: Evidence maps, float32 (outputs, h, w) in logits of the network, before any calibration: the mean over
            a map plus a constant is the logit. None if unreadable, or if the bundle gives none.
        standard: What the network saw: pixels, field of view and geometry.
        anatomy: Eye, disc, cup and fovea; None where they were not asked for.
    """

    photo: str
    status: Status
    reason: str
    model: str
    rule: Rule
    suspected: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    probabilities: Mapping[str, float] = field(default_factory=dict)
    output: str | None = None
    gradability: Gradability | None = None
    unfamiliarity: float | None = None
    evidence: NDArray[np.float32] | None = field(default=None, repr=False)
    standard: StandardPhoto | None = field(default=None, repr=False)
    anatomy: Anatomy | None = None

    @property
    def geometry(self) -> Geometry | None:
        """Where the standard photo lies in the original one; None if unreadable."""
        return self.standard.geometry if self.standard is not None else None

    def as_row(self) -> dict[str, Any]:
        """One row of a results table: text, and numbers or None where there are none.

        Columns: `photo`, `status`, `suspected`, `grades`, `reason`, `reached` (the deciding outputs that reached their
        threshold), `probability_<output>`, `threshold_<output>` (None of an output that decides nothing), `gradability` (the
        probability that a grader would accept it), `focus`, `illumination`, `contrast`, `completeness`, `unfamiliarity`,
        `operating_point`, `model`; the same for every status. With the anatomy, its columns come before `operating_point`.
        """
        return {
            "photo": self.photo,
            "status": self.status,
            "suspected": "; ".join(self.suspected) or None,
            "grades": "; ".join(self.grades) or None,
            "reason": self.reason,
            "reached": "; ".join(self.reached) or None,
            **{f"probability_{output}": self.probabilities.get(output) for output in self.rule.outputs},
            **{f"threshold_{output}": self.rule.thresholds.get(output) for output in self.rule.outputs},
            "gradability": None if self.gradability is None else self.gradability.probability,
            **{measure: getattr(self.gradability, measure, None) for measure in MEASURES},
            "unfamiliarity": self.unfamiliarity,
            **({} if self.anatomy is None else self.anatomy.as_cells()),
            "operating_point": self.rule.decision.rule if self.rule.decision else None,
            "model": self.model,
        }

    def to_json(self) -> str:
        """`as_row` as a JSON object on one line, as in `results.jsonl`."""
        return as_json(self.as_row())

    def evidence_of(self, output: str | None = None) -> NDArray[np.float32]:
        """The evidence map (h, w) of one output, in logits; by default of the one that the status rests on.

        Raises:
            UserError: If the photograph was unreadable, the bundle gives no evidence, or has no such output.
        """
        name = output if output is not None else self.output
        if self.evidence is None or self.standard is None or name is None:
            why = self.reason if self.status == "unreadable" else f"{self.model} gives none"
            raise UserError(f"{self.photo}: there is no evidence map: {why}")
        if name not in self.rule.outputs:
            known = ", ".join(self.rule.outputs)
            raise UserError(
                f"'{name}' is not an output of {self.model}{did_you_mean(name, self.rule.outputs)}; it has {known}"
            )
        evidence: NDArray[np.float32] = self.evidence[self.rule.outputs.index(name)]
        return evidence

    def scale(self, output: str | None = None) -> float:
        """The evidence, in logits, at the ends of the colour scale of this photograph's overlay."""
        evidence = self.evidence_of(output)
        assert self.standard is not None  # evidence_of refuses otherwise
        return scale_of(evidence, self.standard.field_of_view)

    def overlay(self, output: str | None = None, pixels: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Draw the evidence of one output over the red-free view of the photograph.

        Args:
            output: By default the output that the status rests on.
            pixels: The original photograph, uint8 RGB (h, w, 3), to draw on; by default the standard photo.

        Returns:
            uint8 RGB of the size of `pixels`, or of the standard photo.

        Raises:
            UserError: If there is no evidence for that output, or `pixels` is not the original's size.
        """
        evidence, scale = self.evidence_of(output), self.scale(output)
        assert self.standard is not None  # evidence_of refuses otherwise
        if pixels is None:
            return draw_evidence(self.standard.pixels, evidence, scale, self.standard.field_of_view)
        geometry = self.standard.geometry
        expected = (geometry.original_height, geometry.original_width, 3)
        if pixels.shape != expected:
            raise UserError(
                f"{self.photo}: the original photograph has shape {expected}, the pixels given {pixels.shape}"
            )
        return draw_evidence(pixels, evidence, scale, self.standard.field_of_view, geometry)


def as_json(row: Mapping[str, Any]) -> str:
    """A row as a JSON object on one line; numbers that are not finite, which JSON does not have, become null."""
    finite = {
        column: None if isinstance(cell, float) and not math.isfinite(cell) else cell for column, cell in row.items()
    }
    return json.dumps(finite, ensure_ascii=False, allow_nan=False)


def found(
    photo: str,
    standard: StandardPhoto,
    gradability: Gradability,
    probabilities: Mapping[str, float],
    evidence: NDArray[np.float32] | None,
    rule: Rule,
    model: str,
    unfamiliarity: float | None = None,
) -> Finding:
    """The finding of a photograph that could be read."""
    decision = decide(rule, probabilities)
    status: Status = decision.status
    reason = decision.reason
    if not gradability.gradable:
        status = "ungradable"
        reason = f"{', '.join(_ADVICE.get(one, one) for one in gradability.reasons)}; {RETAKE}"
    elif unfamiliarity is not None and unfamiliarity >= 1:
        status = "unfamiliar"
        reason = f"{UNFAMILIAR} ({unfamiliarity:.2f} times as far from them as is usual at most)"
    return Finding(
        photo=photo,
        status=status,
        reason=reason,
        model=model,
        rule=rule,
        suspected=decision.suspected if status == "abnormal" else (),
        grades=likely_grades(rule.targets, decision.reached, probabilities) if status == "abnormal" else (),
        reached=decision.reached,
        probabilities=dict(probabilities),
        output=decision.output,
        gradability=gradability,
        unfamiliarity=unfamiliarity,
        evidence=evidence,
        standard=standard,
    )


def unreadable(photo: str, reason: str, rule: Rule, model: str) -> Finding:
    """The finding of a photograph that could not be read."""
    return Finding(photo=photo, status="unreadable", reason=reason, model=model, rule=rule)
