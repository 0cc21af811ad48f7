//! `Ferrite\Auth\AppKeys`: applications that may connect, by key and secret.

use ext_php_rs::types::{ArrayKey, Zval};

use crate::{
    config::{self, Application, ConfigError, Secret},
    php::zend::{
        call::{Call, handler},
        class::{BadDeclaration, ClassKind, Declaration},
        objects::{Meta, Native, Owned, create},
        properties,
        thrown::{ExceptionKind, Thrown, bad_type, failed, throw},
    },
    runtime,
};

/// The state of an `AppKeys` object.
#[derive(Debug)]
pub(in crate::php) struct AppKeys(pub(in crate::php) config::AppKeys);

impl Native for AppKeys {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    AppKeys::class().declare(&Declaration {
        name: "Ferrite\\Auth\\AppKeys",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            ("public function __construct(#[\\SensitiveParameter] array $secrets)", Some(handler(construct))),
            ("public static function fromFile(string $file): Auth\\AppKeys", Some(handler(from_file))),
        ],
        create: Some(create::<AppKeys>),
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let secrets = call.array_or_empty(1)?.ok_or_else(failed)?;
    let mut applications = Vec::new();
    for (key, secret) in secrets.iter() {
        let key = match key {
            ArrayKey::Long(number) => number.to_string(),
            key => key.to_string(),
        };
        let secret = Zval::dereference(secret).zend_str();
        let secret =
            secret.ok_or_else(|| bad_type(1, "must have strings as values, the secret of each key"))?;
        applications.push(Application { key, secret: Secret::new(secret.as_bytes()), authorize_open: false });
    }
    let keys = config::AppKeys { applications };
    keys.check().map_err(refuse)?;
    call.construct(AppKeys(keys))
}

fn from_file(call: &mut Call<'_>) -> Result<(), Thrown> {
    let file = properties::file("appKeys", call.string(1)?.as_bytes()).map_err(refuse)?;
    let keys = runtime::read_app_keys(&file).map_err(refuse)?;
    let object = Owned::new(AppKeys(keys)).ok_or_else(failed)?;
    call.returns_native(&object);
    Ok(())
}

fn refuse(error: ConfigError) -> Thrown {
    throw(ExceptionKind::Configuration, &error.to_string())
}
