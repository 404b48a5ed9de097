"""Bundles to and from the Hugging Face hub: pushed as one commit, pulled at one commit, verified on both ends.

A repository with any file that is not part of a bundle is refused, so nothing unverified lies beside a verified model.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eyeground.bundle.description import read_description
from eyeground.bundle.files import KNOWN_FILES, REQUIRED_FILES
from eyeground.bundle.installed import DESCRIPTION, RELEASED, how_to_install, is_plain_name, pulled_folder
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.write import place_bundle
from eyeground.errors import UserError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# What the hub itself puts into a repository; it is not fetched.
HUBS_OWN = (".gitattributes",)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Pushed:
    """Repository, commit and page of a pushed bundle."""

    repo: str
    commit: str
    page: str


def push(bundle: Bundle, repo: str, private: bool = False) -> Pushed:
    """Upload a verified bundle as one commit; files of an earlier bundle that this one lacks are removed with it.

    Args:
        repo: Such as `group/model`; made if it does not exist.
        private: Make a new repository private.

    Raises:
        UserError: If the hub's client is not installed, nobody is logged in, the hub refuses or cannot be reached, or
            the repository holds anything that is not part of a bundle.
    """
    hub = _client(repo)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    names = (DESCRIPTION, *bundle.description.files)
    with _hub_errors(repo):
        hub.create_repo(repo, private=private, exist_ok=True)
        there = set(hub.list_repo_files(repo)) - set(HUBS_OWN)
        _refuse_other_files(repo, there, "push to a repository of its own")
        changes: list[Any] = [CommitOperationAdd(name, str(bundle.folder / name)) for name in names]
        changes += [CommitOperationDelete(name) for name in sorted(there - set(names))]
        done = hub.create_commit(repo, changes, commit_message=f"{bundle.identity}")
    return Pushed(repo, str(done.oid), f"{hub.endpoint}/{repo}")


def pull(repo: str, folder: Path | None = None, revision: str | None = None) -> Bundle:
    """Download a bundle, verify it, and put it in place.

    Args:
        repo: Such as `group/model`.
        folder: Where it goes; by default among the user's models, under its own name. A bundle there is replaced.
        revision: Branch, tag or commit; the newest commit of the main branch by default.

    Raises:
        UserError: If the hub's client is not installed, the hub cannot be reached or has no such bundle, or its bundle
            is incomplete, was changed, or holds a file that no bundle has.
    """
    hub = _client(repo)
    with _hub_errors(repo):
        found = hub.model_info(repo, revision=revision)
    names = {one.rfilename for one in found.siblings or ()} - set(HUBS_OWN)
    _refuse_other_files(repo, names, "it is not pulled")
    for required in (DESCRIPTION, *REQUIRED_FILES):
        if required not in names:
            raise UserError(f"{repo}: has no {required}, so it is not a bundle, or an incomplete one")
    # It becomes part of a folder's name, and a branch in its place could move while files are fetched.
    if not _COMMIT.fullmatch(str(found.sha)):
        raise UserError(
            f"{repo}: the hub calls its commit {str(found.sha)!r}, not 40 hexadecimal digits; it is not pulled"
        )
    # By commit, so that a push in between cannot mix two bundles, and a broken pull of this one can go on.
    download = _download_folder(repo, str(found.sha), folder.resolve().parent if folder else pulled_folder())
    with _hub_errors(repo):
        for name in sorted(names):
            hub.hf_hub_download(repo, name, revision=found.sha, local_dir=download)
    try:
        return _verified_in_place(repo, download, names, folder)
    finally:
        shutil.rmtree(download, ignore_errors=True)


def _download_folder(repo: str, commit: str, beside: Path) -> Path:
    """The folder that a commit is downloaded into; what broken pulls of other commits left is removed."""
    start = f".{repo.replace('/', '--')}."
    download = beside / f"{start}{commit}.pulling"
    for other in beside.glob(f"{start}*.pulling"):
        if other != download:
            shutil.rmtree(other, ignore_errors=True)
    return download


def _verified_in_place(repo: str, download: Path, names: set[str], folder: Path | None) -> Bundle:
    description = read_description(download / DESCRIPTION)
    for name in sorted(names - {DESCRIPTION} - description.files.keys()):
        raise UserError(f"{repo}: holds {name}, which its {DESCRIPTION} does not list; it is not pulled")
    opened = open_bundle(download)
    return place_bundle(opened.folder, folder or _place_of(repo, description.name))


def _place_of(repo: str, name: str) -> Path:
    if not is_plain_name(name):
        raise UserError(f"{repo}: its model's name, {name!r}, cannot be a folder's name; give a folder with -o")
    if (RELEASED / name / DESCRIPTION).is_file():
        raise UserError(
            f"{repo}: its model has the name '{name}' of one that comes with this install; give a folder with -o"
        )
    return pulled_folder() / name


def _refuse_other_files(repo: str, names: set[str], then: str) -> None:
    others = sorted(names - set(KNOWN_FILES))
    if others:
        raise UserError(f"{repo}: holds '{others[0]}', which is not part of a bundle; {then}")


def _client(repo: str) -> "HfApi":
    """The hub's own client for a repository, at the address that HF_ENDPOINT names; it alone handles tokens."""
    if not _REPO.fullmatch(repo):
        raise UserError(f"'{repo}' is not a repository on the hub; expected OWNER/NAME, such as group/fundus-model")
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise UserError(f"the hub needs the package huggingface_hub; {how_to_install('hub')}") from error
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="eyeground")


@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
    """Turn the client's errors into one sentence each; its own messages can quote requests, so they are not repeated."""
    from huggingface_hub import errors

    try:
        yield
    except UserError:
        raise
    except (errors.LocalTokenNotFoundError, errors.GatedRepoError) as error:
        raise UserError(f"{repo}: the hub requires a login; log in with `hf auth login`, or set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{repo}: has no such revision") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{repo}: there is no such repository, or you may not see it; log in with `hf auth login`, or set HF_TOKEN"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise UserError(
                f"{repo}: the hub does not allow this ({status}); log in with `hf auth login` as somebody who may write there"
            ) from error
        raise UserError(f"{repo}: the hub answered with status {status}; try again later") from error
    except (errors.HFValidationError, ValueError) as error:
        raise UserError(f"{repo}: the hub's client does not take this: {type(error).__name__}") from error
    except Exception as error:  # sockets, time-outs and interrupted transfers share no public base class
        raise UserError(
            f"{repo}: the hub cannot be reached ({type(error).__name__}); repeat the command to go on where it stopped"
        ) from error
