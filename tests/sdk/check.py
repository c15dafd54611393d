"""The real OpenAI and Anthropic SDKs against the gateway, in front of each kind of backend.

check.py BINARY     against the gateway
check.py --direct   against the mock itself, to check the checks
"""

import json
import sqlite3
import sys

import anthropic
import openai
from gateway import KEY, Gateway, Tally, wait_for
from mock import ARGUMENTS, TEXT, Mock

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
ANTHROPIC_TOOL = {"name": "get_weather", "description": "Weather of a city.", "input_schema": SCHEMA}


def config(ollama, cloud, claude):
    return f"""
model_list:
  - model_name: chat
    litellm_params: {{model: ollama/llama3.2, api_base: "{ollama.url}", order: 1}}
  - model_name: chat
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{cloud.url}/v1", api_key: sk-cloud, order: 2}}
  - model_name: on-ollama
    litellm_params: {{model: ollama_chat/llama3.2, api_base: "{ollama.url}"}}
  - model_name: on-openai
    litellm_params: {{model: openai/gpt-4o-mini, api_base: "{cloud.url}/v1", api_key: sk-cloud}}
  - model_name: on-anthropic
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: "{claude.url}", api_key: sk-claude}}
  - model_name: embed-ollama
    litellm_params: {{model: ollama/nomic-embed-text, api_base: "{ollama.url}"}}
  - model_name: embed-openai
    litellm_params: {{model: openai/text-embedding-3-small, api_base: "{cloud.url}/v1", api_key: sk-cloud}}
general_settings:
  master_key: {KEY}
"""


# --- the OpenAI SDK ---

def openai_plain(client, model):
    answer = client.chat.completions.create(model=model, messages=HI)
    assert answer.choices[0].message.content == TEXT, answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert answer.model == model, answer.model
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (19, 5), answer.usage


def openai_stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == TEXT, text
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert not any(c.usage for c in chunks), "usage was not asked for"


def openai_stream_usage(client, model):
    chunks = list(client.chat.completions.create(
        model=model, messages=HI, stream=True, stream_options={"include_usage": True}))
    usages = [c.usage for c in chunks if c.usage]
    assert len(usages) == 1 and usages[0].total_tokens == 24, usages


def openai_tools(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, tools=[OPENAI_TOOL])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls", answer
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", ARGUMENTS), call
    turn = answer.choices[0].message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answer = client.chat.completions.create(model=model, messages=[*HI, turn, result], tools=[OPENAI_TOOL])
    assert answer.choices[0].message.content == TEXT, answer


def openai_tools_stream(client, model):
    name, arguments, ids, reasons = "", "", [], []
    for chunk in client.chat.completions.create(model=model, messages=HI, tools=[OPENAI_TOOL], stream=True):
        for choice in chunk.choices:
            reasons += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or []:
                assert call.index == 0, call
                ids += [call.id] if call.id else []
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert (name, json.loads(arguments), len(ids)) == ("get_weather", ARGUMENTS, 1), (name, arguments, ids)
    assert reasons == ["tool_calls"], reasons


def openai_embeddings(client, model):
    answer = client.embeddings.create(model=model, input=["a", "b"])
    assert [d.index for d in answer.data] == [0, 1], answer
    assert [round(x, 3) for x in answer.data[1].embedding] == [0.25, -0.5, 1.0], answer


def openai_models(client):
    names = {model.id for model in client.models.list()}
    assert {"chat", "on-openai", "on-ollama", "on-anthropic"} <= names, names


def openai_errors(client, url):
    try:
        client.chat.completions.create(model="no-such-model", messages=HI)
    except openai.APIStatusError as error:
        assert error.status_code in (400, 404), error
        assert "no-such-model" in error.message, error
    else:
        raise AssertionError("an unknown model was answered")
    try:
        openai.OpenAI(base_url=f"{url}/v1", api_key="sk-wrong", max_retries=0).models.list()
    except openai.AuthenticationError as error:
        assert error.status_code == 401, error
    else:
        raise AssertionError("a wrong key was taken")


# --- the Anthropic SDK ---

def anthropic_plain(client, model):
    answer = client.messages.create(model=model, max_tokens=64, messages=HI, system="Be brief.")
    assert answer.content[0].text == TEXT, answer
    assert (answer.stop_reason, answer.role, answer.model) == ("end_turn", "assistant", model), answer
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (19, 5), answer.usage


def anthropic_stream(client, model):
    with client.messages.stream(model=model, max_tokens=64, messages=HI) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == TEXT, text
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 5), final


def anthropic_tools(client, model):
    answer = client.messages.create(model=model, max_tokens=64, messages=HI, tools=[ANTHROPIC_TOOL])
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert (calls[0].name, calls[0].input) == ("get_weather", ARGUMENTS), answer
    assert answer.stop_reason == "tool_use", answer
    blocks = [block.model_dump(exclude_none=True, include={"type", "id", "name", "input"}) for block in calls]
    result = {"type": "tool_result", "tool_use_id": calls[0].id, "content": "sunny"}
    turns = [*HI, {"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
    answer = client.messages.create(model=model, max_tokens=64, messages=turns, tools=[ANTHROPIC_TOOL])
    assert answer.content[0].text == TEXT, answer


def anthropic_tools_stream(client, model):
    with client.messages.stream(model=model, max_tokens=64, messages=HI, tools=[ANTHROPIC_TOOL]) as stream:
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert (calls[0].name, calls[0].input, final.stop_reason) == ("get_weather", ARGUMENTS, "tool_use"), final


def anthropic_count(client, model):
    counted = client.messages.count_tokens(model=model, messages=HI)
    assert counted.input_tokens > 0, counted


def anthropic_errors(client, url):
    try:
        client.messages.create(model="no-such-model", max_tokens=64, messages=HI)
    except anthropic.APIStatusError as error:
        assert error.status_code in (400, 404), error
        assert error.body["type"] == "error", error.body
        assert "no-such-model" in error.body["error"]["message"], error.body
    else:
        raise AssertionError("an unknown model was answered")
    try:
        wrong = anthropic.Anthropic(base_url=url, api_key="sk-wrong", max_retries=0)
        wrong.messages.create(model="on-openai", max_tokens=64, messages=HI)
    except anthropic.AuthenticationError as error:
        assert error.body["error"]["type"] == "authentication_error", error.body
    else:
        raise AssertionError("a wrong key was taken")


# --- the main job ---

def failover(client, anthropic_client, ollama, cloud):
    """Ollama first; when it is stopped, every request goes on through the cloud."""
    before = len(cloud.seen)
    openai_plain(client, "chat")
    assert len(cloud.seen) == before, "the first in order was there"
    ollama.stop()
    for _ in range(5):
        openai_plain(client, "chat")
        openai_stream(client, "chat")
        anthropic_plain(anthropic_client, "chat")
        anthropic_stream(anthropic_client, "chat")
    assert len(cloud.seen) == before + 20, len(cloud.seen)
    ollama.start()
    asked = len(ollama.seen)

    def is_back():
        openai_plain(client, "chat")
        return len(ollama.seen) > asked

    wait_for("ollama to serve again", is_back, 90)


def rows(gateway, wanted):
    def count():
        with sqlite3.connect(f"file:{gateway.db}?mode=ro", uri=True) as db:
            return db.execute("select count(*) from litellm_spend_logs").fetchone()[0]

    wait_for(f"{wanted} rows", lambda: count() >= wanted)


def secrets(mocks):
    """The client's key never leaves the house; each backend gets its own."""
    for mock in mocks:
        for path, headers, body in mock.seen:
            assert KEY not in json.dumps([headers, body]), path


OPENAI = [openai_plain, openai_stream, openai_stream_usage, openai_tools, openai_tools_stream]
ANTHROPIC = [anthropic_plain, anthropic_stream, anthropic_tools, anthropic_tools_stream, anthropic_count]


def direct():
    tally, mock = Tally(), Mock()
    client = openai.OpenAI(base_url=f"{mock.url}/v1", api_key="x", max_retries=0)
    for check in [*OPENAI, openai_embeddings]:
        tally.run(check.__name__, check, client, "m")
    client = anthropic.Anthropic(base_url=mock.url, api_key="x", max_retries=0)
    for check in ANTHROPIC:
        tally.run(check.__name__, check, client, "m")
    return tally.close()


def through(binary):
    ollama, cloud, claude = Mock(), Mock(), Mock()
    with Gateway(binary, config(ollama, cloud, claude)) as gateway:
        tally = Tally(gateway)
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0)
        other = anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0)
        for model in ["on-openai", "on-ollama", "on-anthropic"]:
            for check in OPENAI:
                tally.run(f"{check.__name__} {model}", check, client, model)
            for check in ANTHROPIC:
                tally.run(f"{check.__name__} {model}", check, other, model)
        for model in ["embed-openai", "embed-ollama"]:
            tally.run(f"openai_embeddings {model}", openai_embeddings, client, model)
        tally.run("openai_models", openai_models, client)
        tally.run("openai_errors", openai_errors, client, gateway.url)
        tally.run("anthropic_errors", anthropic_errors, other, gateway.url)
        tally.run("failover", failover, client, other, ollama, cloud)
        tally.run("rows", rows, gateway, sum(len(m.seen) for m in (ollama, cloud, claude)))
        tally.run("secrets", secrets, [ollama, cloud, claude])
        return tally.close()


if __name__ == "__main__":
    sys.exit(direct() if sys.argv[1:] == ["--direct"] else through(sys.argv[1]))
