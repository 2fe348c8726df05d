import http.server
import threading
import urllib.request

import pytest

from support_hub.retry import GaveUp, with_retries


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch):
    naps = []
    monkeypatch.setattr("support_hub.retry.time.sleep", naps.append)
    return naps


def test_second_try_is_returned(no_sleep):
    tries = []

    @with_retries
    def flaky():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "ok"

    assert flaky() == "ok"
    assert no_sleep == [0.2]


@pytest.mark.parametrize("retries", [0, 3])
def test_gives_up(monkeypatch, retries):
    monkeypatch.setenv("SUPPORT_HUB_MAX_RETRIES", str(retries))
    tries = []

    @with_retries
    def broken():
        tries.append(1)
        raise OSError("down")

    with pytest.raises(GaveUp, match="broken failed"):
        broken()
    assert len(tries) == retries + 1


class Flaky(http.server.BaseHTTPRequestHandler):
    asked = []

    def do_POST(self):
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(500 if len(self.asked) == 1 else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


def test_over_http():
    """The retries that we promise, with a server that is down for a moment."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Flaky)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"

    @with_retries
    def post():
        with urllib.request.urlopen(urllib.request.Request(url, data=b"{}")) as response:
            return response.status

    try:
        assert post() == 200
        assert len(Flaky.asked) == 2
    finally:
        server.shutdown()
        server.server_close()
