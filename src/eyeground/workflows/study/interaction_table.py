"""The interaction of start and method in the report of a study: a table, and what it says."""

from collections.abc import Sequence

import pandas as pd

from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import signed
from eyeground.evaluation.reporting.section import TableBlock
from eyeground.evaluation.reporting.wording import counted
from eyeground.workflows.study.interaction import Interaction


def interactions_block(task: str, found: Sequence[Interaction]) -> TableBlock:
    """Differences of starts from their references by a probe and by fine-tuning, and how these differ."""
    rows = [
        {
            "initialisation": one.initialisation,
            "against": one.reference,
            "photos of": one.data or "task",
            "labels": f"{one.fraction:.0%}",
            "patients": f"{one.patients:,}",
            "probe": signed(one.probe),
            "fine-tuning": signed(one.finetune),
            "fine-tuning minus probe": signed(one.interaction),
            "p, Holm": "–" if one.p_holm is None else "< 0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}",
            "note": one.interaction.note,
        }
        for one in found
    ]
    caption = (
        "Does the lead of a start depend on how it is adapted? AUROC minus the reference's by either method, and fine-tuning's minus "
        f"the probe's, on the same photos and draws of labels, with {CONFIDENCE:.0%} percentile intervals over patients and draws; p "
        "adjusted for the starts of a comparison (Holm)."
    )
    return TableBlock(f"{task}-interaction", pd.DataFrame(rows), caption)


def describe_interactions(found: Sequence[Interaction]) -> str:
    """How many there are, and which are beyond chance."""
    beyond = [one for one in found if one.p_holm is not None and one.p_holm < 0.05]
    named = [
        f"{one.initialisation} against {one.reference}, {one.fraction:.0%} of labels{f', on {one.data}' if one.data else ''}: "
        f"{signed(one.interaction)}"
        for one in beyond
    ]
    return (
        f"Whether the lead of a start depends on the method (fine-tuning minus probe): {len(beyond)} of "
        f"{counted(len(found), 'interaction')} beyond chance" + (f" ({'; '.join(named)})." if named else ".")
    )
