import random

from eyeground.screening.excerpt import SAMPLED, URGENT, Excerpt


def chosen(items: list[tuple[str, int]], photos: int = 1) -> set[str]:
    excerpt: Excerpt[str] = Excerpt()
    for name, urgency in items:
        excerpt.add("abnormal" if name.startswith("a") else "normal", (urgency,), name, name)
    return set(excerpt.chosen(lambda _: photos))


MANY = [(f"{kind}{index:05d}", index) for kind in "an" for index in range(2_000)]


def test_the_most_urgent_of_each_kind_are_shown_and_a_sample_of_the_others():
    shown = chosen(MANY)
    assert len(shown) == 2 * (URGENT + SAMPLED)
    for kind in "an":
        assert {f"{kind}{index:05d}" for index in range(URGENT)} <= shown
        sampled = sorted(name for name in shown if name.startswith(kind))[URGENT:]
        assert min(sampled) < f"{kind}00300" and max(sampled) > f"{kind}01700", "from everywhere"


def test_the_order_in_which_photographs_come_changes_nothing():
    shuffled = random.Random(1).sample(MANY, len(MANY))
    assert chosen(shuffled) == chosen(MANY)


def test_few_are_all_shown():
    assert chosen(MANY[:150]) == {name for name, _ in MANY[:150]}


def test_patients_with_many_photographs_are_fewer():
    assert len(chosen(MANY, photos=10)) == 2 * (URGENT + SAMPLED) // 10
