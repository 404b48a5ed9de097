"""Other names of settings and options: American spellings, and the names that earlier versions used."""

from collections.abc import Collection, Mapping
from typing import Any

AMERICAN = {
    "color": "colour",
    "initialization": "initialisation",
    "license": "licence",
    "licenses": "licences",
    "normalization": "normalisation",
    "optimization": "optimisation",
    "optimizer": "optimiser",
    "quantizations": "quantisations",
}
FORMER = {"figures": "metrics", "strengths": "C", "teaching": "soft_labels"}
NAMES = AMERICAN | FORMER
FORMER_OPTIONS = {"--no-overlays": "--overlays=none"}


def known_name(name: str) -> str:
    """The name that a setting has here.

    >>> known_name("optimization"), known_name("epochs")
    ('optimisation', 'epochs')
    """
    return NAMES.get(name, name)


def other_name(name: str) -> str:
    """Another name that people give to a setting; its own where it has no other.

    >>> other_name("optimisation")
    'optimization'
    """
    return next((other for other, known in NAMES.items() if known == name), name)


def with_known_names(settings: Mapping[Any, Any], known: Collection[str]) -> dict[Any, Any]:
    """Settings under the names that are known; one that is given under both names is left for the error that names it.

    >>> with_known_names({"color": 1, "side": 2}, {"colour", "side"})
    {'colour': 1, 'side': 2}
    """
    renamed = {key: NAMES[key] for key in settings if key in NAMES and key not in known and NAMES[key] in known}
    return {
        renamed[key] if key in renamed and renamed[key] not in settings else key: value
        for key, value in settings.items()
    }


def known_option(argument: str) -> str:
    """An argument of the command line with its option's name as it is known here.

    >>> known_option("--license=mit"), known_option("license")
    ('--licence=mit', 'license')
    """
    if argument in FORMER_OPTIONS:
        return FORMER_OPTIONS[argument]
    if not argument.startswith("--"):
        return argument
    name, separator, value = argument[2:].partition("=")
    return "--" + "-".join(AMERICAN.get(part, part) for part in name.split("-")) + separator + value
