//! Microdata (HTML, section 5), read from tags alone, into the shape of JSON-LD: `{"@type": …, "name": …, "address": {…}}`.

use html5gum::StartTag;
use serde_json::{Map, Value};

use super::page::attribute;

/// Deeper than any honest page; deeper elements are not looked into.
const DEEPEST: usize = 256;
/// More items or properties than any honest page has.
const MOST: usize = 500;
/// The longest text of a property.
const LONGEST: usize = 16 * 1024;

/// Elements that have no end.
const VOID: [&[u8]; 14] =
    [b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta", b"param", b"source", b"track", b"wbr"];

/// Elements whose beginning ends a paragraph that was left open (HTML, 13.2.6.4.7), the usual ones.
const ENDS_A_PARAGRAPH: [&[u8]; 18] = [
    b"address", b"article", b"aside", b"div", b"dl", b"footer", b"h1", b"h2", b"h3", b"h4", b"header", b"main", b"nav", b"ol", b"p",
    b"section", b"table", b"ul",
];

/// Reads items while a page goes by.
#[derive(Debug, Default)]
pub(super) struct Microdata {
    open: Vec<Element>,
    /// Elements that are open beyond [`DEEPEST`].
    ignored: usize,
    items: Vec<Value>,
    properties: usize,
}

/// An element that is open.
#[derive(Debug)]
struct Element {
    name: Vec<u8>,
    /// The property that it is of the item around it.
    property: Option<String>,
    /// The item that it begins.
    item: Option<Map<String, Value>>,
    /// The text in it, when that is the property's value.
    text: Option<String>,
}

impl Microdata {
    /// An element begins.
    pub(super) fn open(&mut self, tag: &StartTag<()>) {
        let void = tag.self_closing || VOID.contains(&tag.name.as_slice());
        if self.open.len() >= DEEPEST {
            self.ignored += usize::from(!void);
            return;
        }
        let ends = |name: &[u8]| match name {
            b"p" => ENDS_A_PARAGRAPH.contains(&tag.name.as_slice()),
            b"li" => tag.name.as_slice() == b"li",
            _ => false,
        };
        if self.open.last().is_some_and(|last| ends(&last.name))
            && let Some(element) = self.open.pop()
        {
            self.end(element);
        }
        let property = attribute(tag, "itemprop").and_then(|names| names.split_whitespace().next().map(str::to_owned));
        let item = attribute(tag, "itemscope").map(|_| {
            let kind = attribute(tag, "itemtype").unwrap_or_default();
            Map::from_iter([("@type".to_owned(), Value::from(kind.split_whitespace().next().unwrap_or_default()))])
        });
        let given = ["content", "href", "datetime", "value"].into_iter().find_map(|name| attribute(tag, name));
        if let (Some(property), Some(value), None) = (&property, &given, &item) {
            self.add(property.clone(), Value::from(value.as_str()));
        }
        if void {
            return;
        }
        let text = (property.is_some() && item.is_none() && given.is_none()).then(String::new);
        self.open.push(Element { name: tag.name.to_vec(), property, item, text });
    }

    /// A text between two tags.
    pub(super) fn text(&mut self, text: &str) {
        for element in &mut self.open {
            if let Some(value) = &mut element.text
                && value.len() + text.len() <= LONGEST
            {
                value.push_str(text);
            }
        }
    }

    /// An element ends, and with it those in it that were left open.
    pub(super) fn close(&mut self, name: &[u8]) {
        if self.ignored > 0 {
            self.ignored -= 1;
            return;
        }
        if !self.open.iter().any(|element| element.name == name) {
            return;
        }
        while let Some(element) = self.open.pop() {
            let last = element.name == name;
            self.end(element);
            if last {
                return;
            }
        }
    }

    /// The items of the page, those that stand in no other.
    pub(super) fn finish(mut self) -> Vec<Value> {
        while let Some(element) = self.open.pop() {
            self.end(element);
        }
        self.items
    }

    fn end(&mut self, element: Element) {
        match (element.item, element.property, element.text) {
            (Some(item), Some(property), _) => self.add(property, Value::Object(item)),
            (Some(item), None, _) if self.items.len() < MOST => self.items.push(Value::Object(item)),
            (None, Some(property), Some(text)) => {
                let words: Vec<&str> = text.split_whitespace().collect();
                self.add(property, Value::from(words.join(" ")));
            }
            _ => {}
        }
    }

    /// Gives the innermost item a property; a second value of one name makes a list.
    fn add(&mut self, property: String, value: Value) {
        self.properties += 1;
        let Some(item) = self.open.iter_mut().rev().find_map(|element| element.item.as_mut()).filter(|_| self.properties <= MOST) else {
            return;
        };
        match item.get_mut(&property) {
            None => drop(item.insert(property, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}
