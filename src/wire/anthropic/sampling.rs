//! How hard to think and how to sample, under Anthropic's rules model by model.
//!
//! An effort is a wish and gives way to what the client cannot do without: its limit of tokens, a tool
//! that must be called, a history whose reasoning another provider wrote. A sampling parameter that
//! the client itself set is refused rather than changed, unless `drop_params` is on.

use super::model::Model;
use super::round::allows_thinking;
use crate::base::Fault;
use crate::wire::neutral::{Request, Thinking, ToolChoice};
use crate::wire::params::LeftOut;

/// The least budget Anthropic takes, in tokens.
const LEAST_BUDGET: u64 = 1_024;
/// Room for the answer above a budget where the client set no limit, in tokens.
const ROOM: u64 = 4_096;

/// What goes into `thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Nothing.
    Absent,
    /// `{"type": "disabled"}`
    Disabled,
    /// `{"type": "enabled", "budget_tokens": …}`
    Budget(u64),
    /// `{"type": "adaptive"}`
    Adaptive,
}

impl Plan {
    /// Whether the model will think.
    pub(super) const fn is_on(self) -> bool {
        matches!(self, Self::Budget(_) | Self::Adaptive)
    }
}

/// What was decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sampling {
    pub(super) plan: Plan,
    /// `output_config.effort`
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
}

/// Decides for `settled`, whose messages and own words stand in `request`. `most` is the limit of
/// tokens where none was set.
pub(super) fn decide(
    request: &Request,
    settled: &Request,
    model: Model,
    most: u64,
    left: &mut LeftOut,
) -> Result<Sampling, Fault> {
    let (plan, effort) = plan(request, settled, model, left)?;
    let least = match plan {
        Plan::Budget(budget) => budget.saturating_add(ROOM),
        _ => 1,
    };
    let mut sampling = Sampling {
        plan,
        effort,
        max_tokens: settled.max_tokens.unwrap_or_else(|| most.max(least)),
        temperature: settled.temperature,
        top_p: settled.top_p.filter(|&share| share < 1.0),
        top_k: settled.top_k,
    };
    let mut refusal = Refusal { request, left };
    sampling.restrict(model, &mut refusal)?;
    Ok(sampling)
}

impl Sampling {
    fn restrict(&mut self, model: Model, refusal: &mut Refusal<'_, '_>) -> Result<(), Fault> {
        let fixed = !model.is_tunable();
        let thinks = self.plan.is_on();
        let no_sampling = "this model takes no sampling parameters";
        if let Some(temperature) = self.temperature {
            let is_default = (temperature - 1.0).abs() < f64::EPSILON;
            if (fixed || thinks) && is_default {
                self.temperature = None;
            } else if fixed || thinks {
                let why = if fixed {
                    no_sampling
                } else {
                    "while thinking it must be 1"
                };
                refusal.add("temperature", why)?;
                self.temperature = None;
            } else if temperature > 1.0 {
                refusal.add("temperature", "it must be at most 1")?;
                self.temperature = Some(1.0);
            }
        }
        if let Some(share) = self.top_p {
            let why = if fixed {
                no_sampling
            } else if thinks && share < 0.95 {
                "while thinking it must be at least 0.95"
            } else if self.temperature.is_some() && model.takes_one_sampler() {
                "this model takes no `top_p` beside `temperature`"
            } else {
                ""
            };
            if !why.is_empty() {
                refusal.add("top_p", why)?;
                self.top_p = None;
            }
        }
        if self.top_k.is_some() && (fixed || thinks) {
            refusal.add(
                "top_k",
                if fixed {
                    no_sampling
                } else {
                    "not while thinking"
                },
            )?;
            self.top_k = None;
        }
        Ok(())
    }
}

/// Refuses what the client itself set, and gives way quietly where only a default set it.
struct Refusal<'a, 'l> {
    request: &'a Request,
    left: &'l mut LeftOut,
}

impl Refusal<'_, '_> {
    fn add(&mut self, name: &str, why: &str) -> Result<(), Fault> {
        let said = match name {
            "temperature" => self.request.temperature.is_some(),
            "top_p" => self.request.top_p.is_some(),
            _ => self.request.top_k.is_some() || self.request.extra.contains_key(name),
        };
        if said {
            return self.left.refuse(name, why);
        }
        self.left.note(name);
        Ok(())
    }
}

fn plan(
    request: &Request,
    settled: &Request,
    model: Model,
    left: &mut LeftOut,
) -> Result<(Plan, Option<&'static str>), Fault> {
    let Some(thinking) = &settled.thinking else {
        return Ok((Plan::Absent, None));
    };
    let level = match thinking {
        Thinking::Off => return Ok((off(model), None)),
        Thinking::Effort(word) => match Level::of(word) {
            Some(Level::Off) => return Ok((off(model), None)),
            Some(level) => Some(level),
            None => {
                left.refuse("reasoning_effort", &format!("unknown effort `{word}`"))?;
                return Ok((Plan::Absent, None));
            },
        },
        Thinking::On | Thinking::Budget(_) => None,
    };
    if !model.thinks() {
        left.refuse("reasoning_effort", "this model does not think")?;
        return Ok((Plan::Absent, None));
    }
    let forced = matches!(
        settled.tool_choice,
        Some(ToolChoice::Required | ToolChoice::Function(_))
    ) && !settled.tools.is_empty();
    let allowed = allows_thinking(&request.messages);
    if model.adapts() {
        return Ok(adaptive(thinking, level, model, (forced, allowed), left));
    }
    if forced || !allowed {
        left.note("thinking");
        return Ok((Plan::Absent, None));
    }
    let wish = match (thinking, level) {
        (Thinking::Budget(budget), _) => return Ok((Plan::Budget(*budget), None)),
        (_, Some(level)) => level.budget(),
        (_, None) => Level::Medium.budget(),
    };
    let budget = settled
        .max_tokens
        .map_or(wish, |most| wish.min(most.saturating_sub(1)));
    if budget < LEAST_BUDGET {
        left.note("thinking");
        return Ok((Plan::Absent, None));
    }
    Ok((Plan::Budget(budget), None))
}

fn adaptive(
    thinking: &Thinking,
    level: Option<Level>,
    model: Model,
    (forced, allowed): (bool, bool),
    left: &mut LeftOut,
) -> (Plan, Option<&'static str>) {
    let effort = match thinking {
        // Only a budget asks for signed reasoning in the history.
        Thinking::Budget(budget) if !model.is_tunable() || !allowed => {
            Some(Level::of_budget(*budget).effort(model))
        },
        Thinking::Budget(budget) if !forced => return (Plan::Budget(*budget), None),
        _ => level.map(|level| level.effort(model)),
    };
    if forced {
        left.note("thinking");
        return (Plan::Absent, effort);
    }
    (Plan::Adaptive, effort)
}

fn off(model: Model) -> Plan {
    if model.thinks() {
        Plan::Disabled
    } else {
        Plan::Absent
    }
}

/// LiteLLM's and OpenAI's words for `reasoning_effort`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Off,
    Low,
    Medium,
    High,
    ExtraHigh,
    Max,
}

impl Level {
    fn of(word: &str) -> Option<Self> {
        match word {
            "none" | "disable" | "disabled" | "off" => Some(Self::Off),
            "minimal" | "low" => Some(Self::Low),
            "medium" | "auto" | "default" => Some(Self::Medium),
            "high" => Some(Self::High),
            "xhigh" => Some(Self::ExtraHigh),
            "max" => Some(Self::Max),
            _ => None,
        }
    }

    /// The level whose budget is nearest below, for models that take no budget any more. It stops at
    /// `high`, so that nothing gets dearer than what was asked.
    const fn of_budget(budget: u64) -> Self {
        match budget {
            0..2_048 => Self::Low,
            2_048..4_096 => Self::Medium,
            _ => Self::High,
        }
    }

    const fn budget(self) -> u64 {
        match self {
            Self::Off => 0,
            Self::Low => 1_024,
            Self::Medium => 2_048,
            Self::High => 4_096,
            Self::ExtraHigh => 8_192,
            Self::Max => 16_384,
        }
    }

    fn effort(self, model: Model) -> &'static str {
        match self {
            Self::Off | Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::ExtraHigh if model.is_tunable() => "high",
            Self::ExtraHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FaultKind;
    use crate::wire::neutral::{Message, Part, Role, ToolCall};

    fn run(
        request: &Request,
        model: &str,
        drop_params: bool,
    ) -> Result<(Sampling, Vec<String>), Fault> {
        let mut left = LeftOut::new("Anthropic", drop_params);
        let sampling = decide(request, request, Model::of(model), 8_000, &mut left)?;
        Ok((sampling, left.into_names()))
    }

    fn effort(word: &str) -> Request {
        Request {
            thinking: Some(Thinking::Effort(word.to_owned())),
            ..Request::default()
        }
    }

    #[test]
    fn an_effort_becomes_a_budget_or_an_adaptive_effort() {
        let cases = [
            ("low", "claude-sonnet-4-5", Plan::Budget(1_024), None),
            ("medium", "claude-3-7-sonnet", Plan::Budget(2_048), None),
            ("max", "kimi-k2", Plan::Budget(16_384), None),
            ("none", "claude-sonnet-4-5", Plan::Disabled, None),
            ("none", "claude-3-haiku-20240307", Plan::Absent, None),
            ("minimal", "claude-opus-4-6", Plan::Adaptive, Some("low")),
            ("xhigh", "claude-opus-4-6", Plan::Adaptive, Some("high")),
            ("xhigh", "claude-opus-4-7", Plan::Adaptive, Some("xhigh")),
        ];
        for (word, model, plan, told) in cases {
            let (sampling, _) = run(&effort(word), model, false).unwrap();
            assert_eq!(
                (sampling.plan, sampling.effort),
                (plan, told),
                "{word} {model}"
            );
        }
        assert_eq!(
            run(&effort("max"), "kimi-k2", false).unwrap().0.max_tokens,
            20_480
        );
        let fault = run(&effort("low"), "claude-3-5-sonnet", false).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported);
        assert_eq!(
            run(&effort("low"), "claude-3-5-sonnet", true)
                .unwrap()
                .0
                .plan,
            Plan::Absent
        );
    }

    #[test]
    fn an_effort_gives_way_to_the_limit_of_tokens() {
        let request = |most| Request {
            max_tokens: Some(most),
            ..effort("high")
        };
        assert_eq!(
            run(&request(3_000), "claude-sonnet-4-5", false)
                .unwrap()
                .0
                .plan,
            Plan::Budget(2_999)
        );
        let (sampling, left) = run(&request(500), "claude-sonnet-4-5", false).unwrap();
        assert_eq!((sampling.plan, sampling.max_tokens), (Plan::Absent, 500));
        assert_eq!(left, ["thinking"]);
    }

    #[test]
    fn budgets_are_passed_on_where_the_model_takes_them() {
        let request = Request {
            thinking: Some(Thinking::Budget(5_000)),
            ..Request::default()
        };
        let (sampling, _) = run(&request, "claude-sonnet-4-5", false).unwrap();
        assert_eq!(
            (sampling.plan, sampling.max_tokens),
            (Plan::Budget(5_000), 9_096)
        );
        let (sampling, _) = run(&request, "claude-opus-4-7", false).unwrap();
        assert_eq!(
            (sampling.plan, sampling.effort),
            (Plan::Adaptive, Some("high"))
        );
    }

    #[test]
    fn a_round_without_reasoning_of_its_own_takes_no_budget() {
        let request = Request {
            thinking: Some(Thinking::Budget(5_000)),
            messages: vec![Message {
                role: Role::Assistant,
                parts: vec![Part::ToolCall(ToolCall {
                    id: "a".to_owned(),
                    name: "f".to_owned(),
                    arguments: String::new(),
                })],
                name: None,
            }],
            ..Request::default()
        };
        let (sampling, left) = run(&request, "claude-sonnet-4-5", false).unwrap();
        assert_eq!(
            (sampling.plan, left),
            (Plan::Absent, vec!["thinking".to_owned()])
        );
        let (sampling, _) = run(&request, "claude-opus-4-6", false).unwrap();
        assert_eq!(
            (sampling.plan, sampling.effort),
            (Plan::Adaptive, Some("high"))
        );
    }

    #[test]
    fn sampling_that_cannot_be_said_is_refused_or_dropped() {
        let warm = Request {
            temperature: Some(0.2),
            ..effort("low")
        };
        assert_eq!(
            run(&warm, "claude-sonnet-4-5", false)
                .unwrap_err()
                .param
                .as_deref(),
            Some("temperature")
        );
        assert_eq!(
            run(&warm, "claude-sonnet-4-5", true).unwrap().0.temperature,
            None
        );
        let hot = Request {
            temperature: Some(1.5),
            ..Request::default()
        };
        assert!(run(&hot, "claude-sonnet-4-5", false).is_err());
        assert_eq!(
            run(&hot, "claude-sonnet-4-5", true).unwrap().0.temperature,
            Some(1.0)
        );
        let both = Request {
            temperature: Some(0.5),
            top_p: Some(0.5),
            ..Request::default()
        };
        assert_eq!(
            run(&both, "claude-3-5-sonnet", false).unwrap().0.top_p,
            Some(0.5)
        );
        assert_eq!(
            run(&both, "claude-sonnet-4-5", false)
                .unwrap_err()
                .param
                .as_deref(),
            Some("top_p")
        );
        let idle = Request {
            temperature: Some(1.0),
            top_p: Some(1.0),
            ..Request::default()
        };
        let (sampling, left) = run(&idle, "claude-opus-4-7", false).unwrap();
        assert_eq!(
            (sampling.temperature, sampling.top_p, left),
            (None, None, vec![])
        );
        let k = Request {
            top_k: Some(5),
            ..Request::default()
        };
        assert!(run(&k, "claude-opus-4-7", false).is_err());
        assert_eq!(
            run(&k, "claude-3-5-sonnet", false).unwrap().0.top_k,
            Some(5)
        );
    }

    #[test]
    fn a_default_gives_way_quietly() {
        let asked = effort("low");
        let settled = Request {
            temperature: Some(0.2),
            ..asked.clone()
        };
        let mut left = LeftOut::new("Anthropic", false);
        let model = Model::of("claude-sonnet-4-5");
        let sampling = decide(&asked, &settled, model, 8_000, &mut left).unwrap();
        assert_eq!(sampling.temperature, None);
        assert_eq!(left.into_names(), ["temperature"]);
    }
}
