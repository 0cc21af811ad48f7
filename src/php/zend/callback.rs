//! Callables of the script, resolved once and called the short way.

#![allow(unsafe_code)] // Calls a cached `zend_function` with arguments on the stack.

use std::{
    cell::{Cell, RefCell},
    mem::ManuallyDrop,
    ptr,
};

use ext_php_rs::{
    ffi::{self, zend_class_entry, zend_function, zend_object},
    types::Zval,
};

use super::{
    call::Call,
    class::Class,
    externs,
    thrown::{Outcome, Thrown, failed, outcome},
};

/// A callable.
///
/// Every form of callable is kept as a `Closure`, so that there is one kind of it: one function, one bound object, no
/// `__call` trampoline that must not be cached.
///
/// Each clone counts a reference of its own to that closure. The cycle collector compares the references that it is
/// shown with those that are counted: a reference that a native object shows must be its own, and a caller that needs
/// the callback while PHP runs must have another one. So a `Callback` is never shared by `Rc`.
#[derive(Debug)]
pub(in crate::php) struct Callback {
    /// Keeps the rest alive.
    closure: Zval,
    function: *mut zend_function,
    this: *mut zend_object,
    scope: *mut zend_class_entry,
}

impl Callback {
    /// The callable that is given as an argument; a `TypeError` if it is none.
    pub(in crate::php) fn argument(call: &Call<'_>, number: u32) -> Result<Self, Thrown> {
        Self::new(call.callable(number)?)
    }

    /// A method of an object.
    pub(in crate::php) fn method(object: &Zval, name: &str) -> Result<Self, Thrown> {
        let mut pair = ext_php_rs::types::ZendHashTable::new();
        let mut method = Zval::new();
        method.set_string(name, false).map_err(|_| failed())?;
        pair.push(object.shallow_clone()).map_err(|_| failed())?;
        pair.push(method).map_err(|_| failed())?;
        let mut callable = Zval::new();
        callable.set_hashtable(pair);
        Self::new(&callable)
    }

    /// Calls it, and returns its answer. An exception is taken.
    pub(in crate::php) fn ask(&self, arguments: &mut [Zval]) -> (Outcome, Zval) {
        let returned = self.enter(arguments);
        (outcome(), returned)
    }

    /// The arguments stay the caller's. A fatal error jumps over this frame and the caller's, which is
    /// why neither may hold a lock or a borrow.
    fn enter(&self, arguments: &mut [Zval]) -> Zval {
        // SAFETY: `closure` keeps function, object and scope alive.
        unsafe { enter(self.function, self.this, self.scope, arguments.len(), arguments.as_mut_ptr()) }
    }

    /// True if the function is declared by that very class, not by a descendant.
    pub(in crate::php) fn is_declared_by(&self, class: &Class) -> bool {
        // SAFETY: `closure` keeps the function alive.
        unsafe { (*self.function).common.scope == class.entry() }
    }

    /// The closure, which is the value to release.
    pub(in crate::php) fn into_zval(self) -> Zval {
        self.closure
    }

    /// For the cycle collector.
    pub(in crate::php) fn zval(&self) -> &Zval {
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

/// The calls of a server that run in Fibers. A Fiber may be suspended for ever, and then only the server may hold the
/// values of the call: a reference on the Fiber's native stack is out of the cycle collector's sight.
#[derive(Debug, Default)]
pub(in crate::php) struct Calls {
    running: RefCell<Vec<Running>>,
    last: Cell<u64>,
}

#[derive(Debug)]
struct Running {
    id: u64,
    callback: Callback,
    arguments: Vec<Zval>,
}

impl Calls {
    /// Calls a callback; returns also the values of the call, to be released.
    pub(in crate::php) fn ask(&self, callback: Callback, arguments: Vec<Zval>) -> (Outcome, Zval, Vec<Zval>) {
        let (returned, held) = self.ask_through(callback, arguments);
        (outcome(), returned, held)
    }

    /// The same on behalf of a method that the script has called: an exception stays pending.
    pub(in crate::php) fn ask_through(&self, callback: Callback, arguments: Vec<Zval>) -> (Zval, Vec<Zval>) {
        let id = self.last.get() + 1;
        self.last.set(id);
        let Callback { function, this, scope, .. } = callback;
        // SAFETY: copies that count no reference: the entry made below has those, for as long as the call takes. The
        // engine copies them once more, into the frame.
        let mut lent: Vec<ManuallyDrop<Zval>> =
            arguments.iter().map(|value| ManuallyDrop::new(unsafe { ptr::read(value) })).collect();
        self.running.borrow_mut().push(Running { id, callback, arguments });
        // SAFETY: the entry has the closure, which keeps the three alive.
        let returned = unsafe { enter(function, this, scope, lent.len(), lent.as_mut_ptr().cast()) };
        let mut running = self.running.borrow_mut();
        // Those of several Fibers end in any order.
        let entry = running.iter().rposition(|entry| entry.id == id).map(|index| running.remove(index));
        drop(running);
        let held = entry.map(|Running { callback, mut arguments, .. }| {
            arguments.push(callback.into_zval());
            arguments
        });
        (returned, held.unwrap_or_default())
    }

    /// For the cycle collector.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        let Ok(running) = self.running.try_borrow() else { return };
        for Running { callback, arguments, .. } in &*running {
            found(callback.zval());
            arguments.iter().for_each(&mut *found);
        }
    }
}

impl Clone for Callback {
    fn clone(&self) -> Self {
        let Self { ref closure, function, this, scope } = *self;
        Self { closure: closure.shallow_clone(), function, this, scope }
    }
}

/// # Safety
///
/// Function, object and scope must belong to a closure that lives, or runs: the engine counts a reference to one that
/// runs. There must be `count` arguments, which are copied into the frame.
unsafe fn enter(
    function: *mut zend_function,
    this: *mut zend_object,
    scope: *mut zend_class_entry,
    count: usize,
    arguments: *mut Zval,
) -> Zval {
    let mut returned = Zval::new();
    let count = u32::try_from(count).unwrap_or(0);
    // SAFETY: as the caller says.
    unsafe {
        ffi::zend_call_known_function(
            function,
            this,
            scope,
            &raw mut returned,
            count,
            arguments,
            ptr::null_mut(),
        );
    }
    returned
}

fn to_closure(callable: &Zval) -> Result<Zval, Thrown> {
    // SAFETY: written once when the engine starts.
    let class = unsafe { externs::zend_ce_closure };
    if callable.object().is_some_and(|object| ptr::eq(object.ce, class)) {
        return Ok(callable.shallow_clone());
    }
    let name = "fromcallable";
    let mut argument = callable.shallow_clone();
    let mut closure = Zval::new();
    // SAFETY: a static method of a class of the engine, with one argument.
    unsafe {
        externs::zend_call_method(
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
