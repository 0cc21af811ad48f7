//! Sans-I/O RFC 6455: bytes in, messages out, and back.
