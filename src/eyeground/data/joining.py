"""Several manifests into one, with licences and citations; see docs/manifest.md.

An identifier means one patient within a source (a dataset, a hospital, a site) only, so the source is put before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from eyeground.core.words import identifier_key, one_spelling
from eyeground.data.manifest import NOTE_PREFIX, Manifest, validated
from eyeground.errors import UserError, unknown

LICENCE, CITATION = NOTE_PREFIX + "licence", NOTE_PREFIX + "citation"


@dataclass(frozen=True)
class Terms:
    """What the publisher of a source asks of whoever uses its photographs: licence and citation, empty if unknown."""

    licence: str = ""
    citation: str = ""


def join(manifests: Sequence[Manifest], root: Path) -> Manifest:
    """Join manifests into one, with paths relative to `root`.

    A photograph that several manifests hold becomes one row with the labels of all; a label column that a
    manifest lacks stays unknown for its photographs. Patients of the same identifier are the same patient: see
    `patients_apart`.

    Raises:
        UserError: If two manifests disagree on a cell of the same photograph.
    """
    if not manifests:
        raise UserError("nothing to join: name at least one manifest")
    stacked = pd.concat([manifest.moved_to(root).table for manifest in manifests], ignore_index=True)
    stacked["patient"] = stacked["patient"].map(one_spelling(stacked["patient"].unique())).astype("string")
    repeated = stacked[stacked["photo"].duplicated(keep=False)]
    if not repeated.empty:
        for column in stacked.columns.drop("photo"):
            _refuse_disagreement(repeated[["photo", column]].dropna().drop_duplicates(), column)
        stacked = stacked.groupby("photo", sort=False, as_index=False).first()[list(stacked.columns)]
    return validated(stacked, "joined manifest", root)


def with_source(manifest: Manifest, source: str, name: str) -> Manifest:
    """Return the manifest with `source` in every row; `name` is what to call it in an error.

    Raises:
        UserError: If its own column `source` names another one.
    """
    others = [] if "source" not in manifest.table else sorted(set(manifest.table["source"].dropna()) - {source})
    if others:
        raise UserError(f"{name}: its column 'source' says {', '.join(others[:3])}; leave out --source {source}={name}")
    return Manifest(manifest.table.assign(source=source).astype({"source": "string"}), manifest.root, manifest.remarks)


def patients_apart(manifests: Mapping[str, Manifest]) -> list[Manifest]:
    """Put each patient's source before the identifier, if there is more than one source: `001` becomes `clinic-001`.

    Args:
        manifests: By what to call each in an error.

    Returns:
        A patient whose identifier begins with its source already keeps it, and a patient of a manifest who has photos
        of several sources gets the first of them by alphabet.

    Raises:
        UserError: If two manifests have patients in common and one of them does not state the source of its photos.
    """
    for one, other in combinations(manifests, 2):
        _refuse_unknown_sources(one, manifests[one], other, manifests[other])
    sources = {source for one in manifests.values() if "source" in one.table for source in one.table["source"].dropna()}
    return [_prefixed(manifest) if len(sources) > 1 else manifest for manifest in manifests.values()]


def with_terms(manifest: Manifest, terms: Mapping[str, Terms]) -> Manifest:
    """Return the manifest with licence and citation of its sources as the notes `note_licence` and `note_citation`.

    Raises:
        UserError: If it has no photo of a source that terms are given for.
    """
    sources = set() if "source" not in manifest.table else set(manifest.table["source"].dropna())
    for source in terms:
        if source not in sources:
            raise unknown("source", source, sorted(sources), "the manifest")
    table = manifest.table.copy()
    for column, texts in (
        (LICENCE, {source: one.licence for source, one in terms.items() if one.licence}),
        (CITATION, {source: one.citation for source, one in terms.items() if one.citation}),
    ):
        if texts:
            before = table[column] if column in table else pd.Series(pd.NA, index=table.index, dtype="string")
            table[column] = table["source"].map(texts).astype("string").fillna(before)
    return Manifest(table, manifest.root, manifest.remarks)


def terms_of(manifest: Manifest) -> dict[str, Terms]:
    """Licence and citation of each source, as the manifest's notes give them; sources without either are left out."""
    table = manifest.table
    if "source" not in table:
        return {}
    found = {}
    for source, rows in table.groupby("source"):
        licence, citation = (
            "; ".join(sorted(rows[column].dropna().unique())) if column in rows else ""
            for column in (LICENCE, CITATION)
        )
        if licence or citation:
            found[str(source)] = Terms(licence, citation)
    return found


def _refuse_unknown_sources(one: str, first: Manifest, other: str, second: Manifest) -> None:
    shared = {identifier_key(patient) for patient in first.table["patient"].unique()} & {
        identifier_key(patient) for patient in second.table["patient"].unique()
    }
    if not shared:
        return
    for name, manifest in ((one, first), (other, second)):
        if "source" not in manifest.table or manifest.table["source"].isna().any():
            raise UserError(
                f"{one} and {other} have {len(shared):,} patient identifiers in common, and {name} does not say the source of "
                f"its photos; say --source NAME={name}, with the same NAME for both where they are the same patients"
            )


def _prefixed(manifest: Manifest) -> Manifest:
    table = manifest.table
    if "source" not in table:
        return manifest
    source = table.groupby("patient")["source"].min()
    names = {
        patient: patient if pd.isna(of) or str(patient).startswith(f"{of}-") else f"{of}-{patient}"
        for patient, of in source.items()
    }
    return Manifest(table.assign(patient=table["patient"].map(names).astype("string")), manifest.root, manifest.remarks)


def _refuse_disagreement(cells: pd.DataFrame, column: str) -> None:
    clash = cells.loc[cells["photo"].duplicated(), "photo"]
    if clash.empty:
        return
    photo = clash.iloc[0]
    one, other = cells.loc[cells["photo"] == photo, column].iloc[:2]
    differ = "differs between two manifests"
    if column != "patient":  # whose identifiers stay out of messages
        differ = f"is '{one}' in one manifest and '{other}' in another"
    raise UserError(
        f"photo '{photo}': '{column}' {differ} (of {clash.nunique():,} such photos); make them agree, or leave one empty"
    )
