//! PHP objects that hold a Rust value.
//!
//! The value lies in front of the engine's part of the object, is put there when Rust makes the object
//! or the constructor has run, and is never replaced: methods see it as `&T` and change it through
//! cells, because a callback may enter the same object again. The engine's standard handlers stay in
//! place, so that declared properties are as fast and as strict as those of a class written in PHP.

#![allow(unsafe_code)] // Object layout and the handlers that the engine calls with raw pointers.

use std::{
    cell::RefCell,
    ffi::c_int,
    marker::PhantomData,
    mem::{ManuallyDrop, offset_of},
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    sync::OnceLock,
};

use ext_php_rs::{
    ffi::{self, HashTable, zend_class_entry, zend_object, zend_object_handlers},
    flags::DataType,
    types::{ZendObject, Zval},
};

use super::{class::Class, externs, thrown};

/// A Rust value that a PHP object holds.
pub(in crate::php) trait Native: Sized + 'static {
    /// Its class and handlers: one static for each type.
    fn meta() -> &'static Meta;

    /// Shows the cycle collector every PHP value that is held, except in declared properties: each once, with a
    /// reference that is counted for this object alone. The collector takes all references of a freed value to be
    /// among those that it was shown, so one with another holder would outlive its value.
    fn trace(&self, _found: &mut dyn FnMut(&Zval)) {}

    fn class() -> &'static Class {
        &Self::meta().class
    }
}

/// The description of a native class for the engine.
pub(in crate::php) struct Meta {
    pub(in crate::php) class: Class,
    handlers: OnceLock<zend_object_handlers>,
}

impl Meta {
    pub(in crate::php) const fn new() -> Self {
        Self { class: Class::new(), handlers: OnceLock::new() }
    }

    fn handlers<T: Native>(&self) -> *const zend_object_handlers {
        self.handlers.get_or_init(handlers::<T>)
    }
}

/// A counted reference to an object that holds a `T`.
#[derive(Debug)]
pub(in crate::php) struct Owned<T: Native> {
    object: NonNull<zend_object>,
    value: PhantomData<T>,
}

impl<T: Native> Owned<T> {
    /// Makes an object that holds `value`. Its declared properties are not initialised yet.
    pub(in crate::php) fn new(value: T) -> Option<Self> {
        // SAFETY: the class is registered: the module has started.
        let object = NonNull::new(unsafe { create::<T>(T::class().entry()) })?;
        // SAFETY: just made by `create::<T>`, and nobody else knows it.
        unsafe { put(object.as_ptr(), value) };
        Some(Self { object, value: PhantomData })
    }

    /// Initialises the declared property of that number.
    pub(in crate::php) fn initialise(&self, index: usize, value: Zval) {
        // SAFETY: the object is live.
        unsafe { initialise(self.object.as_ptr(), index, value) };
    }

    /// The reference as a value.
    pub(in crate::php) fn into_zval(self) -> Zval {
        counted(ManuallyDrop::new(self).object)
    }

    /// A value that refers to the object.
    pub(in crate::php) fn to_zval(&self) -> Zval {
        // SAFETY: the object is live, and the value counts for the new reference.
        unsafe { (*self.object.as_ptr()).gc.refcount += 1 };
        counted(self.object)
    }
}

impl<T: Native> Owned<T> {
    /// For the cycle collector: shows the reference without counting another.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        found(&ManuallyDrop::new(counted(self.object)));
    }
}

impl<T: Native> Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `new` put a value there, which stays as long as the object, which `self` keeps.
        unsafe { (*slot::<T>(self.object.as_ptr())).value.as_ref().unwrap_unchecked() }
    }
}

impl<T: Native> Clone for Owned<T> {
    fn clone(&self) -> Self {
        // SAFETY: the object is live.
        unsafe { (*self.object.as_ptr()).gc.refcount += 1 };
        Self { object: self.object, value: PhantomData }
    }
}

impl<T: Native> Drop for Owned<T> {
    fn drop(&mut self) {
        // The value has the reference that `self` counted for.
        thrown::release_within(counted(self.object));
    }
}

/// A value with a reference that is counted already.
fn counted(object: NonNull<zend_object>) -> Zval {
    let mut value = Zval::new();
    value.u1.type_info = IS_OBJECT_COUNTED;
    value.value.obj = object.as_ptr();
    value
}

/// The value in an object; `None` if it is of another class, or its constructor has not run.
///
/// # Safety
///
/// `object` must be null or live for as long as `'a`.
pub(in crate::php) unsafe fn state<'a, T: Native>(object: *mut zend_object) -> Option<&'a T> {
    // SAFETY: null or live, as the caller says.
    let handlers = unsafe { object.as_ref() }?.handlers;
    if !ptr::eq(handlers, T::meta().handlers::<T>()) {
        return None;
    }
    // SAFETY: only `create::<T>` gives an object these handlers.
    unsafe { (*slot::<T>(object)).value.as_ref() }
}

/// The value in an object that a zval holds.
pub(in crate::php) fn state_of<T: Native>(value: &Zval) -> Option<&T> {
    // SAFETY: the zval keeps its object alive.
    unsafe { state(ptr::from_ref(value.object()?).cast_mut()) }
}

/// Puts the value into an object whose constructor runs. False if it has one already: a constructor
/// that is called twice changes nothing.
///
/// # Safety
///
/// `object` must be a live object of class `T`.
pub(in crate::php) unsafe fn construct<T: Native>(object: *mut zend_object, value: T) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        if (*slot::<T>(object)).value.is_some() {
            return false;
        }
        put(object, value);
    }
    true
}

/// A declared property, by number; `None` if there is none of it or it is not initialised.
pub(in crate::php) fn property(object: &ZendObject, index: usize) -> Option<&Zval> {
    // SAFETY: a live object has its class, and a place for each property that the class declares.
    let value = unsafe {
        if index >= usize::try_from((*object.ce).default_properties_count).unwrap_or(0) {
            return None;
        }
        &*(&raw const object.properties_table).cast::<Zval>().add(index)
    };
    (value.get_type() != DataType::Undef).then_some(value)
}

/// Initialises a declared property. False if it is already, or there is none of that number.
///
/// # Safety
///
/// `object` must be live.
pub(in crate::php) unsafe fn initialise(object: *mut zend_object, index: usize, mut value: Zval) -> bool {
    // The object owns the value from now on. The flags of an initialised property are all clear.
    value.u2.extra = 0;
    // SAFETY: the table has a place for each declared property; the overwritten value is "undefined", which owns
    // nothing.
    unsafe {
        let exists = index < usize::try_from((*(*object).ce).default_properties_count).unwrap_or(0);
        if !exists || property(&*object, index).is_some() {
            return false;
        }
        (&raw mut (*object).properties_table).cast::<Zval>().add(index).write(value);
    }
    true
}

/// Makes an object of a class without Rust state, with its declared properties.
pub(in crate::php) fn value<const N: usize>(class: &Class, properties: [Zval; N]) -> Option<Zval> {
    // SAFETY: the class is registered: the module has started.
    let mut object = ZendObject::new(unsafe { class.entry().as_ref() }?);
    for (index, property) in properties.into_iter().enumerate() {
        // SAFETY: just made, and nobody else knows it.
        unsafe { initialise(&raw mut *object, index, property) };
    }
    let mut value = Zval::new();
    value.set_object(&mut object);
    Some(value)
}

/// Makes an object of class `T` without a value.
///
/// # Safety
///
/// `class` must be the registered class of `T`.
pub(in crate::php) unsafe extern "C" fn create<T: Native>(class: *mut zend_class_entry) -> *mut zend_object {
    // SAFETY: the engine allocates our part, its own and the properties; then each is initialised.
    unsafe {
        let slot = ffi::ext_php_rs_zend_object_alloc(size_of::<Slot<T>>(), class).cast::<Slot<T>>();
        (&raw mut (*slot).value).write(None);
        let object = &raw mut (*slot).object;
        ffi::zend_object_std_init(object, class);
        externs::object_properties_init(object, class);
        (*object).handlers = T::meta().handlers::<T>();
        object
    }
}

#[repr(C)]
struct Slot<T> {
    value: Option<T>,
    /// Last: the engine puts the properties behind it.
    object: zend_object,
}

fn slot<T>(object: *mut zend_object) -> *mut Slot<T> {
    object.wrapping_byte_sub(offset_of!(Slot<T>, object)).cast()
}

/// # Safety
///
/// `object` must be a live object of class `T` without a value, which nobody looks at.
unsafe fn put<T>(object: *mut zend_object, value: T) {
    // SAFETY: as the caller says.
    unsafe { (*slot::<T>(object)).value = Some(value) };
}

fn handlers<T: Native>() -> zend_object_handlers {
    // SAFETY: a plain structure of the engine, copied as every extension does.
    let mut handlers = unsafe { ptr::read(&raw const ffi::std_object_handlers) };
    handlers.offset = offset_of!(Slot<T>, object) as _;
    handlers.free_obj = Some(free::<T>);
    handlers.clone_obj = None;
    handlers.get_gc = Some(get_gc::<T>);
    handlers.compare = Some(externs::zend_objects_not_comparable);
    handlers
}

unsafe extern "C" fn free<T: Native>(object: *mut zend_object) {
    // SAFETY: the engine frees an object of ours, once. The engine's part comes first: it clears the weak references,
    // so that no destructor that runs from here on is given an object that is half freed.
    let value = unsafe {
        ffi::zend_object_std_dtor(object);
        (*slot::<T>(object)).value.take()
    };
    // Nothing of ours panics when it is dropped; if it did, the process would end here.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

/// Reports the declared properties and the values of [`Native::trace`]. Without this, a server and the closures that
/// use it would keep each other for ever.
unsafe extern "C" fn get_gc<T: Native>(
    object: *mut zend_object,
    table: *mut *mut Zval,
    count: *mut c_int,
) -> *mut HashTable {
    // SAFETY: the engine asks about a live object of ours and takes the table before it asks again.
    unsafe {
        let properties = externs::zend_std_get_gc(object, table, count);
        let Some(value) = (*slot::<T>(object)).value.as_ref() else { return properties };
        FOUND.with(|found| {
            let Ok(mut found) = found.try_borrow_mut() else { return };
            found.clear();
            value.trace(&mut |zval| found.push(ManuallyDrop::new(ptr::read(zval))));
            if found.is_empty() {
                return;
            }
            let declared = usize::try_from(*count).unwrap_or(0);
            for index in 0..declared {
                found.push(ManuallyDrop::new(ptr::read((*table).add(index))));
            }
            *table = found.as_mut_ptr().cast();
            *count = c_int::try_from(found.len()).unwrap_or(0);
        });
        properties
    }
}

thread_local! {
    /// Copies that own nothing, for the time between two questions of the collector. Never dropped: a
    /// destructor of a thread would run after the module is unloaded.
    static FOUND: ManuallyDrop<RefCell<Vec<ManuallyDrop<Zval>>>> = const { ManuallyDrop::new(RefCell::new(Vec::new())) };
}

const IS_OBJECT_COUNTED: u32 = ffi::IS_OBJECT | 1 << 8 | 1 << 9;
