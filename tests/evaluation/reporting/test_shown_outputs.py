"""Many outputs: figures show the best supported ones and say so."""

from dataclasses import dataclass

from eyeground.evaluation.reporting.shown_outputs import MOST_SHOWN, how_many_shown, shown_outputs


@dataclass(frozen=True)
class Counted:
    positives: int


def test_a_few_outputs_are_all_shown_and_nothing_is_said():
    outputs = [Counted(3), Counted(9), Counted(1)]
    assert shown_outputs(outputs) == outputs
    assert how_many_shown(outputs) == ""


def test_of_many_those_with_the_most_positives_are_shown_in_their_order():
    outputs = [Counted(number % 40) for number in range(40)]
    shown = shown_outputs(outputs)
    assert [one.positives for one in shown] == list(range(40 - MOST_SHOWN, 40))
    assert how_many_shown(outputs).startswith(f"Of 40 outputs, the {MOST_SHOWN} ")
