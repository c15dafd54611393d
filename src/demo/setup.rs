//! The configuration the demo's gateway runs on: an ordinary file that goes the ordinary way.

use crate::demo::profile::KEY;
use crate::demo::world::World;

/// The file, with `{name}` where a server's address goes.
const TEMPLATE: &str = r#"# Written by `pointsman demo`. The servers are simulated, on this machine only.
model_list:
  # The local model first; the cloud when it cannot.
  - model_name: chat
    litellm_params:
      model: ollama_chat/qwen3:8b
      api_base: {ollama-gpu}
      order: 1
      timeout: 40
      num_ctx: 8192
  - model_name: chat
    litellm_params:
      model: openai/gpt-4o-mini
      api_base: {openai}/v1
      api_key: {key}
      order: 2
      timeout: 30
      input_cost_per_token: 0.00000015
      output_cost_per_token: 0.0000006
      cache_read_input_token_cost: 0.000000075

  # Two machines that share the work. What is tagged "pii" may be served by these alone.
  - model_name: fast-local
    litellm_params:
      model: ollama/llama3.2:3b
      api_base: {ollama-gpu}
      weight: 3
      timeout: 20
      tags: ["pii"]
  - model_name: fast-local
    litellm_params:
      model: ollama/llama3.2:3b
      api_base: {ollama-mini}
      weight: 2
      timeout: 9
      tags: ["pii"]

  # Code, on vLLM.
  - model_name: coder
    litellm_params:
      model: hosted_vllm/openai/gpt-oss-120b
      api_base: {vllm}/v1
      timeout: 40
    model_info:
      max_input_tokens: 32768
      input_cost_per_token: 0
      output_cost_per_token: 0

  # Two clouds behind one name.
  - model_name: smart-cloud
    litellm_params:
      model: openai/gpt-4o
      api_base: {openai}/v1
      api_key: {key}
      timeout: 30
      rpm: 20
      input_cost_per_token: 0.0000025
      output_cost_per_token: 0.00001
      cache_read_input_token_cost: 0.00000125
  - model_name: smart-cloud
    litellm_params:
      model: anthropic/claude-sonnet-4-5-20250929
      api_base: {anthropic}
      api_key: {key}
      timeout: 45
      rpm: 100
      input_cost_per_token: 0.000003
      output_cost_per_token: 0.000015
      cache_read_input_token_cost: 0.0000003
      cache_creation_input_token_cost: 0.00000375

  # Text to numbers, on both Ollama machines.
  - model_name: embed
    litellm_params:
      model: ollama/nomic-embed-text
      api_base: {ollama-gpu}
      timeout: 10
    model_info:
      mode: embedding
  - model_name: embed
    litellm_params:
      model: ollama/nomic-embed-text
      api_base: {ollama-mini}
      timeout: 10
    model_info:
      mode: embedding

  # The same in the cloud, with other numbers: it has a name of its own.
  - model_name: embed-cloud
    litellm_params:
      model: openai/text-embedding-3-small
      api_base: {openai}/v1
      api_key: {key}
      timeout: 10
      input_cost_per_token: 0.00000002
    model_info:
      mode: embedding

router_settings:
  routing_strategy: simple-shuffle
  num_retries: 2
  timeout: 60
  allowed_fails: 3
  cooldown_time: 25
  enable_tag_filtering: true
  fallbacks:
    - fast-local: [chat]
    - chat: [smart-cloud]
    - coder: [smart-cloud]
    - smart-cloud: [coder]
  context_window_fallbacks:
    - coder: [smart-cloud]
  model_group_alias:
    claude-sonnet-4-5-20250929: smart-cloud

litellm_settings:
  drop_params: true
  request_timeout: 60
"#;

/// The YAML that the demo's gateway runs on.
pub fn config(world: &World) -> String {
    let mut text = TEMPLATE.replace("{key}", KEY);
    for server in world.servers() {
        text = text.replace(&format!("{{{}}}", server.name), &server.base);
    }
    format!("# seed {}\n{text}", world.seed())
}
