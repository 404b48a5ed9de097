"""Averages over several outputs, from the same resamples of patients: macro and micro; see docs/statistics.md."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.measures import Measure, ranking_measure
from eyeground.evaluation.sampled import Sampled, mean
from eyeground.evaluation.samples import Sample, pooled


def macro(rankings: Mapping[str, Sequence[Sampled]], scope: str) -> tuple[Estimate, ...]:
    """Means of areas, such as AUROC and AUPRC, over the outputs that have them, resample by resample.

    Args:
        rankings: Of `measures.ranking_measure` or `sources.within_source_measure`.
        scope: Where a missing class is said to be missing.
    """
    left_out = [output for output, ranking in rankings.items() if ranking[0].why_not]
    if len(left_out) == len(rankings):
        why_not = f"no output has both positives and negatives in {scope}"
        return tuple(not_estimable(f"macro_{value.metric}", why_not) for value in rankings[left_out[0]])
    estimable = len(rankings) - len(left_out)
    note = f"mean of {estimable} of {len(rankings)} outputs; not estimable: {', '.join(left_out)}" if left_out else ""
    return tuple(
        mean(values).named(f"macro_{values[0].metric}", note).interval()
        for values in zip(*rankings.values(), strict=True)
    )


def micro_measure(samples: Sequence[Sample], photos: int) -> Measure:
    """AUROC and AUPRC of all pairs of photo and output whose truth is known, of `photos` photos."""
    everything = pooled(samples)
    pairs = len(everything.truth)
    unknown = photos * len(samples) - pairs
    measure = ranking_measure(everything)
    pairs_note = f"{pairs:,} pairs of photo and output" + (f", {unknown:,} unknown ones left out" if unknown else "")
    note = "; ".join(filter(None, [pairs_note, measure.note]))
    return replace(measure, metrics=tuple(f"micro_{metric}" for metric in measure.metrics), note=note)
