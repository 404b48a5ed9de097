"""From the measures of each photo to means with intervals over patients, and paired differences.

All methods and models share the same resamples of patients. Intervals are percentiles. See docs/explanation.md.
"""

from itertools import product

import numpy as np
import pandas as pd

from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.intervals import percentile_interval
from eyeground.explanation.maps import EVIDENCE, SIGNED, TRACED
from eyeground.workflows.explain.explain import CHANCE, CURVES

MEASURES = (
    "pointing",
    "pointing_with_tolerance",
    "evidence_in_lesions",
    "lesion_average_precision",
    "evidence_at_border",
    "evidence_in_disc",
    *CURVES,
)
COSTS = ("milliseconds", "forward_passes", "backward_passes")


def measure_table(photos: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Mean of every measure by model and method, over photos.

    Args:
        photos: As `explain.ExplainedPhotos.photos`, measured.
        resamples: Bootstrap resamples of patients; with 0 there are no intervals.

    Returns:
        `model`, `method`, `measure`, `minus` (empty for a mean; `evidence`, `traced` or `chance` for the paired
        difference from it), `value`, `low`, `high` (95 %), `n_photos`, `n_patients`. Measures are shares in 0-1,
        `milliseconds` and passes are means per photo. Photos where a measure is undefined are left out of it.
    """
    wide = photos.pivot(index=["photo", "patient"], columns=["model", "method"], values=[*MEASURES, *COSTS])
    patient = np.unique(wide.index.get_level_values("patient").to_numpy(dtype=str), return_inverse=True)[1]
    of_photo: dict[tuple[str, str, str, str], np.ndarray] = {}
    maps = dict.fromkeys(zip(photos["model"], photos["method"], strict=True))
    for measure, (model, method) in product((*MEASURES, *COSTS), maps):
        own = wide[measure, model, method].to_numpy(dtype=float)
        of_photo[model, method, measure, ""] = own
        for minus in _references(measure, method):
            if (model, minus) in maps:
                of_photo[model, method, measure, minus] = own - wide[measure, model, minus].to_numpy(dtype=float)
    of_photo = {key: values for key, values in of_photo.items() if not np.isnan(values).all()}
    resamples_of = _resampled(np.stack(list(of_photo.values()), axis=1), patient, resamples, seed)
    rows = []
    for (key, values), resampled in zip(of_photo.items(), resamples_of.T, strict=True):
        known = ~np.isnan(values)
        low, high = percentile_interval(resampled) if resamples else (np.nan, np.nan)
        rows.append((*key, values[known].mean(), low, high, known.sum(), len(np.unique(patient[known]))))
    names = ["model", "method", "measure", "minus", "value", "low", "high", "n_photos", "n_patients"]
    return pd.DataFrame(rows, columns=names)


def _references(measure: str, method: str) -> list[str]:
    """The methods that a method's measure is compared with."""
    if method == CHANCE:
        return []
    references = [EVIDENCE, *([] if method in SIGNED else [TRACED])] if method != EVIDENCE else []
    return [*references, CHANCE] if measure in MEASURES else references


def _resampled(values: np.ndarray, patient: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means of every column in every resample, (resamples, columns); NaN where a resample has no value."""
    patients = int(patient.max()) + 1
    sums, counts = np.zeros((patients, values.shape[1])), np.zeros((patients, values.shape[1]))
    np.add.at(sums, patient, np.nan_to_num(values))
    np.add.at(counts, patient, ~np.isnan(values))
    weights = np.concatenate([np.zeros((0, patients)), *Resampling(one_stratum(patients), resamples, seed).weights()])
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ sums) / (weights @ counts))
