//! Names as Route 53 writes them: in lower case, with a final dot, unusual characters in octal.

use std::fmt::Write as _;

/// Longest name, in bytes.
const LONGEST: usize = 255;
/// Longest part between two dots, in bytes.
const LONGEST_LABEL: usize = 63;

/// A name in its one form, or what is wrong with it.
pub(super) fn normal(name: &str) -> Result<String, String> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let mut normal = String::new();
    for label in bare.split('.') {
        let bytes = decoded(label);
        if bytes.is_empty() {
            return Err(fatal("DomainLabelEmpty (Domain label is empty)", name));
        }
        if bytes.len() > LONGEST_LABEL {
            return Err(fatal("DomainLabelTooLong (Domain label is too long)", name));
        }
        for byte in bytes {
            let byte = byte.to_ascii_lowercase();
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => normal.push(char::from(byte)),
                _ => {
                    let _infallible = write!(normal, "\\{byte:03o}");
                }
            }
        }
        normal.push('.');
    }
    if normal.len() > LONGEST {
        return Err(fatal("DomainNameTooLong (Domain name is too long)", name));
    }
    Ok(normal)
}

fn fatal(what: &str, name: &str) -> String {
    format!("FATAL problem: {what} encountered with '{name}'")
}

/// The bytes of a label, in which `\052` stands for `*`.
fn decoded(label: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = label.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &after[3..];
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// Whether a normal name is in a zone, which has a normal name too.
pub(super) fn is_within(name: &str, zone: &str) -> bool {
    name == zone || name.strip_suffix(zone).is_some_and(|before| before.ends_with('.'))
}
