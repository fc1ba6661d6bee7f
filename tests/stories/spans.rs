//! Spans of the log: whatever is done is inside a span with the ids by which it is found.

use crate::backups::back_up;
use fleet_tests::fleet::Fleet;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Fields of each span that was closed, by its name.
#[derive(Debug, Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Span>>>);

#[derive(Debug, Clone, Default)]
struct Span {
    name: &'static str,
    /// Names of the spans around it.
    around: BTreeSet<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let around = span.scope().skip(1).map(|outer| outer.name()).collect();
        let mut recorded = Span { name: span.name(), around, ..Span::default() };
        attributes.record(&mut recorded);
        span.extensions_mut().insert(recorded);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(recorded) = span.extensions_mut().get_mut::<Span>() {
            values.record(recorded);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let recorded = context.span(&id).and_then(|span| span.extensions_mut().remove::<Span>());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(recorded);
    }
}

impl Recorder {
    fn of(&self, name: &str) -> Vec<Span> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|span| span.name == name).cloned().collect()
    }

    /// Checks that spans of a name were closed, that each has these fields, and that one has a certain value of the first.
    #[track_caller]
    fn check(&self, name: &str, fields: &[&str], value: &str) {
        let found = self.of(name);
        assert!(!found.is_empty(), "a span {name}");
        for span in &found {
            assert_eq!(span.fields.keys().copied().collect::<Vec<_>>(), fields, "{span:?}");
        }
        let first = |span: &Span| span.fields.get(fields[0]).map(String::as_str) == Some(value);
        assert!(value.is_empty() || found.iter().any(first), "a span {name} of {value}: {found:?}");
    }
}

#[test]
fn each_piece_of_work_has_a_span_with_its_ids() {
    let recorder = Recorder::default();
    let levels = tracing_subscriber::filter::LevelFilter::from_level(Level::ERROR);
    let subscriber = tracing_subscriber::registry().with(recorder.clone().with_filter(levels));
    tracing::subscriber::set_global_default(subscriber).expect("no other test of this process has one");

    let fleet = Fleet::with_rows(&["lab-1", "lab-2"]);
    back_up(&fleet, "notes-1");
    fleet.done("backup drill notes-1");
    fleet.done("restore notes-1 --to lab-2 --name notes-9 --set port=9090 --yes");
    fleet.until("spans of all kinds", || !recorder.of("restore").is_empty() && !recorder.of("reconcile").is_empty());

    recorder.check("order", &["instance", "order"], "notes-1");
    recorder.check("backup", &["instance", "order"], "notes-1");
    recorder.check("drill", &["instance", "order"], "notes-1");
    recorder.check("restore", &["instance", "order"], "notes-9");
    recorder.check("step", &["step"], "");
    assert!(recorder.of("step").iter().any(|step| step.around.contains("order")), "a step is inside its order");
    recorder.check("fetch_bundle", &["digest"], "");
    recorder.check("worker_request", &["work"], "");
    // Whoever joins has no certificate yet.
    let (joins, others): (Vec<_>, Vec<_>) =
        recorder.of("rpc").into_iter().partition(|rpc| rpc.fields["service"] == "Join");
    assert!(!joins.is_empty() && joins.iter().all(|rpc| rpc.fields.contains_key("method")), "{joins:?}");
    assert!(others.iter().all(|rpc| rpc.fields.keys().eq(["caller", "method", "service"].iter())), "each has a caller");
    assert!(others.iter().any(|rpc| rpc.fields["caller"] == "host:lab-1"), "a call of an agent");
    recorder.check("reconcile", &["closed", "orders"], "");
    drop(fleet);
}
