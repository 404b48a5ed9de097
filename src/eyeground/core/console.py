"""A console that shows names safely: nothing in the name of a file or model moves the cursor or becomes markup."""

import re
from typing import Any

import rich.console
from rich.errors import MarkupError
from rich.text import Text

# Controls of terminals and of the direction of writing, and line ends.
_CONTROLS = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069"
_INVISIBLE = re.compile(f"[{_CONTROLS}]")
_NOT_ON_A_CONSOLE = re.compile(f"(?![\\t\\n])[{_CONTROLS}]")
_TAG = re.compile(r"(?<!\\)\[(?!/\]|(bold|dim|(bold )?(red|yellow|green|cyan))\])(?=[a-z#/@])")


def visible(name: str) -> str:
    r"""A name with its control characters, line ends included, as escapes.

    >>> print(visible("eye\r\x1b[2J.jpg"))
    eye\r\x1b[2J.jpg
    """
    return _INVISIBLE.sub(_escaped, name)


class Console(rich.console.Console):
    """Rich's console; only the few tags of our own messages are markup, and control characters are shown as escapes."""

    def render_str(self, text: str, *, markup: bool | None = None, **options: Any) -> Text:
        markup = self._markup if markup is None else markup
        text = _NOT_ON_A_CONSOLE.sub(_escaped, text)
        try:
            return super().render_str(_TAG.sub(r"\\[", text) if markup else text, markup=markup, **options)
        except MarkupError:  # a name that closes a tag
            return super().render_str(text, markup=False, **options)


def _escaped(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")
