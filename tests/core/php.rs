//! The parts of the bridge that need no Zend, with their own tests, which would otherwise need PHP to be built.
#![allow(dead_code)] // their callers are not here

#[path = "../../src/php/zend/encoding.rs"]
mod encoding;
#[path = "../../src/php/zend/signature.rs"]
mod signature;
