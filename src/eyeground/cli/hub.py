"""`push` and `pull`: bundles to and from the Hugging Face hub."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.printing import print_lines

if TYPE_CHECKING:
    from eyeground.bundle.hub import Pushed
    from eyeground.bundle.open import Bundle

REPO = typer.Argument(..., help="Repository on the hub, as OWNER/NAME.")


def push(
    bundle: str = typer.Argument(..., help="Bundle: its folder, or the name of one that `models` lists."),
    repo: str = REPO,
    private: bool = typer.Option(False, "--private", help="Make a new repository private."),
) -> "Pushed":
    """Verify a bundle and upload it to the Hugging Face hub, as one commit.

    Log in first with `hf auth login`, or set HF_TOKEN. Needs the extra `hub`.
    """
    from eyeground.bundle.hub import push as push_bundle
    from eyeground.bundle.open import open_bundle

    done = push_bundle(open_bundle(bundle), repo, private)
    print_lines(f"pushed: {done.page}, commit {done.commit[:12]}")
    return done


def pull(
    repo: str = REPO,
    output: Path | None = typer.Option(
        None, "-o", "--output", help="Folder to put it in; among your models, under its own name, if not given."
    ),
    revision: str | None = typer.Option(None, "--revision", help="Branch, tag or commit; the newest if not given."),
) -> "Bundle":
    """Download a bundle from the Hugging Face hub; it is verified before it is put in place.

    A repository with a file that no bundle has is refused. An interrupted download continues when repeated. Needs the
    extra `hub`.
    """
    from eyeground.bundle.hub import pull as pull_bundle

    bundle = pull_bundle(repo, output, revision)
    name = str(output) if output else bundle.folder.name
    print_lines(
        f"pulled and verified: {bundle.identity}, {bundle.size / 1e6:.1f} MB",
        f'written: {bundle.folder}; open it with eyeground.load("{name}")',
    )
    return bundle
