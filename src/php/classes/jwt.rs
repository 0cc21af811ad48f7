//! `Ferrite\Auth\Jwt`: the tokens that let a client in. Its keys are read at once, so that a wrong one is found where
//! it is named; its secrets are in Rust, where no dump finds them.

use std::time::Duration;

use ext_php_rs::types::{ZendHashTable, Zval};

use crate::{
    config::{self, ConfigError, JwtKey, Pem, Secret},
    php::zend::{
        call::{Call, handler},
        class::{BadDeclaration, ClassKind, Declaration},
        objects::{Meta, Native, create},
        properties,
        thrown::{ExceptionKind, Thrown, bad_type, throw},
    },
    runtime,
};

/// The state of a `Jwt` object.
#[derive(Debug)]
pub(in crate::php) struct Jwt(pub(in crate::php) config::Jwt);

impl Native for Jwt {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Jwt::class().declare(&Declaration {
        name: "Ferrite\\Auth\\Jwt",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[(
            "public function __construct(#[\\SensitiveParameter] ?string $secret = null, \
             #[\\SensitiveParameter] ?string $publicKey = null, \
             ?string $jwks = null, string|array|null $audience = null, ?string $issuer = null, \
             ?string $userClaim = 'sub', ?string $topicsClaim = 'topics', ?string $tagsClaim = 'tags', \
             ?string $queryParameter = 'token', ?string $cookie = null, float $leeway = 30.0, \
             bool $requireExpiry = true, bool $closeOnExpiry = true)",
            Some(handler(construct)),
        )],
        create: Some(create::<Jwt>),
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let refuse = |error: ConfigError| throw(ExceptionKind::Configuration, &error.to_string());
    let key = key(call)?.map_err(refuse)?;
    let mut jwt = config::Jwt::new(key);
    jwt.audience = audience(call)?.map_err(refuse)?;
    jwt.issuer = name(call, argument::ISSUER, "jwt.issuer", jwt.issuer)?.map_err(refuse)?;
    jwt.user_claim = name(call, argument::USER_CLAIM, "jwt.userClaim", jwt.user_claim)?.map_err(refuse)?;
    jwt.topics_claim =
        name(call, argument::TOPICS_CLAIM, "jwt.topicsClaim", jwt.topics_claim)?.map_err(refuse)?;
    jwt.tags_claim = name(call, argument::TAGS_CLAIM, "jwt.tagsClaim", jwt.tags_claim)?.map_err(refuse)?;
    jwt.query_parameter =
        name(call, argument::QUERY_PARAMETER, "jwt.queryParameter", jwt.query_parameter)?.map_err(refuse)?;
    jwt.cookie = name(call, argument::COOKIE, "jwt.cookie", jwt.cookie)?.map_err(refuse)?;
    let leeway = call.float_or(argument::LEEWAY, jwt.leeway.as_secs_f64())?;
    jwt.leeway = Duration::try_from_secs_f64(leeway)
        .map_err(|_| refuse(ConfigError::new("jwt.leeway", format!("{leeway} is not a number from 0"))))?;
    jwt.require_expiry = call.bool_or(argument::REQUIRE_EXPIRY, jwt.require_expiry)?;
    jwt.close_on_expiry = call.bool_or(argument::CLOSE_ON_EXPIRY, jwt.close_on_expiry)?;
    jwt.check().map_err(refuse)?;
    runtime::check_auth(&config::Auth::Jwt(jwt.clone())).map_err(refuse)?;
    call.construct(Jwt(jwt))
}

/// The one of three that was given.
fn key(call: &Call<'_>) -> Result<Result<JwtKey, ConfigError>, Thrown> {
    let secret = call.string_or_null(argument::SECRET)?.map(|secret| secret.as_bytes());
    let pem = call.string_or_null(argument::PUBLIC_KEY)?.map(|pem| pem.as_bytes());
    let jwks = call.string_or_null(argument::JWKS)?.map(|jwks| jwks.as_bytes());
    Ok(match (secret, pem, jwks) {
        (Some(secret), None, None) => Ok(JwtKey::Secret(Secret::new(secret))),
        (None, Some(pem), None) if pem.trim_ascii_start().starts_with(b"-----BEGIN") => {
            Ok(JwtKey::Pem(Pem::Text(String::from_utf8_lossy(pem).into_owned())))
        }
        (None, Some(file), None) => {
            properties::file("jwt.publicKey", file).map(|file| JwtKey::Pem(Pem::File(file)))
        }
        (None, None, Some(file)) => properties::file("jwt.jwks", file).map(JwtKey::Jwks),
        _ => Err(ConfigError::new("jwt", "needs one of secret, publicKey and jwks, and no more than one")),
    })
}

fn audience(call: &Call<'_>) -> Result<Result<Vec<String>, ConfigError>, Thrown> {
    let wrong = || bad_type(argument::AUDIENCE, "must be of type string, a list of strings, or null");
    let given = match call.value(argument::AUDIENCE) {
        None => Vec::new(),
        Some(value) if value.is_null() => Vec::new(),
        Some(value) => match value.array() {
            // The core takes an empty list for "any audience", which is not the meaning of a list in the script.
            Some(list) if list.is_empty() => {
                return Ok(Err(ConfigError::new("jwt.audience", "is an empty list; null leaves it out")));
            }
            Some(list) => ZendHashTable::values(list).map(Zval::dereference).collect(),
            None => vec![value],
        },
    };
    let given =
        given.into_iter().map(|value| value.zend_str().ok_or_else(wrong)).collect::<Result<Vec<_>, _>>()?;
    Ok(given.into_iter().map(|name| utf8("jwt.audience", name.as_bytes())).collect())
}

/// A name, null, or the default if the argument is left out.
fn name(
    call: &Call<'_>,
    number: u32,
    option: &'static str,
    default: Option<String>,
) -> Result<Result<Option<String>, ConfigError>, Thrown> {
    if call.value(number).is_none() {
        return Ok(Ok(default));
    }
    let given = call.string_or_null(number)?;
    Ok(given.map(|name| utf8(option, name.as_bytes())).transpose())
}

fn utf8(option: &'static str, text: &[u8]) -> Result<String, ConfigError> {
    String::from_utf8(text.to_vec()).map_err(|_| ConfigError::new(option, "is not UTF-8"))
}

/// The constructor's arguments by place.
mod argument {
    pub(in crate::php) const SECRET: u32 = 1;
    pub(in crate::php) const PUBLIC_KEY: u32 = 2;
    pub(in crate::php) const JWKS: u32 = 3;
    pub(in crate::php) const AUDIENCE: u32 = 4;
    pub(in crate::php) const ISSUER: u32 = 5;
    pub(in crate::php) const USER_CLAIM: u32 = 6;
    pub(in crate::php) const TOPICS_CLAIM: u32 = 7;
    pub(in crate::php) const TAGS_CLAIM: u32 = 8;
    pub(in crate::php) const QUERY_PARAMETER: u32 = 9;
    pub(in crate::php) const COOKIE: u32 = 10;
    pub(in crate::php) const LEEWAY: u32 = 11;
    pub(in crate::php) const REQUIRE_EXPIRY: u32 = 12;
    pub(in crate::php) const CLOSE_ON_EXPIRY: u32 = 13;
}
