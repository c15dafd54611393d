//! Embeddings: texts or token ids in, vectors out.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::field::{self, wrong_type};
use super::request::{extra, parse_map};
use crate::base::Fault;
use crate::wire::edit::push_text;

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Texts, in order.
    Texts(Vec<String>),
    /// Token ids, one list a text.
    Tokens(Vec<Vec<u32>>),
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Numbers.
    #[default]
    Float,
    /// Little-endian 32-bit floats in base64.
    Base64,
}

/// A request for embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The model as the client named it.
    pub model: String,
    /// What is to be embedded.
    pub input: Input,
    /// How the client wants its vectors.
    pub encoding: Encoding,
    /// `dimensions`
    pub dimensions: Option<u64>,
    /// Who the end user is.
    pub user: Option<String>,
    /// Everything else, under its own name.
    pub extra: Map<String, Value>,
}

/// Vectors, one for each text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EmbedAnswer {
    /// The model to name in the answer.
    pub model: String,
    /// The vectors, in the order of the input.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the input.
    pub prompt_tokens: u64,
}

/// Reads a request for embeddings.
pub fn parse_embed_request(body: &[u8]) -> Result<EmbedRequest, Fault> {
    let mut map = parse_map(body)?;
    let model = field::string(&mut map, "model", "model")?
        .filter(|model| !model.is_empty())
        .ok_or_else(|| Fault::invalid("you must provide a model parameter").param("model"))?;
    let input = field::take(&mut map, "input").ok_or_else(|| field::missing("input"))?;
    let encoding = match field::string(&mut map, "encoding_format", "encoding_format")?.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(other) => {
            return Err(Fault::invalid(format!(
                "Invalid value: '{other}'. Supported values are: 'float' and 'base64'."
            ))
            .param("encoding_format"));
        },
    };
    Ok(EmbedRequest {
        model,
        input: parse_input(input)?,
        encoding,
        dimensions: field::count(&mut map, "dimensions")?,
        user: field::string(&mut map, "user", "user")?,
        extra: extra(map),
    })
}

fn parse_input(input: Value) -> Result<Input, Fault> {
    const WANTED: &str = "one of a string, array of strings, array of tokens, or array of token \
                          arrays";
    let wrong = |found: &Value| wrong_type("input", WANTED, found);
    let list = match input {
        Value::String(text) => return Ok(Input::Texts(vec![text])),
        Value::Array(list) => list,
        other => return Err(wrong(&other)),
    };
    match list.first() {
        None => Err(Fault::invalid(
            "Invalid 'input': empty array. Expected an array with minimum length 1, but got an \
             empty array instead.",
        )
        .param("input")),
        Some(Value::String(_)) => list
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                other => Err(wrong(&other)),
            })
            .collect::<Result<_, _>>()
            .map(Input::Texts),
        Some(Value::Number(_)) => tokens(&list).map_or_else(
            || Err(wrong(&Value::Null)),
            |one| Ok(Input::Tokens(vec![one])),
        ),
        Some(_) => list
            .iter()
            .map(|item| {
                item.as_array()
                    .and_then(|list| tokens(list))
                    .ok_or_else(|| wrong(item))
            })
            .collect::<Result<_, _>>()
            .map(Input::Tokens),
    }
}

fn tokens(list: &[Value]) -> Option<Vec<u32>> {
    list.iter()
        .map(|item| item.as_u64().and_then(|id| u32::try_from(id).ok()))
        .collect()
}

/// Writes vectors as an answer for a client that asked for `model`.
pub fn write_embed_answer(answer: &EmbedAnswer, model: &str, encoding: Encoding) -> Vec<u8> {
    let mut out = b"{\"object\":\"list\",\"data\":[".to_vec();
    for (index, vector) in (0usize..).zip(&answer.vectors) {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"object\":\"embedding\",\"index\":");
        out.extend_from_slice(itoa::Buffer::new().format(index).as_bytes());
        out.extend_from_slice(b",\"embedding\":");
        push_vector(&mut out, vector, encoding);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"model\":");
    push_text(&mut out, model);
    let mut number = itoa::Buffer::new();
    let tokens = number.format(answer.prompt_tokens).as_bytes();
    out.extend_from_slice(b",\"usage\":{\"prompt_tokens\":");
    out.extend_from_slice(tokens);
    out.extend_from_slice(b",\"total_tokens\":");
    out.extend_from_slice(tokens);
    out.extend_from_slice(b"}}");
    out
}

fn push_vector(out: &mut Vec<u8>, vector: &[f32], encoding: Encoding) {
    match encoding {
        Encoding::Float => {
            // Rust's shortest form of an `f32` is a JSON number; JSON has none for what is not finite.
            let numbers: Vec<String> = vector
                .iter()
                .map(|x| if x.is_finite() { *x } else { 0.0 })
                .map(|x| x.to_string())
                .collect();
            out.push(b'[');
            out.extend_from_slice(numbers.join(",").as_bytes());
            out.push(b']');
        },
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            push_text(out, &STANDARD.encode(bytes));
        },
    }
}
