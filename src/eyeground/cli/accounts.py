"""`accounts`: who may use a service: people with passwords, programs with keys."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.printing import print_lines

if TYPE_CHECKING:
    from eyeground.serving.store.database import Store

accounts_app = typer.Typer(
    help="Add and remove people and API keys of a service. Once there is any, nobody comes in without.",
    no_args_is_help=True,
)
DATA = typer.Option(..., "--data", help="The service's data folder.")
DATABASE = typer.Option(
    None, "--database", envvar="EYEGROUND_DATABASE", help="The service's database, if it is not in the data folder."
)
COMMAND_LINE = "command line"


@accounts_app.command("add")
def add(
    name: str = typer.Argument(..., help="Name to log in with."),
    data: Path = DATA,
    role: str = typer.Option("reader", "--role", help="reader, or admin, who also manages accounts."),
    password: str = typer.Option(
        ...,
        "--password",
        envvar="EYEGROUND_PASSWORD",
        prompt=True,
        confirmation_prompt=True,
        hide_input=True,
        help="Asked for if not given; other users of the machine may see it on the command line.",
    ),
    database: str | None = DATABASE,
) -> None:
    """Add someone, or give them another password and role."""
    from eyeground.serving.people import add_person

    with _store(data, database).write() as session:
        add_person(session, name, password, role, COMMAND_LINE)
    print_lines(f"{name} can log in as {role}")


@accounts_app.command("remove")
def remove(
    name: str = typer.Argument(..., help="Name of the person, or id of the key."),
    data: Path = DATA,
    database: str | None = DATABASE,
) -> None:
    """Let someone, or a program, in no more."""
    from eyeground.serving.keys import keys, revoke_key
    from eyeground.serving.people import disable_person

    with _store(data, database).write() as session:
        if any(key.id == name for key in keys(session)):
            revoke_key(session, name, COMMAND_LINE)
        else:
            disable_person(session, name, COMMAND_LINE)
    print_lines(f"{name} is let in no more")


@accounts_app.command("key")
def key(
    name: str = typer.Argument(..., help="What the key is for, such as the camera that sends photos."),
    data: Path = DATA,
    scopes: list[str] = typer.Option(
        ["photos", "findings"],
        "--scope",
        help="photos: send them; findings: read its own; all: read and grade everybody's; grades: store readers' grades; metrics: read "
        "/metrics. Repeat for more.",
    ),
    days: int = typer.Option(365, "--days", min=1, help="After how many days it ends."),
    per_minute: int = typer.Option(6000, "--per-minute", min=1, help="Most requests in a minute."),
    database: str | None = DATABASE,
) -> None:
    """Make an API key, and print it once."""
    from eyeground.serving.keys import create_key

    with _store(data, database).write() as session:
        print(create_key(session, name, scopes, COMMAND_LINE, days, per_minute))


@accounts_app.command("list")
def list_accounts(data: Path = DATA, database: str | None = DATABASE) -> None:
    """List people and keys."""
    from eyeground.serving.keys import keys
    from eyeground.serving.people import people

    with _store(data, database).read() as session:
        for person in people(session):
            print_lines(f"person  {person.name}  {person.role}{'  removed' if person.disabled else ''}")
        for one in keys(session):
            state = "" if one.is_valid else "  no longer valid"
            print_lines(f"key     {one.id}  {one.name}  {' '.join(one.scopes)}{state}")


def _store(data: Path, database: str | None) -> "Store":
    from eyeground.serving.server import open_service
    from eyeground.serving.settings import ServiceSettings

    return open_service(ServiceSettings(data=data, database=database)).store
