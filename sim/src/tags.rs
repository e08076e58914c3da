//! Tags, which all services take alike: so many on a thing, so long, each key once, none of AWS's own.
//! How they say no differs.

use serde_json::Value;

use crate::fields::{Fields, Tags};
use crate::refusal::Refusal;

/// What a service lets tags be.
#[derive(Debug)]
pub struct Rules {
    /// As many as a thing may have.
    pub most: usize,
    /// Whether keys that differ only in case are the same.
    pub folds_case: bool,
    /// Words a refusal.
    pub refuse: fn(Fault<'_>) -> Refusal,
}

/// What is wrong with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault<'a> {
    /// A key is empty.
    Blank,
    /// This key is AWS's.
    Reserved(&'a str),
    /// This key is too long.
    LongKey(&'a str),
    /// This value is too long.
    LongValue(&'a str),
    /// This key is given twice.
    Twice(&'a str),
    /// A thing would have more than it may.
    TooMany,
}

impl Rules {
    /// The tags of a request, as a list of keys and values, when all of them may be given.
    pub fn given(&self, list: &[Value]) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        for tag in list {
            let part = |upper: &str, lower: &str| {
                tag.some_text(upper).or(tag.some_text(lower)).unwrap_or_default().to_owned()
            };
            self.take(&mut tags, part("Key", "key"), part("Value", "value"))?;
        }
        self.check_count(&tags)?;
        Ok(tags)
    }

    /// The tags of a request, by key.
    pub fn given_by_key(&self, given: Tags) -> Result<Tags, Refusal> {
        let mut tags = Tags::new();
        for (key, value) in given {
            self.take(&mut tags, key, value)?;
        }
        self.check_count(&tags)?;
        Ok(tags)
    }

    fn take(&self, tags: &mut Tags, key: String, value: String) -> Result<(), Refusal> {
        let fault = match key.as_str() {
            "" => Fault::Blank,
            key if is_reserved(key) => Fault::Reserved(key),
            key if key.chars().count() > 128 => Fault::LongKey(key),
            _ if value.chars().count() > 256 => Fault::LongValue(&value),
            key if tags.keys().any(|other| self.is_same(other, key)) => Fault::Twice(key),
            _ => {
                tags.insert(key, value);
                return Ok(());
            }
        };
        Err((self.refuse)(fault))
    }

    /// Puts tags on a thing: all or none.
    pub fn put(&self, tags: &mut Tags, new: Tags) -> Result<(), Refusal> {
        let mut all = tags.clone();
        for (key, value) in new {
            all.retain(|other, _| !self.is_same(other, &key));
            all.insert(key, value);
        }
        self.check_count(&all)?;
        *tags = all;
        Ok(())
    }

    /// Takes tags off a thing.
    pub fn remove(&self, tags: &mut Tags, keys: &[String]) {
        tags.retain(|key, _| !keys.iter().any(|other| self.is_same(other, key)));
    }

    /// Refuses more than a thing may have. What AWS itself puts on it does not count.
    pub fn check_count(&self, tags: &Tags) -> Result<(), Refusal> {
        let own = tags.keys().filter(|key| !is_reserved(key)).count();
        if own > self.most { Err((self.refuse)(Fault::TooMany)) } else { Ok(()) }
    }

    fn is_same(&self, one: &str, other: &str) -> bool {
        one == other || self.folds_case && one.to_lowercase() == other.to_lowercase()
    }
}

/// Whether a key is one that only AWS sets.
fn is_reserved(key: &str) -> bool {
    key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: Rules = Rules {
        most: 2,
        folds_case: false,
        refuse: |fault| Refusal::new(&format!("{fault:?}"), ""),
    };

    fn refused(rules: &Rules, keys: &[&str]) -> String {
        let list: Vec<_> = keys.iter().map(|key| json!({ "Key": key, "Value": "v" })).collect();
        rules.given(&list).map_or_else(|refusal| refusal.code, |_| String::new())
    }

    #[test]
    fn what_may_not_be_given_is_refused() {
        assert_eq!(refused(&RULES, &["a", "b"]), "");
        assert_eq!(refused(&RULES, &["a", "b", "c"]), "TooMany");
        assert_eq!(refused(&RULES, &["a", "a"]), "Twice(\"a\")");
        assert_eq!(refused(&RULES, &["AWS:a"]), "Reserved(\"AWS:a\")");
        assert_eq!(refused(&RULES, &[""]), "Blank");
        assert!(refused(&RULES, &["é".repeat(129).as_str()]).starts_with("LongKey"));
        let long = json!([{ "key": "a", "value": "é".repeat(257) }]);
        let long = RULES.given(long.as_array().unwrap()).unwrap_err();
        assert!(long.code.starts_with("LongValue"));
    }

    #[test]
    fn keys_that_differ_in_case_are_the_same_where_the_service_says_so() {
        let folding = Rules { folds_case: true, ..RULES };
        assert_eq!(refused(&RULES, &["a", "A"]), "");
        assert_eq!(refused(&folding, &["a", "A"]), "Twice(\"A\")");
        let mut tags = Tags::from([("a".to_owned(), "1".to_owned())]);
        folding.put(&mut tags, Tags::from([("A".to_owned(), "2".to_owned())])).unwrap();
        assert_eq!(tags, Tags::from([("A".to_owned(), "2".to_owned())]));
        folding.remove(&mut tags, &["a".to_owned()]);
        assert!(tags.is_empty());
    }

    #[test]
    fn what_aws_has_put_there_does_not_count() {
        let tag = |key: &str| (key.to_owned(), String::new());
        let mut tags = Tags::from([tag("aws:a"), tag("a")]);
        RULES.put(&mut tags, Tags::from([tag("b")])).unwrap();
        assert_eq!(RULES.put(&mut tags, Tags::from([tag("c")])).unwrap_err().code, "TooMany");
        assert_eq!(tags.len(), 3);
    }
}
