//! `GET /metrics`: the basics in Prometheus's text form, under LiteLLM's names where it has one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;

use crate::base::{DeploymentIdx, NanoDollars};
use crate::control::Today;
use crate::proxy::Shared;
use crate::proxy::manage::{health, text};

/// One line of a metric's value.
struct Metric<'a> {
    out: &'a mut String,
    name: &'static str,
}

/// Requests, tokens, cost and health.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut out = String::with_capacity(4_096);
    requests(&shared, &mut out);
    backends(&shared, &mut out);
    gateway(&shared, &mut out);
    text("text/plain; version=0.0.4; charset=utf-8", out)
}

fn requests(shared: &Shared, out: &mut String) {
    let totals = shared.live.totals();
    let each = |out: &mut String, name, help, value: fn(&Today) -> f64| {
        let mut metric = Metric::begin(out, name, help, "counter");
        for (model, total) in &totals {
            metric.value(&[("requested_model", model)], value(total));
        }
    };
    each(
        out,
        "litellm_proxy_total_requests_metric_total",
        "Requests that ended",
        |t| t.requests as f64,
    );
    each(
        out,
        "litellm_proxy_failed_requests_metric_total",
        "Requests that failed",
        |t| t.errors as f64,
    );
    each(
        out,
        "litellm_input_tokens_metric_total",
        "Prompt tokens",
        |t| t.tokens_in as f64,
    );
    each(
        out,
        "litellm_output_tokens_metric_total",
        "Completion tokens",
        |t| t.tokens_out as f64,
    );
    each(out, "litellm_spend_metric_total", "Cost in dollars", |t| {
        dollars(t.cost)
    });
    each(
        out,
        "pointsman_fallbacks_total",
        "Changes of model group",
        |t| t.fallbacks as f64,
    );
    each(
        out,
        "pointsman_unpriced_requests_total",
        "Requests without a price",
        |t| t.unpriced as f64,
    );
}

fn backends(shared: &Shared, out: &mut String) {
    let setup = shared.setup.load();
    let now = shared.clock.mono();
    let nodes = setup.fleet.table.deployments();
    let mut metric = Metric::begin(
        out,
        "litellm_deployment_state",
        "0 takes traffic, 2 does not (down, cooling down, off)",
        "gauge",
    );
    for (place, node) in nodes.iter().enumerate() {
        let config = &node.config;
        let ill = health::trouble(&setup, DeploymentIdx(place), now).is_some();
        let labels = [
            ("litellm_model_name", &*config.upstream.model),
            ("model_group", &*config.group),
            ("model_id", &*config.id),
            ("api_base", &*config.upstream.base),
            ("api_provider", &*config.upstream.provider),
        ];
        metric.value(&labels, if ill { 2.0 } else { 0.0 });
    }
    let mut metric = Metric::begin(
        out,
        "pointsman_deployment_in_flight",
        "Requests on a deployment now",
        "gauge",
    );
    for (place, node) in nodes.iter().enumerate() {
        let count = setup
            .fleet
            .deployments
            .get(place)
            .map_or(0, |live| live.in_flight());
        metric.value(&[("model_id", &node.config.id)], f64::from(count));
    }
}

fn gateway(shared: &Shared, out: &mut String) {
    let status = shared.ledger.status();
    let gauges: [(&'static str, &str, &str, f64); 6] = [
        (
            "litellm_in_flight_requests",
            "Requests being served",
            "gauge",
            shared.live.in_flight() as f64,
        ),
        (
            "pointsman_client_connections",
            "Client connections open",
            "gauge",
            shared.connections.load(Ordering::Relaxed) as f64,
        ),
        (
            "pointsman_refused_requests_total",
            "Requests refused at the door: no key, wrong key, foreign origin",
            "counter",
            shared.refused.load(Ordering::Relaxed) as f64,
        ),
        (
            "pointsman_ledger_rows_total",
            "Rows written",
            "counter",
            status.written as f64,
        ),
        (
            "pointsman_ledger_lost_rows_total",
            "Rows that could not be written",
            "counter",
            status.lost as f64,
        ),
        (
            "pointsman_ledger_queued_rows",
            "Rows waiting to be written",
            "gauge",
            status.queued as f64,
        ),
    ];
    for (name, help, kind, value) in gauges {
        Metric::begin(out, name, help, kind).value(&[], value);
    }
}

fn dollars(amount: NanoDollars) -> f64 {
    amount.0 as f64 / 1e9
}

impl<'a> Metric<'a> {
    fn begin(out: &'a mut String, name: &'static str, help: &str, kind: &str) -> Self {
        put(
            out,
            format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"),
        );
        Self { out, name }
    }

    fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        self.out.push_str(self.name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let open = if place == 0 { '{' } else { ',' };
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            put(self.out, format_args!("{open}{label}=\"{text}\""));
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        put(self.out, format_args!(" {value}\n"));
    }
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    out.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        Metric::begin(&mut out, "m", "help", "gauge").value(&[("a", "x\"y\\z\n"), ("b", "")], 1.5);
        assert_eq!(
            out,
            "# HELP m help\n# TYPE m gauge\nm{a=\"x\\\"y\\\\z\\n\",b=\"\"} 1.5\n"
        );
    }
}
