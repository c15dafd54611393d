//! Embeddings by `/api/embed`.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::{Fault, FaultKind};
use crate::wire::emit;
use crate::wire::failure;
use crate::wire::members::is_ollama_option;

/// Vectors, in the order of the texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedded {
    /// One vector a text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts, when Ollama counted them.
    pub prompt_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    embeddings: Option<Vec<Vec<f32>>>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
}

/// Writes a request for the vectors of `inputs`. Of `members` what Ollama knows goes up: `dimensions`,
/// `truncate`, `keep_alive` and its options.
pub fn write_embed(inputs: &[String], model: &str, members: &Map<String, Value>) -> Vec<u8> {
    let mut options: Map<String, Value> = Map::new();
    let mut body = Vec::with_capacity(256);
    emit::object(&mut body, |o| {
        o.put("model", model).put("input", inputs);
        for (name, value) in members {
            match name.as_str() {
                _ if value.is_null() => {},
                "dimensions" | "truncate" | "keep_alive" => {
                    o.put(name, value);
                },
                "options" => options.extend(value.as_object().cloned().unwrap_or_default()),
                name if is_ollama_option(name) => {
                    options.insert(name.to_owned(), value.clone());
                },
                _ => {},
            }
        }
        if !options.is_empty() {
            o.put("options", &options);
        }
    });
    body
}

/// Reads the vectors. Fails when the answer has none.
pub fn parse_embed(body: &[u8]) -> Result<Embedded, Fault> {
    match serde_json::from_slice::<Body>(body) {
        Ok(Body {
            embeddings: Some(vectors),
            prompt_eval_count,
        }) => Ok(Embedded {
            vectors,
            prompt_tokens: prompt_eval_count,
        }),
        Ok(_) => {
            let value: Value = serde_json::from_slice(body).unwrap_or_default();
            let said = failure::read_value(&value).message;
            let said = if said.is_empty() {
                "the upstream's answer has no `embeddings`".to_owned()
            } else {
                said
            };
            Err(Fault::new(FaultKind::BadAnswer, said))
        },
        Err(error) => {
            let message = format!("the upstream's embeddings are broken: {error}");
            Err(Fault::new(FaultKind::BadAnswer, message))
        },
    }
}
