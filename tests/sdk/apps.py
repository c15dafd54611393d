"""Requests as well-known apps send them, over plain HTTP: Claude Code, Open WebUI, n8n."""

import http.client
import json

from gateway import KEY
from mock import TEXT
from openai_checks import SCHEMA

# As LangChain, under n8n, and other careful clients spell what they do not want.
NEUTRAL = {
    "n": 1, "temperature": 0.7, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {},
    "logprobs": False, "top_logprobs": None, "stop": None, "seed": None, "user": "", "tool_choice": "auto",
    "parallel_tool_calls": False, "response_format": {"type": "text"}, "modalities": ["text"], "store": False,
    "service_tier": "auto", "max_tokens": None, "max_completion_tokens": None, "functions": None, "metadata": {},
    "prediction": None, "audio": None, "reasoning_effort": None, "verbosity": None,
}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA, "strict": False}}


def post(url, path, body, headers=None):
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    head = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **(headers or {})}
    connection.request("POST", path, json.dumps(body), head)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, (answer.status, text)
    return answer, text


def chunks(text):
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]" and lines.count("[DONE]") == 1, lines[-2:]
    return [json.loads(line) for line in lines[:-1]]


def streamed_text(found):
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in found if c["choices"])


def open_webui(url, model):
    """A turn of a chat, and the task in the background that finds a title for it."""
    talk = [{"role": "system", "content": ""}, {"role": "user", "content": "hi"}]
    _, text = post(url, "/v1/chat/completions", {
        "stream": True, "model": model, "messages": talk, "stream_options": {"include_usage": True},
        "temperature": 0.8, "frequency_penalty": 0, "stop": ["###"],
    }, {"user-agent": "Python/3.11 aiohttp/3.11", "x-openwebui-user-name": "a"})
    found = chunks(text)
    assert streamed_text(found) == TEXT and found[-1]["usage"]["total_tokens"] == 24, text
    _, text = post(url, "/v1/chat/completions", {
        "model": model, "messages": [{"role": "user", "content": "### Task:\nGenerate a title."}], "stream": False,
        "max_completion_tokens": 1000,
        "metadata": {"task": "title_generation", "task_body": {"model": model}, "chat_id": None},
    })
    assert json.loads(text)["choices"][0]["message"]["content"] == TEXT, text


def n8n(url, model):
    """The AI agent node: neutral values everywhere, streams with tools, a tool's result, embeddings."""
    talk = [{"role": "system", "content": "You are a helpful assistant"}, {"role": "user", "content": "hi"}]
    body = {"model": model, "messages": talk, **NEUTRAL}
    _, text = post(url, "/v1/chat/completions", {**body, "stream": False})
    assert json.loads(text)["choices"][0]["message"]["content"] == TEXT, text
    _, text = post(url, "/v1/chat/completions", {
        **body, "stream": True, "stream_options": {"include_usage": True}, "tools": [TOOL]})
    found = chunks(text)
    calls = [c["choices"][0]["delta"]["tool_calls"][0] for c in found
             if c["choices"] and c["choices"][0]["delta"].get("tool_calls")]
    assert calls[0]["id"] and calls[0]["function"]["name"] == "get_weather", calls
    assert all(call["index"] == 0 for call in calls), calls
    turn = {"role": "assistant", "content": "", "tool_calls": [
        {"id": calls[0]["id"], "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]}
    result = {"role": "tool", "content": '[{"response": "sunny"}]', "name": "get_weather", "tool_call_id": calls[0]["id"]}
    _, text = post(url, "/v1/chat/completions", {
        **body, "messages": [*talk, turn, result], "tools": [TOOL], "stream": False, "max_tokens": -1})
    assert json.loads(text)["choices"][0]["message"]["content"] == TEXT, text


CLAUDE_CODE = {
    "model": "", "max_tokens": 32000, "stream": True, "temperature": 1,
    "system": [
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "You help with code.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder>x</system-reminder>"},
                                     {"type": "text", "text": "list the files"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "I should look.", "signature": "c2lnbmVk"},
            {"type": "redacted_thinking", "data": "b3BhcXVl"},
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "toolu_01A", "name": "Bash", "input": {"command": "ls", "description": "x"}},
            {"type": "tool_use", "id": "toolu_01B", "name": "Read", "input": {"file_path": "/a"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_01A", "content": "a\nb", "is_error": False},
            {"type": "tool_result", "tool_use_id": "toolu_01B", "is_error": True,
             "content": [{"type": "text", "text": "no such file"}], "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}}]},
    ],
    "tools": [
        {"name": "Bash", "description": "Runs a command.", "input_schema": {**SCHEMA, "$schema": "http://json-schema.org/draft-07/schema#", "additionalProperties": False}},
        {"name": "Read", "description": "Reads a file.", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}},
    ],
    "metadata": {"user_id": "user_5f2c_account__session_9b1d"},
    "thinking": {"type": "enabled", "budget_tokens": 31999},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
}
CLAUDE_CODE_HEADERS = {
    "anthropic-version": "2023-06-01", "x-app": "cli", "user-agent": "claude-cli/2.1.0 (external, cli)",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
    "anthropic-dangerous-direct-browser-access": "true",
}


def claude_code(url, model, mock):
    body = {**CLAUDE_CODE, "model": model}
    answer, text = post(url, "/v1/messages?beta=true", body, CLAUDE_CODE_HEADERS)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.headers
    found = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    kinds = [event["type"] for event in found]
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds
    assert found[0]["message"]["model"] == model, found[0]
    said = "".join(e["delta"].get("text", "") for e in found if e["type"] == "content_block_delta")
    assert said == TEXT, said
    path, headers, sent = mock.seen[-1]
    if model == "on-anthropic":
        assert path == "/v1/messages?beta=true", path
        assert sent == {**body, "model": "claude-sonnet-4-5"}, "the body is passed on as it is"
        assert headers["anthropic-beta"] == CLAUDE_CODE_HEADERS["anthropic-beta"], headers
        assert headers["anthropic-version"] == "2023-06-01" and headers["x-api-key"] == "sk-claude", headers
    else:
        assert "anthropic-beta" not in headers and "anthropic-version" not in headers, headers
        assert "context_management" not in sent and "metadata" not in sent, sent.keys()
        roles = [message["role"] for message in sent["messages"]]
        assert roles[0] == "system" and roles.count("tool") == 2, roles
        assert "cache_control" not in json.dumps(sent), "nobody else knows it"
    _, text = post(url, "/v1/messages/count_tokens?beta=true", {
        key: body[key] for key in ("model", "system", "messages", "tools")}, CLAUDE_CODE_HEADERS)
    assert json.loads(text)["input_tokens"] > 0, text
    # Its small requests in the background: a topic, a quota.
    _, text = post(url, "/v1/messages?beta=true", {
        "model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "quota"}],
        "metadata": CLAUDE_CODE["metadata"]}, CLAUDE_CODE_HEADERS)
    assert json.loads(text)["content"][0]["text"] == TEXT, text


def version(client, url, mock):
    """An Anthropic upstream is asked with the client's version of the API, else with ours."""
    body = {"model": "on-anthropic", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    client.messages.create(**body)
    assert mock.seen[-1][1]["anthropic-version"] == client.default_headers["anthropic-version"], mock.seen[-1]
    post(url, "/v1/messages", body)
    assert mock.seen[-1][1]["anthropic-version"] == "2023-06-01", mock.seen[-1]
    assert "authorization" not in mock.seen[-1][1], "the client's key went up"
