"""Web server on 127.0.0.1 for the page of a running sweep: the report without figures, refreshed every few seconds."""

import json
import re
import sys
import threading
import time
from collections import deque
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from weightsweep import report, results
from weightsweep.report import data

REFRESH_SECONDS = 2.0
WINDOW_SECONDS = 600.0  # over which the rate of work is measured
_HOSTS = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?", re.IGNORECASE)  # requests from pages of other sites have another host; browsers omit port 80


class Progress:
    """Share of the sweep's FLOPs that are done, and the time left at the rate of the last WINDOW_SECONDS."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()  # seconds, share

    def of(self, runs: xr.Dataset, now: float) -> dict[str, float | None]:
        """The progress at the time `now` in seconds. The time left is None until work was seen being done."""
        flops = runs["flops_per_step"].values
        ended = np.isin(runs["status"].values.astype(str), ("done", "failed", "diverged"))
        total = float((flops * runs["steps"].values).sum())
        share = float((flops * np.where(ended, runs["steps"].values, runs["steps_done"].values)).sum()) / total if total else 1.0
        self._samples.append((now, share))
        while now - self._samples[0][0] > WINDOW_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        left = (1 - share) * (now - since) / (share - before) if share > before else None
        return {"fraction": share, "seconds_left": left}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    results: Path
    progress: Progress
    reading: threading.Lock  # held by the thread that reads the results file
    ends = False

    def handle_error(self, *request_and_address: Any) -> None:
        """Ignores errors of a connection that the browser closed, and of a response that Ctrl-C interrupted."""
        if not self.ends and not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*request_and_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if not _HOSTS.fullmatch(self.headers.get("Host", "")):
            return self._answer(HTTPStatus.FORBIDDEN, "text/plain", "only requests to 127.0.0.1 or localhost are served\n")
        if self.path not in ("/", "/data.json"):
            return self._answer(HTTPStatus.NOT_FOUND, "text/plain", "not found; expected / or /data.json\n")
        try:
            with self.server.reading:
                runs = results.open_runs(self.server.results)
                progress = self.server.progress.of(runs, time.monotonic())
            content = data.content(runs) | {"progress": progress}
        except results.ResultsError as error:  # the file may not exist yet, or not be complete
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
    """Serves until Ctrl-C. `port` 0: any free port."""
    results.open_runs(path)  # raises an error before the server starts if the file cannot be read
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise OSError(f"port {port} of 127.0.0.1: {error.strerror}; choose another port with --port, or any free port with --port 0") from error
    with server:
        server.results = path
        server.progress = Progress()
        server.reading = threading.Lock()
        print(f"{path} at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.ends = True
            server.reading.acquire()  # a thread that was stopped inside h5py would hold h5py's lock, and the interpreter would wait for it for ever
            print()
