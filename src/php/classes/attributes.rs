//! Attributes of a connection as PHP reads and writes them, `$connection['key']`: keys, and values as their encoding.

use ext_php_rs::{
    boxed::ZBox,
    convert::IntoZval,
    types::{ArrayKey, ZendHashTable, ZendStr, Zval},
};

use crate::{
    php::zend::{
        call::Call,
        encoding::{DEEPEST, Decoded, Encoder, Key, Malformed, TooLong, decode},
        engine,
        thrown::{self, ExceptionKind, Thrown, bad_argument, bad_type, failed, throw},
        values,
    },
    port::{AttributeError, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTES},
};

/// The key of an attribute as PHP gives it, checked for its type only.
pub(in crate::php) fn key<'a>(call: &Call<'a>) -> Result<Given<'a>, Thrown> {
    let value = call.value(1).ok_or_else(failed)?;
    if let Some(key) = value.zend_str() {
        return Ok(Given::String(key.as_bytes()));
    }
    if let Some(key) = value.long() {
        return Ok(Given::Int(key.to_string()));
    }
    let hint = if value.is_null() && call.count() == 2 {
        "; an attribute cannot be added without a key"
    } else {
        ""
    };
    Err(bad_type(1, &format!("must be of type string|int, {} given{hint}", type_name(value))))
}

/// A string or an int, which stands for its decimal text.
pub(in crate::php) enum Given<'a> {
    String(&'a [u8]),
    Int(String),
}

impl Given<'_> {
    /// The key; `None` if it is not UTF-8, so that there is no attribute of that key.
    pub(in crate::php) fn text(&self) -> Option<&str> {
        match self {
            Self::String(key) => std::str::from_utf8(key).ok(),
            Self::Int(key) => Some(key),
        }
    }

    /// The key of an attribute that is to be set.
    pub(in crate::php) fn checked(&self) -> Result<&str, Thrown> {
        let key = self.text().filter(|key| (1..=MAX_ATTRIBUTE_KEY).contains(&key.len()));
        key.ok_or_else(|| self.refused())
    }

    fn refused(&self) -> Thrown {
        let key: String = self.bytes().escape_ascii().to_string().chars().take(60).collect();
        bad_argument(1, &format!("must be 1 to {MAX_ATTRIBUTE_KEY} bytes of UTF-8, \"{key}\" given"))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::String(key) => key,
            Self::Int(key) => key.as_bytes(),
        }
    }

    /// Raises the warning of PHP about a key that is not there. An error handler of the script may throw.
    pub(in crate::php) fn warn_undefined(&self) -> Result<(), Thrown> {
        let key = self.bytes();
        engine::warn_undefined_key(key, matches!(index(key), ArrayKey::Long(_)));
        thrown::pending().map_or(Ok(()), Err)
    }
}

/// The encoding of a value that is to be set, or the size that makes it too large.
pub(in crate::php) fn encoded(call: &Call<'_>) -> Result<Result<Vec<u8>, TooLong>, Thrown> {
    let value = call.value(2).ok_or_else(failed)?;
    let mut encoder = Encoder::new(MOST);
    match encode(&mut encoder, value, 0) {
        Ok(()) => Ok(Ok(encoder.finish())),
        Err(Refused::TooLong(size)) => Ok(Err(size)),
        Err(Refused::TooDeep) => Err(bad_argument(
            2,
            &format!("must not have more than {DEEPEST} levels of arrays, nor an array that contains itself"),
        )),
        Err(Refused::Type { name, path }) if path.is_empty() => {
            Err(bad_type(2, &format!("must be of type null|bool|int|float|string|array, {name} given")))
        }
        Err(Refused::Type { name, path }) => {
            let path: String = path.iter().rev().map(|key| format!("[{key}]")).collect();
            let rule = "must be an array of null, bools, ints, floats, strings and arrays";
            Err(bad_type(2, &format!("{rule}, {name} given at {path}")))
        }
    }
}

/// Throws for a value beyond the encoder's bound.
pub(in crate::php) fn too_long(error: TooLong) -> Thrown {
    too_large(&format!("at least {}", error.size))
}

/// Throws for an attribute that the server refuses.
pub(in crate::php) fn refused(error: &AttributeError, key: &Given<'_>) -> Thrown {
    match error {
        AttributeError::BadKey { .. } => key.refused(),
        AttributeError::TooLarge { size, .. } => too_large(&size.to_string()),
    }
}

fn too_large(size: &str) -> Thrown {
    bad_argument(
        2,
        &format!(
            "must leave all attributes of the connection within {MAX_ATTRIBUTES} bytes, with it they would have {size}"
        ),
    )
}

/// The PHP value of an encoded one.
pub(in crate::php) fn decoded(bytes: &[u8]) -> Result<Zval, Thrown> {
    decode(bytes)
        .and_then(zval)
        .map_err(|Malformed| throw(ExceptionKind::Error, "Ferrite: the value of the attribute is malformed"))
}

/// A value that cannot become an attribute.
enum Refused {
    /// Something that is no value for another process, and the keys to it, the innermost first.
    Type {
        name: String,
        path: Vec<String>,
    },
    TooDeep,
    TooLong(TooLong),
}

impl From<TooLong> for Refused {
    fn from(size: TooLong) -> Self {
        Self::TooLong(size)
    }
}

/// Encodes a value inside of `depth` arrays. No code of the script runs meanwhile.
fn encode(encoder: &mut Encoder, value: &Zval, depth: usize) -> Result<(), Refused> {
    let value = value.dereference();
    if value.is_null() {
        encoder.null()?;
    } else if let Some(value) = value.bool() {
        encoder.bool(value)?;
    } else if let Some(value) = value.long() {
        encoder.int(value)?;
    } else if let Some(value) = value.double() {
        encoder.float(value)?;
    } else if let Some(value) = value.zend_str() {
        encoder.string(value.as_bytes())?;
    } else if let Some(array) = value.array() {
        if depth == DEEPEST {
            return Err(Refused::TooDeep);
        }
        encode_array(encoder, array, depth)?;
    } else {
        return Err(Refused::Type { name: type_name(value), path: Vec::new() });
    }
    Ok(())
}

fn encode_array(encoder: &mut Encoder, array: &ZendHashTable, depth: usize) -> Result<(), Refused> {
    encoder.check_room(array.len())?;
    let is_list = is_list(array);
    if is_list {
        encoder.list(array.len())?;
    } else {
        encoder.array(array.len())?;
    }
    let mut items = array.iter();
    while let Some((key, value)) = items.next_zval() {
        if !is_list {
            match key.zend_str() {
                Some(key) => encoder.string(key.as_bytes())?,
                None => encoder.int(key.long().unwrap_or_default())?,
            }
        }
        encode(encoder, value, depth + 1).map_err(|refused| refused.at(&key))?;
    }
    Ok(())
}

/// True if the keys are 0, 1, 2 and so on.
fn is_list(array: &ZendHashTable) -> bool {
    let (mut items, mut next) = (array.iter(), 0);
    while let Some((key, _)) = items.next_zval() {
        if key.long() != Some(next) {
            return false;
        }
        next += 1;
    }
    true
}

impl Refused {
    /// The same, of a value that an array has at `key`.
    fn at(mut self, key: &Zval) -> Self {
        if let Self::Type { path, .. } = &mut self {
            path.push(match key.zend_str() {
                Some(key) => {
                    let key: String = key.as_bytes().escape_ascii().to_string().chars().take(60).collect();
                    format!("\"{key}\"")
                }
                None => key.long().unwrap_or_default().to_string(),
            });
        }
        self
    }
}

/// A value for PHP. An array with a key twice is malformed.
fn zval(value: Decoded<'_>) -> Result<Zval, Malformed> {
    Ok(match value {
        Decoded::Null => values::null(),
        Decoded::Bool(value) => values::bool(value),
        Decoded::Int(value) => values::int(value),
        Decoded::Float(value) => values::float(value),
        Decoded::String(value) => values::bytes(value),
        Decoded::List(list) => {
            let mut array = table(list.len());
            for value in list {
                array.push(zval(value)?).map_err(|_| Malformed)?;
            }
            values::array(array)
        }
        Decoded::Array(items) => {
            let length = items.len();
            let mut array = table(length);
            for (key, value) in items {
                insert(&mut array, key, zval(value)?).map_err(|_| Malformed)?;
            }
            if array.len() != length {
                return Err(Malformed);
            }
            values::array(array)
        }
    })
}

fn insert(array: &mut ZendHashTable, key: Key<'_>, value: impl IntoZval) -> ext_php_rs::error::Result<()> {
    match key {
        Key::Int(key) => array.insert(key, value),
        Key::String(key) => match index(key) {
            key @ ArrayKey::Long(_) => array.insert(key, value),
            _ => array.insert(ArrayKey::ZendString(&ZendStr::new(key, false)), value),
        },
    }
}

/// A key as an array of PHP has it: the decimal text of an int is that int.
fn index(key: &[u8]) -> ArrayKey<'_> {
    std::str::from_utf8(key).map_or(ArrayKey::Str(""), ArrayKey::from)
}

fn table(length: usize) -> ZBox<ZendHashTable> {
    ZendHashTable::with_capacity(u32::try_from(length).unwrap_or_default())
}

/// The type of a value in the words of PHP's own errors.
fn type_name(value: &Zval) -> String {
    let class = value.object().map(|object| object.get_class_name().unwrap_or_default());
    // The name of an anonymous class has its file behind a NUL.
    class.map_or_else(
        || values::type_name(value),
        |name| name.split('\0').next().unwrap_or_default().to_owned(),
    )
}

/// The most bytes of an encoding: an array may have any size, and contain another one many times. Above the limit of the
/// attributes, so that most errors give the exact size.
const MOST: usize = 64 << 10;
