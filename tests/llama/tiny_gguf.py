"""Writes tiny models that the real llama.cpp server loads in a blink and that say a known text.

Nothing is downloaded or trained. The network is a table: attention and feed-forward add nothing, so
the hidden state is the embedding of the last token, which is a one-hot vector; the output row of a
token is the one-hot of the token it follows. Tokens outside the text share one dimension, from
which the text begins. Tokenizer, chat template, sampler, streaming and usage are the server's own.
"""

import array
import itertools
import struct

DIM = 64  # one for every token of the text, and one for all others
FORWARD = 64
SCALE = 8.0
UINT32, FLOAT32, BOOL, STRING, ARRAY, INT32 = 4, 6, 7, 8, 9, 5
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
# ChatML, with reasoning and tools as the Hermes and Qwen families write them: by such a template the
# server knows how to read both out of the text.
CHATML = (
    "{%- if tools %}<|im_start|>system\nFunctions:\n<tools>{%- for t in tools %}\n{{ t | tojson }}{%- endfor %}\n</tools>\n"
    "To call one, write its name and arguments as JSON:\n<tool_call>\n"
    "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n{%- endif %}"
    "{%- for m in messages %}<|im_start|>{{ m.role }}\n"
    "{%- if m.reasoning_content %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{%- endif %}"
    "{{ m.content if m.content else '' }}"
    "{%- if m.tool_calls %}{%- for c in m.tool_calls %}\n<tool_call>\n{\"name\": \"{{ c.function.name }}\", "
    "\"arguments\": {{ c.function.arguments | tojson }}}\n</tool_call>{%- endfor %}{%- endif %}<|im_end|>\n{%- endfor %}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{%- endif %}"
)


def write(path, name, words, *, forever=False, context=4096, embedding=False):
    """A model that answers with `words` (each with the space before it), once or for ever."""
    assert len(set(words)) == len(words) < DIM, "every word once, and fewer than dimensions"
    special = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL), ("<|im_start|>", CONTROL), ("<|im_end|>", CONTROL)]
    tokens = special + [(f"<0x{b:02X}>", BYTE) for b in range(256)]
    tokens += [(chr(c).replace(" ", "\u2581"), NORMAL) for c in range(32, 127)]
    first = len(tokens)
    tokens += [(word.replace(" ", "\u2581"), NORMAL) for word in words]
    end = 4
    size = len(tokens)

    table = array.array("f", bytes(4 * size * DIM))
    output = array.array("f", bytes(4 * size * DIM))
    for token in range(size):
        at = token - first + 1 if token >= first else 0
        table[token * DIM + at] = 1.0
        follower = token + 1 if token >= first else first
        if follower == size:
            follower = first if forever else end
        output[follower * DIM + at] = SCALE

    zeros = lambda *shape: (shape, array.array("f", bytes(4 * shape[0] * (shape[1] if len(shape) > 1 else 1))))
    ones = ((DIM,), array.array("f", [1.0] * DIM))
    tensors = {
        "token_embd.weight": ((DIM, size), table),
        "blk.0.attn_norm.weight": ones,
        "blk.0.ffn_norm.weight": ones,
        "blk.0.attn_q.weight": zeros(DIM, DIM),
        "blk.0.attn_k.weight": zeros(DIM, DIM),
        "blk.0.attn_v.weight": zeros(DIM, DIM),
        "blk.0.attn_output.weight": zeros(DIM, DIM),
        "blk.0.ffn_gate.weight": zeros(DIM, FORWARD),
        "blk.0.ffn_up.weight": zeros(DIM, FORWARD),
        "blk.0.ffn_down.weight": zeros(FORWARD, DIM),
        "output_norm.weight": ones,
        "output.weight": ((DIM, size), output),
    }
    meta = [
        ("general.architecture", STRING, "llama"), ("general.name", STRING, name),
        ("general.file_type", UINT32, 0),
        ("llama.context_length", UINT32, context), ("llama.embedding_length", UINT32, DIM),
        ("llama.block_count", UINT32, 1), ("llama.feed_forward_length", UINT32, FORWARD),
        ("llama.attention.head_count", UINT32, 1), ("llama.attention.head_count_kv", UINT32, 1),
        ("llama.rope.dimension_count", UINT32, DIM), ("llama.vocab_size", UINT32, size),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.tokens", (ARRAY, STRING), [text for text, _ in tokens]),
        ("tokenizer.ggml.scores", (ARRAY, FLOAT32), [0.0 if i < first else -1e6 for i in range(size)]),
        ("tokenizer.ggml.token_type", (ARRAY, INT32), [kind for _, kind in tokens]),
        ("tokenizer.ggml.bos_token_id", UINT32, 1), ("tokenizer.ggml.eos_token_id", UINT32, end),
        ("tokenizer.ggml.unknown_token_id", UINT32, 0),
        ("tokenizer.ggml.add_bos_token", BOOL, False), ("tokenizer.ggml.add_space_prefix", BOOL, False),
        ("tokenizer.chat_template", STRING, CHATML),
    ]
    if embedding:
        meta.append(("llama.pooling_type", UINT32, 1))
    with open(path, "wb") as file:
        file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(meta)))
        for key, kind, value in meta:
            file.write(_string(key) + _value(kind, value))
        offsets = itertools.accumulate((_padded(4 * len(data)) for _, data in tensors.values()), initial=0)
        for (name, (shape, _)), offset in zip(tensors.items(), offsets):
            dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
            file.write(_string(name) + dims + struct.pack("<IQ", 0, offset))
        for _, data in tensors.values():
            file.write(bytes(_padded(file.tell()) - file.tell()))
            data.tofile(file)


def _string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _plain(kind, value):
    if kind == STRING:
        return _string(value)
    return struct.pack({UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}[kind], value)


def _value(kind, value):
    if isinstance(kind, tuple):
        head = struct.pack("<IIQ", *kind, len(value))
        return head + b"".join(_plain(kind[1], one) for one in value)
    return struct.pack("<I", kind) + _plain(kind, value)


def _padded(n):
    return (n + 31) // 32 * 32
