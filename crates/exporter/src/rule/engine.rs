//! [`Engine`]: rule sets over all beans of a scrape, with every match kept from scrape to scrape.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Agent, FamilyName, Number, Outcome, RuleSet, Subject, is_number};
use crate::bean::{Bean, Value};
use crate::text::{self, Family, Type};

/// Rule sets whose series are united. The first that gives a series wins.
#[derive(Debug)]
pub struct Engine {
    sets: Vec<RuleSet>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    /// By object name.
    beans: HashMap<String, KnownBean>,
    scrape: u64,
    united: United,
}

/// What the last scrape's series came to. The next one is mostly of the same.
#[derive(Debug, Default)]
struct United {
    found: Vec<Arc<Series>>,
    /// Of each series found, its family and its place in that; `None` if it was left out.
    places: Vec<Option<(usize, usize)>>,
    families: Vec<Family>,
}

/// By set, then by the attribute's place in its bean, which is always the same.
#[derive(Debug, Default)]
struct KnownBean {
    seen: u64,
    sets: Vec<KnownSet>,
}

#[derive(Debug, Default)]
enum KnownSet {
    /// Not asked yet.
    #[default]
    Unknown,
    /// The set leaves the bean out.
    Excluded,
    Attributes(Vec<KnownAttribute>),
}

#[derive(Debug, Default)]
struct KnownAttribute {
    excluded: Option<bool>,
    known: Option<Known>,
    /// Of a tabular one.
    rows: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    /// The value that it was matched with, where another could match otherwise.
    text: Option<String>,
    series: Option<Arc<Series>>,
}

#[derive(Debug, PartialEq)]
struct Series {
    name: FamilyName,
    kind: Type,
    help: Arc<str>,
    /// Rendered: `a="1",b="2"`.
    labels: Arc<str>,
    number: Number,
    /// Bean and attribute, for those that 1.x tells apart by it.
    origin: Arc<str>,
    set: usize,
}

impl Engine {
    /// An engine over these sets.
    #[must_use]
    pub fn new(sets: Vec<RuleSet>) -> Self {
        Self { sets, cache: Mutex::default() }
    }

    /// The families that the beans become, by name.
    pub(crate) fn families(&self, beans: &[Bean]) -> Vec<Family> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.scrape += 1;
        let scrape = cache.scrape;
        let mut found = Vec::with_capacity(cache.united.found.len());
        for bean in beans {
            let name = bean.object_name();
            if !cache.beans.contains_key(&name) {
                cache.beans.insert(name.clone(), KnownBean::default());
            }
            let Some(known) = cache.beans.get_mut(&name) else { continue };
            known.seen = scrape;
            self.bean(bean, &name, known, &mut found);
        }
        cache.beans.retain(|_, known| known.seen == scrape);
        let same = |((one, _), other): (&(Arc<Series>, f64), &Arc<Series>)| Arc::ptr_eq(one, other);
        let before = &cache.united.found;
        if found.len() != before.len() || !found.iter().zip(before).all(same) {
            cache.united = self.unite(&found);
        }
        cache.united.filled(&found)
    }

    fn bean(
        &self,
        bean: &Bean,
        object_name: &str,
        known: &mut KnownBean,
        found: &mut Vec<(Arc<Series>, f64)>,
    ) {
        known.sets.resize_with(self.sets.len(), KnownSet::default);
        for ((index, set), known) in self.sets.iter().enumerate().zip(&mut known.sets) {
            if matches!(known, KnownSet::Unknown) {
                *known = if set.takes(object_name) {
                    KnownSet::Attributes(Vec::new())
                } else {
                    KnownSet::Excluded
                };
            }
            let KnownSet::Attributes(places) = known else { continue };
            places.resize_with(bean.attributes.len(), KnownAttribute::default);
            for ((attribute, value), place) in bean.attributes.iter().zip(places) {
                let subject = |key| Subject { bean, key, attribute };
                let takes = || set.takes_attribute(object_name, attribute);
                if !*place.excluded.get_or_insert_with(|| !takes()) {
                    let mut add = |value: &Value, series: Option<Arc<Series>>| {
                        let Some(series) = series else { return };
                        let number = match series.number {
                            Number::Fixed(number) => number,
                            Number::Times(factor) => value.number().unwrap_or(f64::NAN) * factor,
                        };
                        found.push((series, number));
                    };
                    match value {
                        Value::Null => {}
                        Value::Map(rows) => {
                            for (key, value) in rows {
                                let value = Value::Number(*value);
                                let before = place.rows.remove(key);
                                let known = set.known(&subject(Some(key)), &value, before, index);
                                add(&value, known.series.clone());
                                place.rows.insert(key.clone(), known);
                            }
                        }
                        value => {
                            let known = set.known(&subject(None), value, place.known.take(), index);
                            add(value, known.series.clone());
                            place.known = Some(known);
                        }
                    }
                }
            }
        }
    }

    /// Gathers series by family; of those with the same name and labels the first stays, or, as in 1.x, all of them with
    /// the label that tells them apart.
    fn unite(&self, found: &[(Arc<Series>, f64)]) -> United {
        let mut families: BTreeMap<FamilyName, (Family, Vec<usize>)> = BTreeMap::new();
        let clashing = self.clashing(found);
        let mut seen: HashSet<(FamilyName, Arc<str>)> = HashSet::with_capacity(found.len());
        for (index, (series, _)) in found.iter().enumerate() {
            let Series { name, kind, help, labels, origin, set, .. } = &**series;
            let mut labels = Arc::clone(labels);
            if clashing.contains(&(*set, Arc::clone(name), Arc::clone(&labels))) {
                let own = text::label("_objectname", origin);
                labels = if labels.is_empty() { own } else { format!("{own},{labels}") }.into();
            }
            if !seen.insert((Arc::clone(name), Arc::clone(&labels))) {
                continue;
            }
            let (family, sources) = families.entry(Arc::clone(name)).or_insert_with(|| {
                let (name, help) = (Arc::clone(name), Arc::clone(help));
                (Family { name, kind: *kind, help, samples: Vec::new() }, Vec::new())
            });
            family.samples.push((labels, 0.0));
            sources.push(index);
        }
        let mut places = vec![None; found.len()];
        for (at, (_, sources)) in families.values().enumerate() {
            for (sample, source) in sources.iter().enumerate() {
                if let Some(place) = places.get_mut(*source) {
                    *place = Some((at, sample));
                }
            }
        }
        United {
            found: found.iter().map(|(series, _)| Arc::clone(series)).collect(),
            places,
            families: families.into_values().map(|(family, _)| family).collect(),
        }
    }

    /// What one set of the 1.x kind gives twice.
    fn clashing(&self, found: &[(Arc<Series>, f64)]) -> HashSet<(usize, FamilyName, Arc<str>)> {
        let one = |set: usize| self.sets.get(set).is_some_and(|set| set.agent == Agent::One);
        let mut once = HashSet::new();
        let mut twice = HashSet::new();
        for (series, _) in found.iter().filter(|(series, _)| one(series.set)) {
            let id = (series.set, Arc::clone(&series.name), Arc::clone(&series.labels));
            if !once.insert(id.clone()) {
                twice.insert(id);
            }
        }
        twice
    }
}

impl United {
    /// The families, with these values.
    fn filled(&mut self, found: &[(Arc<Series>, f64)]) -> Vec<Family> {
        for (place, (_, value)) in self.places.iter().zip(found) {
            let sample = place.and_then(|(family, sample)| {
                self.families.get_mut(family)?.samples.get_mut(sample)
            });
            if let Some((_, filled)) = sample {
                *filled = *value;
            }
        }
        self.families.clone()
    }
}

impl RuleSet {
    /// The series of an attribute: as it was matched before, or matched.
    fn known(
        &self,
        subject: &Subject<'_>,
        value: &Value,
        before: Option<Known>,
        set: usize,
    ) -> Known {
        let mut text = String::new();
        let mut last = None;
        match before {
            Some(known) if known.text.is_none() => return known,
            Some(known) => {
                value.java(&mut text);
                if known.text.as_ref() == Some(&text) {
                    return known;
                }
                last = known.series;
            }
            None => value.java(&mut text),
        }
        let numeric = is_number(value);
        let outcome = self.apply(subject, &text, numeric);
        // A number is matched anew only if another one could give something else.
        let others = ["0.5", "-7.25E9", "true"];
        let sees_value = outcome.as_ref().is_some_and(|outcome| outcome.sees_value);
        let fixed = numeric
            && !sees_value
            && others.iter().all(|other| self.apply(subject, other, true) == outcome);
        let series = outcome.map(|outcome| Series::new(outcome, subject, set));
        // The same one again is told by its address.
        let series = series.map(|new| last.filter(|last| **last == new).unwrap_or(Arc::new(new)));
        Known { text: (!fixed).then_some(text), series }
    }
}

impl Series {
    fn new(outcome: Outcome, subject: &Subject<'_>, set: usize) -> Self {
        let labels: Vec<String> =
            outcome.labels.iter().map(|(key, value)| text::label(key, value)).collect();
        Self {
            name: outcome.name.into(),
            kind: outcome.kind,
            help: outcome.help.into(),
            labels: labels.join(",").into(),
            number: outcome.number,
            origin: format!("{}{}", subject.head(), subject.attribute).into(),
            set,
        }
    }
}
