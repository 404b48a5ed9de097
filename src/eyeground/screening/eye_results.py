"""The result of an eye and of a patient, by the statuses of photographs; the rules are in docs/screening.md.

The results, the most urgent first: `refer`, `retake`, `look` (good, but unlike the training photos), `check the file`, `none`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # a page that shows results has no use for what makes them
    from eyeground.screening.decision import Status

UNKNOWN = "unknown"
JUDGED = ("abnormal", "normal")  # every other status means that the photograph decides nothing
GRADABLE = (*JUDGED, "unfamiliar")

Result = Literal["refer", "retake", "look", "check the file", "none"]
RESULTS: tuple[Result, ...] = ("refer", "retake", "look", "check the file", "none")
RESULT_OF: dict["Status", Result] = {
    "abnormal": "refer",
    "ungradable": "retake",
    "unfamiliar": "look",
    "unreadable": "check the file",
    "normal": "none",
}
# One judged photograph of an eye suffices. A group without an eye may be of both, where it does not.
_OF_ONE_EYE: tuple[Result, ...] = ("refer", "none", "look", "retake", "check the file")


def eye_result(eye: str, statuses: Sequence["Status"]) -> Result:
    """The result of an eye by the statuses of its photographs; `eye` is `left`, `right` or `unknown`."""
    order = RESULTS if eye == UNKNOWN else _OF_ONE_EYE
    return min((RESULT_OF[status] for status in statuses), key=order.index)


def patient_result(eyes: Sequence[Result]) -> Result:
    """The result of a patient by those of the eyes."""
    return min(eyes, key=RESULTS.index)
