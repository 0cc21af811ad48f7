//! `Ferrite\Protocol\Gomoob`: forwards messages of clients to the connections with their tags.
//!
//! PHP is entered only for messages that the script wants to see, parses or authorises.

use ext_php_rs::types::Zval;

use crate::{
    config,
    php::zend::{
        call::{Call, handler},
        callback::Callback,
        class::{BadDeclaration, ClassKind, Declaration},
        objects::{Meta, Native, create, state_of},
        thrown::{Thrown, bad_type},
    },
};

/// The state of a `Protocol\Gomoob` object, and of a server that speaks it.
#[derive(Debug, Clone)]
pub(in crate::php) struct Gomoob {
    pub(in crate::php) legacy: bool,
    pub(in crate::php) parser: Option<Callback>,
    pub(in crate::php) authorizer: Option<Callback>,
}

impl Native for Gomoob {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }

    fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        [&self.parser, &self.authorizer].into_iter().flatten().for_each(|callback| found(callback.zval()));
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Gomoob::class().declare(&Declaration {
        name: "Ferrite\\Protocol\\Gomoob",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[(
            "public function __construct(bool $legacy = false, ?callable $messageParser = null, \
             ?callable $authorizeSend = null)",
            Some(handler(construct)),
        )],
        create: Some(create::<Gomoob>),
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let callback = |number| {
        let given = call.value(number).filter(|value| !value.is_null());
        given.map(|_| Callback::argument(call, number)).transpose()
    };
    let (parser, authorizer) = (callback(2)?, callback(3)?);
    call.construct(Gomoob { legacy: call.bool_or(1, false)?, parser, authorizer })
}

impl Gomoob {
    /// The protocol as the shards speak it.
    pub(in crate::php) fn protocol(&self) -> config::Protocol {
        config::Protocol::Gomoob(config::Gomoob {
            legacy: self.legacy,
            parses: self.parser.is_some(),
            authorizes: self.authorizer.is_some(),
        })
    }
}

/// The argument of that number, if it is given.
pub(in crate::php) fn argument(call: &Call<'_>, number: u32) -> Result<Option<Gomoob>, Thrown> {
    let Some(value) = call.value(number).filter(|value| !value.is_null()) else { return Ok(None) };
    let gomoob = state_of::<Gomoob>(value).cloned();
    gomoob.map(Some).ok_or_else(|| bad_type(number, "must be of type ?Ferrite\\Protocol\\Gomoob"))
}
