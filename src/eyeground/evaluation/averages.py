"""Figures over several outputs: macro (the mean of the outputs' figures) and micro (of all pairs of photo and output).

Macro gives every output the same say, micro every pair, so that frequent findings and outputs whose scores differ
in scale rule it. Both come from the same resamples of patients as the outputs themselves, hence their intervals
are joint ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eyeground.evaluation.estimates import Estimate, not_estimable, with_interval
from eyeground.evaluation.measures import Computed, Measure, noted, ranking_measure
from eyeground.evaluation.samples import Sample, pooled


def macro(rankings: Mapping[str, Computed], scope: str) -> tuple[Estimate, ...]:
    """Means of AUROC and AUPRC over the outputs that have them, resample by resample.

    Args:
        rankings: Of `measures.ranking_measure`.
        scope: Where a missing class is said to be missing.
    """
    estimable = {output: ranking for output, ranking in rankings.items() if not ranking.measure.missing[0]}
    left_out = [output for output in rankings if output not in estimable]
    note = f"mean of {len(estimable)} of {len(rankings)} outputs; not estimable: {', '.join(left_out)}"
    found = []
    for index, metric in enumerate(("macro_auroc", "macro_auprc")):
        if not estimable:
            found.append(not_estimable(metric, f"no output has both positives and negatives in {scope}"))
            continue
        resampled = np.mean([ranking.resampled[index] for ranking in estimable.values()], axis=0)
        value = float(np.mean([ranking.point[index] for ranking in estimable.values()]))
        scarcest = min(
            (ranking.measure.supports[index] for ranking in estimable.values()), key=lambda support: support.patients
        )
        left_one_out = [ranking.jackknifed[index] for ranking in estimable.values() if ranking.jackknifed is not None]
        jackknifed = np.mean(left_one_out, axis=0) if left_one_out else None
        estimate = with_interval(metric, value, resampled, scarcest, jackknifed=jackknifed)
        found.append(noted(estimate, note) if left_out else estimate)
    return tuple(found)


def micro_measure(samples: Sequence[Sample], photos: int) -> Measure:
    """AUROC and AUPRC of all pairs of photo and output whose truth is known, of `photos` photos."""
    everything = pooled(samples)
    pairs = len(everything.truth)
    unknown = photos * len(samples) - pairs
    measure = ranking_measure(everything)
    pairs_note = f"{pairs:,} pairs of photo and output" + (f", {unknown:,} unknown ones left out" if unknown else "")
    note = "; ".join(filter(None, [pairs_note, measure.note]))
    return replace(measure, metrics=tuple(f"micro_{metric}" for metric in measure.metrics), note=note)
