"""A model server for the SDK checks: OpenAI, Ollama and Anthropic by path, standard library only.

It says the same words whatever it is asked, calls the first tool it is offered unless a tool result
is already there, and keeps what it was asked in `Mock.seen`.
"""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["Grüße", " from", " the", " mock", "."]
TEXT = "".join(WORDS)
ARGUMENTS = {"city": "Paris"}
USAGE = {"prompt_tokens": 19, "completion_tokens": 5, "total_tokens": 24}


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
        self.seen.append((path, dict(self.headers), body))
        answer = {
            "/v1/chat/completions": self.openai_chat,
            "/v1/embeddings": self.openai_embeddings,
            "/api/chat": self.ollama_chat,
            "/api/embed": self.ollama_embed,
            "/v1/messages": self.anthropic_messages,
            "/v1/messages/count_tokens": lambda _: self.whole({"input_tokens": 19}),
        }.get(path, lambda _: self.whole({"error": "no such path"}, 404))
        answer(body)

    # --- OpenAI ---

    def openai_chat(self, body):
        base = {"id": "chatcmpl-mock", "created": 1795217684, "model": body["model"]}
        tool = offered(body, lambda t: t["function"]["name"])
        if not body.get("stream"):
            message = {"role": "assistant", "content": TEXT}
            if tool:
                message = {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": tool, "arguments": json.dumps(ARGUMENTS)}}]}
            choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tool else "stop"}
            return self.whole({**base, "object": "chat.completion", "choices": [choice], "usage": USAGE})
        deltas = [{"role": "assistant", "content": ""}] + [{"content": w} for w in WORDS]
        if tool:
            def call(**more):
                return {"tool_calls": [{"index": 0, **more}]}
            deltas = [call(id="call_1", type="function", function={"name": tool, "arguments": ""})]
            text = json.dumps(ARGUMENTS)
            deltas += [call(function={"arguments": text[i:i + 4]}) for i in range(0, len(text), 4)]
        chunks = [{"choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        reason = "tool_calls" if tool else "stop"
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            chunks.append({"choices": [], "usage": USAGE})
        frames = [json.dumps({**base, "object": "chat.completion.chunk", **c}) for c in chunks]
        self.stream("text/event-stream", [f"data: {f}\n\n" for f in frames + ["[DONE]"]])

    def openai_embeddings(self, body):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": i, "embedding": [0.25, -0.5, 1.0]} for i in range(len(inputs))]
        if body.get("encoding_format") == "base64":
            import base64
            import struct
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
        tool = offered(body, lambda t: t["function"]["name"])
        if tool:
            last["message"]["tool_calls"] = [{"function": {"name": tool, "arguments": ARGUMENTS}}]
        if body.get("stream") is False:
            if not tool:
                last["message"]["content"] = TEXT
            return self.whole(last)
        words = [] if tool else WORDS
        lines = [{**base, "message": {"role": "assistant", "content": w}, "done": False} for w in words]
        self.stream("application/x-ndjson", [json.dumps(line, ensure_ascii=False) + "\n" for line in lines + [last]])

    def ollama_embed(self, body):
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        self.whole({"model": body["model"], "embeddings": [[0.25, -0.5, 1.0]] * len(inputs),
                    "total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": 3})

    # --- Anthropic ---

    def anthropic_messages(self, body):
        tool = offered(body, lambda t: t["name"])
        block = {"type": "text", "text": TEXT}
        if tool:
            block = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": ARGUMENTS}
        message = {"id": "msg_mock", "type": "message", "role": "assistant", "model": body["model"],
                   "content": [block], "stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None,
                   "usage": {"input_tokens": 19, "output_tokens": 5}}
        if not body.get("stream"):
            return self.whole(message)
        start = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 19, "output_tokens": 1}}
        events = [{"type": "message_start", "message": start}]
        if tool:
            opened = {**block, "input": {}}
            text = json.dumps(ARGUMENTS)
            deltas = [{"type": "input_json_delta", "partial_json": text[i:i + 4]} for i in range(0, len(text), 4)]
        else:
            opened = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": w} for w in WORDS]
        events.append({"type": "content_block_start", "index": 0, "content_block": opened})
        events.append({"type": "ping"})
        events += [{"type": "content_block_delta", "index": 0, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": 0})
        events.append({"type": "message_delta", "usage": {"output_tokens": 5},
                       "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None}})
        events.append({"type": "message_stop"})
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


def offered(body, name):
    """The first tool, unless its result is already in the conversation."""
    def is_result(message):
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        return message["role"] == "tool" or any(b.get("type") == "tool_result" for b in blocks)

    tools = body.get("tools")
    return name(tools[0]) if tools and not any(map(is_result, body["messages"])) else None
