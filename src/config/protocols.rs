//! The subprotocols that the server speaks.

use super::ConfigError;

/// Checks a list of subprotocol names: HTTP tokens, each once (RFC 6455 section 4.1).
pub fn protocols(names: &[String]) -> Result<Vec<String>, ConfigError> {
    let mut checked: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(ConfigError::new(
                "protocols",
                format!("{name:?} is not a token (letters, digits, and !#$%&'*+-.^_`|~)"),
            ));
        }
        if checked.contains(name) {
            return Err(ConfigError::new("protocols", format!("{name:?} is there twice")));
        }
        checked.push(name.clone());
    }
    Ok(checked)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subprotocol_is_a_token_and_there_once() {
        let names = |list: &[&str]| protocols(&list.iter().map(|s| s.to_string()).collect::<Vec<_>>());
        assert!(names(&["v2.chat", "v1.chat"]).is_ok());
        assert!(names(&[""]).is_err());
        assert!(names(&["a b"]).is_err());
        assert!(names(&["a", "a"]).is_err());
    }
}
