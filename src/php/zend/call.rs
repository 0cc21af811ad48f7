//! One call of a native method: its arguments, `$this`, and its result.
//!
//! Long because all raw access to the frame of a call, its arguments and its result, is in this one file.

#![allow(unsafe_code)] // Call frames are raw engine memory; methods see them through `Call` only.

use std::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
};

use ext_php_rs::{
    ffi::{self, zend_object, zend_string},
    types::{ZendHashTable, ZendObject, ZendStr, Zval},
    zend::ExecuteData,
};

use super::{
    class::{Class, Handler},
    externs,
    objects::{self, Native, Owned},
    thrown::{self, ExceptionKind, Thrown, throw},
};

/// The arguments of the running call, numbered from 1 as PHP does. Those that a variadic method was given by
/// names that it does not have, also by spreading an array with string keys, come after the others, in their
/// order: as in a variadic function written in PHP, whose names nobody reads.
pub(in crate::php) struct Call<'a> {
    frame: NonNull<ExecuteData>,
    returned: NonNull<Zval>,
    /// The values of the additional named arguments. Nearly always there are none.
    named: Vec<NonNull<Zval>>,
    lifetime: PhantomData<&'a mut ExecuteData>,
}

/// A value that lives for the time of a call.
pub(in crate::php) enum Kept {
    Lent(ManuallyDrop<Zval>),
    Counted(Zval),
}

impl Deref for Kept {
    type Target = Zval;

    fn deref(&self) -> &Zval {
        match self {
            Self::Lent(value) => value,
            Self::Counted(value) => value,
        }
    }
}

/// Makes the engine's handler of a method. It checks the number of arguments, and keeps a panic from
/// reaching the engine: PHP sees an `Error`.
pub(in crate::php) const fn handler<M>(_: M) -> Handler
where
    M: Fn(&mut Call<'_>) -> Result<(), Thrown> + Copy + 'static,
{
    const { assert!(size_of::<M>() == 0, "a method is a plain function") };
    extern "C" fn enter<M>(frame: *mut ExecuteData, returned: *mut Zval)
    where
        M: Fn(&mut Call<'_>) -> Result<(), Thrown> + Copy + 'static,
    {
        let (Some(frame), Some(returned)) = (NonNull::new(frame), NonNull::new(returned)) else { return };
        // SAFETY: `M` has no size (checked above), so any aligned pointer is one to it.
        let method = unsafe { NonNull::<M>::dangling().read() };
        let named = if has_named(frame) { named(frame) } else { Vec::new() };
        let mut call = Call { frame, returned, named, lifetime: PhantomData };
        // `Err` says that an exception is pending; there is nothing else to do with it here.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            call.check_count()?;
            method(&mut call)
        }));
        if let Err(panic) = outcome {
            let what = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let what = what.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            let _ = throw(ExceptionKind::Error, &format!("Ferrite: internal error: {what}"));
        }
    }
    enter::<M>
}

fn has_named(frame: NonNull<ExecuteData>) -> bool {
    // SAFETY: the frame of a running call; every member of the union is a u32.
    unsafe { frame.as_ref().This.u1.type_info & HAS_EXTRA_NAMED_PARAMS != 0 }
}

/// The named arguments of a variadic method. The engine gives them to no other method: it throws.
#[cold]
fn named(frame: NonNull<ExecuteData>) -> Vec<NonNull<Zval>> {
    // SAFETY: the frame of a running call in which the flag is set. It owns the table, whose values nobody else
    // changes and which is freed after the call.
    let table = unsafe { frame.as_ref().extra_named_params.as_ref() };
    table.map(|table| table.values().map(NonNull::from).collect()).unwrap_or_default()
}

impl<'a> Call<'a> {
    /// Number of arguments.
    pub(in crate::php) fn count(&self) -> u32 {
        let named = u32::try_from(self.named.len()).unwrap_or(u32::MAX);
        self.positional().saturating_add(named)
    }

    fn positional(&self) -> u32 {
        // SAFETY: the frame of a running call; every member of the union is a u32.
        unsafe { self.frame.as_ref().This.u2.num_args }
    }

    /// The object the method was called on. Not in a static method, which has none.
    pub(in crate::php) fn this_object(&self) -> *mut zend_object {
        // SAFETY: `This` holds an object for the time of the call; a static method would find its class
        // there, and does not look.
        unsafe { self.frame.as_ref().This.value.obj }
    }

    /// A value that refers to it.
    pub(in crate::php) fn this_zval(&self) -> Zval {
        let mut value = Zval::new();
        // SAFETY: as in `this_object`.
        if let Some(this) = unsafe { self.this_object().as_mut() } {
            value.set_object(this);
        }
        value
    }

    /// The same for the time of the call, without another reference where the frame has one. The frame's is known to
    /// the cycle collector when the call is suspended in a Fiber; another one would keep the object for ever.
    pub(in crate::php) fn this_kept(&self) -> Kept {
        let value = self.this_zval();
        // SAFETY: the frame of a running call; every member of the union is a u32.
        let info = unsafe { self.frame.as_ref().This.u1.type_info };
        if info & (CALL_RELEASE_THIS | CALL_CLOSURE) == 0 {
            return Kept::Counted(value);
        }
        // SAFETY: a copy that counts for nothing, before the counted one is given up.
        let lent = ManuallyDrop::new(unsafe { ptr::read(&raw const value) });
        drop(value);
        Kept::Lent(lent)
    }

    /// Initialises a declared property of the object, by number. False if it was before.
    pub(in crate::php) fn initialise(&self, index: usize, value: Zval) -> bool {
        // SAFETY: `$this` is live for the time of the call.
        unsafe { objects::initialise(self.this_object(), index, value) }
    }

    /// Gives the object its state, once.
    pub(in crate::php) fn construct<T: Native>(&self, value: T) -> Result<(), Thrown> {
        // SAFETY: `$this` of a running constructor of `T`'s class, which is final.
        if unsafe { objects::construct(self.this_object(), value) } {
            return Ok(());
        }
        Err(throw(ExceptionKind::Error, "The object is constructed already"))
    }

    /// The state of the object the method was called on.
    pub(in crate::php) fn this<T: Native>(&self) -> Result<&'a T, Thrown> {
        // SAFETY: the object outlives the frame, which holds a reference to it.
        unsafe { objects::state(self.this_object()) }
            .ok_or_else(|| throw(ExceptionKind::Error, "The object was not constructed"))
    }

    /// An argument as it came; `None` if it was left out.
    pub(in crate::php) fn value(&self, number: u32) -> Option<&'a Zval> {
        self.argument(number).map(|argument| {
            // SAFETY: arguments live as long as the frame.
            unsafe { argument.as_ref() }.dereference()
        })
    }

    /// A string.
    pub(in crate::php) fn string(&self, number: u32) -> Result<&'a ZendStr, Thrown> {
        let mut string: *mut zend_string = ptr::null_mut();
        match self.value(number) {
            // SAFETY: its type says that it holds a string.
            Some(value) if value.is_string() => string = unsafe { value.value.str_ },
            // SAFETY: "S" fills one `zend_string *`.
            _ => unsafe { self.parse(number, c"S", &raw mut string)? },
        }
        // SAFETY: the argument, converted in place if need be, owns it and outlives the frame.
        unsafe { string.as_ref() }.ok_or_else(thrown::failed)
    }

    /// A string or null; null if it was left out.
    pub(in crate::php) fn string_or_null(&self, number: u32) -> Result<Option<&'a ZendStr>, Thrown> {
        self.given(number).then(|| self.string(number)).transpose()
    }

    /// A bool with a default.
    pub(in crate::php) fn bool_or(&self, number: u32, default: bool) -> Result<bool, Thrown> {
        match self.value(number) {
            None => Ok(default),
            Some(value) => match value.bool() {
                Some(value) => Ok(value),
                // SAFETY: "b" fills one `bool`.
                None => unsafe { self.parsed(number, c"b", default) },
            },
        }
    }

    /// A bool or null; null if it was left out.
    pub(in crate::php) fn bool_or_null(&self, number: u32) -> Result<Option<bool>, Thrown> {
        if !self.given(number) {
            return Ok(None);
        }
        self.bool_or(number, false).map(Some)
    }

    /// An int with a default.
    pub(in crate::php) fn int_or(&self, number: u32, default: i64) -> Result<i64, Thrown> {
        match self.value(number) {
            None => Ok(default),
            // SAFETY: "l" fills one `zend_long`.
            Some(_) => unsafe { self.parsed(number, c"l", default) },
        }
    }

    /// A float with a default.
    pub(in crate::php) fn float_or(&self, number: u32, default: f64) -> Result<f64, Thrown> {
        match self.value(number) {
            None => Ok(default),
            // SAFETY: "d" fills one `double`.
            Some(_) => unsafe { self.parsed(number, c"d", default) },
        }
    }

    /// An int or null; null if it was left out.
    pub(in crate::php) fn int_or_null(&self, number: u32) -> Result<Option<i64>, Thrown> {
        self.given(number).then(|| self.int_or(number, 0)).transpose()
    }

    /// A float or null; null if it was left out.
    pub(in crate::php) fn float_or_null(&self, number: u32) -> Result<Option<f64>, Thrown> {
        self.given(number).then(|| self.float_or(number, 0.0)).transpose()
    }

    /// An array or null; null if it was left out.
    pub(in crate::php) fn array_or_null(&self, number: u32) -> Result<Option<&'a ZendHashTable>, Thrown> {
        if !self.given(number) {
            return Ok(None);
        }
        self.array(number).map(Some)
    }

    /// An array; the empty one if it was left out.
    pub(in crate::php) fn array_or_empty(&self, number: u32) -> Result<Option<&'a ZendHashTable>, Thrown> {
        if self.value(number).is_none() {
            return Ok(None);
        }
        self.array(number).map(Some)
    }

    /// An object of a class.
    pub(in crate::php) fn object(&self, number: u32, class: &Class) -> Result<&'a ZendObject, Thrown> {
        let mut value: *mut Zval = ptr::null_mut();
        let argument = self.argument(number).ok_or_else(thrown::failed)?;
        // SAFETY: "O" takes a class entry and fills one `zval *`.
        let failed = unsafe {
            externs::zend_parse_parameter(
                0,
                number,
                argument.as_ptr(),
                c"O".as_ptr(),
                &raw mut value,
                class.entry(),
            )
        };
        if failed != 0 {
            return Err(thrown::failed());
        }
        // SAFETY: it is an object, which the argument keeps for the time of the call.
        unsafe { (*value).value.obj.as_ref() }.ok_or_else(thrown::failed)
    }

    /// Checks that an argument is callable and gives it as it came.
    pub(in crate::php) fn callable(&self, number: u32) -> Result<&'a Zval, Thrown> {
        let argument = self.argument(number).ok_or_else(thrown::failed)?;
        let mut callee = std::mem::MaybeUninit::<externs::Callee>::zeroed();
        let (info, cache) = {
            let callee = callee.as_mut_ptr();
            // SAFETY: projections into memory of ours.
            unsafe { (&raw mut (*callee).0, &raw mut (*callee).1) }
        };
        // SAFETY: "f" fills one `zend_fcall_info` and one cache.
        let failed = unsafe {
            externs::zend_parse_parameter(0, number, argument.as_ptr(), c"f".as_ptr(), info, cache)
        };
        if failed != 0 {
            return Err(thrown::failed());
        }
        // SAFETY: the cache was filled; a trampoline in it (`__call`) is ours to release.
        unsafe { externs::zend_release_fcall_info_cache(cache) };
        self.value(number).ok_or_else(thrown::failed)
    }

    /// True if the script uses the method's result. It does not if the call is a statement by itself, and then the
    /// result need not be made.
    pub(in crate::php) fn is_result_used(&self) -> bool {
        // SAFETY: the frame of a running call; its caller, if it is PHP code, stands at the instruction that says
        // where the result goes (as `USED_RET` in Zend/zend_compile.h).
        unsafe {
            let Some(caller) = self.frame.as_ref().prev_execute_data.as_ref() else { return true };
            let is_php = !caller.func.is_null() && u32::from((*caller.func).type_) == ffi::ZEND_USER_FUNCTION;
            // A debugging engine looks at the type of unused results, too.
            IS_DEBUG || !is_php || caller.opline.is_null() || (*caller.opline).result_type != IS_UNUSED
        }
    }

    /// Returns a value.
    pub(in crate::php) fn returns(&mut self, value: Zval) {
        // SAFETY: the engine gave a place for one value, initialised to null.
        unsafe { self.returned.as_ptr().write(value) };
    }

    pub(in crate::php) fn returns_int(&mut self, value: i64) {
        let mut result = Zval::new();
        result.set_long(value);
        self.returns(result);
    }

    pub(in crate::php) fn returns_bool(&mut self, value: bool) {
        let mut result = Zval::new();
        result.set_bool(value);
        self.returns(result);
    }

    pub(in crate::php) fn returns_array(&mut self, array: ext_php_rs::boxed::ZBox<ZendHashTable>) {
        let mut result = Zval::new();
        result.set_hashtable(array);
        self.returns(result);
    }

    pub(in crate::php) fn returns_native<T: Native>(&mut self, object: &Owned<T>) {
        self.returns(object.to_zval());
    }

    /// Returns `$this`, for fluent methods.
    pub(in crate::php) fn returns_this(&mut self) {
        self.returns(self.this_zval());
    }

    fn array(&self, number: u32) -> Result<&'a ZendHashTable, Thrown> {
        let mut value: *mut Zval = ptr::null_mut();
        // SAFETY: "a" fills one `zval *`, which then holds an array and lives as long as the frame.
        unsafe {
            self.parse(number, c"a", &raw mut value)?;
            value.as_ref()
        }
        .and_then(Zval::array)
        .ok_or_else(thrown::failed)
    }

    fn given(&self, number: u32) -> bool {
        self.value(number).is_some_and(|value| !value.is_null())
    }

    fn argument(&self, number: u32) -> Option<NonNull<Zval>> {
        let index = number.checked_sub(1)? as usize;
        if let Some(beyond) = index.checked_sub(self.positional() as usize) {
            return self.named.get(beyond).copied();
        }
        // SAFETY: the frame has that many arguments.
        unsafe { self.frame.as_ref().zend_call_arg(index) }.map(NonNull::from)
    }

    fn check_count(&self) -> Result<(), Thrown> {
        // SAFETY: the frame of a running call knows its function.
        let (least, most, variadic) = unsafe {
            let function = &(*self.frame.as_ref().func).common;
            (function.required_num_args, function.num_args, function.fn_flags & ffi::ZEND_ACC_VARIADIC != 0)
        };
        if self.count() >= least && (variadic || self.count() <= most) {
            return Ok(());
        }
        // SAFETY: called from a method, with the numbers that it takes.
        unsafe {
            ffi::zend_wrong_parameters_count_error(least, if variadic { u32::MAX } else { most });
        }
        Err(thrown::failed())
    }

    /// # Safety
    ///
    /// `spec` must fill exactly one `T`.
    unsafe fn parsed<T: Copy>(&self, number: u32, spec: &std::ffi::CStr, start: T) -> Result<T, Thrown> {
        let mut value = start;
        // SAFETY: as the caller says.
        unsafe { self.parse(number, spec, &raw mut value)? };
        Ok(value)
    }

    /// Has the engine convert an argument as PHP does for its own functions, `strict_types` included.
    ///
    /// # Safety
    ///
    /// `spec` must fill exactly one `T`.
    unsafe fn parse<T>(&self, number: u32, spec: &std::ffi::CStr, into: *mut T) -> Result<(), Thrown> {
        let argument = self.argument(number).ok_or_else(thrown::failed)?;
        // SAFETY: the frame's argument; `into` fits the spec, as the caller says.
        let failed =
            unsafe { externs::zend_parse_parameter(0, number, argument.as_ptr(), spec.as_ptr(), into) };
        if failed == 0 { Ok(()) } else { Err(thrown::failed()) }
    }
}

/// Zend/zend_compile.h: the frame has a reference to `$this`, or to the closure that has.
const CALL_RELEASE_THIS: u32 = 1 << 21;
const CALL_CLOSURE: u32 = 1 << 22;
const IS_DEBUG: bool = ffi::ZEND_DEBUG != 0;
/// Zend/zend_compile.h.
const HAS_EXTRA_NAMED_PARAMS: u32 = 1 << 27;
const IS_UNUSED: u8 = 0;

/// The private constructor of a class whose objects only the server makes. Only reflection reaches it.
pub(in crate::php) fn not_constructible(_: &mut Call<'_>) -> Result<(), Thrown> {
    Err(throw(ExceptionKind::Error, "Only the server makes these objects"))
}
