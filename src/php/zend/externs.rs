//! Functions of the engine that ext-php-rs does not bind. All are exported by every PHP from 8.1 on,
//! with these signatures (Zend/zend_API.h and its neighbours).

#![allow(unsafe_code)] // Declarations of foreign functions.

use std::ffi::{c_char, c_int, c_void};

use ext_php_rs::ffi::{
    HashTable, php_stream, zend_class_entry, zend_fcall_info, zend_fcall_info_cache, zend_long, zend_object,
    zend_property_info, zend_string, zend_type, zval,
};

unsafe extern "C" {
    // zend_API.h
    pub(in crate::php) fn zend_argument_error(
        class: *mut zend_class_entry,
        number: u32,
        format: *const c_char,
        ...
    );
    pub(in crate::php) fn zend_parse_parameter(
        flags: c_int,
        number: u32,
        argument: *mut zval,
        spec: *const c_char,
        ...
    ) -> c_int;
    pub(in crate::php) fn zend_declare_typed_property(
        class: *mut zend_class_entry,
        name: *mut zend_string,
        default: *mut zval,
        flags: c_int,
        doc_comment: *mut zend_string,
        ty: zend_type,
    ) -> *mut zend_property_info;
    // zend_execute.h
    pub(in crate::php) fn zend_get_executed_filename() -> *const c_char;
    pub(in crate::php) fn zend_get_executed_lineno() -> u32;
    pub(in crate::php) fn zend_release_fcall_info_cache(cache: *mut zend_fcall_info_cache);
    // fopen_wrappers.h
    pub(in crate::php) fn php_check_open_basedir_ex(path: *const c_char, warn: c_int) -> c_int;

    // php_stream_plain_wrapper.h. PHP 8.1 has no fourth argument, and debugging builds have five more that say where it
    // is called: given nothing but zeros, each takes as many as it knows.
    pub(in crate::php) fn _php_stream_fopen_from_fd(
        descriptor: c_int,
        mode: *const c_char,
        persistent_id: *const c_char,
        zero_position: usize,
        _: usize,
        _: usize,
        _: usize,
        _: usize,
        _: usize,
    ) -> *mut php_stream;

    // zend_API.h
    pub(in crate::php) fn object_properties_init(object: *mut zend_object, class: *mut zend_class_entry);

    // zend_attributes.h
    pub(in crate::php) fn zend_add_attribute(
        attributes: *mut *mut HashTable,
        name: *mut zend_string,
        arguments: u32,
        flags: u32,
        offset: u32,
        line: u32,
    ) -> *mut c_void;

    // zend_enum.h
    pub(in crate::php) fn zend_enum_add_case_cstr(
        class: *mut zend_class_entry,
        name: *const c_char,
        value: *mut zval,
    );

    // zend_errors.h, zend.h
    pub(in crate::php) fn zend_error(kind: c_int, format: *const c_char, ...);
    pub(in crate::php) fn zend_error_at(
        kind: c_int,
        file: *mut zend_string,
        line: u32,
        format: *const c_char,
        ...
    );

    // zend_ini.h
    pub(in crate::php) fn zend_ini_long(name: *const c_char, length: usize, original: c_int) -> zend_long;

    // zend_exceptions.h
    pub(in crate::php) fn zend_clear_exception();
    pub(in crate::php) fn zend_is_unwind_exit(exception: *const zend_object) -> bool;
    pub(in crate::php) fn zend_is_graceful_exit(exception: *const zend_object) -> bool;

    // zend_interfaces.h
    pub(in crate::php) fn zend_call_method(
        object: *mut zend_object,
        class: *mut zend_class_entry,
        proxy: *mut *mut ext_php_rs::ffi::zend_function,
        name: *const c_char,
        name_length: usize,
        returned: *mut zval,
        count: u32,
        first: *mut zval,
        second: *mut zval,
    ) -> *mut zval;

    // zend_object_handlers.h
    pub(in crate::php) fn zend_std_get_gc(
        object: *mut zend_object,
        table: *mut *mut zval,
        count: *mut c_int,
    ) -> *mut HashTable;
    pub(in crate::php) fn zend_objects_not_comparable(left: *mut zval, right: *mut zval) -> c_int;

    // zend_closures.h, zend_fibers.h, ext/spl/spl_exceptions.h
    pub(in crate::php) static zend_ce_closure: *mut zend_class_entry;
    pub(in crate::php) static zend_ce_fiber: *mut zend_class_entry;
    pub(in crate::php) static spl_ce_InvalidArgumentException: *mut zend_class_entry;
    pub(in crate::php) static spl_ce_LogicException: *mut zend_class_entry;
    pub(in crate::php) static spl_ce_RuntimeException: *mut zend_class_entry;
}

/// `Throwable`, `LogicException` and `RuntimeException`.
pub(in crate::php) fn throwable_classes()
-> (*mut zend_class_entry, *mut zend_class_entry, *mut zend_class_entry) {
    // SAFETY: the engine and SPL have registered theirs before any module that is loaded.
    unsafe { (ext_php_rs::ffi::zend_ce_throwable, spl_ce_LogicException, spl_ce_RuntimeException) }
}

/// `ArrayAccess`.
pub(in crate::php) fn array_access() -> *mut zend_class_entry {
    // SAFETY: the engine has registered it before any module that is loaded.
    unsafe { ext_php_rs::ffi::zend_ce_arrayaccess }
}

/// The result of `zend_parse_parameter` for the spec `f`.
pub(in crate::php) type Callee = (zend_fcall_info, zend_fcall_info_cache);
