//! The leaves that a content can hold, gathered from the answers by the rules.

use serde_json::Value;

use super::{
    confidence,
    rules::{MESSAGING, Member, RULES, Shape},
    text,
    tokens::estimate_quarters,
};
use crate::{context::Sections, step::Slug};

/// A step of a path into the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Key(&'static str),
    Index(usize),
}

/// A leaf that the content can hold.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it stands in the content when nothing is dropped.
    pub(super) path: Vec<Segment>,
    /// The step it comes from.
    pub(super) step: Slug,
    /// A JSON pointer into the answer to that step.
    pub(super) field: String,
    /// What it holds, from the shortest rendering to the full one; never empty.
    pub(super) renderings: Vec<Value>,
    /// Whether its text may be cut anywhere.
    pub(super) may_be_cut: bool,
    /// What it is worth.
    pub(super) value: u64,
    /// The piece without which this one may not stand: the name of its object, the item before it.
    pub(super) needs: Option<usize>,
    /// Whether it has a place of its own in the order.
    pub(super) standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Ordinary,
    Identity,
    Banned,
}

impl Piece {
    /// A JSON pointer into the content.
    pub(super) fn pointer(&self) -> String {
        pointer(&self.path)
    }

    /// The guess at the tokens that raising it to this level costs, in quarters.
    pub(super) fn cost(&self, level: usize) -> u64 {
        let estimate = |level: usize| match self.renderings.get(level) {
            Some(Value::String(text)) => estimate_quarters(text),
            Some(_) => 8,
            None => 0,
        };
        let Some(lower) = level.checked_sub(1) else {
            let key = match self.path.last() {
                Some(Segment::Key(key)) => estimate_quarters(key) + 8,
                _ => 4,
            };
            return estimate(level) + key;
        };
        estimate(level).saturating_sub(estimate(lower)).max(4)
    }
}

/// A path as a JSON pointer; keys of the content hold no character that needs an escape.
pub(super) fn pointer(path: &[Segment]) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Key(key) => format!("{pointer}/{key}"),
        Segment::Index(index) => format!("{pointer}/{index}"),
    })
}

/// All leaves, in the order of the rules, and how many customer profiles hold too little.
pub(super) fn gather(sections: &Sections) -> (Vec<Piece>, usize) {
    let mut gatherer = Gatherer { pieces: Vec::new(), weak_profiles: 0 };
    for rule in RULES {
        let Some((&step, answer)) = sections.iter().find(|(slug, _)| slug.as_str() == rule.step) else {
            continue;
        };
        let path: Vec<_> = rule.into.iter().map(|key| Segment::Key(key)).collect();
        for member in rule.members {
            let place = Place { step, path: &path, field: "", value: rule.weight, needs: None };
            gatherer.member(answer, member, place);
        }
    }
    (gatherer.pieces, gatherer.weak_profiles)
}

/// Where in answer and content the gatherer stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    step: Slug,
    path: &'a [Segment],
    field: &'a str,
    /// The worth of what is here; members share in it.
    value: u64,
    needs: Option<usize>,
}

struct Gatherer {
    pieces: Vec<Piece>,
    weak_profiles: usize,
}

impl Gatherer {
    /// Gathers a member of an object and answers its first piece.
    fn member(&mut self, object: &Value, member: &Member, place: Place<'_>) -> Option<usize> {
        let found = object.get(member.from)?;
        let path = [place.path, &[Segment::Key(member.to)]].concat();
        let field = format!("{}/{}", place.field, member.from);
        let place = Place { path: &path, field: &field, value: place.value * member.worth, ..place };
        match member.shape {
            Shape::Text => self.leaf(found, place, Standing::Ordinary, true),
            Shape::Identity => self.leaf(found, place, Standing::Identity, true),
            Shape::Exact => self.leaf(found, place, Standing::Ordinary, false),
            Shape::Texts => self.list(in_order(found), place, |gatherer, item, place| gatherer.leaf(item, place, Standing::Ordinary, true)),
            Shape::Banned => self.list(in_order(found), place, |gatherer, item, place| gatherer.leaf(item, place, Standing::Banned, false)),
            Shape::TextOf(name) => self.list(in_order(found), place, |gatherer, item, place| {
                let field = format!("{}/{name}", place.field);
                gatherer.leaf(item.get(name)?, Place { field: &field, ..place }, Standing::Ordinary, true)
            }),
            Shape::Objects(keep, members) => {
                let items = in_order(found).filter(|(_, item)| keep(item));
                self.list(items, place, |gatherer, item, place| gatherer.object(item, members, place))
            }
            Shape::Profiles(members) => self.profiles(found, members, place),
        }
    }

    fn profiles(&mut self, found: &Value, members: &'static [Member], place: Place<'_>) -> Option<usize> {
        let profiles = found.as_array()?;
        let (ranked, weak) = confidence::rank(profiles);
        self.weak_profiles = weak;
        let items = ranked.iter().filter_map(|ranked| Some((ranked.index, profiles.get(ranked.index)?)));
        self.list(items, place, |gatherer, item, place| {
            let name = gatherer.object(item, members, place)?;
            let path = [place.path, &[Segment::Key("confidence")]].concat();
            gatherer.pieces.push(Piece {
                path,
                step: place.step,
                field: place.field.to_owned(),
                renderings: vec![confidence::per_mille(item).into()],
                may_be_cut: false,
                value: place.value * 6,
                needs: Some(name),
                standing: Standing::Ordinary,
            });
            if place.path.last() == Some(&Segment::Index(0))
                && let Some(piece) = gatherer.pieces.get_mut(name)
            {
                piece.become_identity();
            }
            Some(name)
        })
    }

    /// Gathers an object by its first member, which the others need.
    fn object(&mut self, item: &Value, members: &'static [Member], place: Place<'_>) -> Option<usize> {
        let (first, others) = members.split_first()?;
        let anchor = self.member(item, first, place)?;
        for member in others {
            self.member(item, member, Place { needs: Some(anchor), ..place });
        }
        Some(anchor)
    }

    /// Gathers a list: an item needs the one before it, so that lists grow at their end and pointers stay.
    fn list<'v>(
        &mut self,
        items: impl Iterator<Item = (usize, &'v Value)>,
        place: Place<'_>,
        mut gather: impl FnMut(&mut Self, &'v Value, Place<'_>) -> Option<usize>,
    ) -> Option<usize> {
        let mut needs = place.needs;
        let mut first = None;
        let mut index: usize = 0;
        for (source, item) in items {
            let path = [place.path, &[Segment::Index(index)]].concat();
            let field = format!("{}/{source}", place.field);
            // Later items are worth less: the fourth half of the first.
            let value = place.value * 3 / (3 + u64::try_from(index).unwrap_or(u64::MAX / 2));
            let place = Place { path: &path, field: &field, value, needs, ..place };
            if let Some(anchor) = gather(self, item, place) {
                first = first.or(Some(anchor));
                needs = Some(anchor);
                index += 1;
            }
        }
        first
    }

    fn leaf(&mut self, found: &Value, place: Place<'_>, standing: Standing, may_be_cut: bool) -> Option<usize> {
        let renderings = match found {
            Value::String(full) if full.is_empty() => return None,
            Value::String(full) if may_be_cut => text::renderings(full).into_iter().map(Value::String).collect(),
            Value::String(_) | Value::Number(_) => vec![found.clone()],
            _ => return None,
        };
        let mut piece = Piece {
            path: place.path.to_vec(),
            step: place.step,
            field: place.field.to_owned(),
            renderings,
            may_be_cut,
            value: place.value,
            needs: place.needs,
            standing,
        };
        if standing == Standing::Identity {
            piece.become_identity();
        }
        self.pieces.push(piece);
        Some(self.pieces.len() - 1)
    }
}

impl Piece {
    /// The longest first rendering of an identity field, in graphemes.
    const IDENTITY_GRAPHEMES: usize = 24;

    /// An identity field comes first and early in full, and starts short enough for the smallest budget.
    fn become_identity(&mut self) {
        self.standing = Standing::Identity;
        self.value = MESSAGING * 100;
        let shortest = self.renderings.first().and_then(Value::as_str).unwrap_or_default();
        if text::length(shortest) > Self::IDENTITY_GRAPHEMES + 6 {
            let headline = text::cut_to(shortest.trim_end_matches(text::ELLIPSIS), Self::IDENTITY_GRAPHEMES);
            self.renderings.insert(0, Value::String(headline));
        }
    }
}

fn in_order(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    list.as_array().into_iter().flatten().enumerate()
}
