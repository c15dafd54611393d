"""What the Anthropic SDK must find: every check takes a client and the name of a model."""

import asyncio

import anthropic
from mock import ARGUMENTS, TEXT, THOUGHT
from openai_checks import HI, PNG, SCHEMA, raises, user

TOOLS = [{"name": name, "description": "of a city", "input_schema": SCHEMA} for name in ("get_weather", "get_time")]


def plain(client, model):
    answer = client.messages.create(model=model, max_tokens=64, messages=HI, system="Be brief.")
    assert answer.content[0].text == TEXT, answer
    assert (answer.stop_reason, answer.role, answer.model) == ("end_turn", "assistant", model), answer
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (19, 5), answer.usage
    assert answer.id.startswith("msg_") and answer.type == "message", answer


def stream(client, model):
    with client.messages.stream(model=model, max_tokens=64, messages=HI) as events:
        text = "".join(events.text_stream)
        final = events.get_final_message()
    assert text == TEXT, text
    assert (final.stop_reason, final.model) == ("end_turn", model), final
    assert (final.usage.input_tokens, final.usage.output_tokens) == (19, 5), final.usage


def stream_events(client, model):
    kinds = [event.type for event in client.messages.create(
        model=model, max_tokens=64, messages=HI, stream=True)]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], kinds
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 1, kinds


def tools(client, model):
    answer = client.messages.create(model=model, max_tokens=64, messages=user("both"), tools=TOOLS)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [(t["name"], ARGUMENTS) for t in TOOLS], answer
    assert answer.stop_reason == "tool_use" and len({call.id for call in calls}) == 2, answer
    blocks = [block.model_dump(exclude_none=True, include={"type", "id", "name", "input"}) for block in calls]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"} for call in calls]
    results[1].update(content=[{"type": "text", "text": "no clock"}], is_error=True)
    turns = [*user("both"), {"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
    answer = client.messages.create(model=model, max_tokens=64, messages=turns, tools=TOOLS)
    assert answer.content[0].text == TEXT, answer


def tools_stream(client, model):
    with client.messages.stream(model=model, max_tokens=64, messages=user("both"), tools=TOOLS) as events:
        final = events.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [(t["name"], ARGUMENTS) for t in TOOLS], final
    assert final.stop_reason == "tool_use", final


def thinking(client, model):
    how = {"model": model, "max_tokens": 4096, "messages": user("think"),
           "thinking": {"type": "enabled", "budget_tokens": 1024}}
    answer = client.messages.create(**how)
    assert [block.type for block in answer.content] == ["thinking", "text"], answer
    assert (answer.content[0].thinking, answer.content[1].text) == (THOUGHT, TEXT), answer
    with client.messages.stream(**how) as events:
        final = events.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"], final
    assert (final.content[0].thinking, final.content[1].text) == (THOUGHT, TEXT), final
    # The next turn carries the reasoning back, whoever wrote it.
    turns = [*user("think"), {"role": "assistant", "content": final.content}, *HI]
    answer = client.messages.create(model=model, max_tokens=4096, messages=turns)
    assert answer.content[0].text == TEXT, answer


def handed_over(client, _model):
    """A conversation goes on at another backend, with what the first one thought and called."""
    models = ["on-ollama", "on-openai", "on-anthropic", "on-ollama"]
    turns, how = [], {"max_tokens": 4096, "tools": TOOLS}
    for model in models:
        turns.append(user("think of both")[0])
        answer = client.messages.create(model=model, messages=turns, tools=TOOLS, max_tokens=4096)
        turns.append({"role": "assistant", "content": answer.content})
        calls = [block for block in answer.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "x"} for call in calls]
        if results:
            turns.append({"role": "user", "content": results})
            answer = client.messages.create(model=models[-1], messages=turns, **how)
            turns.append({"role": "assistant", "content": answer.content})
    assert len(turns) >= 10, turns


def structured(client, model):
    how = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    answer = client.messages.create(model=model, max_tokens=64, messages=HI, output_config={"format": how})
    assert answer.content[-1].text == '{"city": "Paris"}', answer


def image(client, model, mock):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    parts = [{"type": "image", "source": source}, {"type": "text", "text": "what is it"}]
    answer = client.messages.create(model=model, max_tokens=64, messages=[{"role": "user", "content": parts}])
    assert answer.content[0].text == TEXT, answer
    assert PNG in str(mock.seen[-1][2]), "the picture did not arrive"


def count(client, model):
    short = client.messages.count_tokens(model=model, messages=HI).input_tokens
    longer = client.messages.count_tokens(model=model, messages=user("word " * 400), system="x", tools=TOOLS)
    assert 0 < short < 40 < longer.input_tokens < 1000, (short, longer)


def beta(client, model):
    answer = client.beta.messages.create(
        model=model, max_tokens=64, messages=HI, betas=["interleaved-thinking-2025-05-14"])
    assert answer.content[0].text == TEXT, answer


def models(client):
    names = {model.id for model in client.models.list()}
    assert {"chat", "on-anthropic"} <= names, names
    one = client.models.retrieve("on-ollama")
    assert (one.id, one.type, bool(one.display_name)) == ("on-ollama", "model", True), one
    raises(anthropic.NotFoundError, lambda: client.models.retrieve("no-such-model"))


def refusals(client, model):
    wanted = {"401": anthropic.AuthenticationError, "404": anthropic.NotFoundError, "400": anthropic.BadRequestError,
              "429": anthropic.RateLimitError, "500": anthropic.InternalServerError}
    for status, kind in wanted.items():
        error = raises(kind, lambda: client.messages.create(
            model=model, max_tokens=64, messages=user(f"fail {status}")))
        assert error.body["type"] == "error" and error.request_id, error.body
        assert f"asked to answer {status}" in error.body["error"]["message"], error.body
    error = raises(anthropic.BadRequestError, lambda: client.messages.create(
        model=model, max_tokens=64, messages=user("fail context")))
    assert error.body["error"]["type"] == "invalid_request_error", error.body


def overloaded(client, model):
    error = raises(anthropic.InternalServerError, lambda: client.messages.create(
        model=model, max_tokens=64, messages=user("fail 529")))
    assert error.body["error"]["type"] == "overloaded_error", error.body


def broken_stream(client, model):
    text = ""
    try:
        with client.messages.stream(model=model, max_tokens=64, messages=user("break off")) as events:
            for piece in events.text_stream:
                text += piece
    except anthropic.APIStatusError as error:
        assert "breaks off" in str(error.body), error.body
    else:
        raise AssertionError("the stream ended as if it were whole")
    assert text and TEXT.startswith(text), text


def own_errors(client, url):
    error = raises((anthropic.BadRequestError, anthropic.NotFoundError), lambda: client.messages.create(
        model="no-such-model", max_tokens=64, messages=HI))
    assert error.body["type"] == "error", error.body
    assert "no-such-model" in error.body["error"]["message"], error.body
    for how in ({"api_key": "sk-wrong"}, {"api_key": None, "default_headers": {"x-api-key": "sk-wrong"}}):
        wrong = anthropic.Anthropic(base_url=url, max_retries=0, **how)
        error = raises(anthropic.AuthenticationError, lambda: wrong.messages.create(
            model="on-openai", max_tokens=64, messages=HI))
        assert error.body["error"]["type"] == "authentication_error", error.body
    raises(anthropic.BadRequestError, lambda: client.messages.create(
        model="on-ollama", max_tokens=64, messages=[{"role": "clown", "content": "hi"}]))


def in_parallel(url, key, models):
    async def one(client, model):
        answer = await client.messages.create(model=model, max_tokens=64, messages=HI)
        assert answer.content[0].text == TEXT, answer
        async with client.messages.stream(model=model, max_tokens=64, messages=HI) as events:
            assert await events.get_final_text() == TEXT

    async def all_of_them():
        async with anthropic.AsyncAnthropic(base_url=url, api_key=key, max_retries=0) as client:
            await asyncio.gather(*(one(client, model) for model in models * 4))

    asyncio.run(all_of_them())


EVERYWHERE = [plain, stream, stream_events, tools, tools_stream, thinking, structured, count, beta, refusals,
              broken_stream]
DIRECT = [plain, stream, stream_events, tools, tools_stream, thinking, structured, count, beta]
