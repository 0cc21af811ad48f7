//! The module that PHP loads, and its section of `phpinfo()`.

#![allow(unsafe_code)] // Exports `get_module`, and draws tables with the engine's functions.

use std::ffi::{CString, c_int};

use ext_php_rs::{
    builders::ModuleBuilder,
    ffi,
    zend::{ModuleEntry, StaticModuleEntry},
};

use super::fork;
use crate::{log::stderr, php};

/// PHP calls this when it has loaded the library.
#[unsafe(no_mangle)]
extern "C" fn get_module() -> *mut ModuleEntry {
    static MODULE: StaticModuleEntry = StaticModuleEntry::new();
    MODULE.get_or_init(|| {
        let module = ModuleBuilder::new("ferrite", env!("CARGO_PKG_VERSION"))
            .startup_function(startup)
            .request_shutdown_function(request_shutdown)
            .shutdown_function(shutdown)
            .info_function(info);
        match module.try_into() {
            Ok((entry, _, owned)) => (entry, owned),
            // Its name and version are constants without a NUL: there is no other way to fail.
            Err(_) => std::process::abort(),
        }
    })
}

extern "C" fn startup(_kind: c_int, _number: c_int) -> c_int {
    fork::watch();
    stderr::remember();
    php::adopt();
    match php::declare() {
        Ok(()) => SUCCESS,
        Err(error) => {
            let message = CString::new(format!("ferrite: {error}")).unwrap_or_default();
            // SAFETY: the format takes one string, which lives until the call is over.
            unsafe {
                ffi::php_error_docref(std::ptr::null(), E_CORE_WARNING, c"%s".as_ptr(), message.as_ptr())
            };
            FAILURE
        }
    }
}

extern "C" fn request_shutdown(_kind: c_int, _number: c_int) -> c_int {
    php::end_runs();
    SUCCESS
}

extern "C" fn shutdown(_kind: c_int, _number: c_int) -> c_int {
    php::end_runs();
    SUCCESS
}

extern "C" fn info(_module: *mut ModuleEntry) {
    let rows = [
        ("Ferrite", "WebSocket server"),
        ("Version", env!("CARGO_PKG_VERSION")),
        ("I/O", "native threads, each with an event loop of its own (tokio)"),
        ("Protocols", "ws, wss, http, unix sockets; RFC 6455, RFC 7692, RFC 9112"),
    ];
    // SAFETY: the engine copies the texts into its output.
    unsafe {
        ffi::php_info_print_table_start();
        for (name, value) in rows {
            let (name, value) =
                (CString::new(name).unwrap_or_default(), CString::new(value).unwrap_or_default());
            ffi::php_info_print_table_row(2, name.as_ptr(), value.as_ptr());
        }
        ffi::php_info_print_table_end();
    }
}

const SUCCESS: c_int = 0;
const FAILURE: c_int = -1;
const E_CORE_WARNING: c_int = 1 << 5;
