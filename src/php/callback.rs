//! Callables of the script, resolved once and called the short way.

#![allow(unsafe_code)] // Calls a cached `zend_function` with arguments on the stack.

use std::ptr;

use ext_php_rs::{
    ffi::{self, zend_class_entry, zend_function, zend_object},
    types::Zval,
};

use super::{
    call::Call,
    class::Class,
    thrown::{Outcome, Thrown, failed, outcome, pending},
    zend,
};

/// A callable.
///
/// Whatever PHP calls callable is kept as a `Closure`, so that there is one kind of it: one function,
/// one bound object, no `__call` trampoline that must not be cached.
///
/// Each clone counts a reference of its own to that closure. The cycle collector compares the references that
/// it is shown with those that are counted: what a native object shows must be its own, and a caller that needs the
/// callback while PHP runs must have another one. So a `Callback` is never shared by `Rc`.
#[derive(Debug)]
pub(super) struct Callback {
    /// Keeps the rest alive.
    closure: Zval,
    function: *mut zend_function,
    this: *mut zend_object,
    scope: *mut zend_class_entry,
}

impl Callback {
    /// The callable that is given as an argument; a `TypeError` if it is none.
    pub(super) fn argument(call: &Call<'_>, number: u32) -> Result<Self, Thrown> {
        Self::new(call.callable(number)?)
    }

    /// A method of an object.
    pub(super) fn method(object: &Zval, name: &str) -> Result<Self, Thrown> {
        let mut pair = ext_php_rs::types::ZendHashTable::new();
        let mut method = Zval::new();
        method.set_string(name, false).map_err(|_| failed())?;
        pair.push(object.shallow_clone()).map_err(|_| failed())?;
        pair.push(method).map_err(|_| failed())?;
        let mut callable = Zval::new();
        callable.set_hashtable(pair);
        Self::new(&callable)
    }

    /// Calls it, and gives what it returns. What it throws is taken.
    pub(super) fn ask(&self, arguments: &mut [Zval]) -> (Outcome, Zval) {
        let returned = self.enter(arguments);
        (outcome(), returned)
    }

    /// Calls it on behalf of a method that the script has called, to which goes what it throws.
    pub(super) fn ask_through(&self, arguments: &mut [Zval]) -> Result<Zval, Thrown> {
        let returned = self.enter(arguments);
        match pending() {
            None => Ok(returned),
            Some(thrown) => Err(thrown),
        }
    }

    /// The arguments stay the caller's. A fatal error jumps over this frame and the caller's, which is
    /// why neither may hold a lock or a borrow.
    fn enter(&self, arguments: &mut [Zval]) -> Zval {
        let mut returned = Zval::new();
        // SAFETY: `closure` keeps function, object and scope alive; the engine itself counts a
        // reference to a closure that runs. The arguments are copied into the frame.
        unsafe {
            ffi::zend_call_known_function(
                self.function,
                self.this,
                self.scope,
                &raw mut returned,
                u32::try_from(arguments.len()).unwrap_or(0),
                arguments.as_mut_ptr(),
                ptr::null_mut(),
            );
        }
        returned
    }

    /// Whether the function is declared by that very class, not by a descendant.
    pub(super) fn is_declared_by(&self, class: &Class) -> bool {
        // SAFETY: `closure` keeps the function alive.
        unsafe { (*self.function).common.scope == class.entry() }
    }

    /// The closure, which is what there is to let go.
    pub(super) fn into_zval(self) -> Zval {
        self.closure
    }

    /// For the cycle collector.
    pub(super) fn zval(&self) -> &Zval {
        &self.closure
    }

    fn new(callable: &Zval) -> Result<Self, Thrown> {
        let closure = to_closure(callable)?;
        let object = closure.object().map(ptr::from_ref).ok_or_else(failed)?.cast_mut();
        let (mut scope, mut function, mut this) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live Closure; its handler fills the three, which live as long as it.
        let result = unsafe {
            let get_closure = (*(*object).handlers).get_closure.ok_or_else(failed)?;
            get_closure(object, &raw mut scope, &raw mut function, &raw mut this, false)
        };
        if result as i32 != 0 || function.is_null() {
            return Err(failed());
        }
        Ok(Self { closure, function, this, scope })
    }
}

impl Clone for Callback {
    fn clone(&self) -> Self {
        let Self { ref closure, function, this, scope } = *self;
        Self { closure: closure.shallow_clone(), function, this, scope }
    }
}

fn to_closure(callable: &Zval) -> Result<Zval, Thrown> {
    // SAFETY: written once when the engine starts.
    let class = unsafe { zend::zend_ce_closure };
    if callable.object().is_some_and(|object| ptr::eq(object.ce, class)) {
        return Ok(callable.shallow_clone());
    }
    let name = "fromcallable";
    let mut argument = callable.shallow_clone();
    let mut closure = Zval::new();
    // SAFETY: a static method of a class of the engine, with one argument.
    unsafe {
        zend::zend_call_method(
            ptr::null_mut(),
            class,
            ptr::null_mut(),
            name.as_ptr().cast(),
            name.len(),
            &raw mut closure,
            1,
            &raw mut argument,
            ptr::null_mut(),
        );
    }
    if closure.is_object() { Ok(closure) } else { Err(failed()) }
}
