//! Response headers as PHP writes them: `['Name' => 'value', 'Other' => ['one', 'two']]`.

use ext_php_rs::types::{ArrayKey, ZendHashTable};

use crate::{
    http::check_header,
    php::zend::{
        call::Call,
        thrown::{Thrown, bad_argument, bad_type},
    },
};

/// The reason for which an array is not one of headers.
#[derive(Debug)]
pub(in crate::php) enum BadHeaders {
    /// A value is of a wrong type.
    Type(String),
    /// A name or a value may not be sent.
    Value(String),
}

/// Reads an argument; none are given if it is left out.
pub(in crate::php) fn argument(call: &Call<'_>, number: u32) -> Result<Vec<(String, Vec<u8>)>, Thrown> {
    let Some(array) = call.array_or_empty(number)? else { return Ok(Vec::new()) };
    read(array).map_err(|bad| match bad {
        BadHeaders::Type(complaint) => bad_type(number, &complaint),
        BadHeaders::Value(complaint) => bad_argument(number, &complaint),
    })
}

/// Reads an array. An error goes on after the argument's name.
pub(in crate::php) fn read(array: &ZendHashTable) -> Result<Vec<(String, Vec<u8>)>, BadHeaders> {
    let mut headers = Vec::new();
    for (key, value) in array.iter() {
        let name = match key {
            ArrayKey::Long(_) => {
                return Err(BadHeaders::Value("must have the headers' names as keys".to_owned()));
            }
            key => key.to_string(),
        };
        let value = value.dereference();
        let list = value.array().map(ZendHashTable::values).into_iter().flatten();
        for value in list.chain(value.is_string().then_some(value)) {
            let text = value.dereference().zend_str().ok_or_else(|| not_text(&name))?.as_bytes();
            check_header(&name, text)
                .map_err(|error| BadHeaders::Value(format!("must be headers that may be sent: {error}")))?;
            headers.push((name.clone(), text.to_vec()));
        }
        if !value.is_string() && !value.is_array() {
            return Err(not_text(&name));
        }
    }
    Ok(headers)
}

fn not_text(name: &str) -> BadHeaders {
    BadHeaders::Type(format!(
        "must have strings or lists of strings as values, at \"{}\"",
        name.escape_debug()
    ))
}
