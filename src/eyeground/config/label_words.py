"""What the words in label tables mean: which class means health, and which order grades have; see docs/manifest.md.

Where these rules give no answer, or two, callers ask the user and never guess.
"""

import re
from collections.abc import Sequence

# Words for a photograph without the disease, in the languages of published label tables.
_HEALTHY = frozenset(
    word.strip()
    for word in """
    0; no; none; nil; n; false; normal; healthy; negative; neg; absent; control; controls; unaffected; disease free; nodr; wnl;
    within normal limits; unremarkable;
    gesund; ohne befund; unauffällig; sano; sana; saludable; sin hallazgos; normale; normaal; gezond; sain; saine; saudável;
    正常; 健康; 정상; норма
    """.strip()
    .replace("\n", "")
    .split(";")
)
_OF_AN_EYE = re.compile(r"(?<=[^ ]) (fundus|fundi|eyes?|retinas?|controls?|subjects?|photos?|images?|befund)$")
# "no X" and "non-X" are not health where X is part of a disease's own name or one degree of it, or where they say that nobody
# could judge.
_NOT_HEALTHY_AFTER_NO = re.compile(
    r"(proliferat|exudat|neovasc|arter|infect|granul|central|cent[re]+ ?involv|clinically|perfusion|isch|rhegm|specific|fovea|"
    r"inflam|mydri|mild|early|advanced|severe|vision|sight|"
    r"gradab|grade|diagnos|data|label|image|photo|view|answer|inform|fundus|known|light|record|applic|consensus|name|assess|"
    r"avail|evalua|determin|exam|test|report|quality|certain|classif|follow)"
)
_NEGATION = re.compile(r"^(no|non|not|without|w o|absence of|free of|sin|ohne|kein|keine|sans|sem|senza|geen) ")

# Words for grades, by the rank that they have among the others of their scale.
_SCALES = (
    (
        {"mild": 1, "moderate": 2, "severe": 3, "proliferative": 4, "proliferate": 4, "pdr": 4},
        re.compile(
            r" (npdr|non ?proliferative( dr| diabetic retinopathy)?|dr|diabetic retinopathy|retinopathy|disease)$"
        ),
    ),
    ({"npdr": 1, "non proliferative": 1, "nonproliferative": 1, "pdr": 2, "proliferative": 2}, re.compile(r" dr$")),
    ({"suspect": 1, "suspected": 1, "possible": 1, "glaucoma": 2, "definite": 2}, re.compile(r" glaucoma$")),
    ({"early": 1, "intermediate": 2, "moderate": 2, "late": 3, "advanced": 3}, re.compile(r" (amd|glaucoma|stage)$")),
    ({"low": 1, "medium": 2, "high": 3}, re.compile(r" risk$")),
)
# Words that say how much of a disease there is, and not which.
_DEGREES = frozenset(word for ranks, _ in _SCALES for word in ranks) - {
    "glaucoma",
    "npdr",
    "pdr",
    "non proliferative",
    "nonproliferative",
}
# The International Clinical Diabetic Retinopathy scale (Wilkinson et al. 2003), by which public datasets count 0 to 4.
_RETINOPATHY = ("none", "mild", "moderate", "severe", "proliferative")
_NAMES = {
    "amd": "age-related macular degeneration",
    "dr": "diabetic retinopathy",
    "hypertension": "hypertensive retinopathy",
    "other": "another disease",
    "glaucoma_suspect": "suspected glaucoma",
}


def plain(word: str) -> str:
    """A label as it is compared: small letters, single blanks for hyphens and underscores."""
    return re.sub(r"[\s_\-./]+", " ", word.casefold()).strip()


def means_health(word: str, others: Sequence[str] = ()) -> bool:
    """Whether a class says that the disease is not there.

    Args:
        word: The class.
        others: The other classes: beside `Glaucoma`, `NonGlaucoma` is its absence and not a name that begins with 'non'.

    >>> [means_health(word) for word in ("0", "Normal", "No DR", "Non-Glaucoma", "without AMD", "Non-proliferative", "1")]
    [True, True, True, True, True, False, False]
    """
    text = _OF_AN_EYE.sub("", _unnumbered(word))
    if text in _HEALTHY:
        return True
    negated = _NEGATION.match(text)
    denied = text[negated.end() :] if negated else ""
    joined = re.match(r"^(non|no)(\w.*)$", text)
    if not denied and joined and joined.group(2) in map(_unnumbered, others):
        denied = joined.group(2)
    if not denied and text.endswith((" negative", " absent", " free")):
        denied = text.rpartition(" ")[0]
    return bool(denied) and not _NOT_HEALTHY_AFTER_NO.match(denied) and not means_health(denied)


def _unnumbered(word: str) -> str:
    """A label as it is compared, without the number that some datasets put before it, such as `0 - No DR`."""
    return re.sub(r"^(\d+ )+(?=\D)", "", plain(word))


def healthy_among(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes that mean health; exactly one where it is clear."""
    return tuple(word for word in classes if means_health(word, [other for other in classes if other != word]))


def known_order(classes: Sequence[str]) -> tuple[str, ...] | None:
    """Classes from health to the worst grade, where they are numbers or the words of a known scale; else None.

    >>> known_order(["PDR", "none", "NPDR"]), known_order(["10", "9"]), known_order(["red", "blue"])
    (('none', 'NPDR', 'PDR'), ('9', '10'), None)
    """
    try:
        return tuple(sorted(classes, key=float))
    except ValueError:
        pass
    healthy = healthy_among(classes)
    for ranks, ending in _SCALES:
        found = {word: 0 if word in healthy else ranks.get(ending.sub("", _unnumbered(word)), -1) for word in classes}
        if -1 not in found.values() and len(set(found.values())) == len(classes):
            return tuple(sorted(classes, key=found.__getitem__))
    return None


def is_degree(word: str) -> bool:
    """Whether a class states only a degree, as `2_moderate` does, so that it is read together with the label's name."""
    return _unnumbered(word) in _DEGREES


def disease_name(label: str) -> str:
    """A label's name as clinicians write it.

    >>> disease_name("diabetic_retinopathy_grade"), disease_name("amd"), disease_name("retinal_vein_occlusion")
    ('diabetic retinopathy', 'age-related macular degeneration', 'retinal vein occlusion')
    """
    label = re.sub(r"^\d+[\s_.-]+(?=[^\W\d])", "", label)  # "2_cataract"
    name = re.sub(r"_?(grade|level|stage|severity)$", "", label) or label
    return _NAMES.get(name.lower(), name.replace("_", " "))


def grade_words(label: str, classes: Sequence[str]) -> tuple[str, ...]:
    """Grades in words: those of the international scale for retinopathy counted from 0 to 4, else `grade 2` or the word itself.

    >>> grade_words("dr_grade", ("0", "1", "2", "3", "4"))[2], grade_words("cataract", ("0", "1"))[1]
    ('moderate', 'grade 1')
    """
    name = disease_name(label)
    if tuple(classes) == ("0", "1", "2", "3", "4") and name in ("diabetic retinopathy", "retinopathy"):
        return _RETINOPATHY
    return tuple(f"grade {word}" if word.replace(".", "").isdigit() else word for word in classes)
