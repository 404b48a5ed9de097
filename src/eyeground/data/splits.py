"""Splits, folds and label fractions, always by patient and by a hash of the identifier; see docs/manifest.md.

Within each stratum the hash orders the patients: a split or fraction is an interval of that order, folds deal it out in
turn. A patient's stratum is the rarest of its labels, so combinations of labels are balanced on average only.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from eyeground.core.words import SPLITS
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError, unknown

LABEL_FRACTIONS = (0.01, 0.05, 0.10, 0.25, 0.50, 1.0)
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


def split_patients(
    manifest: Manifest, shares: Mapping[str, float], stratify: Sequence[str] = (), seed: int = 0
) -> Manifest:
    """Give every patient to one split.

    Args:
        shares: Names out of `train`, `validation`, `test`; shares are positive and add up to 1.
        stratify: Label columns to balance; all of them if empty.
        seed: Another seed gives another split.

    Returns:
        With the column `split` set.

    Raises:
        UserError: If a share or a name is wrong, or a split would hold no patient.
    """
    for name in shares:
        if name not in SPLITS:
            raise unknown("split", name, SPLITS)
    if any(share <= 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UserError(f"split shares must be positive and add up to 1, not {dict(shares)}")
    position = _positions(_strata(manifest, stratify), seed, "split")
    split = pd.Series(pd.NA, index=position.index, dtype="string")
    lower = 0.0
    # Test lies lowest, so that changing train:validation keeps it.
    for name in sorted(shares, key=SPLITS.index, reverse=True):
        split[position >= lower] = name
        lower += shares[name]
    for name in shares:
        if not (split == name).any():
            raise UserError(
                f"a share of {shares[name]:g} of {manifest.patients} patients leaves '{name}' without any; "
                "give it a larger share, or use folds instead"
            )
    return replace(manifest, table=manifest.table.assign(split=manifest.table["patient"].map(split).astype("string")))


def is_divided(manifest: Manifest, column: str) -> bool:
    """Whether any photograph has a `split` or `fold` already."""
    return column in manifest.table and bool(manifest.table[column].notna().any())


def refuse_replacing(manifest: Manifest, column: str) -> None:
    """Refuse splits or folds that are there already: a publisher's test photos must not be trained on by accident.

    Raises:
        UserError: Counting them, with the option that replaces them.
    """
    if is_divided(manifest, column):
        counts = ", ".join(
            f"{count:,} {name}" for name, count in manifest.table[column].value_counts(sort=False).items()
        )
        raise UserError(
            f"the manifest has a column '{column}' already ({counts}), as its publisher or an earlier `split` gave it; "
            "use it as it is, or replace it with --overwrite"
        )


def fold_patients(manifest: Manifest, folds: int, stratify: Sequence[str] = (), seed: int = 0) -> Manifest:
    """Give every patient to one of `folds` folds, numbered from 0, and return the manifest with column `fold`.

    Folds differ by at most one patient, over all and within each stratum.

    Raises:
        UserError: If there are fewer patients than folds, or fewer than two folds.
    """
    if folds < 2:
        raise UserError(f"{folds} is too few folds; at least 2 are needed to hold one out")
    if folds > manifest.patients:
        raise UserError(f"{folds} folds need at least {folds} patients; the manifest has {manifest.patients}")
    ordered = _ordered(_strata(manifest, stratify), seed, "fold")
    fold = pd.Series(np.arange(len(ordered)) % folds, index=ordered.index)
    return replace(manifest, table=manifest.table.assign(fold=manifest.table["patient"].map(fold).astype("Int64")))


def hold_out(manifest: Manifest, fold: int) -> Manifest:
    """Make one fold of the training photos the test photos, so that a model can be fitted without them.

    Validation photos stay what they are, and the manifest's own test photos are left out, so that no model sees them.

    Raises:
        UserError: If the manifest has no splits or no folds, or no training photo is of this fold.
    """
    for column in ("split", "fold"):
        if column not in manifest.table:
            raise UserError(
                f"--fold {fold}: the manifest has no column '{column}'; `eyeground split MANIFEST --folds 5 -o …` writes it"
            )
    train = manifest.table["split"].eq("train").fillna(False)
    held = train & manifest.table["fold"].eq(fold).fillna(False)
    if not held.any():
        folds = ", ".join(str(one) for one in sorted(manifest.table.loc[train, "fold"].dropna().unique()))
        raise UserError(f"--fold {fold}: no training photo is of this fold; the manifest has {folds or 'none'}")
    split = manifest.table["split"].mask(held, "test")
    kept = (train | manifest.table["split"].eq("validation").fillna(False)).astype(bool)
    return replace(manifest, table=manifest.table.assign(split=split)).where(kept)


def label_fraction(manifest: Manifest, fraction: float, stratify: Sequence[str] = (), seed: int = 0) -> Manifest:
    """Return the photographs of a stratified share of the patients; a smaller fraction is a subset of a larger one.

    At least one patient of every stratum stays, so that 1 % of a rare disease is not none of it.

    Raises:
        UserError: If `fraction` is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(f"a label fraction must be above 0 and at most 1 (1 means 100 %), not {fraction:g}")
    if fraction == 1:
        return manifest
    strata = _strata(manifest, stratify)
    position = _positions(strata, seed, "fraction")
    first = position.groupby(strata).idxmin()
    kept = position.index[(position < fraction) | position.index.isin(first)]
    return manifest.where(manifest.table["patient"].isin(kept))


def shots(manifest: Manifest, label: str, per_class: int, seed: int = 0) -> Manifest:
    """Return `per_class` photographs of each class of `label`, each of another patient; fewer shots are a subset.

    A patient whose eyes differ serves the rarer class, so that no patient stands in two classes.

    Raises:
        UserError: If the label is unknown, `per_class` is below 1, or a class has fewer patients than shots.
    """
    _known_labels(manifest, [label])
    if per_class < 1:
        raise UserError(f"{per_class} shots are too few; at least 1 photograph of each class is needed")
    known = manifest.table.loc[manifest.table[label].notna(), ["photo", "patient", label]]
    if known.empty:
        raise UserError(f"label '{label}' is unknown for every photograph; there is nothing to sample shots from")
    ordered = known.assign(
        _order=known["patient"].map(_hashes(known["patient"].unique(), seed, "shots")),
        _rarity=known[label].map(known[label].value_counts()),
    ).sort_values(["_order", "_rarity", label, "photo"])
    one_each = ordered.drop_duplicates("patient")
    patients = one_each[label].value_counts().reindex(known[label].unique(), fill_value=0).sort_index()
    if patients.min() < per_class:
        raise UserError(
            f"label '{label}' has {patients.min()} patients of class {patients.idxmin()}; {per_class} shots need as many"
        )
    keep = one_each.groupby(label).head(per_class)["photo"]
    return manifest.where(manifest.table["photo"].isin(keep))


def _hash(seed: int, purpose: str, key: str) -> float:
    """A number in [0, 1) that depends on its arguments alone."""
    digest = hashlib.sha256(f"{seed}\n{purpose}\n{key}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def _hashes(keys: Iterable[str], seed: int, purpose: str) -> pd.Series:
    index = pd.Index(keys)
    return pd.Series([_hash(seed, purpose, key) for key in index], index=index, dtype=float)


def _known_labels(manifest: Manifest, labels: Sequence[str]) -> list[str]:
    for label in labels:
        if label not in manifest.labels:
            raise unknown("label", label, manifest.labels, "the manifest")
    return list(labels) or list(manifest.labels)


def _strata(manifest: Manifest, stratify: Sequence[str]) -> pd.Series:
    """Each patient's rarest label value, as text, indexed by patient; equally rare ones by label order, then value."""
    patients = pd.Index(manifest.table["patient"].unique(), name="patient").sort_values()
    having = []
    for order, label in enumerate(_known_labels(manifest, stratify)):
        values = manifest.table.loc[manifest.table[label].notna(), ["patient", label]].drop_duplicates()
        counts = values[label].map(values[label].value_counts())
        stratum = f"{label}=" + values[label].astype("string")
        having.append(pd.DataFrame({"patient": values["patient"], "stratum": stratum, "count": counts, "order": order}))
    if not having:
        return pd.Series("none", index=patients)
    ordered = pd.concat(having, ignore_index=True).sort_values(["count", "order", "stratum"])
    rarest = ordered.drop_duplicates("patient").set_index("patient")["stratum"]
    return rarest.reindex(patients, fill_value="none")


def _ordered(strata: pd.Series, seed: int, purpose: str) -> pd.Series:
    """The strata, ordered by size and name, and within each stratum by the hash of the patient."""
    order = pd.DataFrame(
        {
            "stratum": strata,
            "size": strata.map(strata.value_counts()),
            "hash": _hashes(strata.index, seed, purpose),
        }
    )
    return order.sort_values(["size", "stratum", "hash"])["stratum"]


def _positions(strata: pd.Series, seed: int, purpose: str) -> pd.Series:
    """Each patient's place in [0, 1), evenly spread within each stratum, indexed by patient.

    The strata begin at offsets that are themselves evenly spread (multiples of the golden ratio), so that many
    small strata do not round the same way and a share of all patients stays that share.
    """
    ordered = _ordered(strata, seed, purpose)
    groups = ordered.groupby(ordered, sort=False)
    offset = (_hash(seed, purpose, "offset") + groups.ngroup() * GOLDEN_RATIO) % 1.0
    position: pd.Series = (groups.cumcount() + offset) / groups.transform("size")
    return position
