//! Counters of agents' connections, and of their refused reports.

use fleet_telemetry::Page;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::fmt;

type Labels = [(&'static str, &'static str); 1];

/// Kind of a session's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionBegin {
    /// No other was there.
    Connect,
    /// Session that replaced a live one.
    Takeover,
}

/// Reason why the coordinator ended an agent's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCut {
    /// The agent said nothing for too long.
    Silent,
    /// Agent that did not read what the coordinator sent.
    Unread,
    /// A later connection took over.
    Replaced,
}

/// Reason why something that an agent said was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRefusal {
    /// Report that could not be parsed.
    Unreadable,
    /// Report that was too large.
    Oversized,
    /// Report about something that belongs to another host.
    NotBelieved,
}

/// Figures of agents' sessions.
#[derive(Debug, Default)]
pub struct SessionMetrics {
    begun: Family<Labels, Counter>,
    cut: Family<Labels, Counter>,
}

impl SessionMetrics {
    /// Counts a session that begins.
    pub fn begin(&self, how: SessionBegin) {
        let how = match how {
            SessionBegin::Connect => "connect",
            SessionBegin::Takeover => "takeover",
        };
        self.begun.get_or_create(&[("kind", how)]).inc();
    }

    /// Counts a connection that the coordinator ends.
    pub fn cut(&self, why: SessionCut) {
        let why = match why {
            SessionCut::Silent => "silent",
            SessionCut::Unread => "unread",
            SessionCut::Replaced => "replaced",
        };
        self.cut.get_or_create(&[("reason", why)]).inc();
    }

    /// Writes the families of sessions.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_agent_sessions", "Sessions of agents that began, reconnects included.", &self.begun)?;
        page.metric("fleet_agent_sessions_cut", "Sessions that the coordinator ended.", &self.cut)
    }
}

/// Figures of refused reports.
#[derive(Debug, Default)]
pub struct ReportMetrics(Family<Labels, Counter>);

impl ReportMetrics {
    /// Counts something that an agent said and that was not taken in.
    pub fn refuse(&self, why: ReportRefusal) {
        let why = match why {
            ReportRefusal::Unreadable => "unreadable",
            ReportRefusal::Oversized => "oversized",
            ReportRefusal::NotBelieved => "not_believed",
        };
        self.0.get_or_create(&[("reason", why)]).inc();
    }

    /// Writes the family of refused reports.
    ///
    /// # Errors
    /// Only those of the page.
    pub fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        page.metric("fleet_reports_refused", "Reports of agents, or parts of them, that were not taken in.", &self.0)
    }
}
