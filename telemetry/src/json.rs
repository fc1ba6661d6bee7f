//! The JSON format of the log: for each event an object with `timestamp`, `level`, `target`, `fields` and `spans`.
//!
//! The names are those of tracing-subscriber's own JSON format. `fields` has the event's text as `message`; `spans` begins with the
//! outermost span, and each of its objects has the span's fields and its `name`.

use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Writes an event as one line.
#[derive(Debug)]
pub struct JsonLines;

/// Writes the fields of a span as a JSON object.
#[derive(Debug)]
pub struct JsonFields;

#[derive(serde::Serialize)]
struct Line {
    timestamp: String,
    level: &'static str,
    target: &'static str,
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Map<String, Value>>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for JsonLines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = FieldsVisitor::default();
        event.record(&mut fields);
        let mut spans = Vec::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let mut entry = Map::new();
            entry.insert("name".to_owned(), Value::from(span.name()));
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                entry.extend(object(&fields.fields)?);
            }
            spans.push(entry);
        }
        let metadata = event.metadata();
        let (level, target) = (metadata.level().as_str(), metadata.target());
        let line = Line { timestamp, level, target, fields: fields.0, spans };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = FieldsVisitor::default();
        fields.record(&mut visitor);
        write!(writer, "{}", Value::Object(visitor.0))
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut visitor = FieldsVisitor(object(&current.fields)?);
        fields.record(&mut visitor);
        current.fields = Value::Object(visitor.0).to_string();
        Ok(())
    }
}

/// Reads fields that this module has written.
fn object(text: &str) -> Result<Map<String, Value>, fmt::Error> {
    if text.is_empty() { Ok(Map::new()) } else { serde_json::from_str(text).map_err(|_| fmt::Error) }
}

#[derive(Default)]
struct FieldsVisitor(Map<String, Value>);

impl FieldsVisitor {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for FieldsVisitor {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let (mut text, mut cause) = (value.to_string(), value.source());
        while let Some(source) = cause {
            text = format!("{text}: {source}");
            cause = source.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the lines that were logged meanwhile.
    fn logged(log: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .fmt_fields(JsonFields)
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).expect("the log is text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    #[test]
    fn a_line_is_an_object_with_the_fields_of_the_event_and_of_its_spans() {
        let lines = logged(|| {
            let order = tracing::info_span!("order", order = "ab12", outcome = tracing::field::Empty).entered();
            order.record("outcome", "done");
            let _step = tracing::info_span!("step", number = 2).entered();
            tracing::warn!(host = %"lab-1", is_last = true, "a \"quoted\"\ntext");
        });
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["target"], module_path!());
        assert!(line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert_eq!(line["fields"], json!({"host": "lab-1", "is_last": true, "message": "a \"quoted\"\ntext"}));
        let spans = json!([{"name": "order", "order": "ab12", "outcome": "done"}, {"name": "step", "number": 2}]);
        assert_eq!(line["spans"], spans);
    }

    #[test]
    fn an_error_is_told_with_its_sources() {
        let source = io::Error::other("the disk is full");
        let error = io::Error::other(Wrapped(source));
        let lines = logged(|| tracing::error!(error = &error as &dyn Error, "it failed"));
        assert_eq!(lines[0]["fields"]["error"], "could not write: the disk is full");
        assert_eq!(lines[0].get("spans"), None);
    }

    #[derive(Debug)]
    struct Wrapped(io::Error);

    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("could not write")
        }
    }

    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
}
