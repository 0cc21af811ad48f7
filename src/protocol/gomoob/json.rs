//! JSON as PHP reads and writes it, for frames and tags only. A value that is too deep or too wide is refused.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value, as `json_decode($text, true)` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Int(i64),
    Text(String),
    /// The entries of an array, in order; none if the array [does not keep them](Keep).
    Array(Vec<(String, Value)>),
    /// A float, bool or null.
    Other,
}

/// The arrays whose entries are kept. Other entries take no memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// No entries, only that the value is an array.
    Nothing,
    /// The entries of this array, but not those of arrays in it.
    Entries,
    /// The entries of a frame and of its tags.
    Frame,
}

/// Reads one value. `None` if the text is not JSON, or exceeds [`MAX_DEPTH`] or [`MAX_ENTRIES`].
pub(super) fn decode(text: &[u8], keep: Keep) -> Option<Value> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { keep, depth: 0 }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

/// True if PHP turns this key of an array into an int.
pub(super) fn is_int_key(key: &str) -> bool {
    key.parse::<i64>().is_ok_and(|number| number.to_string() == key)
}

/// A string as PHP's `json_encode()` writes it by default.
pub fn encode(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '/' => json.push_str("\\/"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            ' '..='\u{7f}' => json.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    json.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    json.push('"');
    json
}

#[derive(Debug, Clone, Copy)]
struct Seed {
    keep: Keep,
    /// The number of arrays around the value.
    depth: usize,
}

impl Seed {
    /// Checks the depth before the entries of an array.
    fn enter<E: Error>(self) -> Result<(), E> {
        if self.depth < MAX_DEPTH { Ok(()) } else { Err(E::custom("too deep")) }
    }

    /// The seed for the value of this key.
    fn inner(self, key: &str) -> Self {
        let keep = match self.keep {
            Keep::Frame if key == "tags" => Keep::Entries,
            _ => Keep::Nothing,
        };
        Self { keep, depth: self.depth + 1 }
    }

    /// Adds an entry. `before` is the number of earlier entries, repeated keys included, because each entry is searched
    /// among all.
    fn add<E: Error>(
        self,
        entries: &mut Vec<(String, Value)>,
        before: usize,
        key: String,
        value: Value,
    ) -> Result<(), E> {
        if matches!(self.keep, Keep::Nothing) {
            return Ok(());
        }
        if before >= MAX_ENTRIES {
            return Err(E::custom("too many"));
        }
        // The last value of a key counts, in the place of the first.
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => entries.push((key, value)),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        // A number that does not fit becomes a float.
        Ok(i64::try_from(number).map_or(Value::Other, Value::Int))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut entries = Vec::new();
        let mut index = 0_usize;
        while let Some(value) = list.next_element_seed(self.inner(""))? {
            if !matches!(self.keep, Keep::Nothing) {
                self.add(&mut entries, index, index.to_string(), value)?;
            }
            index += 1;
        }
        Ok(Value::Array(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut entries = Vec::new();
        let mut before = 0_usize;
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.inner(&key))?;
            self.add(&mut entries, before, key, value)?;
            before += 1;
        }
        Ok(Value::Array(entries))
    }
}

/// The most levels of arrays.
pub const MAX_DEPTH: usize = 32;
/// The most entries of a frame, and of its tags. Each entry is searched among all, so the number is small.
const MAX_ENTRIES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Option<Value> {
        decode(text.as_bytes(), Keep::Frame)
    }

    fn entries(entries: &[(&str, Value)]) -> Option<Value> {
        Some(Value::Array(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()))
    }

    #[test]
    fn values_are_read_as_by_php() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (json, value) in [
            ("1", Value::Int(1)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9223372036854775808", Value::Other),
            ("-9223372036854775809", Value::Other),
            ("1.0", Value::Other),
            ("1e2", Value::Other),
            ("-0", Value::Other),
            (" true ", Value::Other),
            ("null", Value::Other),
            (r#""\u00e9\ud83d\udc4b\u0000""#, text("é👋\0")),
        ] {
            assert_eq!(decode(json.as_bytes(), Keep::Nothing), Some(value), "{json}");
        }
        let nested =
            [("b", Value::Int(3)), ("c", Value::Array(vec![]))].map(|(key, value)| (key.to_owned(), value));
        let tags = Value::Array(nested.to_vec());
        let json = r#"{"message":[1],"tags":{"b":1,"c":{"d":1},"b":3},"message":"x"}"#;
        assert_eq!(frame(json), entries(&[("message", text("x")), ("tags", tags)]));
        assert_eq!(frame("[7]"), entries(&[("0", Value::Int(7))]));
    }

    #[test]
    fn invalid_deep_and_wide_json_is_refused() {
        for json in
            ["", " ", "{", "{'a':1}", "[1,]", "01", "nul", "1 2", r#""\ud800""#, "\"\n\"", "\u{feff}1"]
        {
            assert_eq!(frame(json), None, "{json}");
        }
        assert_eq!(decode(b"\"\xff\"", Keep::Nothing), None);
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(frame(&nested(32)).is_some());
        assert_eq!(frame(&nested(33)), None);
        assert_eq!(frame(&format!("{}{{}}{}", "[".repeat(32), "]".repeat(32))), None);
        assert_eq!(frame(&format!("{{\"metadata\":{}}}", nested(32))), None);
        assert_eq!(frame(&"[".repeat(1 << 20)), None);
        let wide = |width| format!("{{\"tags\":[1{}]}}", ",1".repeat(width - 1));
        assert!(frame(&wide(MAX_ENTRIES)).is_some());
        assert_eq!(frame(&wide(MAX_ENTRIES + 1)), None);
    }

    #[test]
    fn a_key_that_comes_again_and_again_is_too_many_too() {
        let again = |times| format!("{{\"tags\":{{\"a\":1{}}}}}", ",\"a\":1".repeat(times - 1));
        assert!(frame(&again(MAX_ENTRIES)).is_some());
        assert_eq!(frame(&again(MAX_ENTRIES + 1)), None);
        let ignored = format!("{{\"metadata\":{{\"a\":1{}}}}}", ",\"a\":1".repeat(MAX_ENTRIES));
        assert!(frame(&ignored).is_some(), "entries that are not kept cost nothing");
    }

    #[test]
    fn a_string_is_written_as_php_writes_it() {
        assert_eq!(encode("Hello é /"), r#""Hello \u00e9 \/""#);
        assert_eq!(encode("\"\\\u{8}\u{c}\n\r\t\u{1f} \u{7f}"), "\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f \u{7f}\"");
        assert_eq!(encode("👋\u{2028}"), r#""\ud83d\udc4b\u2028""#);
    }

    #[test]
    fn only_whole_numbers_in_their_usual_form_are_int_keys() {
        for key in ["0", "-1", "9223372036854775807"] {
            assert!(is_int_key(key), "{key}");
        }
        for key in ["", "-0", "01", "+1", "1.0", " 1", "a", "9223372036854775808"] {
            assert!(!is_int_key(key), "{key}");
        }
    }
}
