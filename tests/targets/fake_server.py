"""Writes a program that looks like a real server from outside, for machines that have none.

It takes the same options, answers the same routes as far as a start needs them, and misbehaves on
demand. It is no target: nothing is ever measured against it.
"""

from __future__ import annotations

import sys
from pathlib import Path

VERSION = "9.8.7"

PROGRAM = """#!{python}
import base64, hashlib, http.server, json, os, sys, time
MODE, HERE = "{mode}", "{here}"
if sys.argv[1:] == ["--version"]:
    print("spacetimedb tool version {version}; spacetimedb-lib version {version};")
    sys.exit()
option = dict(zip(sys.argv[2::2], sys.argv[3::2]))
keys = [name for name in option if "key" in name]
with open(HERE + "/starts", "a") as file:
    file.write(json.dumps({{"pid": os.getpid(), "token": os.environ.get("HARNESS_TOKEN"),
        "modes": {{name: oct(os.stat(option[name]).st_mode)[-3:] for name in keys}},
        **option}}) + "\\n")
starts = len(open(HERE + "/starts").readlines())
print("\\x1b[33mwarning\\x1b[0m of the fake server", file=sys.stderr, flush=True)
if MODE == "ends":
    sys.exit("cannot go on")
if MODE == "silent":
    time.sleep(600)
if MODE == "taken" or MODE == "taken once" and starts == 1:
    sys.exit("Error: Address already in use (os error 98)")
key = open(option["--jwt-pub-key-path"], "rb").read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.say(200, b'{{"identity": "00", "token": "t"}}')

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        right = self.headers["Authorization"] == "Bearer t" and body.startswith(b"\\0asm")
        self.say(*((500, b"no such import") if MODE == "refuses" or not right else (200, b"{{}}")))

    def do_GET(self):
        if self.path.endswith("public-key"):
            self.say(200, key)
        elif self.headers["Upgrade"]:
            name = self.headers["Sec-WebSocket-Protocol"]
            if not name.startswith("v1."):
                return self.say(400)
            self.send_response(101)
            self.send_header("Sec-WebSocket-Protocol", name)
            self.end_headers()
            self.close_connection = True
        else:
            self.say(404)


host, port = option["--listen-addr"].split(":")
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"""


def write(folder: Path, mode: str = "") -> Path:
    """The program; what it was started with is written to ``starts`` beside it."""
    path = folder / "spacetimedb-standalone"
    path.write_text(PROGRAM.format(python=sys.executable, mode=mode, here=folder, version=VERSION))
    path.chmod(0o755)
    return path
