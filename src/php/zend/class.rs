//! Declaring classes, interfaces and enums to the engine, when the module starts.

#![allow(unsafe_code)] // Registration is raw engine structures; this file is where they are filled.

use std::{
    ffi::CString,
    mem::{ManuallyDrop, MaybeUninit},
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicPtr, Ordering},
    },
};

use ext_php_rs::{
    ffi::{self, zend_class_entry, zend_internal_arg_info, zend_object, zend_type},
    flags::DataType,
    types::{ZendObject, ZendStr, Zval},
    zend::{ExecuteData, FunctionEntry, ZendType},
};

use super::{
    externs,
    signature::{Builtin, Method, Modifiers, Property, Type},
};

/// A native method, as the engine calls it.
pub(in crate::php) type Handler = extern "C" fn(*mut ExecuteData, *mut Zval);

/// Where the engine's entry for a class of ours is found, once it is declared.
#[derive(Debug)]
pub(in crate::php) struct Class(AtomicPtr<zend_class_entry>);

/// The declaration of a class.
pub(in crate::php) struct Declaration<'a> {
    pub(in crate::php) name: &'a str,
    pub(in crate::php) kind: ClassKind,
    pub(in crate::php) parent: *mut zend_class_entry,
    pub(in crate::php) interfaces: &'a [*mut zend_class_entry],
    /// As in the stub, without the semicolon.
    pub(in crate::php) properties: &'a [&'a str],
    /// As in the stub, without the body. `None` for an abstract method.
    pub(in crate::php) methods: &'a [(&'a str, Option<Handler>)],
    /// Makes an object of the class; `None` for the parent's way.
    pub(in crate::php) create: Option<Create>,
}

pub(in crate::php) type Create = unsafe extern "C" fn(*mut zend_class_entry) -> *mut zend_object;

/// The ways in which a class may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum ClassKind {
    /// Made by Rust or holding Rust state: no subclass, no dynamic property, no serialisation.
    Native,
    /// A plain final value.
    Value,
    /// May be extended.
    Open,
    Abstract,
    Interface,
}

/// A declaration that cannot be read, or that the engine refuses.
#[derive(Debug, thiserror::Error)]
#[error("the declaration of {0} cannot be used")]
pub(in crate::php) struct BadDeclaration(String);

impl Class {
    pub(in crate::php) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The engine's entry; null before the module has started.
    pub(in crate::php) fn entry(&self) -> *mut zend_class_entry {
        self.0.load(Ordering::Acquire)
    }

    /// Declares the class.
    pub(in crate::php) fn declare(&self, declaration: &Declaration<'_>) -> Result<(), BadDeclaration> {
        let bad = || BadDeclaration(declaration.name.to_owned());
        let functions = functions(declaration.methods)?;
        // SAFETY: the engine's INIT_CLASS_ENTRY also starts from an all-zero class entry.
        let mut template: zend_class_entry = unsafe { MaybeUninit::zeroed().assume_init() };
        template.name = interned(declaration.name);
        template.info.internal.builtin_functions = functions;
        let entry = if declaration.kind == ClassKind::Interface {
            // SAFETY: the module starts; the engine copies the template and the function table.
            unsafe { ffi::zend_register_internal_interface(&raw mut template) }
        } else {
            // SAFETY: as above; the parent, if any, is registered.
            unsafe { ffi::zend_register_internal_class_ex(&raw mut template, declaration.parent) }
        };
        // SAFETY: a registered class lives as long as the module.
        let class = unsafe { entry.as_mut() }.ok_or_else(bad)?;
        class.ce_flags |= declaration.kind.flags();
        for interface in declaration.interfaces {
            // SAFETY: both are registered.
            unsafe { ffi::zend_do_implement_interface(entry, *interface) };
        }
        for (text, _) in declaration.methods {
            conceal(class, &Method::parse(text).ok_or_else(bad)?);
        }
        for text in declaration.properties {
            declare_property(entry, &Property::parse(text).ok_or_else(bad)?);
        }
        if declaration.create.is_some() {
            class.__bindgen_anon_2.create_object = declaration.create;
        }
        self.0.store(entry, Ordering::Release);
        Ok(())
    }

    /// The object of an enum's case, by its interned name.
    pub(in crate::php) fn case(&self, name: &AtomicPtr<ZendStr>) -> Zval {
        let mut value = Zval::new();
        let name = name.load(Ordering::Acquire);
        // SAFETY: only asked of declared enums, for cases that they have; the object belongs to the class.
        let case = unsafe { ffi::zend_enum_get_case(self.entry(), name).as_mut() };
        if let Some(case) = case {
            value.set_object(case);
        }
        value
    }

    /// True if an object is of this very class.
    pub(in crate::php) fn is_of(&self, object: &ZendObject) -> bool {
        ptr::eq(object.ce, self.entry())
    }

    /// Declares an enum; its cases have values or they have none.
    pub(in crate::php) fn declare_enum(
        &self,
        name: &str,
        cases: &[(&str, Option<i64>)],
    ) -> Result<(), BadDeclaration> {
        let bad = |_| BadDeclaration(name.to_owned());
        let backed = cases.iter().any(|(_, value)| value.is_some());
        let backing = if backed { ffi::IS_LONG } else { ffi::IS_UNDEF };
        let c_name = CString::new(name).map_err(bad)?;
        // SAFETY: the module starts; the name is copied, and there are no functions.
        let entry = unsafe { ffi::zend_register_internal_enum(c_name.as_ptr(), backing as _, ptr::null()) };
        for (case, value) in cases {
            let case = CString::new(*case).map_err(bad)?;
            let mut number = Zval::new();
            number.set_long(value.unwrap_or_default());
            let number = if value.is_some() { &raw mut number } else { ptr::null_mut() };
            // SAFETY: `entry` is an enum with that backing; name and value are copied.
            unsafe { externs::zend_enum_add_case_cstr(entry, case.as_ptr(), number) };
        }
        self.0.store(entry, Ordering::Release);
        Ok(())
    }
}

impl ClassKind {
    fn flags(self) -> u32 {
        match self {
            Self::Native => {
                ffi::ZEND_ACC_FINAL | ffi::ZEND_ACC_NO_DYNAMIC_PROPERTIES | ffi::ZEND_ACC_NOT_SERIALIZABLE
            }
            Self::Value => ffi::ZEND_ACC_FINAL | ffi::ZEND_ACC_NO_DYNAMIC_PROPERTIES,
            // ZEND_ACC_EXPLICIT_ABSTRACT_CLASS has the value of the flag for methods.
            Self::Abstract => ffi::ZEND_ACC_ABSTRACT,
            Self::Open | Self::Interface => 0,
        }
    }
}

/// The table of a class's methods. It is never freed: the engine goes on pointing into it.
fn functions(methods: &[(&str, Option<Handler>)]) -> Result<*const FunctionEntry, BadDeclaration> {
    let mut table = Vec::with_capacity(methods.len() + 1);
    for (text, handler) in methods {
        let bad = || BadDeclaration((*text).to_owned());
        let method = Method::parse(text).ok_or_else(bad)?;
        let mut arguments = vec![zend_internal_arg_info {
            // The first entry describes the function: here the number of required arguments.
            name: ptr::without_provenance(method.required()),
            type_: method
                .returns
                .as_ref()
                .map_or_else(|| ZendType::empty(false, false), |ty| arg_type(ty, false)),
            default_value: ptr::null(),
        }];
        for parameter in &method.parameters {
            arguments.push(zend_internal_arg_info {
                name: keep(&parameter.name),
                type_: arg_type(&parameter.ty, parameter.variadic),
                default_value: parameter.default.as_deref().map_or(ptr::null(), keep),
            });
        }
        let variadic = method.parameters.last().is_some_and(|parameter| parameter.variadic);
        let mut entry = FunctionEntry::end();
        entry.fname = keep(&method.name);
        entry.handler = handler.map(|handler| handler as _);
        entry.num_args = u32::try_from(method.parameters.len()).map_err(|_| bad())?;
        entry.flags = access(method.modifiers)
            | if method.modifiers.is_static { ffi::ZEND_ACC_STATIC } else { 0 }
            | if method.modifiers.is_abstract { ffi::ZEND_ACC_ABSTRACT } else { 0 }
            | if variadic { ffi::ZEND_ACC_VARIADIC } else { 0 };
        entry.arg_info = park(Kept::Arguments(arguments.into_boxed_slice()));
        table.push(entry);
    }
    table.push(FunctionEntry::end());
    Ok(park(Kept::Functions(table.into_boxed_slice())))
}

/// Has stack traces leave out sensitive arguments. PHP 8.1 does not know of it and shows them.
fn conceal(class: &mut zend_class_entry, method: &Method) {
    let name = method.name.to_ascii_lowercase();
    for (index, _) in method.parameters.iter().enumerate().filter(|(_, parameter)| parameter.sensitive) {
        // SAFETY: the module starts; the class has the method, just registered, and its attributes live as long.
        // The engine numbers parameters from 1 there.
        unsafe {
            let found =
                ffi::zend_hash_str_find(&raw const class.function_table, name.as_ptr().cast(), name.len());
            let Some(function) = found.as_ref().and_then(|found| found.value.func.as_mut()) else { return };
            externs::zend_add_attribute(
                (&raw mut function.common.attributes).cast(),
                interned("SensitiveParameter"),
                0,
                ATTRIBUTE_PERSISTENT,
                u32::try_from(index).unwrap_or_default() + 1,
                0,
            );
        }
    }
}

fn declare_property(class: *mut zend_class_entry, property: &Property) {
    let mut default = Zval::new();
    if property.null_at_first {
        default.set_null();
    } else {
        default.u1.type_info = ffi::IS_UNDEF;
    }
    let mut ty = ZendType::empty(false, false);
    ty.type_mask |= mask(&property.ty.builtin);
    if let Some(name) = &property.ty.class {
        ty.ptr = interned(name).cast();
        ty.type_mask |= ffi::_ZEND_TYPE_NAME_BIT;
    }
    let flags = access(property.modifiers) | if property.modifiers.readonly { ACC_READONLY } else { 0 };
    // SAFETY: the module starts; `class` is registered, names are interned for the module's life.
    unsafe {
        externs::zend_declare_typed_property(
            class,
            interned(&property.name),
            &raw mut default,
            flags.cast_signed(),
            ptr::null_mut(),
            ty,
        );
    }
}

fn access(modifiers: Modifiers) -> u32 {
    if modifiers.private { ffi::ZEND_ACC_PRIVATE } else { ffi::ZEND_ACC_PUBLIC }
}

fn arg_type(ty: &Type, variadic: bool) -> zend_type {
    // How a class is named here differs between PHP versions; ext-php-rs knows.
    let class = ty.class.clone().and_then(|name| {
        ZendType::empty_from_type(DataType::object(keep_name(name)), false, variadic, false)
    });
    let mut result = class.unwrap_or_else(|| ZendType::empty(false, variadic));
    result.type_mask |= mask(&ty.builtin);
    result
}

fn mask(builtin: &[Builtin]) -> u32 {
    builtin.iter().fold(0, |mask, ty| {
        mask | match ty {
            Builtin::Array => 1 << ffi::IS_ARRAY,
            Builtin::Bool => ffi::MAY_BE_BOOL,
            Builtin::Callable => 1 << ffi::IS_CALLABLE,
            Builtin::Float => 1 << ffi::IS_DOUBLE,
            Builtin::Int => 1 << ffi::IS_LONG,
            Builtin::Mixed => ffi::MAY_BE_ANY,
            Builtin::Null => 1 << ffi::IS_NULL,
            Builtin::Static => 1 << IS_STATIC,
            Builtin::String => 1 << ffi::IS_STRING,
            Builtin::Void => 1 << ffi::IS_VOID,
        }
    })
}

/// A string that the engine may keep as long as the module lives.
pub(in crate::php) fn interned(text: &str) -> *mut ZendStr {
    ManuallyDrop::new(ZendStr::new_interned(text, true)).as_mut_ptr()
}

fn keep_name(name: String) -> &'static str {
    let name: &'static str = name.leak();
    park::<u8>(Kept::Name(name));
    name
}

fn keep(text: &str) -> *const std::ffi::c_char {
    let text = CString::new(text).unwrap_or_default();
    park(Kept::Text(text.into_boxed_c_str()))
}

/// Data that the engine points to for as long as the module is loaded. Never read back; kept here so that it stays
/// reachable, for leak checkers.
static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

enum Kept {
    Text(Box<std::ffi::CStr>),
    Name(&'static str),
    Arguments(Box<[zend_internal_arg_info]>),
    Functions(Box<[FunctionEntry]>),
}

// SAFETY: filled once, when the module starts and only one thread runs; afterwards the engine reads.
unsafe impl Send for Kept {}

fn park<T>(kept: Kept) -> *const T {
    let pointer = match &kept {
        Kept::Text(text) => text.as_ptr().cast(),
        Kept::Name(name) => name.as_ptr().cast(),
        Kept::Arguments(table) => table.as_ptr().cast(),
        Kept::Functions(table) => table.as_ptr().cast(),
    };
    // Moving the box does not move its content.
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
    pointer
}

/// Not bound by ext-php-rs; the same in every PHP from 8.1 on.
const ACC_READONLY: u32 = 1 << 7;
const IS_STATIC: u32 = 15;
/// Zend/zend_attributes.h.
const ATTRIBUTE_PERSISTENT: u32 = 1;
