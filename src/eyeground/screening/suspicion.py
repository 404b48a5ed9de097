"""What is suspected, in clinical words: diseases by name, grades as "moderate or worse" and as the most probable ones."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from eyeground.config.label_words import disease_name, grade_words, is_degree
from eyeground.config.targets import Target, describe_output

UNNAMED = "an abnormality of no named kind"
LEAST_LIKELY_NEIGHBOUR = 0.1  # a neighbouring grade less probable than this is not mentioned


def suspected(targets: Sequence[Target], reached: Sequence[str], probabilities: Mapping[str, float]) -> tuple[str, ...]:
    """What is suspected by the outputs that reached their threshold, in words; never empty where any did.

    Args:
        targets: What the outputs mean.
        reached: Outputs that reached their threshold.
        probabilities: Probability (0-1) per output, by which the likeliest comes first.

    >>> targets = [Target(name="abnormal"), Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))]
    >>> chances = {"abnormal": 0.9, "dr_grade>=1": 0.8, "dr_grade>=2": 0.7, "dr_grade>=3": 0.2, "dr_grade>=4": 0.1}
    >>> suspected(targets, ["abnormal", "dr_grade>=1", "dr_grade>=2"], chances)
    ('diabetic retinopathy, moderate or worse',)
    """
    found: dict[str, float] = {}
    for target in targets:
        named = [output for output in target.outputs if output in reached and output not in target.healthy_outputs]
        if not named or target.name == "abnormal":
            continue
        for output in [shown_step(target, named, probabilities)] if target.kind == "ordinal" else named:
            found[_describe_output(target, output)] = probabilities[output]
    return tuple(sorted(found, key=lambda words: -found[words])) or ((UNNAMED,) if reached else ())


def shown_step(target: Target, reached: Sequence[str], probabilities: Mapping[str, float]) -> str:
    """Of a grade's steps that reached their threshold, the highest up to the most probable grade; the lowest where all lie above.

    A threshold of a rare grade may be low, so that it is reached where the grade itself is improbable.

    >>> target = Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
    >>> chances = dict(zip(target.outputs, (0.6, 0.57, 0.07, 0.01)))
    >>> shown_step(target, ["dr_grade>=1", "dr_grade>=2", "dr_grade>=3"], chances)
    'dr_grade>=2'
    """
    chances = _grade_chances(target, probabilities)
    top = max(range(len(chances)), key=chances.__getitem__)
    steps = [step for step, output in enumerate(target.outputs, start=1) if output in reached]
    return target.outputs[max([step for step in steps if step <= top], default=steps[0]) - 1]


def _grade_chances(target: Target, probabilities: Mapping[str, float]) -> list[float]:
    at_least = [1.0, *(probabilities[output] for output in target.outputs), 0.0]
    return [more - less for more, less in pairwise(at_least)]


def describe_disease(targets: Sequence[Target], output: str) -> str:
    """Describe what an output is the probability of.

    >>> describe_disease([Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))], "dr_grade>=2")
    'diabetic retinopathy, moderate or worse'
    """
    if output == "abnormal":
        return "any abnormality"
    target = next((target for target in targets if output in target.outputs), None)
    return describe_output(output) if target is None else _describe_output(target, output)


def _describe_output(target: Target, output: str) -> str:
    name = disease_name(target.name)
    if target.kind == "ordinal":
        step = target.outputs.index(output) + 1
        word = grade_words(target.name, target.classes)[step]
        return f"{name}, {word}" if step == len(target.classes) - 1 else f"{name}, {word} or worse"
    if output == target.name:
        return name
    value = output.removeprefix(f"{target.name}=")
    if is_degree(value):
        return f"{name}, {disease_name(value)}"
    return f"{name} {value}" if value.isdigit() else disease_name(value)


def likely_grades(
    targets: Sequence[Target], reached: Sequence[str], probabilities: Mapping[str, float]
) -> tuple[str, ...]:
    """For each graded disease that is suspected, the most probable grade and its neighbours, in words.

    >>> target = Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
    >>> chances = dict(zip(target.outputs, (0.95, 0.8, 0.3, 0.05)))
    >>> likely_grades([target], ["dr_grade>=1"], chances)
    ('diabetic retinopathy: most probably moderate (50 %), or severe (25 %) or mild (15 %)',)
    """
    sentences = []
    for target in targets:
        if target.kind != "ordinal" or not set(target.outputs) & set(reached):
            continue
        words = grade_words(target.name, target.classes)
        chances = _grade_chances(target, probabilities)
        top = max(range(len(chances)), key=chances.__getitem__)
        places = sorted(
            (place for place in (top - 1, top + 1) if 0 <= place < len(words)), key=lambda place: -chances[place]
        )
        neighbours = [
            f"{words[place]} ({chances[place]:.0%})" for place in places if chances[place] >= LEAST_LIKELY_NEIGHBOUR
        ]
        others = f", or {' or '.join(neighbours)}" if neighbours else ""
        text = f"{disease_name(target.name)}: most probably {words[top]} ({chances[top]:.0%}){others}"
        sentences.append(text.replace("%", " %"))
    return tuple(sentences)
