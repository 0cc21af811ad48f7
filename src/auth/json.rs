//! Values of a token or a key file, as PHP writes them.

use serde_json::Value;

/// The values of a list in order, also of one that PHP has written as an object, for some of its keys were taken away.
pub(super) fn list(value: &Value) -> Option<std::vec::IntoIter<&Value>> {
    let values: Vec<&Value> = match value {
        Value::Array(values) => values.iter().collect(),
        Value::Object(object) => {
            let places = object.iter().map(|(key, value)| Some((index(key)?, value)));
            let mut places: Vec<_> = places.collect::<Option<_>>()?;
            places.sort_by_key(|(place, _)| *place);
            places.into_iter().map(|(_, value)| value).collect()
        }
        _ => return None,
    };
    Some(values.into_iter())
}

/// A key that PHP's arrays have for a number.
fn index(key: &str) -> Option<u64> {
    let number = key.parse::<u64>().ok()?;
    (number.to_string() == key).then_some(number)
}

/// A name that is a text, or a number as PHP's arrays make of one.
pub(super) fn text(name: &Value) -> Option<String> {
    match name {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}
