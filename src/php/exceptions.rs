//! `Ferrite\Exception` and the exceptions that implement it.

#![allow(unsafe_code)] // Reads the engine's class entries, which are foreign statics.

use ext_php_rs::ffi;

use super::{
    class::{BadDeclaration, Class, Declaration, Kind},
    zend,
};

pub(super) static CONFIGURATION: Class = Class::new();
pub(super) static BIND: Class = Class::new();
pub(super) static STATE: Class = Class::new();
static EXCEPTION: Class = Class::new();

pub(super) fn declare() -> Result<(), BadDeclaration> {
    // SAFETY: the engine and SPL have registered theirs before any module that is loaded.
    let (throwable, logic, runtime) =
        unsafe { (ffi::zend_ce_throwable, zend::spl_ce_LogicException, zend::spl_ce_RuntimeException) };
    let nothing = Declaration {
        name: "",
        kind: Kind::Open,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[],
        create: None,
    };
    EXCEPTION.declare(&Declaration {
        name: "Ferrite\\Exception",
        kind: Kind::Interface,
        interfaces: &[throwable],
        ..nothing
    })?;
    let ours = [EXCEPTION.entry()];
    for (class, name, parent) in [
        (&CONFIGURATION, "Ferrite\\ConfigurationException", logic),
        (&BIND, "Ferrite\\BindException", runtime),
        (&STATE, "Ferrite\\StateException", logic),
    ] {
        class.declare(&Declaration { name, parent, interfaces: &ours, ..nothing })?;
    }
    Ok(())
}
