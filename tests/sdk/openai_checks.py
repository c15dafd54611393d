"""What the OpenAI SDK must find: every check takes a client and the name of a model."""

import asyncio
import json

import openai
import pydantic
from mock import ARGUMENTS, TEXT, THOUGHT

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": name, "description": "of a city", "parameters": SCHEMA}}
         for name in ("get_weather", "get_time")]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Place(pydantic.BaseModel):
    city: str


def user(text):
    return [{"role": "user", "content": text}]


def plain(client, model):
    answer = client.chat.completions.create(model=model, messages=HI)
    assert answer.choices[0].message.content == TEXT, answer
    assert answer.choices[0].finish_reason == "stop", answer
    assert (answer.object, answer.model) == ("chat.completion", model), answer
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (19, 5), answer.usage


def stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=HI, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == TEXT, text
    assert {c.model for c in chunks} == {model}, chunks[0]
    assert len({c.id for c in chunks}) == 1, chunks
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert not any(c.usage for c in chunks), "usage was not asked for"
    assert all(c.choices for c in chunks), "many clients take the first choice of each chunk"


def stream_usage(client, model):
    chunks = list(client.chat.completions.create(
        model=model, messages=HI, stream=True, stream_options={"include_usage": True}))
    usages = [c.usage for c in chunks if c.usage]
    assert len(usages) == 1 and usages[0].total_tokens == 24, usages
    assert not chunks[-1].choices, "usage comes last, alone"


def tools(client, model):
    answer = client.chat.completions.create(model=model, messages=HI, tools=TOOLS[:1])
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls", answer
    assert (call.type, call.function.name) == ("function", "get_weather"), call
    assert json.loads(call.function.arguments) == ARGUMENTS, call
    turn = answer.choices[0].message.model_dump(exclude_none=True)
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    answer = client.chat.completions.create(model=model, messages=[*HI, turn, result], tools=TOOLS[:1])
    assert answer.choices[0].message.content == TEXT, answer


def tools_parallel(client, model):
    answer = client.chat.completions.create(
        model=model, messages=user("both"), tools=TOOLS, parallel_tool_calls=True, tool_choice="auto")
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"], calls
    assert len({call.id for call in calls}) == 2 and all(call.id for call in calls), calls
    turn = answer.choices[0].message.model_dump(exclude_none=True)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "x"} for call in calls]
    answer = client.chat.completions.create(model=model, messages=[*user("both"), turn, *results], tools=TOOLS)
    assert answer.choices[0].message.content == TEXT, answer


def tools_stream(client, model):
    found, reasons = {}, []
    for chunk in client.chat.completions.create(model=model, messages=user("both"), tools=TOOLS, stream=True):
        for choice in chunk.choices:
            reasons += [choice.finish_reason] if choice.finish_reason else []
            for call in choice.delta.tool_calls or []:
                one = found.setdefault(call.index, {"ids": [], "name": "", "arguments": ""})
                one["ids"] += [call.id] if call.id else []
                one["name"] += call.function.name or ""
                one["arguments"] += call.function.arguments or ""
    assert sorted(found) == [0, 1], found
    assert [found[i]["name"] for i in (0, 1)] == ["get_weather", "get_time"], found
    assert all(json.loads(one["arguments"]) == ARGUMENTS and len(one["ids"]) == 1 for one in found.values()), found
    assert found[0]["ids"] != found[1]["ids"] and reasons == ["tool_calls"], (found, reasons)


def tools_helper(client, model):
    """The SDK's own accumulation."""
    with client.chat.completions.stream(model=model, messages=user("both"), tools=TOOLS) as events:
        kinds = [event.type for event in events]
        message = events.get_final_completion().choices[0].message
    assert kinds.count("tool_calls.function.arguments.done") == 2, kinds
    assert [json.loads(call.function.arguments) for call in message.tool_calls] == [ARGUMENTS] * 2, message


def structured(client, model):
    answer = client.chat.completions.parse(model=model, messages=HI, response_format=Place)
    assert answer.choices[0].message.parsed == Place(city="Paris"), answer
    assert answer.choices[0].finish_reason == "stop", answer
    answer = client.chat.completions.create(
        model=model, messages=user("json please"), response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content) == ARGUMENTS, answer


def image(client, model, mock):
    url = f"data:image/png;base64,{PNG}"
    parts = [{"type": "text", "text": "what is it"},
             {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
    plain_answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}])
    assert plain_answer.choices[0].message.content == TEXT, plain_answer
    sent = json.dumps(mock.seen[-1][2])
    assert PNG in sent, "the picture did not arrive"
    if mock.seen[-1][0] == "/api/chat":
        assert mock.seen[-1][2]["messages"][-1]["images"] == [PNG], sent


def reasoning(client, model):
    answer = client.chat.completions.create(model=model, messages=user("think"), reasoning_effort="low")
    message = answer.choices[0].message
    assert (message.reasoning_content, message.content) == (THOUGHT, TEXT), message
    thought = text = ""
    for chunk in client.chat.completions.create(model=model, messages=user("think"), stream=True):
        delta = chunk.choices[0].delta
        thought += getattr(delta, "reasoning_content", None) or ""
        text += delta.content or ""
    assert (thought, text) == (THOUGHT, TEXT), (thought, text)


def completions(client, model):
    answer = client.completions.create(model=model, prompt="hi", max_tokens=16)
    assert (answer.object, answer.choices[0].text, answer.model) == ("text_completion", TEXT, model), answer
    assert answer.usage.total_tokens == 24, answer
    chunks = list(client.completions.create(model=model, prompt="hi", stream=True))
    assert "".join(c.choices[0].text for c in chunks) == TEXT, chunks
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"], chunks


def embeddings(client, model):
    """The SDK asks for base64 unless it is told otherwise, and decodes it."""
    for more in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
        answer = client.embeddings.create(model=model, input=["a", "b"], **more)
        assert [d.index for d in answer.data] == [0, 1], answer
        if more.get("encoding_format") == "base64":
            assert isinstance(answer.data[0].embedding, str), answer
        else:
            assert [round(x, 3) for x in answer.data[1].embedding] == [0.25, -0.5, 1.0], answer
    assert len(client.embeddings.create(model=model, input="one").data) == 1
    assert (answer.object, answer.model, answer.usage.prompt_tokens) == ("list", model, 3), answer


def models(client):
    names = {model.id for model in client.models.list()}
    assert {"chat", "on-openai", "on-ollama", "on-anthropic"} <= names, names
    assert client.models.retrieve("on-ollama").id == "on-ollama"
    raises(openai.NotFoundError, lambda: client.models.retrieve("no-such-model"))


def refusals(client, model):
    """What a backend refuses is raised as the class that it would raise without us between."""
    wanted = {"401": openai.AuthenticationError, "404": openai.NotFoundError, "422": openai.UnprocessableEntityError,
              "429": openai.RateLimitError, "500": openai.InternalServerError, "400": openai.BadRequestError}
    for status, kind in wanted.items():
        for streaming in (False, True):
            error = raises(kind, lambda: client.chat.completions.create(
                model=model, messages=user(f"fail {status}"), stream=streaming))
            assert f"asked to answer {status}" in error.message, error
            assert error.request_id, error
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model=model, messages=user("fail context")))
    assert "ContextWindowExceededError" in error.message, error


def broken_stream(client, model):
    text = ""
    try:
        for chunk in client.chat.completions.create(model=model, messages=user("break off"), stream=True):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert "breaks off" in error.message, error
    else:
        raise AssertionError("the stream ended as if it were whole")
    assert text and TEXT.startswith(text), text


def own_errors(client, url):
    error = raises((openai.BadRequestError, openai.NotFoundError), lambda: client.chat.completions.create(
        model="no-such-model", messages=HI))
    assert "no-such-model" in error.message, error
    wrong = openai.OpenAI(base_url=f"{url}/v1", api_key="sk-wrong", max_retries=0)
    raises(openai.AuthenticationError, wrong.models.list)
    raises(openai.AuthenticationError, lambda: wrong.chat.completions.create(model="on-openai", messages=HI))
    error = raises(openai.BadRequestError, lambda: client.chat.completions.create(
        model="on-ollama", messages=HI, temperature="hot"))
    assert error.param == "temperature", error
    raises(openai.NotFoundError, lambda: client.post("/no/such/route", cast_to=object))


def headers(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=HI, extra_headers={"x-litellm-call-id": "sdk-check-1"})
    assert raw.headers["x-litellm-call-id"] == raw.request_id == "sdk-check-1", raw.headers
    assert raw.headers["x-litellm-model-group"] == model and raw.headers["x-litellm-model-id"], raw.headers
    assert raw.headers["x-litellm-attempted-retries"] == "0", raw.headers
    assert raw.headers["x-litellm-attempted-fallbacks"] == "0", raw.headers
    assert float(raw.headers["x-litellm-overhead-duration-ms"]) >= 0, raw.headers
    assert raw.parse().choices[0].message.content == TEXT
    with client.chat.completions.with_streaming_response.create(
            model=model, messages=HI, stream=True) as streamed:
        assert streamed.headers["content-type"].startswith("text/event-stream"), streamed.headers
        assert streamed.headers["x-litellm-call-id"], streamed.headers
        assert sum(1 for line in streamed.iter_lines() if line == "data: [DONE]") == 1


def in_parallel(url, key, models):
    async def one(client, model):
        answer = await client.chat.completions.create(model=model, messages=HI)
        assert answer.choices[0].message.content == TEXT, answer
        text = ""
        async for chunk in await client.chat.completions.create(model=model, messages=HI, stream=True):
            text += chunk.choices[0].delta.content or ""
        assert text == TEXT, text

    async def all_of_them():
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
            await asyncio.gather(*(one(client, model) for model in models * 4))

    asyncio.run(all_of_them())


def raises(kinds, call):
    try:
        answer = call()
        if hasattr(answer, "__next__"):
            list(answer)
    except kinds as error:
        return error
    raise AssertionError(f"no {kinds} was raised")


EVERYWHERE = [plain, stream, stream_usage, tools, tools_parallel, tools_stream, tools_helper, structured, reasoning,
              completions, refusals, broken_stream]
DIRECT = [plain, stream, stream_usage, tools, tools_parallel, tools_stream, tools_helper, structured, reasoning,
          completions, embeddings]
