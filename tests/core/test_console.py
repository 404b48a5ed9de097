"""Names are shown as they are, whatever is in them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from eyeground.core.console import Console, visible

NAMES = ["dr[2]", "[v1]dr", "[/red]", "a[link=https://example.org]b[/link]", "[[x]]"]


def shown(*printed: object, **options: object) -> str:
    stream = io.StringIO()
    Console(file=stream, width=1000, soft_wrap=True).print(*printed, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_brackets_is_shown_whole(name: str) -> None:
    assert shown(f"model {name}@0123456789ab") == f"model {name}@0123456789ab\n"
    table = Table(box=None, show_header=False)
    table.add_row(name)
    assert shown(table).strip() == name


@given(name=st.text())
def test_no_name_is_a_traceback_or_reaches_the_terminal_as_a_command(name: str) -> None:
    for text in (shown(f"written: {name}"), shown(f"[bold red]error:[/] {name}"), shown(name, markup=False)):
        assert not {"\x1b", "\r", "\x07", "\x9b", "\u202e"} & set(text)


def test_our_own_tags_are_markup() -> None:
    assert shown("[yellow]2 photos[/] cannot be read") == "2 photos cannot be read\n"
    assert shown("[bold red]error:[/] x[1] " + escape("[bold]")) == "error: x[1] [bold]\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a\rb", r"a\rb"), ("\x1b]0;x\x07", r"\x1b]0;x\x07"), ("a\nb\tc", r"a\nb\tc"), ("\u202egpj", r"\u202egpj"), ("é 眼.jpg", "é 眼.jpg")],
)  # fmt: skip
def test_control_characters_are_escapes(name: str, expected: str) -> None:
    assert visible(name) == expected
