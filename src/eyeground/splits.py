"""Splits, folds and label fractions, always by patient.

One idea serves all three. Within each stratum, patients are put in an order drawn from a hash of (seed,
purpose, patient) and spread evenly over [0, 1); a split, a fold or a label fraction is then an interval of
that line. So a fraction is nested in every larger one, each interval holds its share of every stratum, and
the outcome depends on neither the order of rows nor the version of a random-number generator.

A patient's stratum is the rarest of the patient's labels (over all photographs of the patient): rare
diseases are spread first, at the cost of balancing combinations of labels only on average.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from eyeground.errors import UserError, did_you_mean
from eyeground.manifest import SPLITS, Manifest

LABEL_FRACTIONS = (0.01, 0.05, 0.10, 0.25, 0.50, 1.0)


def split_patients(
    manifest: Manifest, shares: Mapping[str, float], stratify: Sequence[str] = (), seed: int = 0
) -> Manifest:
    """Give every patient to one split.

    Parameters
    ----------
    manifest : Manifest
    shares : mapping of split name to its share
        Names out of `train`, `validation`, `test`; shares are positive and add up to 1.
    stratify : sequence of str
        Label columns to balance; all of them if empty.
    seed : int
        Another seed gives another split.

    Returns
    -------
    Manifest
        With the column `split` set.

    Raises
    ------
    UserError
        If a share or a name is wrong, or a split would hold no patient.
    """
    unknown = [name for name in shares if name not in SPLITS]
    if unknown:
        raise UserError(f"'{unknown[0]}' is not a split; use {', '.join(SPLITS)}{did_you_mean(unknown[0], SPLITS)}")
    if any(share <= 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UserError(f"split shares must be positive and add up to 1, not {dict(shares)}")
    position = _positions(manifest, stratify, seed, "split")
    split = pd.Series(pd.NA, index=position.index, dtype="string")
    upper = 0.0
    for name in sorted(
        shares, key=SPLITS.index, reverse=True
    ):  # test first, so that changing train:validation keeps it
        lower, upper = upper, upper + shares[name]
        split[(position >= lower) & (position < upper + (1e-9 if math.isclose(upper, 1) else 0))] = name
    for name in shares:
        if not (split == name).any():
            raise UserError(f"{manifest.patients} patients are too few for a '{name}' share of {shares[name]:g}")
    return replace(manifest, table=manifest.table.assign(split=manifest.table["patient"].map(split).astype("string")))


def fold_patients(manifest: Manifest, folds: int, stratify: Sequence[str] = (), seed: int = 0) -> Manifest:
    """Give every patient to one of `folds` folds, numbered from 0, and return the manifest with column `fold`.

    Raises
    ------
    UserError
        If there are fewer patients than folds, or fewer than two folds.
    """
    if not 2 <= folds <= manifest.patients:
        raise UserError(
            f"{folds} folds need at least 2 folds and as many patients; the manifest has {manifest.patients} patients"
        )
    position = _positions(manifest, stratify, seed, "fold")
    fold = (position * folds).astype(int).clip(0, folds - 1)
    return replace(manifest, table=manifest.table.assign(fold=manifest.table["patient"].map(fold).astype("Int64")))


def label_fraction(manifest: Manifest, fraction: float, stratify: Sequence[str] = (), seed: int = 0) -> Manifest:
    """Return the photographs of a stratified share of the patients; a smaller fraction is a subset of a larger one.

    At least one patient of every stratum stays, so that 1 % of a rare disease is not none of it.

    Raises
    ------
    UserError
        If `fraction` is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"a label fraction must be above 0 and at most 1 (1 means 100 %), not {fraction:g}")
    strata = _strata(manifest, stratify)
    position = _positions(manifest, stratify, seed, "fraction")
    first = position.groupby(strata).idxmin()
    kept = set(position.index[position < fraction - 1e-12]) | set(first)
    return manifest if fraction == 1 else manifest.where(manifest.table["patient"].isin(kept))


def shots(manifest: Manifest, label: str, per_class: int, seed: int = 0) -> Manifest:
    """Return `per_class` photographs of each class of `label`, each of another patient; fewer shots are a subset.

    Raises
    ------
    UserError
        If the label is unknown or a class has fewer patients than shots.
    """
    _known_labels(manifest, [label])
    table = manifest.table[manifest.table[label].notna()]
    order = table["patient"].map(lambda patient: _hash(seed, "shots", patient))
    ordered = table.assign(_order=order).sort_values(["_order", "photo"])
    # A patient whose eyes differ serves the rarer class, so that no patient stands in two classes.
    rarity = ordered[label].map(ordered[label].value_counts())
    chosen = ordered.assign(_rarity=rarity).sort_values(["_order", "_rarity", "photo"]).drop_duplicates("patient")
    keep: list[str] = []
    for value, group in chosen.groupby(label, observed=True):
        if len(group) < per_class:
            raise UserError(
                f"label '{label}' has {len(group)} patients of class {value}; {per_class} shots need as many"
            )
        keep += list(group["photo"].iloc[:per_class])
    return manifest.where(manifest.table["photo"].isin(keep))


def _hash(seed: int, purpose: str, key: str) -> float:
    """A number in [0, 1) that depends on its arguments alone."""
    digest = hashlib.sha256(f"{seed}\n{purpose}\n{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _known_labels(manifest: Manifest, labels: Sequence[str]) -> list[str]:
    for label in labels:
        if label not in manifest.labels:
            raise UserError(
                f"the manifest has no label '{label}'{did_you_mean(label, manifest.labels)}; it has {', '.join(manifest.labels)}"
            )
    return list(labels) or list(manifest.labels)


def _strata(manifest: Manifest, stratify: Sequence[str]) -> pd.Series:
    """Each patient's rarest label value, as text, indexed by patient."""
    labels = _known_labels(manifest, stratify)
    strata = pd.Series("none", index=pd.Index(sorted(manifest.table["patient"].unique()), name="patient"))
    rarity = pd.Series(math.inf, index=strata.index)
    for label in labels:
        values = manifest.table.loc[manifest.table[label].notna(), ["patient", label]].drop_duplicates()
        counts = values[label].value_counts()
        for value, count in counts.items():
            patients = values.loc[values[label] == value, "patient"]
            rarer = patients[(rarity[patients] > count).to_numpy()]
            strata[rarer] = f"{label}={value}"
            rarity[rarer] = count
    return strata


def _positions(manifest: Manifest, stratify: Sequence[str], seed: int, purpose: str) -> pd.Series:
    """Each patient's place in [0, 1), evenly spread within each stratum, indexed by patient."""
    strata = _strata(manifest, stratify)
    position = pd.Series(0.0, index=strata.index)
    for stratum, members in strata.groupby(strata):
        ordered = sorted(members.index, key=lambda patient: _hash(seed, purpose, patient))
        offset = _hash(seed, purpose + " offset", str(stratum))
        for rank, patient in enumerate(ordered):
            position[patient] = (rank + offset) / len(ordered)
    return position
