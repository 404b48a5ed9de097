"""Lists, numbers, rules and notes as English, for texts that are generated from data."""

from collections.abc import Iterable, Sequence

from eyeground.evaluation.estimates import Estimate

DASH = "–"  # a cell without a value


def joined(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> joined(["AUROC", "AUPRC", "Brier score"])
    'AUROC, AUPRC and Brier score'
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def counted(number: int, singular: str) -> str:
    """A number with its noun, in the plural where it is not one.

    >>> counted(1260, "photo"), counted(1, "patient")
    ('1,260 photos', '1 patient')
    """
    return f"{number:,} {singular}" if number == 1 else f"{number:,} {singular}s"


def photos_of_patients(photos: int, patients: int | None) -> str:
    """How many photos of how many patients; None where patients are unknown.

    >>> photos_of_patients(1260, 1)
    '1,260 photos of 1 patient'
    >>> photos_of_patients(1, None)
    '1 photo of unknown patients'
    """
    of = "unknown patients" if patients is None else counted(patients, "patient")
    return f"{counted(photos, 'photo')} of {of}"


def describe_rule(rule: str) -> str:
    """A rule for an operating point in a sentence; an unknown rule is returned as it is.

    >>> describe_rule("sensitivity=0.95")
    'a sensitivity of at least 0.95'
    """
    if rule == "youden":
        return "the largest sum of sensitivity and specificity (Youden's index)"
    kind, separator, number = rule.partition("=")
    if separator and kind in ("sensitivity", "specificity"):
        return f"a {kind} of at least {number}"
    if separator and kind == "cost":
        cost, _, prevalence = number.partition("@")
        at = f" at a prevalence of {prevalence}" if prevalence else ""
        return f"the least expected cost{at}, a missed positive counting as {cost} false alarms"
    return rule


def short_rule(rule: str) -> str:
    """A rule for an operating point, short enough for a cell.

    >>> short_rule("sensitivity=0.95"), short_rule("cost=10@0.05")
    ('sensitivity ≥ 0.95', 'a miss costs 10 false alarms, prevalence 0.05')
    """
    kind, _, number = rule.partition("=")
    number, _, prevalence = number.partition("@")
    if kind in ("sensitivity", "specificity") and number:
        return f"{kind} ≥ {number}"
    if kind == "cost":
        return f"a miss costs {number} false alarms" + (f", prevalence {prevalence}" if prevalence else "")
    return {"youden": "Youden's index", "threshold": "given beforehand"}.get(kind, rule)


def notes_of(estimates: Iterable[Estimate]) -> str:
    """The notes of estimates that have a value, each once; one without a value states its note in its cell."""
    return "; ".join(dict.fromkeys(one.note for one in estimates if one.value is not None and one.note))
