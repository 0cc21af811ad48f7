//! `Ferrite\Handler` and `Ferrite\BaseHandler`.

use crate::php::zend::{
    call::{Call, handler},
    class::{BadDeclaration, Class, ClassKind, Declaration, Handler},
    thrown::Thrown,
};

pub(in crate::php) static HANDLER: Class = Class::new();
pub(in crate::php) static BASE_HANDLER: Class = Class::new();

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    let declaration = |name, kind| Declaration {
        name,
        kind,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[],
        create: None,
    };
    let demanded: Vec<String> = METHODS.iter().map(|method| format!("abstract {method}")).collect();
    let demanded: Vec<(&str, Option<Handler>)> =
        demanded.iter().map(|method| (method.as_str(), None)).collect();
    HANDLER.declare(&Declaration {
        methods: &demanded,
        ..declaration("Ferrite\\Handler", ClassKind::Interface)
    })?;
    BASE_HANDLER.declare(&Declaration {
        interfaces: &[HANDLER.entry()],
        methods: &METHODS.map(|method| (method, Some(handler(nothing)))),
        ..declaration("Ferrite\\BaseHandler", ClassKind::Abstract)
    })
}

fn nothing(_: &mut Call<'_>) -> Result<(), Thrown> {
    Ok(())
}

const METHODS: [&str; 5] = [
    "public function onHandshake(Handshake $handshake): void",
    "public function onOpen(Connection $connection): void",
    "public function onMessage(Connection $connection, string $data, bool $binary): void",
    "public function onClose(Connection $connection, int $code, string $reason): void",
    "public function onError(\\Throwable $error, ?Connection $connection): void",
];
