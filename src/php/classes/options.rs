//! The arguments of `new Server(...)`.

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{
    auth, compression,
    gomoob::{self, Gomoob},
    limits, tls,
    workers::{self, Workers},
};
use crate::{
    config::{
        self, Address, Config, ConfigError, Control, JwtKey, Listen, Metrics, Origins, Pem, TrustedProxies,
    },
    php::zend::{
        call::Call,
        callback::Callback,
        properties,
        thrown::{ExceptionKind, Thrown, bad_type, throw},
        values,
    },
};

/// The parts of a server.
pub(in crate::php) struct Options {
    pub(in crate::php) config: Config,
    pub(in crate::php) workers: Workers,
    pub(in crate::php) dialect: Option<Gomoob>,
    pub(in crate::php) logger: Option<Callback>,
}

/// Reads and checks all of them.
pub(in crate::php) fn read(call: &Call<'_>) -> Result<Options, Thrown> {
    let listen = listen(call)?;
    let tls = tls::certificates(call, argument::TLS)?;
    let limits = match given(call, argument::LIMITS) {
        Some(_) => limits::limits(call.object(argument::LIMITS, &limits::LIMITS)?).map_err(refuse)?,
        None => config::Limits::default(),
    };
    let heartbeat = match given(call, argument::HEARTBEAT) {
        Some(_) => {
            limits::heartbeat(call.object(argument::HEARTBEAT, &limits::HEARTBEAT)?).map_err(refuse)?
        }
        None => config::Heartbeat::default(),
    };
    let compression = given(call, argument::COMPRESSION)
        .map(|_| call.object(argument::COMPRESSION, &compression::COMPRESSION))
        .transpose()?
        .map(compression::compression)
        .transpose()
        .map_err(refuse)?;
    let origins = match call.array_or_null(argument::ORIGINS)? {
        Some(list) => strings("origins", list).and_then(|list| Origins::parse(&list)).map_err(refuse)?,
        None => Origins::default(),
    };
    let protocols = match call.array_or_empty(argument::PROTOCOLS)? {
        Some(list) => strings("protocols", list).and_then(|list| config::protocols(&list)).map_err(refuse)?,
        None => Vec::new(),
    };
    let trusted_proxies = trusted_proxies(call)?;
    let health = text(call, argument::HEALTH, "health")?.map(|path| config::health(&path));
    let metrics = text(call, argument::METRICS, "metrics")?.map(|place| Metrics::parse(&place));
    let (health, metrics) = (health.transpose().map_err(refuse)?, metrics.transpose().map_err(refuse)?);
    let control = control(call)?;
    let auth = auth::options(call, argument::AUTH)?;
    let dialect = gomoob::argument(call, argument::DIALECT)?;
    let io_threads = io_threads(call)?;
    let logger =
        given(call, argument::LOGGER).map(|_| Callback::argument(call, argument::LOGGER)).transpose()?;
    let config = Config {
        listen,
        tls,
        limits,
        heartbeat,
        compression,
        origins,
        protocols,
        trusted_proxies,
        health,
        metrics,
        control,
        auth,
        protocol: dialect.as_ref().map(Gomoob::protocol),
        io_threads,
    };
    config.check().map_err(refuse)?;
    check_files(&config).map_err(refuse)?;
    let workers = workers(call)?;
    Ok(Options { config, workers, dialect, logger })
}

/// Checks that PHP's `open_basedir` lets the script use the files that the options name: when the server is made, and
/// when it starts, for the script can have tightened the setting.
pub(in crate::php) fn check_files(config: &Config) -> Result<(), ConfigError> {
    let listen = config.listen.iter().map(|listen| ("listen", &listen.address));
    let control = config.control.iter().map(|control| ("control", &control.address));
    for (option, address) in listen.chain(control) {
        if let Address::Unix { path } = address {
            properties::allowed(option, path)?;
        }
    }
    check_certificates(config)?;
    for auth in &config.auth {
        match auth {
            config::Auth::Jwt(config::Jwt { key: JwtKey::Jwks(file), .. }) => {
                properties::allowed("jwt.jwks", file)?;
            }
            config::Auth::Jwt(config::Jwt { key: JwtKey::Pem(Pem::File(file)), .. }) => {
                properties::allowed("jwt.publicKey", file)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Those of the option `tls`.
pub(in crate::php) fn check_certificates(config: &Config) -> Result<(), ConfigError> {
    for tls in &config.tls {
        properties::allowed("tls.certificate", &tls.certificate)?;
        properties::allowed("tls.key", &tls.key)?;
        tls.client_ca.iter().try_for_each(|file| properties::allowed("tls.clientCa", file))?;
    }
    Ok(())
}

fn workers(call: &Call<'_>) -> Result<Workers, Thrown> {
    let Some(given) = given(call, argument::WORKERS) else { return Ok(Workers::default()) };
    if let Some(count) = given.long() {
        return workers::count(count).map(|count| Workers { count, ..Workers::default() }).map_err(refuse);
    }
    let object = given.object().filter(|object| workers::WORKERS.is_of(object));
    let object = object.ok_or_else(|| bad_type(argument::WORKERS, "must be of type Ferrite\\Workers|int"))?;
    workers::workers(object).map_err(refuse)
}

fn trusted_proxies(call: &Call<'_>) -> Result<TrustedProxies, Thrown> {
    match call.array_or_empty(argument::TRUSTED_PROXIES)? {
        Some(list) => {
            strings("trustedProxies", list).and_then(|list| TrustedProxies::parse(&list)).map_err(refuse)
        }
        None => Ok(TrustedProxies::default()),
    }
}

fn io_threads(call: &Call<'_>) -> Result<usize, Thrown> {
    let threads = call.int_or(argument::IO_THREADS, 0)?;
    usize::try_from(threads)
        .map_err(|_| refuse(ConfigError::new("ioThreads", format!("{threads} is negative"))))
}

fn listen(call: &Call<'_>) -> Result<Vec<Listen>, Thrown> {
    let texts = match call.value(argument::LISTEN) {
        None => vec![DEFAULT_LISTEN.to_owned()],
        Some(value) => one_or_more(value, argument::LISTEN, "listen", "array|string")?,
    };
    texts.iter().map(|text| Listen::parse(text)).collect::<Result<_, _>>().map_err(refuse)
}

fn control(call: &Call<'_>) -> Result<Vec<Control>, Thrown> {
    let texts = given(call, argument::CONTROL)
        .map(|value| one_or_more(value, argument::CONTROL, "control", "array|string|null"))
        .transpose()?;
    Control::parse(&texts.unwrap_or_default()).map_err(refuse)
}

/// A string or a list of them.
fn one_or_more(value: &Zval, number: u32, option: &'static str, types: &str) -> Result<Vec<String>, Thrown> {
    match (value.zend_str(), value.array()) {
        (Some(_), _) => Ok(vec![string(option, value).map_err(refuse)?]),
        (None, Some(list)) => strings(option, list).map_err(refuse),
        (None, None) => {
            let given = values::type_name(value);
            Err(bad_type(number, &format!("must be of type {types}, {given} given")))
        }
    }
}

fn given<'a>(call: &Call<'a>, number: u32) -> Option<&'a Zval> {
    call.value(number).filter(|value| !value.is_null())
}

fn text(call: &Call<'_>, number: u32, option: &'static str) -> Result<Option<String>, Thrown> {
    let Some(text) = call.string_or_null(number)? else { return Ok(None) };
    match text.as_str() {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(refuse(not_utf8(option, text.as_bytes()))),
    }
}

fn strings(option: &'static str, list: &ZendHashTable) -> Result<Vec<String>, ConfigError> {
    list.values().map(|value| string(option, value.dereference())).collect()
}

fn string(option: &'static str, value: &Zval) -> Result<String, ConfigError> {
    let Some(text) = value.zend_str() else {
        return Err(ConfigError::new(
            option,
            format!("must be strings, and one is {}", values::type_name(value)),
        ));
    };
    match text.as_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(not_utf8(option, text.as_bytes())),
    }
}

fn not_utf8(option: &'static str, text: &[u8]) -> ConfigError {
    if option == "control" {
        // It may hold a secret.
        return ConfigError::new(option, "is not UTF-8");
    }
    ConfigError::new(option, format!("\"{}\" is not UTF-8", text.escape_ascii()))
}

fn refuse(error: ConfigError) -> Thrown {
    throw(ExceptionKind::Configuration, &error.to_string())
}

/// The constructor's arguments by place.
mod argument {
    pub(in crate::php) const LISTEN: u32 = 1;
    pub(in crate::php) const TLS: u32 = 2;
    pub(in crate::php) const LIMITS: u32 = 3;
    pub(in crate::php) const HEARTBEAT: u32 = 4;
    pub(in crate::php) const COMPRESSION: u32 = 5;
    pub(in crate::php) const ORIGINS: u32 = 6;
    pub(in crate::php) const PROTOCOLS: u32 = 7;
    pub(in crate::php) const TRUSTED_PROXIES: u32 = 8;
    pub(in crate::php) const HEALTH: u32 = 9;
    pub(in crate::php) const METRICS: u32 = 10;
    pub(in crate::php) const CONTROL: u32 = 11;
    pub(in crate::php) const AUTH: u32 = 12;
    pub(in crate::php) const DIALECT: u32 = 13;
    pub(in crate::php) const IO_THREADS: u32 = 14;
    pub(in crate::php) const LOGGER: u32 = 15;
    pub(in crate::php) const WORKERS: u32 = 16;
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8080";
