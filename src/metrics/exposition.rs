//! Figures as text, in the two formats that Prometheus and its kin read.

use std::fmt::Write;

/// One figure of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its public name; a counter's ends with `_total`, and one that has a unit has it before that. A label may follow, as
    /// in `name{reason="fatal"}`: figures of one name come one after the other.
    pub name: &'static str,
    /// Its meaning, in one sentence.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: MetricKind,
    /// Current value.
    pub value: i64,
}

/// Type of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// Format of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// Chooses the format that the client prefers by its Accept headers (RFC 9110 §12.5.1); text unless it
    /// names OpenMetrics.
    pub fn choose<'a>(accept: impl Iterator<Item = &'a [u8]>) -> Self {
        let (mut open, mut text) = (0, 0);
        for range in accept.flat_map(|line| line.split(|&byte| byte == b',')) {
            let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut known) = (1000, true);
            for parameter in parts {
                let mut pair = parameter.splitn(2, |&byte| byte == b'=').map(<[u8]>::trim_ascii);
                let (name, value) = (pair.next().unwrap_or_default(), pair.next().unwrap_or_default());
                if name.eq_ignore_ascii_case(b"q") {
                    quality = thousandths(value);
                } else if name.eq_ignore_ascii_case(b"version") {
                    known = matches!(value, b"1.0.0" | b"\"1.0.0\"");
                }
            }
            match media.as_slice() {
                b"application/openmetrics-text" if known => open = open.max(quality),
                b"text/plain" | b"text/*" | b"*/*" => text = text.max(quality),
                _ => {}
            }
        }
        if open > 0 && open >= text { Self::OpenMetrics } else { Self::Text }
    }

    /// Its Content-Type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Writes figures in a format.
pub fn render(figures: &[Figure], format: Format) -> String {
    let mut out = String::with_capacity(figures.len() * 160);
    let mut last = "";
    for Figure { name: labelled, help, kind, value } in figures {
        let name = &labelled.split('{').next().unwrap_or_default();
        let family = name.strip_suffix("_total").unwrap_or(name);
        let (kind, titled) = match (kind, format) {
            (MetricKind::Gauge, _) => ("gauge", *name),
            (MetricKind::Counter, Format::Text) => ("counter", *name),
            // The family is named without the suffix of the sample.
            (MetricKind::Counter, Format::OpenMetrics) => ("counter", family),
        };
        // Neither has a backslash, a quote or a line end in it: they are ours. Writing to a String
        // cannot fail.
        if std::mem::replace(&mut last, name) != *name {
            let _ = writeln!(out, "# HELP {titled} {}", help.trim());
            let _ = writeln!(out, "# TYPE {titled} {kind}");
            if format == Format::OpenMetrics && family.ends_with("_bytes") {
                let _ = writeln!(out, "# UNIT {titled} bytes");
            }
        }
        let _ = writeln!(out, "{labelled} {value}");
    }
    if format == Format::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

/// A quality (RFC 9110 §12.4.2) in thousandths; 0 for any other text.
fn thousandths(value: &[u8]) -> u32 {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
    number.filter(|number| (0.0..=1.0).contains(number)).map_or(0, |number| (number * 1000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: [Figure; 2] = [
        Figure { name: "ferrite_topics", help: " Topics.", kind: MetricKind::Gauge, value: 3 },
        Figure { name: "ferrite_sent_bytes_total", help: " Bytes.", kind: MetricKind::Counter, value: 70 },
    ];

    #[test]
    fn figures_are_written_as_the_text_format_wants_them() {
        assert_eq!(
            render(&FIGURES, Format::Text),
            "# HELP ferrite_topics Topics.\n# TYPE ferrite_topics gauge\nferrite_topics 3\n\
             # HELP ferrite_sent_bytes_total Bytes.\n# TYPE ferrite_sent_bytes_total counter\n\
             ferrite_sent_bytes_total 70\n"
        );
    }

    #[test]
    fn figures_are_written_as_openmetrics_wants_them() {
        assert_eq!(
            render(&FIGURES, Format::OpenMetrics),
            "# HELP ferrite_topics Topics.\n# TYPE ferrite_topics gauge\nferrite_topics 3\n\
             # HELP ferrite_sent_bytes Bytes.\n# TYPE ferrite_sent_bytes counter\n\
             # UNIT ferrite_sent_bytes bytes\nferrite_sent_bytes_total 70\n# EOF\n"
        );
    }

    #[test]
    fn the_format_is_the_one_that_the_client_prefers() {
        let choose = |accept: &str| Format::choose(accept.lines().map(str::as_bytes));
        for accept in [
            "",
            "*/*",
            "text/plain",
            "text/html, application/xhtml+xml, */*;q=0.8",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0.3, text/plain;q=0.5",
            "application/openmetrics-text;q=nonsense",
            "\u{0}\u{ff};;=,",
        ] {
            assert_eq!(choose(accept), Format::Text, "{accept}");
        }
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8",
            "text/plain;q=0.2\napplication/openmetrics-text;q=0.9",
            // As Prometheus sends it.
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        ] {
            assert_eq!(choose(accept), Format::OpenMetrics, "{accept}");
        }
    }
}
