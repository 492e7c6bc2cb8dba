"""A stand-in of the Hub's HTTP interface: what huggingface_hub 1.x asks when it makes a repository, commits and reads.

It keeps files in memory, and refuses what the Hub refuses: no token, a name that exists, metadata that is not YAML, an
upload whose SHA-256 differs from the announced one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN = "hf_stand_in"
LFS_SUFFIXES = (".safetensors", ".parquet")


@dataclass
class Repo:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


@dataclass
class StandIn:
    """``repos``: by kind and id. ``requests``: method and path of each request, in order."""

    url: str = ""
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    loses: str = ""
    """A file that is not kept, as on a damaged server."""

    def app(self) -> Starlette:
        read = Route("/{rest:path}", self.read, methods=["GET", "HEAD"])
        send = Route("/{rest:path}", self.send, methods=["POST", "PUT"])
        return Starlette(routes=[send, read])

    async def read(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path}")
        path = request.path_params["rest"]
        kind = "dataset" if path.startswith("datasets/") else "model"
        repo_id, _, rest = path.removeprefix("datasets/").partition("/resolve/")
        _, _, name = rest.partition("/")
        repo = self.repos.get((kind, repo_id))
        if repo is None or name not in repo.files:
            return JSONResponse({"error": "not found"}, 404, headers={"X-Error-Code": "EntryNotFound"})
        body = repo.files[name]
        headers = {"X-Repo-Commit": repo.commits[-1], "ETag": f'"{hashlib.sha1(body).hexdigest()}"'}
        return Response(body, headers=headers)

    async def send(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path}")
        path = request.path_params["rest"]
        if path.startswith("blobs/"):
            return self._blob(path.removeprefix("blobs/"), await request.body())
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"error": "Invalid username or password."}, 401)
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(await request.json())
        if path == "api/repos/create":
            return self._create(await request.json())
        if path == "api/validate-yaml":
            return self._validate((await request.json())["content"])
        kind, _, rest = path.removeprefix("api/").partition("s/")
        namespace, name, action, *_ = rest.split("/")
        repo_id = f"{namespace}/{name}"
        repo = self.repos[kind, repo_id]
        match action:
            case "preupload":
                return self._preupload((await request.json())["files"])
            case "commit":
                return self._commit(repo, repo_id, await request.body())
            case _:
                return self._paths_info(repo, parse_qs((await request.body()).decode())["paths"])

    def _blob(self, oid: str, body: bytes) -> Response:
        if hashlib.sha256(body).hexdigest() != oid:
            return Response(status_code=400)
        self.blobs[oid] = body
        return Response()

    def _batch(self, wanted: dict[str, list[dict[str, str]]]) -> Response:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.url}/blobs/{one['oid']}"}}} for one in wanted["objects"]
        ]
        return JSONResponse({"transfer": "basic", "objects": objects})

    def _create(self, wanted: dict[str, str]) -> Response:
        key = wanted.get("type", "model"), f"{wanted['organization']}/{wanted['name']}"
        prefix = "datasets/" if key[0] == "dataset" else ""
        url = {"url": f"{self.url}/{prefix}{key[1]}", "error": "You already created this repo"}
        if key in self.repos:
            return JSONResponse(url, 409)
        self.repos[key] = Repo(private=wanted.get("visibility") == "private")
        return JSONResponse(url)

    def _validate(self, text: str) -> Response:
        try:
            yaml.safe_load(text.split("---")[1])
        except yaml.YAMLError as error:
            return JSONResponse({"errors": [{"message": str(error)}], "warnings": []}, 400)
        return JSONResponse({"errors": [], "warnings": []})

    def _preupload(self, files: list[dict[str, str]]) -> Response:
        modes = ["lfs" if one["path"].endswith(LFS_SUFFIXES) else "regular" for one in files]
        answers = [
            {"path": one["path"], "uploadMode": mode, "shouldIgnore": False}
            for one, mode in zip(files, modes, strict=True)
        ]
        return JSONResponse({"files": answers})

    def _commit(self, repo: Repo, repo_id: str, body: bytes) -> Response:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                repo.files[value["path"]] = self.blobs[value["oid"]]
        repo.files.pop(self.loses, None)
        repo.commits.append(hashlib.sha1(body).hexdigest())
        return JSONResponse({"commitUrl": f"{self.url}/{repo_id}/commit/1", "commitOid": repo.commits[-1]})

    def _paths_info(self, repo: Repo, paths: list[str]) -> Response:
        found = [
            {"type": "file", "path": path, "size": len(repo.files[path]), "oid": "0"}
            for path in paths
            if path in repo.files
        ]
        return JSONResponse(found)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Serve on a free port of loopback."""
    hub = StandIn()
    server = uvicorn.Server(uvicorn.Config(hub.app(), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        hub.url = f"http://127.0.0.1:{port}"
        yield hub
    finally:
        server.should_exit = True
        thread.join()
