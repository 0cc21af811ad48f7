//! `Sec-WebSocket-Extensions` against a second reading of RFC 7692: the agreement is a legal answer to
//! the first offer that has one.
//!
//! Input: options (three bits: the window; 8: context takeover), the values, one a line.

#![no_main]

use ferrite::{config::Compression, deflate::Agreement, http::negotiate};
use ferrite_fuzz::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input::new(data);
    let options = input.byte();
    let rules = Compression {
        window_bits: 9 + (options & 7).min(6),
        context_takeover: options & 8 != 0,
        ..Compression::default()
    };
    let values: Vec<&[u8]> = input.rest().split(|&byte| byte == b'\n').collect();
    let agreed = negotiate(values.iter().copied(), &rules);
    let Some(offers) = values.iter().map(|value| offers(value)).collect::<Option<Vec<_>>>() else {
        return assert!(agreed.is_err(), "malformed, and yet {agreed:?}");
    };
    let agreed = agreed.expect("nothing is malformed");
    let fit = |offer: &Vec<Parameter>| is_acceptable(offer);
    let first = offers.iter().flatten().find(|(name, offer)| is_ours(name) && fit(offer));
    assert_eq!(agreed.is_some(), first.is_some(), "{first:?}");
    if let (Some(agreement), Some((_, offer))) = (&agreed, first) {
        check_answer(agreement, offer, &rules);
    }
    // Several lines are one list (RFC 6455 section 9.1).
    assert_eq!(negotiate([values.join(&b", "[..]).as_slice()].into_iter(), &rules), Ok(agreed));
});

/// The name and the value, unquoted.
type Parameter = (Vec<u8>, Option<Vec<u8>>);

#[derive(PartialEq)]
enum Token {
    Word(Vec<u8>),
    Quoted(Vec<u8>),
    Mark(u8),
}

/// The extensions of one list with their parameters. `None`: it breaks the grammar.
fn offers(value: &[u8]) -> Option<Vec<(Vec<u8>, Vec<Parameter>)>> {
    let tokens = tokens(value)?;
    tokens
        .split(|token| *token == Token::Mark(b','))
        .filter(|element| !element.is_empty())
        .map(|element| {
            let mut parts = element.split(|token| *token == Token::Mark(b';'));
            let [Token::Word(name)] = parts.next()? else { return None };
            let parameters = parts.map(|part| match part {
                [Token::Word(name)] => Some((name.clone(), None)),
                [Token::Word(name), Token::Mark(b'='), Token::Word(value) | Token::Quoted(value)] => {
                    Some((name.clone(), Some(value.clone())))
                }
                _ => None,
            });
            Some((name.clone(), parameters.collect::<Option<_>>()?))
        })
        .collect()
}

fn tokens(value: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => {}
            b',' | b';' | b'=' => tokens.push(Token::Mark(byte)),
            b'"' => {
                let mut text = Vec::new();
                loop {
                    match bytes.next()? {
                        b'"' => break,
                        b'\\' => text.push(bytes.next()?),
                        byte => text.push(byte),
                    }
                }
                if text.is_empty() || !text.iter().copied().all(is_token) {
                    return None;
                }
                tokens.push(Token::Quoted(text));
            }
            byte if is_token(byte) => {
                let mut word = vec![byte];
                word.extend(std::iter::from_fn(|| bytes.next_if(|&byte| is_token(byte))));
                tokens.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte)
}

fn is_ours(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"permessage-deflate")
}

/// Decides whether the offer is acceptable: it has no unknown, repeated or wrong parameter (section 7), and leaves
/// zlib a window that it can write with.
fn is_acceptable(offer: &[Parameter]) -> bool {
    let known = offer.iter().all(|(name, value)| match (&name[..], value) {
        (b"server_no_context_takeover" | b"client_no_context_takeover", None) => true,
        (b"client_max_window_bits", None) => true,
        (b"client_max_window_bits", Some(value)) => bits(value).is_some(),
        (b"server_max_window_bits", Some(value)) => bits(value).is_some_and(|bits| bits > 8),
        _ => false,
    });
    let repeated = |name: &Vec<u8>| offer.iter().filter(|(other, _)| other == name).count() > 1;
    known && !offer.iter().any(|(name, _)| repeated(name))
}

fn bits(value: &[u8]) -> Option<u8> {
    let number = std::str::from_utf8(value).ok()?.parse::<u8>().ok()?;
    (number.to_string().as_bytes() == value && (8..=15).contains(&number)).then_some(number)
}

/// Asserts the demands of section 7.1 on an answer, and that it states the agreement.
fn check_answer(agreement: &Agreement, offer: &[Parameter], rules: &Compression) {
    let text = agreement.to_string();
    let answers = offers(text.as_bytes()).expect("the answer is grammatical");
    let [(name, answer)] = &answers[..] else { panic!("not one extension: {text}") };
    assert!(is_ours(name) && is_acceptable(answer), "{text}");
    let find = |list: &[Parameter], wanted: &[u8]| {
        list.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_deref().map(|v| bits(v).unwrap()))
    };
    let offered = |name: &str| find(offer, name.as_bytes());
    let answered = |name: &str| find(answer, name.as_bytes());

    for (name, takeover) in [
        ("server_no_context_takeover", agreement.server_takeover),
        ("client_no_context_takeover", agreement.client_takeover),
    ] {
        assert_eq!(answered(name).is_none(), takeover, "{text}");
        let may = rules.context_takeover && offered(name).is_none();
        assert_eq!(takeover, may, "{text}");
    }
    let window = |bits: Option<Option<u8>>| bits.flatten().unwrap_or(15);
    let server = agreement.server_window_bits;
    assert_eq!(server, window(offered("server_max_window_bits")).min(rules.window_bits), "{text}");
    // Section 7.1.2.1; a client that did not offer it is not told of it.
    let told = offered("server_max_window_bits").is_some().then_some(Some(server));
    assert_eq!(answered("server_max_window_bits"), told, "{text}");
    let client = answered("client_max_window_bits");
    if let Some(client) = client {
        // Section 7.1.2.2: only to a client that says that it understands it.
        assert!(offered("client_max_window_bits").is_some(), "{text}");
        assert!(client.expect("a number") <= window(offered("client_max_window_bits")), "{text}");
    }
    assert_eq!(window(client), agreement.client_window_bits.unwrap_or(15), "{text}");
}
