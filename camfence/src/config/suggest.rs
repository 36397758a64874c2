//! "Did you mean …?"

/// Longer words are not compared: nobody mistypes a key of that length, and the cost is quadratic.
const LONGEST: usize = 32;

/// The candidate that was probably meant, if one is close enough to the word.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.chars().count() > LONGEST {
        return None;
    }
    let word: Vec<char> = word.to_lowercase().replace('-', "_").chars().collect();
    let limit = word.len().div_ceil(3).min(2);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count() <= LONGEST)
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, the candidate folded as the word was.
fn distance(word: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (index, c) in candidate.to_lowercase().replace('-', "_").chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, &w) in word.iter().enumerate() {
            let substituted = diagonal + usize::from(w != c);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[word.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_probably_meant() {
        let keys = ["interfaces", "max_cameras", "hook", "local"];
        for (word, meant) in [
            ("interface", Some("interfaces")),
            ("max-cameras", Some("max_cameras")),
            ("Hook", Some("hook")),
            ("hok", Some("hook")),
            ("locla", Some("local")),
            ("dns", None),
            ("", None),
        ] {
            assert_eq!(closest(word, keys), meant, "{word}");
        }
        assert_eq!(closest(&"x".repeat(1 << 20), keys), None);
    }
}
