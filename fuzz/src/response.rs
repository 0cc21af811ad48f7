//! A server's answer to a request, as httparse reads it.

/// A response head, and the bytes behind it.
#[derive(Debug)]
pub struct Response<'a> {
    pub status: u16,
    pub headers: Vec<(&'a str, &'a [u8])>,
    pub rest: &'a [u8],
}

impl<'a> Response<'a> {
    /// Reads a response whose head is whole. Panics on anything else.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut lines = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut lines);
        let status = parsed.parse(bytes).expect("a response");
        let httparse::Status::Complete(length) = status else { panic!("half a response head") };
        Self {
            status: parsed.code.expect("a status"),
            headers: parsed.headers.iter().map(|header| (header.name, header.value)).collect(),
            rest: &bytes[length..],
        }
    }

    /// The value of the only header line with this name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut found = self.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name));
        let value = found.next().map(|(_, value)| *value);
        assert!(found.next().is_none(), "{name} occurs twice");
        value
    }

    /// Asserts that it ends the exchange: it is no success, says so, and its body is as long as it says.
    pub fn assert_last(&self) {
        assert!((400..600).contains(&self.status), "{}", self.status);
        let connection = self.header("connection").expect("the header Connection");
        assert!(connection.starts_with(b"close"), "{}", connection.escape_ascii());
        let length = std::str::from_utf8(self.header("content-length").expect("a length")).unwrap();
        assert_eq!(length, self.rest.len().to_string());
    }
}
