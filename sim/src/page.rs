//! Listings in pages: each service has its own names for the same thing.

use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::refusal::{Answer, Refusal};
use crate::world::World;

/// How a service cuts its listings into pages.
#[derive(Debug)]
pub struct Pager {
    /// The member that says how many items a page has at most.
    pub size: &'static str,
    /// As many as it may say.
    pub most: usize,
    /// Refuses another number, where that is not quietly made to fit.
    pub bad_size: Option<fn(i64) -> Refusal>,
    /// The member with which a request says where it goes on.
    pub from: &'static str,
    /// The member with which an answer says where the next page begins.
    pub next: &'static str,
    /// Whether an answer says besides that more follow.
    pub says_truncated: bool,
    /// Refuses a token that is none.
    pub bad_token: fn(&str) -> Refusal,
}

impl Pager {
    /// One page of a listing as the member `list` of an answer: `usual` items, when the request does not
    /// say how many.
    pub fn page(
        &self,
        world: &World,
        input: &Value,
        list: &str,
        usual: usize,
        all: Vec<Value>,
    ) -> Answer {
        let size = self.size(world, input, usual)?;
        let from = match input.some_text(self.from).filter(|token| !token.is_empty()) {
            // What was there when the token was given may be gone since.
            Some(token) => token.parse::<usize>().map_err(|_| (self.bad_token)(token))?,
            None => 0,
        };
        let next = from.saturating_add(size);
        let more = next < all.len();
        let mut answer = Map::new();
        answer.insert(list.to_owned(), all.into_iter().skip(from).take(size).collect());
        if self.says_truncated {
            answer.insert("IsTruncated".to_owned(), json!(more));
        }
        if more {
            answer.insert(self.next.to_owned(), json!(next.to_string()));
        }
        Ok(answer.into())
    }

    fn size(&self, world: &World, input: &Value, usual: usize) -> Result<usize, Refusal> {
        if is_small(world, input) {
            return Ok(1);
        }
        let Some(said) = input.number(self.size) else { return Ok(usual) };
        let size = usize::try_from(said).unwrap_or_default();
        match self.bad_size {
            Some(refusal) if !(1..=self.most).contains(&size) => Err(refusal(said)),
            _ => Ok(size.clamp(1, self.most)),
        }
    }
}

/// The first items of a listing, and the one that the next page begins with.
pub fn cut<T>(mut all: impl Iterator<Item = T>, size: usize) -> (Vec<T>, Option<T>) {
    let page = all.by_ref().take(size).collect();
    (page, all.next())
}

/// Whether a page has a single item, whatever is asked for: AWS answers with fewer than asked for
/// whenever it likes. What is asked for by id or name comes whole.
pub fn is_small(world: &World, input: &Value) -> bool {
    let names = |(member, value): (&String, &Value)| {
        let lists = value.as_array().is_some_and(|items| !items.is_empty());
        lists && !member.to_ascii_lowercase().starts_with("filter")
    };
    world.small_pages && !input.as_object().is_some_and(|all| all.iter().any(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const PAGER: Pager = Pager {
        size: "Size",
        most: 10,
        bad_size: None,
        from: "From",
        next: "Next",
        says_truncated: false,
        bad_token: |token| Refusal::new("BadToken", token),
    };

    fn page(small_pages: bool, input: &Value) -> Answer {
        let mut world = World::with(1, Scenario::default(), Vec::new(), Vec::new());
        world.small_pages = small_pages;
        PAGER.page(&world, input, "Items", 3, (0..12).map(Value::from).collect())
    }

    #[test]
    fn a_page_has_as_many_as_it_may_and_says_where_to_go_on() {
        let page = |input| page(false, &input).unwrap();
        assert_eq!(page(json!({})), json!({ "Items": [0, 1, 2], "Next": "3" }));
        assert_eq!(page(json!({ "Size": 99 }))["Next"], "10");
        assert_eq!(page(json!({ "Size": 2, "From": "10" })), json!({ "Items": [10, 11] }));
        assert_eq!(page(json!({ "From": "13" })), json!({ "Items": [] }));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let refusal = page(false, &json!({ "From": "x" })).unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("BadToken", "x"));
        let strict =
            Pager { bad_size: Some(|size| Refusal::new("Size", size.to_string())), ..PAGER };
        let world = World::with(1, Scenario::default(), Vec::new(), Vec::new());
        for size in [0, 11, -1] {
            let answer = strict.page(&world, &json!({ "Size": size }), "Items", 3, Vec::new());
            assert_eq!(answer.unwrap_err().message, size.to_string());
        }
    }

    #[test]
    fn small_pages_are_of_what_is_not_named() {
        let count = |input| page(true, &input).unwrap()["Items"].as_array().unwrap().len();
        assert_eq!(count(json!({ "Size": 5 })), 1);
        assert_eq!(count(json!({ "Filters": [{}] })), 1);
        assert_eq!(count(json!({ "Names": ["a"] })), 3);
    }
}
