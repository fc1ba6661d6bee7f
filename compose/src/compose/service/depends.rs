//! Dependencies of services: `depends_on` and `links`.

use super::{Kind, Notes};
use crate::compose::ServiceLink;
use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::spec::Condition;
use std::collections::BTreeMap;

pub fn read_links(at: &Cursor, notes: &mut Notes) -> Vec<ServiceLink> {
    let read = |at: Cursor| {
        let text = at.string()?;
        let (service, alias) = match text.split_once(':') {
            Some((service, alias)) => (service.to_owned(), Some(alias.to_owned())),
            None => (text, None),
        };
        notes.refer(Kind::Service, &service, &at);
        Some(ServiceLink { service, alias })
    };
    at.items().into_iter().filter_map(read).collect()
}

pub fn read_depends_on(at: &Cursor, notes: &mut Notes) -> BTreeMap<String, Condition> {
    let mut depends_on = BTreeMap::new();
    if at.is_list() {
        for at in at.items() {
            if let Some(name) = at.string() {
                notes.refer(Kind::Service, &name, &at);
                depends_on.insert(name, Condition::Started);
            }
        }
        return depends_on;
    }
    for (name, at) in at.entries() {
        notes.refer(Kind::Service, name, &at);
        depends_on.insert(name.to_owned(), read_condition(&at).unwrap_or(Condition::Started));
    }
    depends_on
}

fn read_condition(at: &Cursor) -> Option<Condition> {
    let mut condition = None;
    for (key, at) in at.entries() {
        match key {
            "condition" => condition = parse_condition(&at),
            other => refuse(&at, other, &["condition"]),
        }
    }
    condition
}

fn parse_condition(at: &Cursor) -> Option<Condition> {
    let text = at.string()?;
    match text.as_str() {
        "service_started" => Some(Condition::Started),
        "service_healthy" => Some(Condition::Healthy),
        "service_completed_successfully" => Some(Condition::CompletedSuccessfully),
        other => {
            let expected = "`service_started`, `service_healthy` or `service_completed_successfully`";
            at.wrong(format!("`{other}` is not a condition: write {expected}"));
            None
        }
    }
}
