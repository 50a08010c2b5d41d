//! The order in which Java's `HashMap` lists text keys: the order in which Connect shows and stores a
//! configuration that it has read back.

use indexmap::IndexMap;

/// Java's `String.hashCode`.
#[must_use]
pub fn text_hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// As `HashMap` mixes the bits of a hash.
fn spread(hash: u32) -> u32 {
    hash ^ (hash >> 16)
}

/// Sorts `items`, which stand as they were put into a `java.util.HashMap`, as that map lists them. `hash` is a key's
/// `hashCode`, `initial` the capacity that the map was made with.
pub fn sort_as_map<T>(items: &mut [T], initial: usize, hash: impl Fn(&T) -> u32) {
    let mut capacity = initial.max(1).next_power_of_two();
    // Java doubles when the size exceeds three quarters of the capacity.
    while items.len() > capacity * 3 / 4 {
        capacity *= 2;
    }
    let mask = u32::try_from(capacity - 1).unwrap_or(u32::MAX);
    items.sort_by_key(|item| spread(hash(item)) & mask);
}

/// `map` in the order of a `java.util.HashMap` grown by inserting its entries one after another. Bins with many
/// collisions, which Java would turn into trees, keep their order of insertion here too.
#[must_use]
pub fn hash_order<V>(map: IndexMap<String, V>) -> IndexMap<String, V> {
    let mut capacity: usize = 16;
    // Java doubles when the size exceeds three quarters of the capacity.
    while map.len() > capacity / 4 * 3 {
        capacity *= 2;
    }
    ordered(map, capacity)
}

/// `map` in the order of a `java.util.HashMap` made as a copy of another map: it has no room to grow.
#[must_use]
pub fn copied_hash_order<V>(map: IndexMap<String, V>) -> IndexMap<String, V> {
    let capacity = (map.len() * 4 / 3 + 1).next_power_of_two();
    ordered(map, capacity)
}

fn ordered<V>(map: IndexMap<String, V>, capacity: usize) -> IndexMap<String, V> {
    let mask = u32::try_from(capacity - 1).unwrap_or(u32::MAX);
    let mut entries: Vec<(String, V)> = map.into_iter().collect();
    entries.sort_by_key(|(key, _)| spread(text_hash(key)) & mask);
    entries.into_iter().collect()
}

/// Words in the order in which a `java.util.HashSet` that they were put into one after another lists them.
#[must_use]
pub fn set_order(words: &[&'static str]) -> Vec<&'static str> {
    let set = words.iter().map(|&word| (word.to_owned(), word)).collect();
    hash_order(set).into_values().collect()
}

/// As Java's `Map.toString` prints it: `{a=1, b=null}`.
#[must_use]
pub fn print<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let one = |(key, value): (&str, Option<&str>)| format!("{key}={}", value.unwrap_or("null"));
    format!("{{{}}}", entries.into_iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by Connect 4.3.0: the configuration as sent, and as its task configuration was stored.
    #[test]
    fn the_order_is_that_of_a_stored_task_configuration() {
        let sent = "connector.class tasks.max database.hostname database.port database.user database.password \
            database.dbname topic.prefix slot.name publication.name plugin.name table.include.list zz.unicode name";
        let stored = "connector.class database.user database.dbname slot.name tasks.max publication.name \
            database.port plugin.name topic.prefix task.class database.hostname database.password zz.unicode \
            name table.include.list";
        let mut map: IndexMap<String, ()> =
            sent.split_whitespace().map(|key| (key.to_owned(), ())).collect();
        map = hash_order(map);
        map.insert("task.class".to_owned(), ());
        let ordered: Vec<String> = hash_order(map).into_keys().collect();
        assert_eq!(ordered, stored.split_whitespace().collect::<Vec<_>>());
    }

    /// Shown by Connect 4.3.0 for `{"a":"2"}` sent to the connector called `x`.
    #[test]
    fn a_copied_map_has_another_order() {
        let map: IndexMap<String, ()> = ["a", "name"].map(|key| (key.to_owned(), ())).into();
        let keys: Vec<String> = copied_hash_order(map).into_keys().collect();
        assert_eq!(keys, ["name", "a"]);
    }

    /// Shown by Debezium 3.6.
    #[test]
    fn words_that_share_a_bin_keep_their_order() {
        let modes = [
            "always",
            "initial",
            "no_data",
            "initial_only",
            "when_needed",
            "configuration_based",
            "custom",
        ];
        let shown = "always initial_only configuration_based when_needed initial custom no_data";
        assert_eq!(set_order(&modes), shown.split(' ').collect::<Vec<_>>());
    }

    #[test]
    fn maps_print_like_java() {
        assert_eq!(print([("a", Some("1")), ("b", None)]), "{a=1, b=null}");
    }
}
