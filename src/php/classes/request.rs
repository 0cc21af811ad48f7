//! `Ferrite\Request`: the request of a client.

use ext_php_rs::types::{ArrayKey, ZendHashTable, ZendStr, Zval};

use crate::{
    http,
    php::zend::{
        call::{Call, handler, not_constructible},
        class::{BadDeclaration, ClassKind, Declaration},
        objects::{Meta, Native, Owned, create},
        thrown::Thrown,
        values,
    },
};

/// The state of a `Request` object.
#[derive(Debug)]
pub(in crate::php) struct Request {
    head: http::Request,
    /// A string; empty for a WebSocket handshake.
    body: Zval,
}

impl Native for Request {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Request::class().declare(&Declaration {
        name: "Ferrite\\Request",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[
            "public readonly string $method",
            "public readonly string $path",
            "public readonly string $queryString",
            "public readonly string $remoteAddress",
            "public readonly bool $secure",
            "public readonly ?string $clientCertificate",
        ],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
            ("public function query(): array", Some(handler(query))),
            ("public function header(string $name): ?string", Some(handler(header))),
            ("public function headers(): array", Some(handler(headers))),
            ("public function cookies(): array", Some(handler(cookies))),
            ("public function protocols(): array", Some(handler(protocols))),
            ("public function body(): string", Some(handler(body))),
        ],
        create: Some(create::<Request>),
    })
}

/// Makes the object.
pub(in crate::php) fn object(request: http::Request, body: &[u8]) -> Option<Owned<Request>> {
    let properties = [
        values::bytes(request.method().as_bytes()),
        values::bytes(request.path().as_bytes()),
        values::bytes(request.query_string().as_bytes()),
        remote_address(&request),
        values::bool(request.secure()),
        request.client_certificate().map_or_else(values::null, |der| values::bytes(pem(der).as_bytes())),
    ];
    let object = Owned::new(Request { head: request, body: values::bytes(body) })?;
    for (index, value) in properties.into_iter().enumerate() {
        object.initialise(index, value);
    }
    Some(object)
}

impl Request {
    /// The client's address, as both `Request` and `Connection` show it.
    pub(in crate::php) fn remote_address(&self) -> Zval {
        remote_address(&self.head)
    }

    pub(in crate::php) fn offers(&self, protocol: &str) -> bool {
        self.head.protocols().any(|offer| offer == protocol)
    }
}

fn remote_address(request: &http::Request) -> Zval {
    // A client of a Unix socket has no address; the core says "unix:".
    let address = request.remote_address();
    values::bytes(address.strip_prefix("unix:").unwrap_or(address).as_bytes())
}

fn query(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    call.returns(values::parse_query(request.head.query_string().as_bytes()));
    Ok(())
}

fn header(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    let wanted = call.string(1)?.as_bytes();
    let mut found: Option<Vec<u8>> = None;
    for (name, value) in request.head.headers() {
        if name.as_bytes().eq_ignore_ascii_case(wanted) {
            match &mut found {
                None => found = Some(value.to_vec()),
                Some(joined) => {
                    joined.extend_from_slice(b", ");
                    joined.extend_from_slice(value);
                }
            }
        }
    }
    call.returns(found.map_or_else(values::null, |value| values::bytes(&value)));
    Ok(())
}

fn headers(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    let mut grouped: Vec<(String, Vec<&[u8]>)> = Vec::new();
    for (name, value) in request.head.headers() {
        match grouped.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name.to_ascii_lowercase(), vec![value])),
        }
    }
    let mut result = ZendHashTable::new();
    for (name, values) in grouped {
        let list = values::array(values::list(values.into_iter()));
        let _ = result.insert(name.as_str(), list);
    }
    call.returns_array(result);
    Ok(())
}

fn cookies(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    let mut result = ZendHashTable::new();
    let lines = request.head.headers().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    for pair in lines.flat_map(|(_, line)| line.split(|byte| *byte == b';')) {
        let mut parts = pair.trim_ascii_start().splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default();
        let value = http::percent_decoded(parts.next().unwrap_or_default());
        if name.is_empty() {
            continue;
        }
        let key_string = ZendStr::new(name, false);
        let key = match std::str::from_utf8(name) {
            // As PHP arrays do, a decimal name is an integer key.
            Ok(name) => ArrayKey::from(name),
            Err(_) => ArrayKey::ZendString(&key_string),
        };
        if !result.has_key(&key) {
            let _ = result.insert(key, values::bytes(&value));
        }
    }
    call.returns_array(result);
    Ok(())
}

fn protocols(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    call.returns_array(values::list(request.head.protocols().map(str::as_bytes)));
    Ok(())
}

fn body(call: &mut Call<'_>) -> Result<(), Thrown> {
    let request = call.this::<Request>()?;
    call.returns(request.body.shallow_clone());
    Ok(())
}

/// As PHP's `openssl_x509_…()` functions take it (RFC 7468).
fn pem(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for (place, letter) in text.chars().enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}
