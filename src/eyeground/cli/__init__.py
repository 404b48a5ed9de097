"""The command line: one thin command per verb, in the order of a study. Heavy libraries are imported inside the commands.

A `UserError` is printed without a traceback. Exit codes: 0 done; 1 no photo could be read; 2 a mistake that the message names; 130
interrupted.
"""

import sys
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

import eyeground
from eyeground.cli import (
    accounts,
    build,
    cache,
    calibrate,
    compare,
    convert,
    data,
    demo,
    embed,
    evaluate,
    explain,
    hub,
    importing,
    node,
    predict,
    release,
    robustness,
    screen,
    segment,
    serve,
    standardise,
    study,
    use,
)
from eyeground.cli.options import with_ray_address
from eyeground.cli.verbs import as_command
from eyeground.config.spellings import known_option
from eyeground.core.console import Console
from eyeground.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER_ERROR, UserError

COMMANDS = (  # in the order of a study, after `import`
    data.join,
    data.check,
    data.split,
    standardise.standardise,
    convert.convert,
    build.pretrain,
    build.adapt,
    study.study,
    predict.predict,
    evaluate.evaluate,
    compare.compare,
    robustness.robustness,
    explain.explain,
    release.release,
    hub.push,
    hub.pull,
    use.models,
    calibrate.calibrate,
    screen.screen,
    node.watch,
    node.node,
    embed.embed,
    segment.segment,
    serve.serve,
    use.inspect,
    cache.cache,
    demo.demo,
)


class _ImportFirst(TyperGroup):
    """Lists `import` first; typer would list it last, as it has commands of its own."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: name != "import")


app = typer.Typer(
    name="eyeground",
    cls=_ImportFirst,
    help=(
        "Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.\n\n"
        "A study in order: [bold]import[/] photos into a manifest, [bold]check[/] and [bold]split[/] it, "
        "[bold]pretrain[/] a model or [bold]adapt[/] one to your labels, [bold]predict[/], [bold]evaluate[/] and "
        "[bold]compare[/], and [bold]screen[/] new photos with it. [bold]demo[/] runs all of this on rendered photos in a few minutes.\n\n"
        "Research use only. Not a medical device."
    ),
    epilog="Exit codes: 0 done; 1 no photo could be read; 2 a mistake that the message names; 130 interrupted.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.add_typer(importing.import_app, name="import")
for _command in COMMANDS:
    app.command(_command.__name__)(as_command(_command))
app.add_typer(accounts.accounts_app, name="accounts")


def _version(asked: bool) -> None:
    if asked:
        print(f"eyeground {eyeground.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: Without the program's name; `sys.argv` if not given.
    """
    errors = Console(stderr=True)
    try:
        code = app(
            args=with_ray_address([known_option(one) for one in (sys.argv[1:] if arguments is None else arguments)]),
            standalone_mode=False,
        )
        return code if isinstance(code, int) else EXIT_DONE
    except UserError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True, highlight=False)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        errors.print(
            "interrupted; nothing that was finished is lost. Repeat the command (with --resume for training) to continue"
        )
        return EXIT_INTERRUPTED
    except Exception as error:
        usage = getattr(error, "show", None)  # click's usage errors print themselves
        if usage is None:
            raise
        usage()
        return EXIT_USER_ERROR


def run() -> None:
    """Entry point of the `eyeground` program."""
    sys.exit(main())
