"""A judge that is a program of rules behind the API of a model; there is no model in it.

It answers one criterion: whether the priority in a record is the one that the e-mail asks for. Of the words for it, it
does not know "rush", so that there is something for a calibration to find.

python rules_judge.py      # http://127.0.0.1:8090/v1, until it is stopped
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = {"high": ("urgent", "cannot wait"), "low": ("no hurry", "take your time")}


def part(name, shown):
    found = re.search(rf"^BEGIN {name} \w+\n(.*?)\nEND {name} \w+$", shown, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def judged(system, shown):
    email, output = part("question", shown).lower(), part("output", shown)
    asked = next((name for name, words in WORDS.items() if any(word in email for word in words)), "normal")
    said = re.search(r'"priority": "([^"]*)"', output)
    verdict = "PASS" if said and said[1] == asked else "FAIL"
    check = re.search(r'"check": "(\w+)"', system)[1]
    reason = f"The e-mail asks for {asked}, the record says {said[1] if said else 'nothing'}."
    return f"{reason}\n{json.dumps({'check': check, 'verdict': verdict})}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        system, shown = (message["content"] for message in body["messages"])
        said = judged(system, shown)
        usage = {"prompt_tokens": len((system + shown).split()), "completion_tokens": len(said.split())}
        usage["total_tokens"] = sum(usage.values())
        message = {"role": "assistant", "content": said}
        reply = {
            "object": "chat.completion",
            "model": "rules",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        content = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8090), Handler).serve_forever()
