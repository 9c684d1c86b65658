//! The nearest known word to one that is not known.

/// The word of `known` that `word` was most likely meant to be, or none that is near enough.
///
/// Near means a Damerau-Levenshtein distance (insert, delete, replace, swap neighbours) of at most a third of the
/// longer word's length and at least 1; case, `-` and `_` do not count.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).take(80).collect()
    };
    let word = fold(word);
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = fold(candidate);
            let distance = distance(&word, &other);
            let allowed = (word.len().max(other.len()) / 3).max(1);
            (distance <= allowed && distance < other.len()).then_some((distance, candidate))
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut row = vec![0; b.len() + 1];
    for i in 1..=a.len() {
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        std::mem::swap(&mut before, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips_and_not_strangers() {
        let known = ["method", "lr", "momentum", "val_loss", "repeats"];
        assert_eq!(nearest("metod", known), Some("method"));
        assert_eq!(nearest("mehtod", known), Some("method"));
        assert_eq!(nearest("val-loss", known), Some("val_loss"));
        assert_eq!(nearest("LR", known), Some("lr"));
        assert_eq!(nearest("repeat", known), Some("repeats"));
        assert_eq!(nearest("optimizer", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("", known), None);
    }
}
