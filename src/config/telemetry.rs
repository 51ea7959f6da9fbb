//! The settings of the exporters, which are OpenTelemetry's own (OpenTelemetry, *Environment Variable Specification*).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use opentelemetry_sdk::trace::Sampler;
use url::Url;

use super::reader::{Reader, list};
use super::settings::{
    METRICS_EXPORTER, OPERATORS, OTLP_ENDPOINT, OTLP_METRICS_ENDPOINT, OTLP_PROTOCOL,
    OTLP_TRACES_ENDPOINT, PROMETHEUS_HOST, PROMETHEUS_PORT, SAMPLER, SAMPLER_RATIO, SDK_DISABLED,
    TRACE_FAILURES, TRACE_PARENT, TRACES_EXPORTER,
};
use crate::telemetry::export::{Exporters, TraceExport};
use crate::telemetry::spans::Parent;

impl Reader<'_> {
    /// Reads the exporters. All settings are checked, also if they have no effect.
    pub(super) fn exporters(&mut self) -> Option<Exporters> {
        let is_disabled = self.read(&SDK_DISABLED, |value| value.to_lowercase().parse().ok());
        let host = self.read(&PROMETHEUS_HOST, host);
        let port = self.number(&PROMETHEUS_PORT, 0, u64::from(u16::MAX));
        let base = self.optional(&OTLP_ENDPOINT, http_url)?;
        let metrics = self.optional(&OTLP_METRICS_ENDPOINT, http_url)?;
        let _checked = self.read(&OTLP_PROTOCOL, |value| {
            (value == "http/protobuf").then_some(())
        });
        let traces = self.traces(base.as_ref());
        let metrics = metrics.or_else(|| base.as_ref().and_then(|base| below(base, "v1/metrics")));
        let chosen = self.optional(&METRICS_EXPORTER, exporters)?;
        let [prometheus, otlp] = chosen.unwrap_or([false, metrics.is_some()]);
        if otlp && metrics.is_none() {
            let found = format!("contains otlp, but {} is not set", OTLP_ENDPOINT.name);
            return self.fault(&METRICS_EXPORTER, found);
        }
        let port = u16::try_from(port?).ok()?;
        let address = SocketAddr::new(host?, port);
        match is_disabled? {
            true => Some(Exporters::default()),
            false => Some(Exporters {
                prometheus: prometheus.then_some(address),
                has_status: self.environment.get(OPERATORS.name).is_some(),
                otlp_metrics: metrics.filter(|_| otlp),
                traces: traces?,
            }),
        }
    }

    fn traces(&mut self, base: Option<&Url>) -> Option<Option<TraceExport>> {
        let url = self.optional(&OTLP_TRACES_ENDPOINT, http_url);
        let is_wanted = self.optional(&TRACES_EXPORTER, |value| match value {
            "otlp" => Some(true),
            "none" => Some(false),
            _ => None,
        });
        let ratio = self.read(&SAMPLER_RATIO, |value| {
            let ratio: f64 = value.parse().ok()?;
            (0.0..=1.0).contains(&ratio).then_some(ratio)
        });
        let sampler = self.read(&SAMPLER, |value| sampler(value, ratio?));
        let keeps_failures = self.read(&TRACE_FAILURES, |value| value.parse().ok());
        let parent = self.read(&TRACE_PARENT, |value| match value {
            "message" => Some(Parent::Message),
            "request" => Some(Parent::Request),
            _ => None,
        });
        let url = url?.or_else(|| below(base?, "v1/traces"));
        let is_wanted = is_wanted?;
        if is_wanted == Some(true) && url.is_none() {
            let found = format!("is otlp, but {} is not set", OTLP_ENDPOINT.name);
            return self.fault(&TRACES_EXPORTER, found);
        }
        let Some(url) = url.filter(|_| is_wanted != Some(false)) else {
            return Some(None);
        };
        Some(Some(TraceExport {
            url,
            sampler: sampler?,
            keeps_failures: keeps_failures?,
            parent: parent?,
        }))
    }
}

/// Returns true for `prometheus` and for `otlp`, if they are listed.
fn exporters(value: &str) -> Option<[bool; 2]> {
    let names = list(value);
    let has = |name: &str| names.iter().any(|listed| listed == name);
    let is_known = |name: &String| ["prometheus", "otlp", "none"].contains(&name.as_str());
    let is_valid = names.iter().all(is_known) && (!has("none") || names.len() == 1);
    is_valid.then(|| [has("prometheus"), has("otlp")])
}

fn sampler(name: &str, ratio: f64) -> Option<Sampler> {
    if let Some(root) = name.strip_prefix("parentbased_") {
        return Some(Sampler::ParentBased(Box::new(sampler(root, ratio)?)));
    }
    match name {
        "always_on" => Some(Sampler::AlwaysOn),
        "always_off" => Some(Sampler::AlwaysOff),
        "traceidratio" => Some(Sampler::TraceIdRatioBased(ratio)),
        _ => None,
    }
}

fn host(value: &str) -> Option<IpAddr> {
    match value {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => value.parse().ok(),
    }
}

fn http_url(value: &str) -> Option<Url> {
    let url = Url::parse(value).ok()?;
    (["http", "https"].contains(&url.scheme()) && url.has_host()).then_some(url)
}

/// Appends a path to a base URL, whose own path stays (OpenTelemetry, *OTLP Exporter*, endpoint URLs for OTLP/HTTP).
fn below(base: &Url, path: &str) -> Option<Url> {
    let base = base.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    fn read(variables: &[(&str, &str)]) -> Result<Exporters, String> {
        let environment: Environment = variables.iter().copied().collect();
        let mut reader = Reader {
            environment: &environment,
            faults: Vec::new(),
        };
        match reader.exporters() {
            Some(exporters) if reader.faults.is_empty() => Ok(exporters),
            _ => Err(reader.faults[0].to_string()),
        }
    }

    fn otlp(variables: &[(&str, &str)]) -> Option<String> {
        let exporters = read(variables).expect("settings");
        exporters.otlp_metrics.map(String::from)
    }

    #[test]
    fn nothing_is_exported_unless_it_is_set() {
        assert!(read(&[]).expect("settings").is_empty());
        let none = read(&[("OTEL_METRICS_EXPORTER", "none")]);
        assert!(none.expect("settings").is_empty());
    }

    #[test]
    fn prometheus_reads_from_loopback_unless_set_otherwise() {
        let prometheus = ("OTEL_METRICS_EXPORTER", "prometheus");
        let address = |variables: &[(&str, &str)]| read(variables).expect("settings").prometheus;
        assert_eq!(
            address(&[prometheus]),
            Some("127.0.0.1:9464".parse().expect("an address"))
        );
        let host = ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0");
        let port = ("OTEL_EXPORTER_PROMETHEUS_PORT", "9000");
        assert_eq!(
            address(&[prometheus, host, port]),
            Some("0.0.0.0:9000".parse().expect("an address"))
        );
    }

    #[test]
    fn an_endpoint_alone_exports_by_otlp() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/");
        let below = "http://localhost:4318/v1/metrics";
        assert_eq!(otlp(&[base]), Some(below.into()));
        let own = (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "https://other.example/m",
        );
        assert_eq!(otlp(&[base, own]), Some(own.1.into()));
    }

    #[test]
    fn an_endpoint_exports_nothing_if_disabled() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318");
        assert_eq!(otlp(&[base, ("OTEL_METRICS_EXPORTER", "none")]), None);
        assert_eq!(otlp(&[base, ("OTEL_SDK_DISABLED", "TRUE")]), None);
    }

    #[test]
    fn a_setting_that_is_not_supported_is_a_fault() {
        for (variable, value) in [
            ("OTEL_METRICS_EXPORTER", "statsd"),
            ("OTEL_METRICS_EXPORTER", "none,otlp"),
            ("OTEL_METRICS_EXPORTER", "otlp"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_PROMETHEUS_HOST", "metrics.example"),
            ("OTEL_SDK_DISABLED", "yes"),
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ("PUSHGATE_TRACE_PARENT", "both"),
        ] {
            let fault = read(&[(variable, value)]).expect_err(value);
            assert!(fault.starts_with(variable), "{fault}");
        }
    }
}
