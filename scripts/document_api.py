"""Write what type checkers and editors read of `import eyeground`: src/eyeground/__init__.pyi, from the commands themselves.

Run it after changing a command; a test fails until you have.
"""

import ast
import inspect
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import eyeground
from eyeground.cli.verbs import VERBS, command_of, python_function

NAMES_OR_FOLDERS = ("against", "bundle", "bundles", "model", "output", "photos")
STUB = Path(__file__).parents[1] / "src" / "eyeground" / "__init__.pyi"
HEAD = '''"""Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.

Written by scripts/document_api.py from the commands in `eyeground.cli`.
"""
'''


def of_type(annotation: Any, name: str = "") -> str:
    """A parameter's type as Python callers may give it: texts for paths, any sequence for a list."""
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join("None" if one is types.NoneType else of_type(one, name) for one in get_args(annotation))
    if get_origin(annotation) is list:
        item = of_type(get_args(annotation)[0], name)
        return f"{item} | Sequence[{item}]"
    return "StrPath" if annotation is Path or name in NAMES_OR_FOLDERS else annotation.__name__


def of_default(default: Any) -> str:
    """A default as a stub has it; one that depends on the machine is left open."""
    if default is inspect.Parameter.empty:
        return ""
    return " = ..." if isinstance(default, Path) else f" = {default!r}"


def of_return(verb: str, imports: dict[str, str]) -> str:
    """What a verb returns; the import that the name needs is added."""
    command = command_of(verb)
    annotation = inspect.signature(command).return_annotation
    if annotation in (None, inspect.Signature.empty):
        return "None"
    name = annotation if isinstance(annotation, str) else str(annotation).replace("typing.", "").replace("pathlib.", "")
    name = "Path" if annotation is Path else name
    tree = ast.parse(Path(inspect.getfile(command)).read_text(encoding="utf-8"))
    for root in (one.strip().partition(".")[0] for one in name.split("|")):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and root in [alias.name for alias in node.names]:
                imports[root] = f"from {node.module} import {root}"
            if isinstance(node, ast.Import) and root in [alias.asname for alias in node.names]:
                imports[root] = ast.unparse(node)
    return name


def stub() -> str:
    """The entire file."""
    imports = {name: f"from eyeground.{module} import {name}" for name, module in eyeground._THINGS.items()}
    functions = []
    for verb in VERBS:
        function = python_function(verb)
        parameters = [
            f"    {one.name}: {of_type(one.annotation, one.name)}{of_default(one.default)},"
            for one in inspect.signature(function).parameters.values()
        ]
        documented = (function.__doc__ or "").replace("\\", "\\\\")
        text = "\n".join(f"    {line}".rstrip() for line in documented.splitlines())
        returned = of_return(verb, imports)
        functions.append(
            f"def {verb}(\n    *,\n" + "\n".join(parameters) + f'\n) -> {returned}:\n    """{text.strip()}\n    """\n'
        )
    standard = "import os\nfrom collections.abc import Sequence\nfrom pathlib import Path\nfrom typing import Any\n"
    exported = "__all__ = [\n" + "".join(f'    "{name}",\n' for name in sorted(eyeground.__all__)) + "]\n"
    parts = [
        HEAD,
        standard,
        "\n".join(imports.values()),
        exported,
        "StrPath = str | os.PathLike[str]",
        "__version__: str",
    ]
    return formatted("\n\n".join([*parts, *functions]))


def formatted(text: str) -> str:
    """Formatted by ruff."""
    for command in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(STUB), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
