"""A local page that follows a sweep while it runs: the report without its figures, refreshed every few seconds. 127.0.0.1 only."""

import json
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from weightsweep import report, results
from weightsweep.report import data

REFRESH_SECONDS = 2.0
_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)  # a page of another site would use another name; port 80 is left out


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    results: Path
    ends = False

    def handle_error(self, *request_and_address: Any) -> None:
        """A page that was closed amid an answer, or an answer that Ctrl-C cut short, is no error."""
        if not self.ends and not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*request_and_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if not _HOSTS.fullmatch(self.headers.get("Host", "")):
            return self._answer(HTTPStatus.FORBIDDEN, "text/plain", "for this machine only\n")
        if self.path not in ("/", "/data.json"):
            return self._answer(HTTPStatus.NOT_FOUND, "text/plain", "there are / and /data.json\n")
        try:
            content = data.content(results.open_runs(self.server.results))
        except results.ResultsError as error:  # in a moment perhaps
            return self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "application/json", json.dumps({"error": str(error)}))
        if self.path == "/":
            return self._answer(HTTPStatus.OK, "text/html", report.page(content, [], REFRESH_SECONDS))
        return self._answer(HTTPStatus.OK, "application/json", json.dumps(content, allow_nan=False))

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def serve(path: Path, port: int) -> None:
    """Serves until Ctrl-C. `port` 0 takes a free one."""
    results.open_runs(path)  # what cannot be read is said here, not on the page
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise OSError(f"port {port} of 127.0.0.1: {error.strerror}; --port takes another one, --port 0 any that is free") from error
    with server:
        server.results = path
        print(f"{path} at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.ends = True
            print()
