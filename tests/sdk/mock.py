"""A model server for the SDK checks: OpenAI, Ollama and Anthropic by path, standard library only.

It says the same words whatever it is asked, calls the first tool it is offered unless a tool result
is already there, and keeps what it was asked in `Mock.seen`. What the user said last may ask for
more: `fail 429`, `fail context`, `break off` (a stream), `think`, `both` (tools). It is as strict as the
clouds are about members it does not know, and as Anthropic is about reasoning and ids.
"""

import base64
import json
import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["Grüße", " from", " the", " mock", "."]
TEXT = "".join(WORDS)
THOUGHTS = ["Let me", " think."]
THOUGHT = "".join(THOUGHTS)
ARGUMENTS = {"city": "Paris"}
JSON = json.dumps(ARGUMENTS)
USAGE = {"prompt_tokens": 19, "completion_tokens": 5, "total_tokens": 24}


OPENAI_KNOWS = set("""messages model audio frequency_penalty function_call functions logit_bias logprobs
    max_completion_tokens max_tokens metadata modalities n parallel_tool_calls prediction presence_penalty
    prompt_cache_key reasoning_effort response_format safety_identifier seed service_tier stop store stream
    stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options""".split())
ANTHROPIC_KNOWS = set("""model messages max_tokens container context_management mcp_servers metadata
    output_config service_tier stop_sequences stream system temperature thinking tool_choice tools top_k top_p
    """.split())


class Mock:
    def __init__(self):
        self.seen = []
        self.open = set()
        self.server = None
        self.port = 0
        self.start()

    def start(self):
        mock = self

        class Handler(_Handler):
            seen = mock.seen
            open = mock.open

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """As a killed server: closes what is open, refuses what comes."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it had gone already

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.open.add(self.connection)

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            pass  # the client hung up

    def finish(self):
        self.open.discard(self.connection)
        super().finish()

    def log_message(self, *_):
        pass

    def do_GET(self):
        answers = {
            "/api/version": {"version": "0.33.0"},
            "/api/tags": {"models": []},
            "/api/ps": {"models": []},
            "/v1/models": {"object": "list", "data": [{"id": "mock", "object": "model"}]},
            "/health": {"status": "ok"},
        }
        found = answers.get(self.path.split("?")[0])
        self.whole(found or {"error": "no such path"}, 200 if found else 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = self.path.split("?")[0]
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        failure = re.search(r"fail (\d+|context)", said(body))
        if failure:
            return self.refuse(path, failure[1])
        wrong = self.wrong(path, body)
        if wrong:
            return self.refuse(path, "400", wrong)
        answer = {
            "/v1/chat/completions": self.openai_chat,
            "/v1/completions": self.openai_completions,
            "/v1/embeddings": self.openai_embeddings,
            "/api/chat": self.ollama_chat,
            "/api/embed": self.ollama_embed,
            "/v1/messages": self.anthropic_messages,
            "/v1/messages/count_tokens": lambda body: self.whole({"input_tokens": len(json.dumps(body)) // 4}),
        }.get(path, lambda _: self.whole({"error": "no such path"}, 404))
        answer(body)

    def wrong(self, path, body):
        """What the cloud would not take about a request."""
        if path == "/v1/chat/completions":
            unknown = body.keys() - OPENAI_KNOWS
            return unknown and f"Unrecognized request arguments supplied: {sorted(unknown)}"
        if path != "/v1/messages":
            return None
        unknown = body.keys() - ANTHROPIC_KNOWS
        if unknown:
            return f"Extra inputs are not permitted: {sorted(unknown)}"
        if not body.get("max_tokens", 0) > (body.get("thinking") or {}).get("budget_tokens", 0):
            return "max_tokens: must be there, and greater than the budget"
        if self.headers["anthropic-version"] > "2023-06-01" and {"temperature", "top_p", "top_k"} & body.keys():
            return "temperature, top_p and top_k are not permitted in this version"
        for message in body["messages"]:
            if message["role"] not in ("user", "assistant"):
                return f"no such role: {message['role']}"
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block["type"] == "thinking" and block.get("signature") != "c2lnbmVk":
                    return "Invalid `signature` in `thinking` block"
                if block["type"] == "tool_use" and not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
                    return f"no fit id: {block['id']}"
                if block["type"] == "text" and not block["text"]:
                    return "text content blocks must be non-empty"
        return None

    def refuse(self, path, what, message=None):
        """An error as each of the three words it."""
        status = 400 if what == "context" else int(what)
        message = message or f"the mock was asked to answer {what}"
        if path.startswith("/api/"):
            if what == "context":
                message = "the prompt exceeds the available context size"
            return self.whole({"error": message}, status)
        if path.startswith("/v1/messages"):
            if what == "context":
                message = "prompt is too long: 250000 tokens > 200000 maximum"
            kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error",
                     500: "api_error", 529: "overloaded_error"}
            error = {"type": kinds.get(status, "invalid_request_error"), "message": message}
            return self.whole({"type": "error", "error": error}, status)
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        if what == "context":
            error.update(message="This model's maximum context length is 8192 tokens.", param="messages",
                         code="context_length_exceeded")
        self.whole({"error": error}, status)

    # --- OpenAI ---

    def openai_chat(self, body):
        base = {"id": "chatcmpl-mock", "created": 1795217684, "model": body["model"]}
        tools = offered(body, lambda t: t["function"]["name"])
        form = (body.get("response_format") or {}).get("type", "text")
        words = WORDS if form == "text" else [JSON]
        thoughts = THOUGHTS if "think" in said(body) else []
        reason = "tool_calls" if tools else "stop"
        if not body.get("stream"):
            message = {"role": "assistant", "content": None if tools else "".join(words)}
            if thoughts:
                message["reasoning_content"] = THOUGHT
            if tools:
                message["tool_calls"] = [
                    {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": JSON}}
                    for i, name in enumerate(tools)]
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return self.whole({**base, "object": "chat.completion", "choices": [choice], "usage": USAGE})
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"reasoning_content": t} for t in thoughts]
        for i, name in enumerate(tools):
            def call(i=i, **more):
                return {"tool_calls": [{"index": i, **more}]}
            deltas.append(call(id=f"call_{i}", type="function", function={"name": name, "arguments": ""}))
            deltas += [call(function={"arguments": piece}) for piece in pieces(JSON)]
        deltas += [] if tools else [{"content": w} for w in words]
        chunks = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            chunks.append({"choices": [], "usage": USAGE})
        frames = [json.dumps({**base, "object": "chat.completion.chunk", **c}) for c in chunks]
        if "break off" in said(body):
            frames[4:] = [json.dumps({"error": {"message": "the mock breaks off", "type": "server_error"}})]
        self.stream("text/event-stream", [f"data: {f}\n\n" for f in frames + ["[DONE]"]])

    def openai_completions(self, body):
        base = {"id": "cmpl-mock", "object": "text_completion", "created": 1795217684, "model": body["model"]}

        def choice(text, reason=None):
            return [{"index": 0, "text": text, "logprobs": None, "finish_reason": reason}]

        if not body.get("stream"):
            return self.whole({**base, "choices": choice(TEXT, "stop"), "usage": USAGE})
        frames = [json.dumps({**base, "choices": choice(w)}) for w in WORDS]
        frames.append(json.dumps({**base, "choices": choice("", "stop")}))
        if (body.get("stream_options") or {}).get("include_usage"):
            frames.append(json.dumps({**base, "choices": [], "usage": USAGE}))
        self.stream("text/event-stream", [f"data: {f}\n\n" for f in frames + ["[DONE]"]])

    def openai_embeddings(self, body):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": [0.25, -0.5, 1.0]} for i in range(len(inputs))]
        if body.get("encoding_format") == "base64":
            for one in data:
                one["embedding"] = base64.b64encode(struct.pack("<3f", *one["embedding"])).decode()
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        self.whole({"object": "list", "model": body["model"], "data": data, "usage": usage})

    # --- Ollama ---

    def ollama_chat(self, body):
        base = {"model": body["model"], "created_at": "2026-11-20T23:28:54.138086269Z"}
        last = {**base, "message": {"role": "assistant", "content": ""}, "done": True,
                "done_reason": "stop", "total_duration": 12850696, "load_duration": 941063,
                "prompt_eval_count": 19, "prompt_eval_duration": 1075000,
                "eval_count": 5, "eval_duration": 6253000}
        tools = offered(body, lambda t: t["function"]["name"])
        words = [] if tools else [JSON] if body.get("format") else WORDS
        thoughts = THOUGHTS if "think" in said(body) else []
        calls = [{"function": {"index": i, "name": name, "arguments": ARGUMENTS}} for i, name in enumerate(tools)]
        if body.get("stream") is False:
            last["message"]["content"] = "".join(words)
            last["message"].update({"tool_calls": calls} if calls else {})
            last["message"].update({"thinking": THOUGHT} if thoughts else {})
            return self.whole(last)
        messages = [{"content": "", "thinking": t} for t in thoughts]
        messages += [{"content": "", "tool_calls": [call]} for call in calls]
        messages += [{"content": w} for w in words]
        lines = [{**base, "message": {"role": "assistant", **m}, "done": False} for m in messages] + [last]
        if "break off" in said(body):
            lines[3:] = [{"error": "the mock breaks off"}]
        self.stream("application/x-ndjson", [json.dumps(line, ensure_ascii=False) + "\n" for line in lines])

    def ollama_embed(self, body):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        self.whole({"model": body["model"], "embeddings": [[0.25, -0.5, 1.0]] * len(inputs),
                    "total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": 3})

    # --- Anthropic ---

    def anthropic_messages(self, body):
        tools = offered(body, lambda t: t["name"])
        wants_json = "format" in (body.get("output_config") or {})
        words = [JSON] if wants_json else WORDS
        blocks = [{"type": "tool_use", "id": f"toolu_{i}", "name": name, "input": ARGUMENTS}
                  for i, name in enumerate(tools)] or [{"type": "text", "text": "".join(words)}]
        if "think" in said(body):
            blocks.insert(0, {"type": "thinking", "thinking": THOUGHT, "signature": "c2lnbmVk"})
        message = {"id": "msg_mock", "type": "message", "role": "assistant", "model": body["model"],
                   "content": blocks, "stop_reason": "tool_use" if tools else "end_turn", "stop_sequence": None,
                   "usage": {"input_tokens": 19, "output_tokens": 5}}
        if not body.get("stream"):
            return self.whole(message)
        start = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 19, "output_tokens": 1}}
        events = [{"type": "message_start", "message": start}, {"type": "ping"}]
        for index, block in enumerate(blocks):
            if block["type"] == "tool_use":
                opened = {**block, "input": {}}
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(JSON)]
            elif block["type"] == "thinking":
                opened = {"type": "thinking", "thinking": "", "signature": ""}
                deltas = [{"type": "thinking_delta", "thinking": t} for t in THOUGHTS]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            else:
                opened = {"type": "text", "text": ""}
                deltas = [{"type": "text_delta", "text": w} for w in words]
            events.append({"type": "content_block_start", "index": index, "content_block": opened})
            events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
            events.append({"type": "content_block_stop", "index": index})
        events.append({"type": "message_delta", "usage": {"output_tokens": 5},
                       "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None}})
        events.append({"type": "message_stop"})
        if "break off" in said(body):
            error = {"type": "overloaded_error", "message": "the mock breaks off"}
            events[6:] = [{"type": "error", "error": error}]
        self.stream("text/event-stream", [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events])

    # --- framing ---

    def whole(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, content_type, parts):
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for part in parts:
            part = part.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")


def pieces(text):
    return [text[i:i + 4] for i in range(0, len(text), 4)]


def said(body):
    """What the user said last."""
    asked = [m["content"] for m in body.get("messages", []) if m["role"] == "user"] or [body.get("prompt", "")]
    parts = asked[-1] if isinstance(asked[-1], list) else [{"type": "text", "text": asked[-1]}]
    return " ".join(p.get("text", "") if isinstance(p, dict) else str(p) for p in parts)


def offered(body, name):
    """The first tool, or all where both are asked for, unless a result is already in the conversation."""
    def is_result(message):
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        return message["role"] == "tool" or any(b.get("type") == "tool_result" for b in blocks)

    tools = [name(tool) for tool in body.get("tools") or []]
    if any(map(is_result, body["messages"])):
        return []
    return tools if "both" in said(body) else tools[:1]
