//! Text for one line of a log: text from others can neither begin another line nor control a terminal.

/// Shows control characters, line separators, marks that turn the direction of writing, and bytes that are no UTF-8
/// as escapes, as in `\n` and `\x1b`; ends with `…` where it would have more than `most` bytes.
pub fn plain(text: &[u8], most: usize) -> String {
    let mut line = String::with_capacity(text.len().min(most));
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if !push(&mut line, most, |line| escape(line, character)) {
                return line;
            }
        }
        for byte in chunk.invalid() {
            if !push(&mut line, most, |line| line.push_str(&format!("\\x{byte:02x}"))) {
                return line;
            }
        }
    }
    line
}

/// Adds the part that fits, with the mark of an end behind it; false, with that mark, if not all fits.
fn push(line: &mut String, most: usize, add: impl FnOnce(&mut String)) -> bool {
    let before = line.len();
    add(line);
    if line.len() + END.len() <= most {
        return true;
    }
    line.truncate(before);
    line.push_str(END);
    false
}

fn escape(line: &mut String, character: char) {
    match character {
        '\n' => line.push_str("\\n"),
        '\r' => line.push_str("\\r"),
        '\t' => line.push_str("\\t"),
        _ if character.is_ascii_control() => line.push_str(&format!("\\x{:02x}", u32::from(character))),
        _ if character.is_control() || is_deceptive(character) => {
            line.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
        }
        _ => line.push(character),
    }
}

/// Characters that end a line for some readers, or show it in another order.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

const END: &str = "…";

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        assert_eq!(plain("Grüße, 世界 🎉 C:\\dir".as_bytes(), 100), "Grüße, 世界 🎉 C:\\dir");
    }

    #[test]
    fn what_ends_a_line_or_speaks_to_a_terminal_is_escaped() {
        assert_eq!(plain(b"a\nb\r\tc\0\x1b[2J\x7f", 100), "a\\nb\\r\\tc\\x00\\x1b[2J\\x7f");
        assert_eq!(
            plain("\u{9b}31m\u{2028}\u{202e}\u{feff}".as_bytes(), 100),
            "\\u{9b}31m\\u{2028}\\u{202e}\\u{feff}"
        );
        assert_eq!(plain(b"\xff\xc3(", 100), "\\xff\\xc3(");
    }

    #[test]
    fn it_is_bounded_and_cut_between_characters() {
        assert_eq!(plain("aaaaaaaa".as_bytes(), 8), "aaaaa…");
        assert_eq!(plain("üüüü".as_bytes(), 8), "üü…");
        assert_eq!(plain(b"\n\n\n\n", 8), "\\n\\n…");
        assert!(plain(&[b'\n'; 10_000], 4000).len() <= 4000);
    }
}
