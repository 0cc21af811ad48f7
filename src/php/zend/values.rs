//! Values for PHP, made from Rust ones.

#![allow(unsafe_code)] // Strings are built straight from bytes; ext-php-rs would check them for UTF-8.

use std::ffi::c_int;

use ext_php_rs::{
    boxed::ZBox,
    ffi,
    flags::DataType,
    types::{ZendHashTable, ZendStr, Zval},
};

pub(in crate::php) const fn null() -> Zval {
    Zval::new()
}

pub(in crate::php) fn int(value: i64) -> Zval {
    let mut zval = Zval::new();
    zval.set_long(value);
    zval
}

pub(in crate::php) fn float(value: f64) -> Zval {
    let mut zval = Zval::new();
    zval.set_double(value);
    zval
}

pub(in crate::php) fn bool(value: bool) -> Zval {
    let mut zval = Zval::new();
    zval.u1.type_info = if value { ffi::IS_TRUE } else { ffi::IS_FALSE };
    zval
}

/// A string of any bytes.
pub(in crate::php) fn bytes(value: &[u8]) -> Zval {
    let mut zval = Zval::new();
    // SAFETY: the engine copies `len` bytes. It hands out shared strings for zero or one byte, which
    // are interned and not counted; the type must say so.
    unsafe {
        let string = ffi::ext_php_rs_zend_string_init(value.as_ptr().cast(), value.len(), false);
        let interned = (*string).gc.u.type_info & IS_STR_INTERNED != 0;
        zval.value.str_ = string;
        zval.u1.type_info = if interned { ffi::IS_STRING } else { IS_STRING_COUNTED };
    }
    zval
}

/// A string that is known to be UTF-8, and is marked so: PHP will not check it again, nor shall we.
pub(in crate::php) fn text(value: &[u8]) -> Zval {
    let zval = bytes(value);
    // SAFETY: a string, made just now; interned ones are left alone.
    unsafe { ffi::ext_php_rs_set_known_valid_utf8(zval.value.str_) };
    zval
}

/// A client's message; a text was checked to be UTF-8 when it arrived.
#[inline]
pub(in crate::php) fn message(payload: &[u8], binary: bool) -> Zval {
    if binary { bytes(payload) } else { text(payload) }
}

/// Lets go of a value. The ordinary way does as much work for those that own nothing.
pub(in crate::php) fn release(value: Zval) {
    // SAFETY: every member of the union is a u32.
    if unsafe { value.u1.type_info } & TYPE_OWNS != 0 {
        drop(value);
    } else {
        std::mem::forget(value);
    }
}

/// True if no destructor runs when this reference to a value is given up. The cycle collector still may.
pub(in crate::php) fn goes_quietly(value: &Zval) -> bool {
    // SAFETY: every member of the union is a u32, and the type says whether there is a count.
    unsafe {
        let kind = value.u1.type_info;
        kind & TYPE_OWNS == 0 || kind == IS_STRING_COUNTED || (*value.value.counted).gc.refcount > 1
    }
}

/// The type of a value in PHP's words, for an error message.
pub(in crate::php) fn type_name(value: &Zval) -> String {
    match value.get_type() {
        DataType::Long => "int".to_owned(),
        DataType::Double => "float".to_owned(),
        DataType::True | DataType::False => "bool".to_owned(),
        DataType::Object(_) => "another object".to_owned(),
        other => other.to_string().to_ascii_lowercase(),
    }
}

/// True if a string is UTF-8; asks for the mark first.
pub(in crate::php) fn is_utf8(string: &ZendStr) -> bool {
    // SAFETY: a live string.
    let is_known = unsafe { ffi::ext_php_rs_is_known_valid_utf8(string) };
    is_known || simdutf8::basic::from_utf8(string.as_bytes()).is_ok()
}

/// A list of strings.
pub(in crate::php) fn list<'a>(items: impl Iterator<Item = &'a [u8]>) -> ZBox<ZendHashTable> {
    let mut list = ZendHashTable::new();
    for item in items {
        // A list cannot be full, and a zval is always convertible to itself.
        let _ = list.push(bytes(item));
    }
    list
}

pub(in crate::php) fn array(value: ZBox<ZendHashTable>) -> Zval {
    let mut zval = Zval::new();
    zval.set_hashtable(value);
    zval
}

/// A query string as PHP's `parse_str()` and `$_GET` read it: by the same function of the SAPI.
pub(in crate::php) fn parse_query(query: &[u8]) -> Zval {
    let mut result = array(ZendHashTable::new());
    // SAFETY: `treat_data` takes the copy and frees it; it fills the array.
    unsafe {
        if let Some(treat_data) = (*ffi::ext_php_rs_sapi_module()).treat_data {
            treat_data(PARSE_STRING, ext_php_rs::alloc::estrdup(query), &raw mut result);
        }
    }
    result
}

const IS_STR_INTERNED: u32 = 1 << 6;
const IS_STRING_COUNTED: u32 = ffi::IS_STRING | 1 << 8;
/// The flags of a type that is counted (Zend/zend_types.h).
const TYPE_OWNS: u32 = 0xff00;
const PARSE_STRING: c_int = 3;
