//! What came from a variable is never quoted: the wrong one may hold a secret.

use super::meaning::{TWO, messages};
use super::*;

/// Neither a key by its look nor long: nothing but its origin gives it away.
const LEAK: &str = "planted-99";

#[test]
fn a_value_from_a_variable_is_named_by_the_variable() {
    let entry =
        |params: &str| format!("model_list:\n- {{model_name: a, litellm_params: {{{params}}}}}\n");
    let ref_ = "os.environ/LEAKY";
    let cases = [
        entry(&format!("model: ollama/x, timeout: {ref_}")),
        entry(&format!("model: ollama/x, rpm: {ref_}")),
        entry(&format!("model: ollama/x, drop_params: {ref_}")),
        entry(&format!("model: ollama/x, input_cost_per_token: {ref_}")),
        entry(&format!("model: ollama/x, api_base: {ref_}")),
        entry(&format!("model: x, custom_llm_provider: {ref_}")),
        entry(&format!("model: {ref_}")),
        entry(&format!("model: {ref_}, api_base: 'http://h:1/v1'")),
        format!("{TWO}router_settings: {{routing_strategy: {ref_}}}\n"),
        format!("{TWO}general_settings: {{completion_model: {ref_}}}\n"),
        format!("{TWO}general_settings: {{cors_origins: [{ref_}]}}\n"),
        format!("{TWO}general_settings: {{cors_origins: {ref_}}}\n"),
    ];
    for text in cases {
        for value in [LEAK.to_owned(), format!("{LEAK}/x")] {
            let resolved = read(&text, &[("LEAKY", &value)]);
            let said = messages(&resolved);
            assert!(!said.contains(LEAK), "{text}{said}");
            assert!(
                said.contains("LEAKY") || said.contains("environment"),
                "{text}{said}"
            );
        }
    }
    let route = entry(&format!("model: openai/x, api_base: {ref_}"));
    for value in ["http://planted-99/v1/chat/completions", "http://planted-99"] {
        let said = messages(&read(&route, &[("LEAKY", value)]));
        assert!(said.contains("`LEAKY`") && !said.contains(LEAK), "{said}");
    }
}

#[test]
fn the_query_of_an_address_is_not_quoted() {
    let text = "model_list:\n- model_name: a\n  litellm_params:\n    model: openai/x\n    \
                api_base: https://h.example/v1?sig=planted-99\n";
    let said = messages(&read(text, &[]));
    assert!(
        said.contains("`https://h.example/v1` holds a `?`"),
        "{said}"
    );
    assert!(!said.contains(LEAK), "{said}");
}
