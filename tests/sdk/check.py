"""The real OpenAI and Anthropic SDKs against the gateway, in front of each kind of backend.

check.py BINARY     against the gateway
check.py --direct   against the mock itself, to check the checks
"""

import json
import sqlite3
import sys

import anthropic
import anthropic_checks
import apps
import openai
import openai_checks
from gateway import KEY, Gateway, Tally, wait_for
from mock import Mock

ON = ["on-openai", "on-ollama", "on-anthropic"]


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
  - model_name: dead-first
    litellm_params: {{model: anthropic/claude-sonnet-4-5, api_base: "http://127.0.0.1:9", api_key: sk-none, order: 1}}
  - model_name: dead-first
    litellm_params: {{model: ollama/llama3.2, api_base: "{ollama.url}", order: 2}}
router_settings:
  num_retries: 0
  allowed_fails: 3
general_settings:
  master_key: {KEY}
"""


def failover(client, anthropic_client, ollama, cloud):
    """Ollama first; when it is stopped, every request goes on through the cloud."""
    before = len(cloud.seen)
    openai_checks.plain(client, "chat")
    assert len(cloud.seen) == before, "the first in order was there"
    ollama.stop()
    for _ in range(5):
        openai_checks.plain(client, "chat")
        openai_checks.stream(client, "chat")
        anthropic_checks.plain(anthropic_client, "chat")
        anthropic_checks.stream(anthropic_client, "chat")
    assert len(cloud.seen) == before + 20, len(cloud.seen)
    ollama.start()
    asked = len(ollama.seen)

    def is_back():
        openai_checks.plain(client, "chat")
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


def direct():
    tally, mock = Tally(), Mock()
    client = openai.OpenAI(base_url=f"{mock.url}/v1", api_key="x", max_retries=0)
    for check in openai_checks.DIRECT:
        tally.run(f"direct openai {check.__name__}", check, client, "m")
    client = anthropic.Anthropic(base_url=mock.url, api_key="x", max_retries=0)
    for check in anthropic_checks.DIRECT:
        tally.run(f"direct anthropic {check.__name__}", check, client, "m")
    return tally.close()


def through(binary):
    ollama, cloud, claude = Mock(), Mock(), Mock()
    mocks = dict(zip(ON, (cloud, ollama, claude)))
    with Gateway(binary, config(ollama, cloud, claude)) as gateway:
        tally, url = Tally(gateway), gateway.url
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        other = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
        for model, mock in mocks.items():
            for check in openai_checks.EVERYWHERE:
                tally.run(f"openai {check.__name__} {model}", check, client, model)
            for check in anthropic_checks.EVERYWHERE:
                tally.run(f"anthropic {check.__name__} {model}", check, other, model)
            tally.run(f"openai image {model}", openai_checks.image, client, model, mock)
            tally.run(f"anthropic image {model}", anthropic_checks.image, other, model, mock)
            tally.run(f"open_webui {model}", apps.open_webui, url, model)
            tally.run(f"n8n {model}", apps.n8n, url, model)
            tally.run(f"claude_code {model}", apps.claude_code, url, model, mock)
        for model in ["embed-openai", "embed-ollama"]:
            tally.run(f"openai embeddings {model}", openai_checks.embeddings, client, model)
        tally.run("openai models", openai_checks.models, client)
        tally.run("openai own_errors", openai_checks.own_errors, client, url)
        tally.run("openai headers", openai_checks.headers, client, "on-openai")
        tally.run("openai in_parallel", openai_checks.in_parallel, url, KEY, ON)
        tally.run("anthropic models", anthropic_checks.models, other)
        tally.run("anthropic own_errors", anthropic_checks.own_errors, other, url)
        tally.run("anthropic overloaded", anthropic_checks.overloaded, other, "on-anthropic")
        tally.run("anthropic handed_over", anthropic_checks.handed_over, other, "")
        tally.run("anthropic in_parallel", anthropic_checks.in_parallel, url, KEY, ON)
        tally.run("anthropic version", apps.version, other, url, claude)
        for check in [anthropic_checks.plain, anthropic_checks.stream, anthropic_checks.tools, anthropic_checks.count]:
            tally.run(f"anthropic {check.__name__} dead-first", check, other, "dead-first")
        tally.run("failover", failover, client, other, ollama, cloud)
        tally.run("rows", rows, gateway, sum(len(mock.seen) for mock in mocks.values()))
        tally.run("secrets", secrets, mocks.values())
        return tally.close()


if __name__ == "__main__":
    sys.exit(direct() if sys.argv[1:] == ["--direct"] else through(sys.argv[1]))
