//! What a mistyped key was probably meant to be.

/// The known key that is nearest to the text, if any is near: a third of its letters may differ.
pub(super) fn nearest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let most = (text.chars().count() / 3).max(1);
    known
        .iter()
        .map(|key| (distance(text, key), *key))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, key)| key)
}

/// Letters to add, drop, change or swap with their neighbour (optimal string alignment distance).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let change = above[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters_added_dropped_changed_and_swapped() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("connect", "connect", 0),
            ("conect", "connect", 1),
            ("connnect", "connect", 1),
            ("connekt", "connect", 1),
            ("conenct", "connect", 1),
            ("in-flight", "in_flight", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["connect", "head", "idle", "stream_idle"];
        assert_eq!(nearest("conect", &known), Some("connect"));
        assert_eq!(nearest("hed", &known), Some("head"));
        assert_eq!(nearest("streamidle", &known), Some("stream_idle"));
        assert_eq!(nearest("banana", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
