"""Starts the real binary for the Python checks, and counts what passed."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

KEY = "sk-sdk-3b7e90c2d415"


# Asked to end (a time limit, Ctrl-C of the shell), what was started is still taken down.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, look, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for: {what}")


class Gateway:
    """`pointsman serve` in a folder of its own, with a clean environment."""

    def __init__(self, binary, config):
        self.folder = tempfile.TemporaryDirectory(prefix="pointsman-sdk-")
        home = pathlib.Path(self.folder.name)
        (home / "config.yaml").write_text(config)
        self.port = free_port()
        self.log = home / "stderr"
        self.db = home / "data" / "pointsman.db"
        command = [binary, "serve", "-c", home / "config.yaml", "--host", "127.0.0.1",
                   "--port", str(self.port), "--data-dir", home / "data"]
        env = {"HOME": str(home), "PATH": os.environ.get("PATH", ""), "RUST_BACKTRACE": "1"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=env, cwd=home, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
        wait_for("the gateway to be alive", self.alive)

    def alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self.process.returncode}:\n{self.said()}")
        try:
            with urllib.request.urlopen(f"{self.url}/health/liveliness", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def said(self):
        return self.log.read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.said()
        self.folder.cleanup()
        assert "panicked" not in said, said


class Tally:
    """Runs checks one after the other and ends with the line that CI reads."""

    def __init__(self, gateway=None):
        self.gateway = gateway
        self.passed = 0
        self.failed = 0

    def run(self, name, check, *args):
        try:
            check(*args)
        except Exception:
            self.failed += 1
            print(f"FAILED {name}")
            traceback.print_exc()
        else:
            self.passed += 1
            print(f"ok     {name}")

    def close(self):
        if self.failed and self.gateway:
            print("--- stderr of the gateway ---")
            print(self.gateway.said()[-8000:])
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0
