//! A page of metrics in the text format of Prometheus, version 0.0.4.
//!
//! prometheus-client writes OpenMetrics, in which HELP and TYPE of a counter lack the suffix `_total`; `promtool check metrics` and
//! older servers read the page only with it. Names, labels and help are ours, so that a family without a sample is described, too.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeMetric, MetricEncoder};
use prometheus_client::encoding::{EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;

/// Content type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Figures that can be written to a page.
pub trait Figures: fmt::Debug + Send + Sync + 'static {
    /// Writes all families, also those without a sample.
    ///
    /// # Errors
    /// Only those of the page.
    fn write(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// A page that is being written, one family after the other.
#[derive(Debug)]
pub struct Page<'a>(DescriptorEncoder<'a>);

/// A family whose samples are written one by one.
#[derive(Debug)]
pub struct Samples<'a>(MetricEncoder<'a>);

impl Page<'_> {
    /// Writes a metric of prometheus-client. A counter's name is given without `_total`.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn metric(&mut self, name: &'static str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    /// Begins a family of gauges.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn gauges(&mut self, name: &'static str, help: &str) -> Result<Samples<'_>, fmt::Error> {
        Ok(Samples(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?))
    }

    /// Begins a family of counters. Its name is given without `_total`.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn counters(&mut self, name: &'static str, help: &str) -> Result<Samples<'_>, fmt::Error> {
        Ok(Samples(self.0.encode_descriptor(name, help, None, MetricType::Counter)?))
    }

    /// Writes one gauge without labels.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl EncodeGaugeValue + Copy) -> fmt::Result {
        self.gauges(name, help)?.gauge(&[], value)
    }

    /// Writes one counter without labels. Its name is given without `_total`.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn counter(&mut self, name: &'static str, help: &str, value: impl EncodeCounterValue + Copy) -> fmt::Result {
        self.counters(name, help)?.counter(&[], value)
    }
}

impl Samples<'_> {
    /// Writes the gauge of a set of labels.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn gauge(&mut self, labels: &[(&str, &str)], value: impl EncodeGaugeValue + Copy) -> fmt::Result {
        if labels.is_empty() {
            return self.0.encode_gauge(&value);
        }
        let labels = escaped(labels);
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    /// Writes the counter of a set of labels.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn counter(&mut self, labels: &[(&str, &str)], value: impl EncodeCounterValue + Copy) -> fmt::Result {
        if labels.is_empty() {
            return self.0.encode_counter::<NoLabelSet, _, f64>(&value, None);
        }
        let labels = escaped(labels);
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }
}

/// prometheus-client writes the values of labels as they are.
fn escaped(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    labels.iter().map(|(name, value)| ((*name).to_owned(), escape(value))).collect()
}

#[derive(Debug)]
struct Collected<F>(F);

impl<F: Figures> Collector for Collected<F> {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        self.0.write(&mut Page(encoder))
    }
}

/// Returns the page of these figures.
///
/// # Errors
/// Fails if a metric cannot be encoded.
pub fn page(figures: impl Figures) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Collected(figures)));
    let mut encoded = String::new();
    prometheus_client::encoding::text::encode_registry(&mut encoded, &registry)?;
    Ok(plain(&encoded))
}

/// Gives HELP and TYPE of counters their suffix. HELP comes before TYPE.
fn plain(encoded: &str) -> String {
    let mut page = String::with_capacity(encoded.len() + 1024);
    let mut lines = encoded.lines().peekable();
    while let Some(line) = lines.next() {
        let help = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        match help {
            Some((name, text)) => {
                let is_counter = lines.peek().is_some_and(|next| next.ends_with(" counter"));
                let suffix = if is_counter { "_total" } else { "" };
                page.push_str(&format!("# HELP {name}{suffix} {text}\n"));
            }
            None => {
                let counter = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter"));
                let line = counter.map_or_else(|| line.to_owned(), |name| format!("# TYPE {name}_total counter"));
                page.push_str(&line);
                page.push('\n');
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::family::Family;
    use prometheus_client::metrics::histogram::Histogram;

    #[derive(Debug)]
    struct Three;

    impl Figures for Three {
        fn write(&self, page: &mut Page<'_>) -> fmt::Result {
            let calls = Family::<[(&'static str, String); 1], Counter>::default();
            calls.get_or_create(&[("code", "Ok".to_owned())]).inc_by(3);
            page.metric("fleet_calls", "Calls that ended.", &calls)?;
            page.metric("fleet_none", "Nothing yet.", &Family::<[(&'static str, String); 1], Counter>::default())?;
            let time = Histogram::new([0.5]);
            time.observe(0.25);
            page.metric("fleet_plan_seconds", "Time of a counter", &time)?;
            page.gauges("fleet_test", "A gauge.")?.gauge(&[("a", "x\"y\\z\n")], 1.5)?;
            page.counter("fleet_bytes", "Bytes.", 12_345_678_901_u64)
        }
    }

    #[test]
    fn a_page_is_the_plain_text_format() {
        let expect = "\
# HELP fleet_calls_total Calls that ended.
# TYPE fleet_calls_total counter
fleet_calls_total{code=\"Ok\"} 3
# HELP fleet_none_total Nothing yet.
# TYPE fleet_none_total counter
# HELP fleet_plan_seconds Time of a counter
# TYPE fleet_plan_seconds histogram
fleet_plan_seconds_sum 0.25
fleet_plan_seconds_count 1
fleet_plan_seconds_bucket{le=\"0.5\"} 1
fleet_plan_seconds_bucket{le=\"+Inf\"} 1
# HELP fleet_test A gauge.
# TYPE fleet_test gauge
fleet_test{a=\"x\\\"y\\\\z\\n\"} 1.5
# HELP fleet_bytes_total Bytes.
# TYPE fleet_bytes_total counter
fleet_bytes_total 12345678901
";
        assert_eq!(page(Three).expect("it can be encoded"), expect);
    }
}
