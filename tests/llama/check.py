"""The real llama.cpp server behind the gateway: plain, streamed, tools, reasoning, embeddings, refusals,
killed and asked to stop in mid-stream, back again.

check.py BINARY LLAMA_SERVER
check.py --direct LLAMA_SERVER   only the servers themselves, to check the models
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "sdk"))

import tiny_gguf  # noqa: E402
from gateway import KEY, Gateway, Tally, free_port, wait_for  # noqa: E402

THOUGHT = ["Let", " me", " see"]
THINK = ["<think>\n", *THOUGHT, "\n</think>\n\n", "It", " is", " 42"]
TOOL = ["<tool_call>\n", '{"name":', ' "get_weather",', ' "arguments":', ' {"city":', ' "Paris"}}', "\n</tool_call>"]
HELLO = ["Hello", " from", " a", " hand-made", " model", " inside", " the", " real", " server."]
FOREVER = [" tick", " tock"]
HI = [{"role": "user", "content": "hi"}]


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = [{"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": SCHEMA}}]


class Llama:
    """One llama-server on a port that stays its own, with one model or with a folder of them."""

    def __init__(self, program, log, *arguments):
        self.program, self.port, self.log = pathlib.Path(program), free_port(), log
        self.arguments = arguments
        self.process = None
        self.start()

    def start(self):
        command = [self.program, *self.arguments, "--host", "127.0.0.1", "--port", str(self.port),
                   "-t", "1", "-np", "1", "--jinja"]
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

    def stop(self):
        """A router ends its children when it is asked to end; one that has a stream waits long."""
        self.process.terminate()
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.kill()

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


def reasoning(port, model):
    body = json.loads(post(port, {"model": model, "messages": HI}).read())
    message = body["choices"][0]["message"]
    assert message["reasoning_content"].strip() == "".join(THOUGHT), body
    assert message["content"].strip() == "It is 42", body
    seen = list(events(post(port, {"model": model, "messages": HI, "stream": True})))
    deltas = [json.loads(event)["choices"][0]["delta"] for event in seen[:-1]]
    assert "".join(d.get("reasoning_content") or "" for d in deltas).strip() == "".join(THOUGHT), deltas
    assert "".join(d.get("content") or "" for d in deltas).strip() == "It is 42", deltas
    body = json.loads(post(port, {"model": model, "max_tokens": 64, "messages": HI}, "/v1/messages").read())
    assert [block["type"] for block in body["content"]] == ["thinking", "text"], body


def tools(port, model):
    ask = {"model": model, "messages": HI, "tools": FUNCTION}
    body = json.loads(post(port, ask).read())
    call = body["choices"][0]["message"]["tool_calls"][0]
    assert body["choices"][0]["finish_reason"] == "tool_calls", body
    assert call["function"]["name"] == "get_weather" and call["id"], body
    assert json.loads(call["function"]["arguments"]) == {"city": "Paris"}, body
    seen = list(events(post(port, {**ask, "stream": True})))
    assert seen[-1] == "[DONE]", seen[-2:]
    calls = [c for event in seen[:-1] for c in json.loads(event)["choices"][0]["delta"].get("tool_calls") or []]
    assert {call["index"] for call in calls} == {0}, calls
    assert json.loads("".join(call["function"].get("arguments") or "" for call in calls)) == {"city": "Paris"}, calls
    ask = {"model": model, "max_tokens": 64, "messages": HI, "stream": True, "tools": [
        {"name": "get_weather", "description": "d", "input_schema": SCHEMA}]}
    found = [json.loads(event) for event in events(post(port, ask, "/v1/messages"))]
    pieces = [e["delta"]["partial_json"] for e in found if e.get("delta", {}).get("type") == "input_json_delta"]
    assert json.loads("".join(pieces)) == {"city": "Paris"} and found[-1]["type"] == "message_stop", found


def embeddings(port, model):
    answer = post(port, {"model": model, "input": ["a", "b"]}, "/v1/embeddings")
    body = json.loads(answer.read())
    assert answer.status == 200 and body["model"] == model, body
    assert [len(one["embedding"]) for one in body["data"]] == [tiny_gguf.DIM] * 2, body


def refusals(port):
    """What the server refuses, in its own odd ways, becomes what clients know."""
    def refused(status, body, path="/v1/chat/completions"):
        answer = post(port, body, path)
        said = json.loads(answer.read())
        assert answer.status == status, (answer.status, said)
        return said["error"]

    error = refused(404, {"model": "absent", "messages": HI})
    assert "NotFoundError" in error["message"], error
    long = [{"role": "user", "content": "a" * 30_000}]
    for stream in (False, True):
        error = refused(400, {"model": "hello", "messages": long, "stream": stream})
        assert "ContextWindowExceededError" in error["message"], error
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    error = refused(400, {"model": "hello", "messages": [{"role": "user", "content": [picture]}]})
    assert "UnsupportedParamsError" in error["message"], error
    refused(400, {"model": "hello", "input": "a"}, "/v1/embeddings")
    # None of that is held against the server.
    plain(port, "hello")


def wide(port, model):
    """Too long for the small window: the fallback for that has a wider one."""
    long = [{"role": "user", "content": "a" * 30_000}]
    answer = post(port, {"model": model, "messages": long, "max_tokens": 4})
    body = json.loads(answer.read())
    assert answer.status == 200 and FOREVER[0] in body["choices"][0]["message"]["content"], body
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1", answer.headers


def cut_off(gateway, end):
    """A stream whose server is taken away: an error event and an end. Returns how long that took."""
    answer = post(gateway.port, {"model": "chat", "messages": HI, "stream": True, "max_tokens": 100_000})
    assert answer.status == 200, answer.read()
    seen, content, began = [], 0, time.monotonic()
    for event in events(answer):
        seen.append(event)
        content += '"content":' in event
        if content == 50:
            content += 1
            end()
            began = time.monotonic()
    took = time.monotonic() - began
    errors = [event for event in seen if event != "[DONE]" and "error" in json.loads(event)]
    assert len(errors) == 1, seen[-3:]
    assert seen.index(errors[0]) >= 50, "the error came before the content"
    assert seen[-1] == "[DONE]", seen[-1]
    began = time.monotonic()
    plain(gateway.port, "chat")
    stream(gateway.port, "chat")
    assert time.monotonic() - began < 4, "two requests after that took too long"
    return took


def killed(gateway, endless):
    assert cut_off(gateway, endless.kill) < 2, "a kill is seen at once"


def frozen(gateway, endless):
    """It keeps the stream open in silence: `stream_timeout` ends it."""
    took = cut_off(gateway, lambda: endless.process.send_signal(signal.SIGSTOP))
    assert 1.5 < took < 6, f"{took} s with a stream_timeout of 2 s"
    endless.process.send_signal(signal.SIGCONT)


def terminated(gateway, endless):
    """Asked to stop, llama-server mostly keeps its stream open for 30 s of silence and then sends a comment."""
    took = cut_off(gateway, endless.process.terminate)
    assert took < 6, f"{took} s with a stream_timeout of 2 s"
    endless.kill()


def back(gateway, endless):
    """The first in order serves again by itself once it is there."""
    if endless.process.poll() is not None:
        endless.start()

    def serves():
        answer = post(gateway.port, {"model": "chat", "messages": HI, "max_tokens": 8})
        return FOREVER[0] in json.loads(answer.read())["choices"][0]["message"]["content"]

    wait_for("the killed server to be used again", serves, 60)


def config(router, endless, embed):
    router, endless, embed = (f"{server.url}/v1" for server in (router, endless, embed))
    return f"""
model_list:
  - model_name: chat
    litellm_params: {{model: hosted_vllm/endless, api_base: "{endless}", order: 1, stream_timeout: 2}}
  - model_name: chat
    litellm_params: {{model: hosted_vllm/hello, api_base: "{router}", order: 2}}
  - model_name: hello
    litellm_params: {{model: openai/hello, api_base: "{router}", api_key: none}}
  - model_name: narrow
    litellm_params: {{model: openai/hello, api_base: "{router}", api_key: none}}
  - model_name: endless
    litellm_params: {{model: openai/endless, api_base: "{endless}", api_key: none}}
  - model_name: think
    litellm_params: {{model: openai/think, api_base: "{router}", api_key: none}}
  - model_name: tool
    litellm_params: {{model: openai/tool, api_base: "{router}", api_key: none}}
  - model_name: absent
    litellm_params: {{model: openai/absent, api_base: "{router}", api_key: none}}
  - model_name: embed
    litellm_params: {{model: openai/embed, api_base: "{embed}", api_key: none}}
general_settings:
  master_key: {KEY}
litellm_settings:
  context_window_fallbacks: [{{narrow: [endless]}}]
router_settings:
  allowed_fails: 3
  cooldown_time: 5
"""


def main(binary, program):
    with tempfile.TemporaryDirectory(prefix="pointsman-llama-") as folder:
        folder = pathlib.Path(folder)
        (folder / "models").mkdir()
        for name, words in {"hello": HELLO, "think": THINK, "tool": TOOL}.items():
            tiny_gguf.write(folder / "models" / f"{name}.gguf", name, words)
        tiny_gguf.write(folder / "endless.gguf", "endless", FOREVER, forever=True, context=131_072)
        tiny_gguf.write(folder / "embed.gguf", "embed", HELLO, embedding=True)
        servers = []

        def llama(name, *arguments):
            servers.append(Llama(program, folder / f"{name}.log", *arguments))
            return servers[-1]

        try:
            router = llama("router", "--models-dir", folder / "models")
            endless = llama("endless", "-m", folder / "endless.gguf")
            embed = llama("embed", "-m", folder / "embed.gguf", "--embeddings")
            if binary == "--direct":
                return every(Tally(), {"hello": router.port, "think": router.port, "tool": router.port,
                                       "embed": embed.port}).close()
            with Gateway(binary, config(router, endless, embed)) as gateway:
                tally = Tally(gateway)
                every(tally, dict.fromkeys(["hello", "think", "tool", "embed"], gateway.port))
                tally.run("refusals", refusals, gateway.port)
                tally.run("a wider window", wide, gateway.port, "narrow")
                tally.run("killed in mid-stream", killed, gateway, endless)
                tally.run("back by itself", back, gateway, endless)
                tally.run("frozen in mid-stream", frozen, gateway, endless)
                tally.run("back from the frost", back, gateway, endless)
                tally.run("asked to stop in mid-stream", terminated, gateway, endless)
                tally.run("back once more", back, gateway, endless)
                return tally.close()
        finally:
            for server in servers:
                server.stop()


def every(tally, ports):
    tally.run("plain", plain, ports["hello"], "hello")
    tally.run("stream", stream, ports["hello"], "hello")
    tally.run("messages", messages, ports["hello"], "hello")
    tally.run("reasoning", reasoning, ports["think"], "think")
    tally.run("tools", tools, ports["tool"], "tool")
    tally.run("embeddings", embeddings, ports["embed"], "embed")
    return tally


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
