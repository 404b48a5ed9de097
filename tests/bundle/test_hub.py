"""Bundles through the hub and back, against a hub of our own on this machine: complete and verified, or nothing.

The fake speaks the few routes that the client uses: repositories, trees, resolving with entity tags and ranges, files in
commits, and the basic transfer of git LFS. Not covered: the transfer by chunks (xet) that the real hub prefers where the
package for it is installed, transfers in several parts, and logging in.
"""

import base64
import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from eyeground.bundle import hub
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.cli import main
from eyeground.errors import UserError

REPO = "group/tiny"
SECRET = "hf_thisIsNoRealTokenButMustNeverBePrinted"


class FakeHub(ThreadingHTTPServer):
    """Repositories as dictionaries; `broken` names a file whose download is cut in the middle, once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.got: list[tuple[str, str | None]] = []
        self.authorisations: set[str | None] = set()
        self.broken: str | None = None
        self.failing: str | None = None
        self.forbidden = False
        self.address = f"http://127.0.0.1:{self.server_port}"

    def commit_of(self, repo: str) -> str:
        content = self.repos[repo]
        return hashlib.sha1(
            repr(sorted((name, hashlib.md5(content[name]).digest()) for name in content)).encode()
        ).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, content: Any, status: int = 200, **headers: str) -> None:
        self._answer(status, json.dumps(content).encode(), Content_Type="application/json", **headers)

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.authorisations.add(self.headers.get("Authorization"))
        path = self.path.split("?")[0]
        parts = path.strip("/").split("/")
        repo = "/".join(parts[2:4]) if parts[0] == "api" else "/".join(parts[:2])
        if repo not in self.server.repos:
            return self._json({"error": "not found"}, 404, X_Error_Code="RepoNotFound")
        files, commit = self.server.repos[repo], self.server.commit_of(repo)
        if parts[0] == "api" and "tree" in parts:
            return self._json(
                [{"type": "file", "path": name, "size": len(files[name]), "oid": "0" * 40} for name in files]
            )
        if parts[0] == "api":
            return self._json({"id": repo, "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        return self._file(parts[-1], files[parts[-1]], commit)

    def _file(self, name: str, content: bytes, commit: str) -> None:
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        if self.command == "HEAD":
            self.send_response(200)
            for header, value in (("ETag", etag), ("X-Repo-Commit", commit), ("Content-Length", str(len(content)))):
                self.send_header(header, value)
            return self.end_headers()
        wanted = self.headers.get("Range")
        self.server.got.append((name, wanted))
        if self.server.failing == name:
            return self._answer(404)
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        body = content[start:]
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.broken == name:
            self.server.broken = None
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return None
        self.wfile.write(body)
        return None

    def do_PUT(self) -> None:
        self.server.objects[self.path.split("/")[-1]] = self._body()
        self._answer(200)

    def do_POST(self) -> None:
        self.server.authorisations.add(self.headers.get("Authorization"))
        path, body = self.path.split("?")[0], self._body()
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if self.server.forbidden and path != "/api/repos/create":
            return self._json({"error": f"token {self.headers.get('Authorization')} may not write"}, 403)
        if path == "/api/repos/create":
            made = json.loads(body)
            repo = f"{made['organization']}/{made['name']}"
            status = 409 if repo in self.server.repos else 200
            self.server.repos.setdefault(repo, {".gitattributes": b"*.onnx filter=lfs\n"})
            return self._json({"url": f"{self.server.address}/{repo}", "id": repo}, status)
        if path.endswith("/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.server.address}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self._json({"objects": objects, "transfer": "basic"})
        if "/preupload/" in path:
            modes = {True: "lfs", False: "regular"}
            files = [
                {"path": one["path"], "uploadMode": modes[one["path"].startswith("model.")], "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        return self._commit("/".join(path.split("/")[3:5]), body)

    def _commit(self, repo: str, body: bytes) -> None:
        files = self.server.repos[repo]
        for line in map(json.loads, body.splitlines()):
            change = line["value"]
            if line["key"] == "file":
                files[change["path"]] = base64.b64decode(change["content"])
            elif line["key"] == "lfsFile":
                files[change["path"]] = self.server.objects[change["oid"]]
            elif line["key"] == "deletedFile":
                del files[change["path"]]
        commit = self.server.commit_of(repo)
        self._json({"success": True, "commitOid": commit, "commitUrl": f"{self.server.address}/{repo}/commit/{commit}"})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    server = FakeHub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("EYEGROUND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 50)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the client's tries
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bundle(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "mine", files={"training_photos.txt": b"0123456789abcdef\n"})


def content_of(bundle: Bundle) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in bundle.folder.iterdir()}


def nothing_in(folder: Path) -> bool:
    return not folder.exists() or not list(folder.iterdir())


def test_what_is_pulled_is_what_was_pushed(fake: FakeHub, bundle: Bundle, tmp_path: Path) -> None:
    pushed = hub.push(bundle, REPO)
    assert pushed.page == f"{fake.address}/{REPO}"
    pulled = hub.pull(REPO)
    assert pulled.folder == tmp_path / "cache" / "models" / "tiny"
    assert content_of(pulled) == content_of(bundle)
    assert open_bundle("tiny").identity == bundle.identity
    assert [path.name for path in pulled.folder.parent.iterdir()] == ["tiny"]
    assert fake.authorisations == {f"Bearer {SECRET}"}


def test_the_commands_push_pull_and_list_and_never_print_the_token(
    fake: FakeHub, bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["push", str(bundle.folder), REPO]) == 0
    assert main(["pull", REPO]) == 0
    assert main(["pull", REPO, "-o", str(tmp_path / "elsewhere")]) == 0
    assert main(["models"]) == 0
    fake.forbidden = True
    assert main(["push", str(bundle.folder), REPO]) == 2
    printed = capsys.readouterr()
    assert bundle.identity in printed.out and "does not allow this (403)" in printed.err
    assert "not recorded" in printed.out  # the listing, of a model without metrics
    assert SECRET not in printed.out + printed.err
    assert open_bundle(tmp_path / "elsewhere").identity == bundle.identity


@pytest.mark.parametrize("name", [WEIGHTS, ONNX, CARD, "training_photos.txt"])
def test_a_flipped_byte_is_refused_and_leaves_nothing(fake: FakeHub, bundle: Bundle, tmp_path: Path, name: str) -> None:
    files = content_of(bundle)
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
    fake.repos[REPO] = files
    with pytest.raises(UserError, match=f"{name}: SHA-256 is .* the file was changed or damaged"):
        hub.pull(REPO)
    assert nothing_in(tmp_path / "cache" / "models")


@pytest.mark.parametrize(
    ("name", "message"),
    [(DESCRIPTION, f"has no {DESCRIPTION}"), (ONNX, f"has no {ONNX}"), ("training_photos.txt", "missing")],
)
def test_a_missing_file_is_refused_and_leaves_nothing(
    fake: FakeHub, bundle: Bundle, tmp_path: Path, name: str, message: str
) -> None:
    files = content_of(bundle)
    del files[name]
    fake.repos[REPO] = files
    with pytest.raises(UserError, match=message):
        hub.pull(REPO)
    assert nothing_in(tmp_path / "cache" / "models")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pkl", "setup.py", "evil/model.onnx"])
def test_a_file_that_no_bundle_has_is_refused_before_anything_is_fetched(
    fake: FakeHub, bundle: Bundle, name: str
) -> None:
    fake.repos[REPO] = content_of(bundle) | {name: b"\x80\x04pickle"}
    with pytest.raises(UserError, match=f"holds '{name}', which is not part of a bundle; it is not pulled"):
        hub.pull(REPO)
    assert fake.got == []


def test_a_file_that_this_bundle_does_not_list_is_refused(fake: FakeHub, bundle: Bundle, tmp_path: Path) -> None:
    fake.repos[REPO] = content_of(bundle) | {"model.int8.onnx": b"another graph"}
    with pytest.raises(UserError, match=r"model\.int8\.onnx, which its bundle\.json does not list"):
        hub.pull(REPO)
    assert nothing_in(tmp_path / "cache" / "models")


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "..", ".hidden", "a/b"])
def test_a_name_cannot_lead_out_of_the_models(
    fake: FakeHub, tiny_bundle: Callable[..., Bundle], tmp_path: Path, name: str
) -> None:
    fake.repos[REPO] = content_of(tiny_bundle(tmp_path / "mine", name=name))
    with pytest.raises(UserError, match="cannot be a folder's name; give a folder with -o"):
        hub.pull(REPO)
    assert nothing_in(tmp_path / "cache" / "models")


def test_a_pulled_model_never_takes_the_place_of_an_installed_one(
    fake: FakeHub, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(bundle.folder, tmp_path / "released" / "tiny")
    for module in ("hub", "installed"):
        monkeypatch.setattr(f"eyeground.bundle.{module}.RELEASED", tmp_path / "released")
    fake.repos[REPO] = content_of(bundle)
    with pytest.raises(UserError, match="of one that comes with this install"):
        hub.pull(REPO)


def test_a_cut_download_goes_on_where_it_stopped(fake: FakeHub, bundle: Bundle) -> None:
    fake.repos[REPO] = content_of(bundle)
    fake.broken = ONNX
    assert content_of(hub.pull(REPO)) == content_of(bundle)
    half = bundle.onnx_path.stat().st_size // 2
    assert [wanted for name, wanted in fake.got if name == ONNX] == [None, f"bytes={half}-"]


def test_a_pull_that_failed_leaves_the_old_bundle_and_is_completed_by_the_next(
    fake: FakeHub, bundle: Bundle, tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    place = tmp_path / "cache" / "models" / "tiny"
    old = tiny_bundle(place, files={CARD: b"the old card"})
    fake.repos[REPO] = content_of(bundle)
    fake.failing = "training_photos.txt"
    with pytest.raises(UserError, match="the hub answered with status 404"):
        hub.pull(REPO)
    assert content_of(open_bundle(place)) == content_of(old)
    (place.parent / ".group--tiny.anotherCommit.pulling").mkdir()
    fake.failing = None
    assert content_of(hub.pull(REPO)) == content_of(bundle)
    fetched = [name for name, _ in fake.got]
    assert fetched.count(WEIGHTS) == 1 and fetched.count("training_photos.txt") == 2
    assert [path.name for path in place.parent.iterdir()] == ["tiny"]


def test_a_push_removes_what_the_bundle_no_longer_has(
    fake: FakeHub, bundle: Bundle, tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    hub.push(bundle, REPO)
    smaller = tiny_bundle(tmp_path / "smaller")
    hub.push(smaller, REPO)
    assert set(fake.repos[REPO]) == {".gitattributes", DESCRIPTION, WEIGHTS, ONNX, CARD}


def test_a_push_touches_no_repository_of_something_else(fake: FakeHub, bundle: Bundle) -> None:
    fake.repos[REPO] = {"train.py": b"print()"}
    with pytest.raises(
        UserError, match=r"holds 'train\.py', which is not part of a bundle; push to a repository of its own"
    ):
        hub.push(bundle, REPO)
    assert fake.repos[REPO] == {"train.py": b"print()"}


@pytest.mark.parametrize("repo", ["tiny", "a/b/c", "../tiny", "https://hub/tiny", ""])
def test_a_repository_is_owner_and_name(bundle: Bundle, repo: str) -> None:
    for call in (lambda: hub.pull(repo), lambda: hub.push(bundle, repo)):
        with pytest.raises(UserError, match="is not a repository on the hub; expected OWNER/NAME"):
            call()


def test_what_is_not_there_is_said_in_one_sentence(fake: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", "group/nowhere"]) == 2
    assert "there is no such repository, or you may not see it" in capsys.readouterr().err


def test_a_hub_that_cannot_be_reached_is_said_in_one_sentence(
    fake: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert main(["pull", REPO]) == 2
    assert "the hub cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize("commit", ["main", "../../../evil", "0" * 39, "0" * 41, "A" * 40, "0" * 39 + "\n"])
def test_what_is_no_commit_is_not_pulled(
    fake: FakeHub, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, commit: str
) -> None:
    fake.repos[REPO] = content_of(bundle)
    monkeypatch.setattr(fake, "commit_of", lambda repo: commit)
    with pytest.raises(UserError, match="not 40 hexadecimal digits; it is not pulled"):
        hub.pull(REPO)
    assert fake.got == [] and nothing_in(tmp_path / "cache" / "models")
