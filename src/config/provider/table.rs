//! The rows: providers, families of bare model names, and providers that are not spoken.

use super::{Dialect, ProviderInfo};

/// A cloud that speaks OpenAI's API.
const fn cloud(
    prefix: &'static str,
    base: &'static str,
    base_env: &'static [&'static str],
    key_env: &'static [&'static str],
) -> ProviderInfo {
    ProviderInfo {
        prefix,
        dialect: Dialect::OpenAi,
        base,
        base_env,
        key_env,
        local: false,
        stream_options: true,
    }
}

/// A cloud that speaks OpenAI's API but for `stream_options`, which it refuses.
const fn strict(
    prefix: &'static str,
    base: &'static str,
    base_env: &'static [&'static str],
    key_env: &'static [&'static str],
) -> ProviderInfo {
    ProviderInfo {
        stream_options: false,
        ..cloud(prefix, base, base_env, key_env)
    }
}

/// A server of one's own that speaks OpenAI's API.
const fn own(
    prefix: &'static str,
    base: &'static str,
    base_env: &'static [&'static str],
    key_env: &'static [&'static str],
) -> ProviderInfo {
    ProviderInfo {
        local: true,
        ..cloud(prefix, base, base_env, key_env)
    }
}

/// Ollama under either of its prefixes.
const fn ollama(prefix: &'static str) -> ProviderInfo {
    ProviderInfo {
        prefix,
        dialect: Dialect::Ollama,
        base: "http://localhost:11434",
        base_env: &["OLLAMA_API_BASE", "OLLAMA_HOST"],
        key_env: &["OLLAMA_API_KEY"],
        local: true,
        stream_options: true,
    }
}

/// Providers whose language is spoken.
pub(super) const SPOKEN: &[ProviderInfo] = &[
    ollama("ollama"),
    ollama("ollama_chat"),
    ProviderInfo {
        prefix: "anthropic",
        dialect: Dialect::Anthropic,
        base: "https://api.anthropic.com",
        base_env: &["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"],
        key_env: &["ANTHROPIC_API_KEY"],
        local: false,
        stream_options: true,
    },
    cloud(
        "openai",
        "https://api.openai.com/v1",
        &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        &["OPENAI_API_KEY"],
    ),
    cloud(
        "text-completion-openai",
        "https://api.openai.com/v1",
        &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        &["OPENAI_API_KEY"],
    ),
    cloud(
        "custom_openai",
        "",
        &["OPENAI_LIKE_API_BASE"],
        &["OPENAI_LIKE_API_KEY", "OPENAI_API_KEY"],
    ),
    cloud(
        "openai_like",
        "",
        &["OPENAI_LIKE_API_BASE"],
        &["OPENAI_LIKE_API_KEY", "OPENAI_API_KEY"],
    ),
    cloud(
        "aiohttp_openai",
        "https://api.openai.com/v1",
        &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        &["OPENAI_API_KEY"],
    ),
    strict(
        "mistral",
        "https://api.mistral.ai/v1",
        &["MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"],
        &["MISTRAL_API_KEY"],
    ),
    strict(
        "codestral",
        "https://codestral.mistral.ai/v1",
        &["CODESTRAL_API_BASE"],
        &["CODESTRAL_API_KEY"],
    ),
    cloud(
        "groq",
        "https://api.groq.com/openai/v1",
        &["GROQ_API_BASE"],
        &["GROQ_API_KEY"],
    ),
    cloud(
        "deepseek",
        "https://api.deepseek.com/beta",
        &["DEEPSEEK_API_BASE"],
        &["DEEPSEEK_API_KEY"],
    ),
    cloud(
        "xai",
        "https://api.x.ai/v1",
        &["XAI_API_BASE"],
        &["XAI_API_KEY"],
    ),
    cloud(
        "openrouter",
        "https://openrouter.ai/api/v1",
        &["OPENROUTER_API_BASE"],
        &["OPENROUTER_API_KEY", "OR_API_KEY"],
    ),
    cloud(
        "together_ai",
        "https://api.together.ai/v1",
        &["TOGETHER_AI_API_BASE"],
        &[
            "TOGETHERAI_API_KEY",
            "TOGETHER_API_KEY",
            "TOGETHER_AI_API_KEY",
        ],
    ),
    cloud(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        &["FIREWORKS_API_BASE"],
        &["FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"],
    ),
    cloud(
        "perplexity",
        "https://api.perplexity.ai",
        &["PERPLEXITY_API_BASE"],
        &["PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"],
    ),
    cloud(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        &["DEEPINFRA_API_BASE"],
        &["DEEPINFRA_API_KEY"],
    ),
    cloud(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        &["NVIDIA_NIM_API_BASE"],
        &["NVIDIA_NIM_API_KEY"],
    ),
    cloud(
        "cerebras",
        "https://api.cerebras.ai/v1",
        &["CEREBRAS_API_BASE"],
        &["CEREBRAS_API_KEY"],
    ),
    cloud(
        "sambanova",
        "https://api.sambanova.ai/v1",
        &["SAMBANOVA_API_BASE"],
        &["SAMBANOVA_API_KEY"],
    ),
    cloud(
        "litellm_proxy",
        "",
        &["LITELLM_PROXY_API_BASE"],
        &["LITELLM_PROXY_API_KEY"],
    ),
    cloud(
        "huggingface",
        "https://router.huggingface.co/v1",
        &["HF_API_BASE", "HUGGINGFACE_API_BASE"],
        &["HUGGINGFACE_API_KEY", "HF_TOKEN"],
    ),
    cloud(
        "github",
        "https://models.inference.ai.azure.com",
        &["GITHUB_API_BASE"],
        &["GITHUB_API_KEY"],
    ),
    cloud(
        "ai21",
        "https://api.ai21.com/studio/v1",
        &["AI21_API_BASE"],
        &["AI21_API_KEY"],
    ),
    cloud(
        "ai21_chat",
        "https://api.ai21.com/studio/v1",
        &["AI21_API_BASE"],
        &["AI21_API_KEY"],
    ),
    cloud(
        "moonshot",
        "https://api.moonshot.ai/v1",
        &["MOONSHOT_API_BASE"],
        &["MOONSHOT_API_KEY"],
    ),
    cloud(
        "dashscope",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        &["DASHSCOPE_API_BASE"],
        &["DASHSCOPE_API_KEY"],
    ),
    cloud(
        "qwencloud",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        &["QWENCLOUD_API_BASE"],
        &["QWENCLOUD_API_KEY"],
    ),
    cloud(
        "zai",
        "https://api.z.ai/api/paas/v4",
        &["ZAI_API_BASE"],
        &["ZAI_API_KEY"],
    ),
    cloud(
        "minimax",
        "https://api.minimax.io/v1",
        &["MINIMAX_API_BASE"],
        &["MINIMAX_API_KEY"],
    ),
    cloud(
        "volcengine",
        "https://ark.cn-beijing.volces.com/api/v3",
        &["VOLCENGINE_API_BASE"],
        &["VOLCENGINE_API_KEY", "ARK_API_KEY"],
    ),
    cloud(
        "tencent",
        "https://tokenhub-intl.tencentcloudmaas.com/v1",
        &["TENCENT_API_BASE"],
        &["TENCENT_API_KEY"],
    ),
    cloud(
        "nebius",
        "https://api.studio.nebius.ai/v1",
        &["NEBIUS_API_BASE"],
        &["NEBIUS_API_KEY"],
    ),
    cloud(
        "novita",
        "https://api.novita.ai/v3/openai",
        &["NOVITA_API_BASE"],
        &["NOVITA_API_KEY"],
    ),
    cloud(
        "hyperbolic",
        "https://api.hyperbolic.xyz/v1",
        &["HYPERBOLIC_API_BASE"],
        &["HYPERBOLIC_API_KEY"],
    ),
    cloud(
        "lambda_ai",
        "https://api.lambda.ai/v1",
        &["LAMBDA_API_BASE"],
        &["LAMBDA_API_KEY"],
    ),
    cloud(
        "nscale",
        "https://inference.api.nscale.com/v1",
        &["NSCALE_API_BASE"],
        &["NSCALE_API_KEY"],
    ),
    cloud(
        "friendliai",
        "https://api.friendli.ai/serverless/v1",
        &["FRIENDLI_API_BASE"],
        &["FRIENDLI_TOKEN", "FRIENDLIAI_API_KEY"],
    ),
    cloud(
        "featherless_ai",
        "https://api.featherless.ai/v1",
        &["FEATHERLESS_API_BASE"],
        &["FEATHERLESS_API_KEY", "FEATHERLESS_AI_API_KEY"],
    ),
    cloud(
        "baseten",
        "https://inference.baseten.co/v1",
        &["BASETEN_API_BASE"],
        &["BASETEN_API_KEY"],
    ),
    cloud(
        "wandb",
        "https://api.inference.wandb.ai/v1",
        &["WANDB_API_BASE"],
        &["WANDB_API_KEY"],
    ),
    cloud(
        "meta_llama",
        "https://api.llama.com/compat/v1",
        &["LLAMA_API_BASE"],
        &["LLAMA_API_KEY"],
    ),
    cloud(
        "meta",
        "https://api.meta.ai/v1",
        &["META_API_BASE"],
        &["META_API_KEY"],
    ),
    cloud(
        "v0",
        "https://api.v0.dev/v1",
        &["V0_API_BASE"],
        &["V0_API_KEY"],
    ),
    cloud(
        "morph",
        "https://api.morphllm.com/v1",
        &["MORPH_API_BASE"],
        &["MORPH_API_KEY"],
    ),
    cloud(
        "inception",
        "https://api.inceptionlabs.ai/v1",
        &["INCEPTION_API_BASE"],
        &["INCEPTION_API_KEY"],
    ),
    cloud(
        "vercel_ai_gateway",
        "https://ai-gateway.vercel.sh/v1",
        &["VERCEL_AI_GATEWAY_API_BASE"],
        &["VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"],
    ),
    cloud(
        "ovhcloud",
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        &["OVHCLOUD_API_BASE"],
        &["OVHCLOUD_API_KEY"],
    ),
    cloud(
        "amazon_nova",
        "https://api.nova.amazon.com/v1",
        &["AMAZON_NOVA_API_BASE"],
        &["AMAZON_NOVA_API_KEY"],
    ),
    cloud(
        "gradient_ai",
        "https://inference.do-ai.run/v1",
        &["GRADIENT_AI_API_BASE"],
        &["GRADIENT_AI_API_KEY"],
    ),
    own(
        "hosted_vllm",
        "",
        &["HOSTED_VLLM_API_BASE"],
        &["HOSTED_VLLM_API_KEY"],
    ),
    own("vllm", "", &["VLLM_API_BASE"], &["VLLM_API_KEY"]),
    own(
        "lm_studio",
        "http://localhost:1234/v1",
        &["LM_STUDIO_API_BASE"],
        &["LM_STUDIO_API_KEY"],
    ),
    own(
        "llamafile",
        "http://127.0.0.1:8080/v1",
        &["LLAMAFILE_API_BASE"],
        &["LLAMAFILE_API_KEY"],
    ),
    own(
        "llamacpp",
        "http://127.0.0.1:8080/v1",
        &["LLAMACPP_API_BASE"],
        &["LLAMACPP_API_KEY"],
    ),
    own(
        "lemonade",
        "http://localhost:8000/api/v1",
        &["LEMONADE_API_BASE"],
        &["LEMONADE_API_KEY"],
    ),
    own(
        "docker_model_runner",
        "http://localhost:22088/engines/llama.cpp/v1",
        &["DOCKER_MODEL_RUNNER_API_BASE"],
        &["DOCKER_MODEL_RUNNER_API_KEY"],
    ),
    own(
        "xinference",
        "http://127.0.0.1:9997/v1",
        &["XINFERENCE_API_BASE"],
        &["XINFERENCE_API_KEY"],
    ),
    own(
        "infinity",
        "",
        &["INFINITY_API_BASE"],
        &["INFINITY_API_KEY"],
    ),
    own(
        "oobabooga",
        "",
        &["OOBABOOGA_API_BASE"],
        &["OOBABOOGA_API_KEY"],
    ),
    own(
        "localai",
        "http://localhost:8080/v1",
        &["LOCALAI_API_BASE"],
        &["LOCALAI_API_KEY"],
    ),
    own("sglang", "", &["SGLANG_API_BASE"], &["SGLANG_API_KEY"]),
];

/// Other spellings of a prefix.
pub(super) const SAME: &[(&str, &str)] = &[
    ("llama.cpp", "llamacpp"),
    ("llama_cpp", "llamacpp"),
    ("lmstudio", "lm_studio"),
    ("together", "together_ai"),
    ("fireworks", "fireworks_ai"),
    ("bigmodel", "zai"),
    ("text-completion-codestral", "codestral"),
];

/// How bare model names begin, and whose they are; the first that fits.
pub(super) const FAMILIES: &[(&str, &str)] = &[
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("codex-", "openai"),
    ("computer-use-", "openai"),
    ("text-embedding-3", "openai"),
    ("text-embedding-ada", "openai"),
    ("text-moderation", "openai"),
    ("omni-moderation", "openai"),
    ("davinci-", "openai"),
    ("babbage-", "openai"),
    ("dall-e", "openai"),
    ("whisper-1", "openai"),
    ("tts-1", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
    ("text-embedding-00", "gemini"),
    ("mistral-", "mistral"),
    ("ministral-", "mistral"),
    ("magistral-", "mistral"),
    ("devstral-", "mistral"),
    ("pixtral-", "mistral"),
    ("open-mistral-", "mistral"),
    ("open-mixtral-", "mistral"),
    ("codestral-", "codestral"),
    ("deepseek-", "deepseek"),
    ("grok-", "xai"),
    ("command-", "cohere"),
    ("sonar", "perplexity"),
    ("kimi-", "moonshot"),
    ("moonshot-", "moonshot"),
    ("qwen-", "dashscope"),
    ("glm-", "zai"),
    ("jamba-", "ai21"),
];

const COMPATIBLE: &str =
    "reach it through its OpenAI-compatible address: `openai/MODEL` with `api_base`";
const AZURE: &str = "reach it through its OpenAI-compatible address: `openai/DEPLOYMENT` with \
                     `api_base: https://RESOURCE.openai.azure.com/openai/v1`";
const GEMINI: &str = "reach it through its OpenAI-compatible address: `openai/MODEL` with \
                      `api_base: https://generativelanguage.googleapis.com/v1beta/openai`";
const COHERE: &str = "reach it through its OpenAI-compatible address: `openai/MODEL` with \
                      `api_base: https://api.cohere.ai/compatibility/v1`";
const NONE: &str =
    "its API is not spoken; a gateway that offers it in OpenAI's API can stand between";

/// Providers whose language is not spoken, and the way out.
pub(super) const UNSPOKEN: &[(&str, &str)] = &[
    ("azure", AZURE),
    ("azure_text", AZURE),
    ("azure_ai", AZURE),
    ("gemini", GEMINI),
    ("google_ai_studio", GEMINI),
    ("cohere", COHERE),
    ("cohere_chat", COHERE),
    ("vertex_ai", COMPATIBLE),
    ("vertex_ai_beta", COMPATIBLE),
    ("databricks", COMPATIBLE),
    ("watsonx", COMPATIBLE),
    ("watsonx_text", COMPATIBLE),
    ("snowflake", COMPATIBLE),
    ("cloudflare", COMPATIBLE),
    ("replicate", COMPATIBLE),
    ("github_copilot", COMPATIBLE),
    ("gigachat", COMPATIBLE),
    ("aiml", COMPATIBLE),
    ("cometapi", COMPATIBLE),
    ("clarifai", COMPATIBLE),
    ("galadriel", COMPATIBLE),
    ("empower", COMPATIBLE),
    ("anyscale", COMPATIBLE),
    ("heroku", COMPATIBLE),
    ("modelscope", COMPATIBLE),
    ("opencode_go", COMPATIBLE),
    ("edenai", COMPATIBLE),
    ("ragflow", COMPATIBLE),
    ("compactifai", COMPATIBLE),
    ("datarobot", COMPATIBLE),
    ("publicai", COMPATIBLE),
    ("helicone", COMPATIBLE),
    ("veniceai", COMPATIBLE),
    ("xiaomi_mimo", COMPATIBLE),
    ("scaleway", COMPATIBLE),
    ("synthetic", COMPATIBLE),
    ("apertis", COMPATIBLE),
    ("nano-gpt", COMPATIBLE),
    ("poe", COMPATIBLE),
    ("zerogpu", COMPATIBLE),
    ("chutes", COMPATIBLE),
    ("abliteration", COMPATIBLE),
    ("llamagate", COMPATIBLE),
    ("gmi", COMPATIBLE),
    ("sarvam", COMPATIBLE),
    ("charity_engine", COMPATIBLE),
    ("aihubmix", COMPATIBLE),
    ("aiand", COMPATIBLE),
    ("crusoe", COMPATIBLE),
    ("darkbloom", COMPATIBLE),
    ("neosantara", COMPATIBLE),
    ("tensormesh", COMPATIBLE),
    ("parasail", COMPATIBLE),
    ("libertai", COMPATIBLE),
    ("empiriolabs", COMPATIBLE),
    ("cognition", COMPATIBLE),
    ("coralbricks", COMPATIBLE),
    ("cortecs", COMPATIBLE),
    ("pinstripes", COMPATIBLE),
    ("scx-ai", COMPATIBLE),
    ("prism", COMPATIBLE),
    ("hostinger_router", COMPATIBLE),
    ("sail", COMPATIBLE),
    ("reka", COMPATIBLE),
    ("openinfer", COMPATIBLE),
    ("inferenceapis", COMPATIBLE),
    ("refuseless", COMPATIBLE),
    ("kyma", COMPATIBLE),
    ("streamlake", COMPATIBLE),
    ("bedrock", NONE),
    ("bedrock_converse", NONE),
    ("bedrock_mantle", NONE),
    ("sagemaker", NONE),
    ("sagemaker_chat", NONE),
    ("oci", NONE),
    ("sap", NONE),
    ("predibase", NONE),
    ("triton", NONE),
    ("petals", NONE),
    ("nlp_cloud", NONE),
    ("maritalk", NONE),
    ("voyage", NONE),
    ("jina_ai", NONE),
    ("assemblyai", NONE),
    ("deepgram", NONE),
    ("elevenlabs", NONE),
    ("soniox", NONE),
    ("recraft", NONE),
    ("fal_ai", NONE),
    ("stability", NONE),
    ("black_forest_labs", NONE),
    ("runwayml", NONE),
    ("topaz", NONE),
    ("a2a", NONE),
    ("langflow", NONE),
    ("langgraph", NONE),
    ("manus", NONE),
    ("gdc", NONE),
    ("auto_router", NONE),
    ("palm", NONE),
    ("aleph_alpha", NONE),
    ("baseten_truss", NONE),
];
