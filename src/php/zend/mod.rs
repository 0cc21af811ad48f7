//! The binding to Zend: values, calls, objects, classes. It knows nothing of servers, and is the only folder with
//! `unsafe`; the rest of the bridge is plain Rust on top of it.
//!
//! A call into the script may throw, call back into the same object, suspend its Fiber, or never return (a fatal error
//! is a `longjmp`): so state is owned by objects and reached through cells, nothing is borrowed across such a call, and
//! every loop runs inside [`engine::guarded`].

pub(in crate::php) mod call;
pub(in crate::php) mod callback;
pub(in crate::php) mod calls;
pub(in crate::php) mod class;
pub(in crate::php) mod encoding;
pub(in crate::php) mod engine;
pub(in crate::php) mod exceptions;
pub(in crate::php) mod externs;
pub(in crate::php) mod fork;
pub(in crate::php) mod module;
pub(in crate::php) mod nesting;
pub(in crate::php) mod objects;
pub(in crate::php) mod output;
pub(in crate::php) mod place;
pub(in crate::php) mod properties;
pub(in crate::php) mod signals;
pub(in crate::php) mod signature;
pub(in crate::php) mod stream;
pub(in crate::php) mod thrown;
pub(in crate::php) mod uncaught;
pub(in crate::php) mod values;
