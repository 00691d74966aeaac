"""A server on this machine that can be told to misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Behaviour:
    """files: content by name. cut: how many bytes each answer gives before the connection ends, in turn; None: all.

    ranges: whether it answers to Range. status: what it answers with. delay_s: before the first byte. asked: what it
    was asked for, (name, first byte).
    """

    files: dict[str, bytes]
    cut: list[int | None] = field(default_factory=list)
    ranges: bool = True
    status: int | None = None
    length: int | None = None
    delay_s: float = 0.0
    asked: list[tuple[str, int]] = field(default_factory=list)


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """The address under which ``behaviour`` is served."""
    wait = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            first = int(wanted[1]) if wanted and behaviour.ranges else 0
            behaviour.asked.append((name, first))
            content = behaviour.files.get(name)
            if behaviour.status is not None or content is None:
                self.send_error(behaviour.status or 404)
                return
            if first and first >= len(content):
                self.send_error(416)
                return
            wait.wait(behaviour.delay_s)
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            total = len(content) if behaviour.length is None else behaviour.length
            self.send_header("Content-Length", str(total - first))
            self.end_headers()
            cut = behaviour.cut.pop(0) if behaviour.cut else None
            self.wfile.write(content[first:] if cut is None else content[first : first + cut])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
