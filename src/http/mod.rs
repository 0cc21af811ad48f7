//! HTTP/1.1 up to the upgrade: the request head, what it asks for, and the answer.
