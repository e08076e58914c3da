//! Patterns with wildcards, as filters and policies have them.

/// Whether a text is like a pattern, in which `*` stands for any text and `?` for any character.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Where to go on when the last star has to take one character more.
    let mut retry = None;
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[place] => {
                at += 1;
                place += 1;
            }
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    at = star + 1;
                    place = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_something() {
        assert!(is_like("a*c", "abbc") && is_like("*", "") && is_like("a?c", "aéc"));
        assert!(is_like("*ab", "aab") && is_like("a*b*c", "a-b-b-c"));
        assert!(!is_like("a*c", "abd") && !is_like("abc", "ab") && !is_like("?", ""));
    }
}
