"""A real server that speaks S3, on loopback, which can be made to fail."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3  # type: ignore[import-untyped]  # it makes its classes as it goes
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "archive"
KEY = "AKIATESTTESTTESTTEST"  # pragma: allowlist secret
SECRET = "made-up-secret-of-a-test-0123456789"  # pragma: allowlist secret

Trouble = Callable[[WSGIEnvironment], str | None]
"""Looks at a request; says what happens to it: `503`, `drop`, `garble` (its answer), or nothing."""


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ANN401 - as werkzeug has it
        """Say nothing."""


class Server:
    """The server.

    Attributes:
        requests: What was asked of it: method and path.
        trouble: What goes wrong.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.trouble: Trouble = lambda _request: None
        self._app = DomainDispatcherApplication(create_backend_app)
        self._turn = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._serve, True, request_handler=_Quiet)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, str]:
        """What a store is opened with to talk to it."""
        return {
            "aws_endpoint_url": self.endpoint,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "aws_region": "us-east-1",
        }

    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its classes as it goes
        """Somebody else's client."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def asked(self, *methods: str) -> list[str]:
        """Paths of the requests with these methods."""
        return [path for method, path in self.requests if method in methods]

    def stop(self) -> None:
        """Die: whoever is connected is cut off."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _serve(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        what = self.trouble(environ)
        if what == "drop":
            peer: socket.socket = environ["werkzeug.socket"]
            environ["wsgi.input"].read(1024)
            peer.shutdown(socket.SHUT_RDWR)
            return []
        if what == "503":
            start("503 Slow Down", [("Content-Length", "0")])
            return []
        with self._turn:  # moto keeps its objects in one process without locks
            answer = list(self._app(environ, start))
        if what == "garble":
            return [bytes(byte ^ 1 for byte in block) for block in answer]
        return answer


@contextmanager
def serving() -> Iterator[Server]:
    """A server with one empty bucket."""
    s3_backends.reset()
    server = Server()
    try:
        server.client().create_bucket(Bucket=BUCKET)
        server.requests.clear()
        yield server
    finally:
        server.stop()
