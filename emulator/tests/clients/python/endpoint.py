"""A push endpoint that records what comes and answers what it is told."""

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Push:
    headers: object
    body: bytes
    arrived: float

    def json(self):
        return json.loads(self.body)


class Endpoint:
    """Answers these statuses in turn and then 204, each after `delay` seconds."""

    def __init__(self, answers=(), delay=0.0):
        self.pushes = []
        self.most_at_once = 0
        self.abandoned = 0
        self._answers = list(answers)
        self._delay = delay
        self._at_once = 0
        self._changed = threading.Condition()
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/push"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def wait(self, count=1, within=10):
        """The pushes, as soon as there are so many."""
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.pushes) >= count, within)
            assert came, f"{len(self.pushes)} of {count} pushes came within {within} s"
            return list(self.pushes)

    def stays(self, count, seconds):
        """Checks that no further push comes."""
        time.sleep(seconds)
        assert len(self.pushes) == count, f"{len(self.pushes)} pushes came, expected {count}"

    def begin(self, push):
        with self._changed:
            self.pushes.append(push)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
            return self._answers.pop(0) if self._answers else 204

    def end(self):
        with self._changed:
            self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, *_):
        pass  # pushers may hang up when they like


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = self.endpoint.begin(Push(self.headers, body, time.monotonic()))
        try:
            if status == "never":
                self._wait_for_hanging_up()
                return
            time.sleep(self.endpoint._delay)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
        finally:
            self.endpoint.end()

    def _wait_for_hanging_up(self):
        self.connection.settimeout(60)
        if self.connection.recv(1) == b"":
            self.endpoint.abandoned += 1
        self.close_connection = True

    def log_message(self, *_):
        pass
