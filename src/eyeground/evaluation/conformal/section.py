"""Prediction sets as a section of the report: what they promise, what they hold, and how often they leave a photo ambiguous."""

from collections.abc import Sequence

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.conformal.conformal import ClassCoverage, Conformal, SetsOfDataset
from eyeground.evaluation.conformal.prediction_sets import fewest_patients
from eyeground.evaluation.estimates import as_text
from eyeground.evaluation.metrics import TITLES
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import Section, TableBlock
from eyeground.evaluation.reporting.wording import DASH, joined, notes_of

KEY = "conformal"
MOST_SENTENCES = 12


def conformal_section(result: Conformal) -> Section:
    """The section `conformal` of a report."""
    tables = (_coverage_table(result), _sizes_table(result)) if result.found else ()
    return Section(
        key=KEY,
        title=f"Prediction sets with a coverage of {result.stated:.0%}",
        paragraphs=(
            _what_was_done(result),
            *(_what_came_out(one, result.stated) for one in result.found[:MOST_SENTENCES]),
        ),
        tables=tables,
        results=tuple(row for one in result.found for row in _rows(one)),
    )


def _what_was_done(result: Conformal) -> str:
    return (
        "In place of one answer, each photo gets the set of answers that its probabilities leave open: of every class, at least "
        f"{result.stated:.0%} of photos of new patients have their class in the set, if these patients are like those of the "
        "validation photos, on which the sets were calibrated class by class (split conformal prediction, each patient with "
        "the weight of one). A set with several answers says that the photo is ambiguous at this coverage; an empty one that it "
        f"is unlike either class's validation photos. Shares have Wilson's {CONFIDENCE:.0%} intervals over patients, mean "
        f"numbers of answers BCa of {result.resamples:,} resamples of patients. On other patients, such as those of an external "
        "dataset, nothing is promised; what was found is shown."
    )


def _what_came_out(one: SetsOfDataset, stated: float) -> str:
    alone, ambiguous, nothing, size = one.sizes
    held = joined([f"{as_text(found.coverage, '.1%')} of class {found.name}" for found in one.classes])
    sentence = (
        f"{describe_output(one.question.name)} ({one.dataset}): the set holds the truth of {held}. It gives one answer for "
        f"{as_text(alone, '.1%')} of photos, leaves {as_text(ambiguous, '.1%')} ambiguous and {as_text(nothing, '.1%')} without an answer; "
        f"{as_text(size, '.2f')} answers on average."
    )
    return sentence + _verdict(one, stated) + _uncalibrated(one.classes, stated)


def _verdict(one: SetsOfDataset, stated: float) -> str:
    below = [found.name for found in one.classes if found.coverage.high is not None and found.coverage.high < stated]
    return f" Less than stated: {joined(below)}." if below else ""


def _uncalibrated(classes: Sequence[ClassCoverage], stated: float) -> str:
    few = [found.name for found in classes if found.expected is None]
    if not few:
        return ""
    return (
        f" Fewer than {fewest_patients(stated)} validation patients have {joined(few)}, too few to calibrate on, so that it stands in "
        "every set."
    )


def _coverage_table(result: Conformal) -> TableBlock:
    rows = [
        {
            "Question": describe_output(one.question.name),
            "Dataset": one.dataset,
            "Class": found.name,
            "Photos": f"{found.photos:,}",
            "Patients": f"{found.patients:,}",
            "Validation patients": f"{found.calibrated_on:,}",
            "To be expected": DASH if found.expected is None else f"{found.expected[0]:.1%}–{found.expected[1]:.1%}",
            TITLES[found.coverage.metric]: as_text(found.coverage, ".1%"),
            "Note": notes_of([found.coverage]),
        }
        for one in result.found
        for found in one.classes
    ]
    caption = (
        f"How often sets with a stated coverage of {result.stated:.0%} hold the truth, by class, with {CONFIDENCE:.0%} intervals over "
        f"patients. To be expected: where {CONFIDENCE:.0%} of calibrations on so many patients put the true coverage."
    )
    return TableBlock("conformal-coverage", pd.DataFrame(rows), caption)


def _sizes_table(result: Conformal) -> TableBlock:
    rows = [
        {
            "Question": describe_output(one.question.name),
            "Dataset": one.dataset,
            "Photos": f"{one.photos:,}",
            "Patients": f"{one.patients:,}",
            **{TITLES[size.metric]: as_text(size, ".1%") for size in one.sizes[:-1]},
            TITLES[one.sizes[-1].metric]: as_text(one.sizes[-1], ".2f"),
            "Note": notes_of(one.sizes),
        }
        for one in result.found
    ]
    caption = (
        "Photos by the number of answers in their set: one, several (ambiguous at this coverage) or none, with "
        f"{CONFIDENCE:.0%} intervals over patients."
    )
    return TableBlock("conformal-sizes", pd.DataFrame(rows), caption)


def _rows(one: SetsOfDataset) -> list[ResultRow]:
    name = one.question.name
    by_class = [
        ResultRow(KEY, name, f"{one.dataset}: {found.name}", found.coverage, found.photos, found.patients)
        for found in one.classes
    ]
    return by_class + [ResultRow(KEY, name, one.dataset, size, one.photos, one.patients) for size in one.sizes]
