//! Writing a query in its text form.

use std::fmt;

use super::expression::Query;

/// Writes the text form, which [`Query::parse`] reads as the same query. A part that matches every connection, or none,
/// has no text form; it is written as a condition with that effect.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Self], between: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    f.write_str(between)?;
                }
                if parts.len() > 1 && part.is_compound() {
                    write!(f, "({part})")?;
                } else {
                    part.fmt(f)?;
                }
            }
            Ok(())
        };
        match self {
            Self::Has(name) => f.write_str(&word(name)),
            Self::In(_, values) if values.is_empty() => f.write_str(NONE),
            Self::In(name, values) => {
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" | ")?;
                    }
                    write!(f, "{}={}", word(name), word(&value.to_string()))?;
                }
                Ok(())
            }
            Self::All(parts) if parts.is_empty() => f.write_str(ALL),
            Self::Any(parts) if parts.is_empty() => f.write_str(NONE),
            Self::All(parts) => list(f, parts, " & "),
            Self::Any(parts) => list(f, parts, " | "),
            Self::Not(part) => {
                f.write_str("!")?;
                match &**part {
                    Self::Has(_) => part.fmt(f),
                    _ => write!(f, "({part})"),
                }
            }
        }
    }
}

const ALL: &str = "(any | !any)";
const NONE: &str = "(any & !any)";

/// A name or value in the text form: as it is, or in quotes.
fn word(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_bare) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

/// True if a character needs no quotes.
pub(super) fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || "_-.:/@+*#$%".contains(c)
}
