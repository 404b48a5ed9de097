"""Holds resources to the standard before they are written: their structure by fhir.resources, their codes by tables of ours.

The library lets any word pass where FHIR has a fixed list, and a concept without any code; both are refused here.
"""

from collections.abc import Iterator
from typing import Any

from eyeground.errors import UserError
from eyeground.serving.fhir.resources import Release

# Of the resources that we write: the codes that FHIR's required value sets have for these fields.
_OBSERVED = frozenset(
    ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"]
)
_LISTS = {
    ("Observation", "status"): _OBSERVED,
    ("DiagnosticReport", "status"): _OBSERVED | {"partial", "appended", "modified"},
    ("Device", "status"): frozenset({"active", "inactive", "entered-in-error"}),
    ("Media", "status"): frozenset(
        ["preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"]
    ),
    ("ImagingSelection", "status"): frozenset({"available", "entered-in-error", "inactive", "unknown"}),
    ("Bundle", "type"): frozenset({"collection", "transaction", "document", "message"}),
}
_CONCEPTS = frozenset(
    {"code", "category", "method", "bodySite", "interpretation", "valueCodeableConcept", "conclusionCode", "modality"}
)


def check(bundle: dict[str, Any], release: Release) -> None:
    """Check a Bundle.

    Raises:
        ValueError: If a resource breaks the standard, with what and where.
    """
    for problem in problems(bundle):
        raise ValueError(problem)
    if release == "R5":
        from fhir.resources.bundle import Bundle

        Bundle.model_validate(bundle)
    else:  # the library has R4B in its place, which adds to R4 and takes nothing of what is used here
        from fhir.resources.R4B.bundle import Bundle as BundleR4B

        BundleR4B.model_validate(bundle)


def require_library() -> None:
    """Ask for fhir.resources before the first photograph is screened.

    Raises:
        UserError: If it is not installed.
    """
    try:
        import fhir.resources  # noqa: F401
    except ImportError as error:
        raise UserError("writing FHIR needs fhir.resources: pip install 'eyeground[serve]'") from error


def problems(bundle: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the codes and references of a Bundle."""
    resources = [bundle, *(entry["resource"] for entry in bundle["entry"])]
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    for resource in resources:
        kind = resource["resourceType"]
        for (of, name), allowed in _LISTS.items():
            if of == kind and resource.get(name) not in allowed:
                yield f"{kind}.{name}: {resource.get(name)!r} is none of {', '.join(sorted(allowed))}"
        if kind != "Bundle":
            yield from _in_fields(kind, resource, known)


def _in_fields(place: str, value: Any, known: set[str]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _in_fields(place, one, known)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith("urn:uuid:") and reference not in known:
            yield f"{place}: refers to {reference}, which is not in the bundle"
        for name, inner in value.items():
            if name in _CONCEPTS and isinstance(inner, dict) and not (inner.keys() & {"coding", "text", "concept"}):
                yield f"{place}.{name}: a concept without code and words"
            yield from _in_fields(f"{place}.{name}", inner, known)
