//! `Ferrite\Exception` and the exceptions that implement it.

use super::{
    class::{BadDeclaration, Class, ClassKind, Declaration},
    externs,
};

pub(in crate::php) static CONFIGURATION: Class = Class::new();
pub(in crate::php) static BIND: Class = Class::new();
pub(in crate::php) static STATE: Class = Class::new();
pub(in crate::php) static INVALID_QUERY: Class = Class::new();
pub(in crate::php) static FORBIDDEN: Class = Class::new();
static EXCEPTION: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    let (throwable, logic, runtime) = externs::throwable_classes();
    let nothing = Declaration {
        name: "",
        kind: ClassKind::Open,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[],
        create: None,
    };
    EXCEPTION.declare(&Declaration {
        name: "Ferrite\\Exception",
        kind: ClassKind::Interface,
        interfaces: &[throwable],
        ..nothing
    })?;
    let ours = [EXCEPTION.entry()];
    for (class, name, parent) in [
        (&CONFIGURATION, "Ferrite\\ConfigurationException", logic),
        (&BIND, "Ferrite\\BindException", runtime),
        (&STATE, "Ferrite\\StateException", logic),
        (&INVALID_QUERY, "Ferrite\\InvalidQueryException", logic),
        (&FORBIDDEN, "Ferrite\\Auth\\ForbiddenException", runtime),
    ] {
        class.declare(&Declaration { name, parent, interfaces: &ours, ..nothing })?;
    }
    Ok(())
}
