"""A hub of datasets on this machine: as much of its protocol as loading a dataset of parquet files takes."""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

COMMIT = "0123456789abcdef0123456789abcdef01234567"

Repositories = Mapping[str, Mapping[str, bytes]]
"""Dataset name → path in its repository → content."""


@contextmanager
def serve_hub(repositories: Repositories, moved: Mapping[str, str]) -> Iterator[str]:
    """Serve the repositories on a free port of this machine; the value is the address.

    Args:
        repositories: What is served.
        moved: Old name → the name under which a dataset is known now; the hub redirects there.
    """
    handler = type("Handler", (_Handler,), {"repositories": repositories, "moved": moved})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: Repositories
    moved: Mapping[str, str]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        address = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        file = re.fullmatch(r"/datasets/(.+)/resolve/[^/]+/(.+)", address)
        query = re.fullmatch(r"/api/datasets/(.+?)(?:/(revision|tree|paths-info)/[^/]+(?:/(.*))?)?", address)
        name = (file or query or [None, ""])[1]
        if name in self.moved:
            self._send(307, b"", {"Location": self.path.replace(name, self.moved[name], 1)})
        elif file:
            self._send_file(name, file[2])
        elif query and name in self.repositories:
            self._send_answer(name, query[2], query[3] or "", body)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_POST = do_GET  # noqa: N815 - named by the base class

    def _send_answer(self, name: str, kind: str | None, folder: str, body: str) -> None:
        files = self.repositories[name]
        if kind in (None, "revision"):
            self._send_json({"id": name, "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]})
            return
        entries = {entry["path"]: entry for entry in _entries(files)}
        if kind == "paths-info":
            self._send_json([entries[path] for path in _asked_paths(body) if path in entries])
        elif folder and folder not in entries:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self._send_json([entry for path, entry in entries.items() if path.rpartition("/")[0] == folder])

    def _send_file(self, name: str, path: str) -> None:
        files = self.repositories.get(name)
        if files is None or path not in files:
            code = "RepoNotFound" if files is None else "EntryNotFound"
            self._send(404, b"", {"X-Error-Code": code, "X-Repo-Commit": COMMIT})
            return
        self._send(200, files[path], {"X-Repo-Commit": COMMIT, "ETag": f'"{_tag(files[path])}"'})

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _asked_paths(body: str) -> list[str]:
    return json.loads(body)["paths"] if body.startswith("{") else urllib.parse.parse_qs(body).get("paths", [])


def _entries(files: Mapping[str, bytes]) -> Iterator[dict[str, object]]:
    for folder in sorted({path.rpartition("/")[0] for path in files} - {""}):
        yield {"type": "directory", "path": folder, "size": 0, "oid": _tag(folder.encode())}
    for path, content in files.items():
        yield {"type": "file", "path": path, "size": len(content), "oid": _tag(content)}


def _tag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
