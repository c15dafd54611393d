"""The real llama.cpp server behind the gateway: plain, streamed, killed in mid-stream, back again.

check.py BINARY LLAMA_SERVER
check.py --direct LLAMA_SERVER   only the servers themselves, to check the models
"""

import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sdk"))

import tiny_gguf  # noqa: E402
from gateway import KEY, Gateway, Tally, free_port, wait_for  # noqa: E402

HELLO = ["Hello", " from", " a", " hand-made", " model", " inside", " the", " real", " server."]
FOREVER = [" tick", " tock"]
HI = [{"role": "user", "content": "hi"}]


class Llama:
    """One llama-server with one model, on a port that stays its own."""

    def __init__(self, program, folder, name, words, **how):
        self.program, self.port = pathlib.Path(program), free_port()
        self.model = folder / f"{name}.gguf"
        self.log = folder / f"{name}.log"
        tiny_gguf.write(self.model, name, words, **how)
        self.process = None
        self.start()

    def start(self):
        command = [self.program, "-m", self.model, "--host", "127.0.0.1", "--port", str(self.port),
                   "-t", "1", "-np", "2", "--jinja"]
        env = {**os.environ, "LD_LIBRARY_PATH": str(self.program.parent)}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("llama-server to be ready", self.ready, 60)

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"llama-server ended:\n{self.log.read_text(errors='replace')[-3000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def post(port, body, path="/v1/chat/completions"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)
    return connection.getresponse()


def events(answer):
    """The data of each event as it comes."""
    for line in answer:
        if line.startswith(b"data: "):
            yield line[6:].strip().decode()


def plain(port, model):
    answer = post(port, {"model": model, "messages": HI})
    body = json.loads(answer.read())
    assert answer.status == 200, body
    assert body["choices"][0]["message"]["content"] == "".join(HELLO), body
    assert body["usage"]["completion_tokens"] >= len(HELLO), body
    return body


def stream(port, model):
    answer = post(port, {"model": model, "messages": HI, "stream": True, "stream_options": {"include_usage": True}})
    assert answer.status == 200, answer.read()
    seen = list(events(answer))
    assert seen[-1] == "[DONE]" and seen.count("[DONE]") == 1, seen[-3:]
    chunks = [json.loads(event) for event in seen[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == "".join(HELLO), text
    assert sum(1 for c in chunks if c.get("usage")) == 1, chunks


def messages(port, model):
    """Anthropic's dialect in front of llama.cpp."""
    answer = post(port, {"model": model, "max_tokens": 64, "messages": HI}, "/v1/messages")
    body = json.loads(answer.read())
    assert answer.status == 200 and body["content"][0]["text"] == "".join(HELLO), body


def killed(gateway, endless):
    """SIGKILL in mid-stream: an error event and an end; the next request goes to the other server."""
    answer = post(gateway.port, {"model": "chat", "messages": HI, "stream": True, "max_tokens": 100_000})
    assert answer.status == 200, answer.read()
    seen, content = [], 0
    for event in events(answer):
        seen.append(event)
        content += '"content":' in event
        if content == 50:
            endless.kill()
    errors = [event for event in seen if event != "[DONE]" and "error" in json.loads(event)]
    assert len(errors) == 1, seen[-3:]
    assert seen.index(errors[0]) >= 50, "the error came before the content"
    began = time.monotonic()
    plain(gateway.port, "chat")
    stream(gateway.port, "chat")
    assert time.monotonic() - began < 4, "two requests after the kill took too long"


def back(gateway, endless):
    """The first in order serves again by itself once it is there."""
    endless.start()

    def serves():
        answer = post(gateway.port, {"model": "chat", "messages": HI, "max_tokens": 8})
        return FOREVER[0] in json.loads(answer.read())["choices"][0]["message"]["content"]

    wait_for("the killed server to be used again", serves, 90)


def config(endless, hello):
    return f"""
model_list:
  - model_name: chat
    litellm_params: {{model: hosted_vllm/endless, api_base: "{endless.url}/v1", order: 1}}
  - model_name: chat
    litellm_params: {{model: hosted_vllm/hello, api_base: "{hello.url}/v1", order: 2}}
  - model_name: hello
    litellm_params: {{model: openai/hello, api_base: "{hello.url}/v1", api_key: none}}
general_settings:
  master_key: {KEY}
router_settings:
  allowed_fails: 3
  cooldown_time: 5
"""


def main(binary, program):
    with tempfile.TemporaryDirectory(prefix="pointsman-llama-") as folder:
        folder = pathlib.Path(folder)
        servers = []
        try:
            servers.append(hello := Llama(program, folder, "hello", HELLO))
            servers.append(endless := Llama(program, folder, "endless", FOREVER, forever=True, context=131_072))
            if binary == "--direct":
                tally = Tally()
                tally.run("plain", plain, hello.port, "hello")
                tally.run("stream", stream, hello.port, "hello")
                return tally.close()
            with Gateway(binary, config(endless, hello)) as gateway:
                tally = Tally(gateway)
                tally.run("plain", plain, gateway.port, "hello")
                tally.run("stream", stream, gateway.port, "hello")
                tally.run("messages", messages, gateway.port, "hello")
                tally.run("killed in mid-stream", killed, gateway, endless)
                tally.run("back by itself", back, gateway, endless)
                return tally.close()
        finally:
            for server in servers:
                server.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
