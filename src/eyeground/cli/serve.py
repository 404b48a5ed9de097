"""`serve`: the page and the API of a clinic, with a worker that screens."""

from pathlib import Path

import typer

from eyeground.cli.screen import BUNDLE


def serve(
    data: Path = typer.Option(
        ..., "--data", help="Folder for store, pictures and uploads; made if missing. Nothing is written elsewhere."
    ),
    port: int = typer.Option(8000, "--port", min=1, max=65535, help="Port to listen on."),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the page in a browser."),
    bundle: str | None = BUNDLE,
    operating_point: str | None = typer.Option(
        None, "--operating-point", help="Which of the bundle's thresholds decides, as in `screen`."
    ),
    database: str | None = typer.Option(
        None,
        "--database",
        envvar="EYEGROUND_DATABASE",
        help="postgresql://user@host/name; a SQLite file in the data folder if not given.",
    ),
    jobs: int | None = typer.Option(
        None, "--jobs", min=1, help="Photos screened at the same time; one per core if not given."
    ),
    keep_originals: bool = typer.Option(
        False, "--keep-originals", help="Keep the files that were sent; else they are removed once they are screened."
    ),
    structures: bool = typer.Option(
        True,
        "--structures/--no-structures",
        help="Draw disc, vessels and lesions as layers for the finding page, in the background while nothing waits.",
    ),
    retention_days: int | None = typer.Option(
        None, "--retention-days", min=1, help="Delete photos and all about them after this many days."
    ),
    host: str = typer.Option(
        "127.0.0.1",
        "--host",
        help="Address to listen on. Any but this machine's own needs an account or key, and --certificate or --behind-proxy.",
    ),
    public_names: list[str] = typer.Option(
        [], "--public-name", help="Host name under which browsers reach it; repeat for more."
    ),
    certificate: Path | None = typer.Option(None, "--certificate", help="PEM file of a TLS certificate."),
    key: Path | None = typer.Option(None, "--key", help="PEM file of the certificate's key."),
    behind_proxy: bool = typer.Option(
        False, "--behind-proxy", help="A proxy on this machine ends TLS and sets X-Forwarded-For and -Proto."
    ),
) -> None:
    """Serve the page and the API of a clinic, until Ctrl-C; photos that were accepted are never lost.

    On this machine, for whoever sits at it: `eyeground serve --data clinic/`

    With accounts, behind a proxy: `eyeground serve --data clinic/ --behind-proxy --public-name eyes.example.org`
    """
    from eyeground.serving.server import serve as run_service
    from eyeground.serving.settings import ServiceSettings

    settings = ServiceSettings(
        data=data,
        database=database,
        bundle=bundle,
        operating_point=operating_point,
        host=host,
        port=port,
        hosts=tuple(public_names),
        keep_originals=keep_originals,
        structures=structures,
        retention_days=retention_days,
        certificate=certificate,
        key=key,
        behind_proxy=behind_proxy,
        jobs=jobs,
    )
    run_service(settings, open_browser=browser)
