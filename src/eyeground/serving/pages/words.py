"""What the pages say of a status: what was found, and what is to be done."""

from dataclasses import dataclass

from eyeground.screening.words import headline as headline_of_judged


@dataclass(frozen=True)
class StatusWords:
    """A status in words.

    Attributes:
        name: In a list or a filter.
        title: What was found.
        action: What is to be done, in a sentence.
    """

    name: str
    title: str
    action: str


STATUSES = {
    "abnormal": StatusWords("suspected", "Disease is suspected", "Refer: an ophthalmologist should examine this eye."),
    "ungradable": StatusWords(
        "retake", "Retake the photograph", "Nothing was judged. Take the photograph again, now if the patient is here."
    ),
    "unfamiliar": StatusWords(
        "look yourself",
        "Look at it yourself",
        "The photograph is good, but unlike those the model was trained on, so its answer does not count: a person has to judge it.",
    ),
    "unreadable": StatusWords(
        "check file", "Check the file", "There is no picture in it that can be read. Export it from the camera again."
    ),
    "undecided": StatusWords(
        "not judged", "Not judged", "The model has no sound threshold. Label photographs of your own on the page Adapt."
    ),
    "normal": StatusWords(
        "nothing suspected",
        "Nothing suspected",
        "No referral by this photograph; it does not exclude disease.",
    ),
    "pending": StatusWords("waiting", "Waiting to be screened", "The result appears here by itself."),
    "cancelled": StatusWords(
        "cancelled", "Cancelled", "It was cancelled before it was screened. Send it again to have it screened."
    ),
}

# Of an eye or a patient; see `eyeground.screening.eye_results`.
RESULTS = {
    "refer": ("abnormal", "Refer to an ophthalmologist"),
    "retake": ("ungradable", "Retake photographs"),
    "look": ("unfamiliar", "A person has to judge"),
    "check the file": ("unreadable", "Check the file"),
    "none": ("normal", "Nothing suspected"),
}

GRADES = {"normal": "Normal", "abnormal": "Abnormal", "ungradable": "Ungradable"}


def headline(status: str, suspected: str | None, reason: str) -> str:
    """The result of a photograph in one line."""
    if status in ("pending", "cancelled"):
        return STATUSES[status].title
    return headline_of_judged(status, suspected, reason)  # type: ignore[arg-type]  # the store holds no other status
